"""Drive tests: brought as logs, kept whole, compared with the prediction."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec
import numpy as np

from xinji.access.identity import Role
from xinji.access.jurisdiction import Reach
from xinji.api.call import Call, Problem, Routes, iso
from xinji.api.uploads import readable, upload
from xinji.systems.network.coverage import drive_tests
from xinji.systems.network.coverage.api.imports import (
    APART,
    answer_of,
    choice,
    options_of,
    roads_packed,
)
from xinji.systems.network.coverage.api.maps import begin, computed, coverage
from xinji.systems.network.coverage.drive_tests import DriveTest
from xinji.systems.network.coverage.inputs.apart import Read, imported_drive_tests
from xinji.systems.network.coverage.inputs.drive_tests import DriveTests
from xinji.systems.network.coverage.prediction import Prediction

routes = Routes()

MOST_SAMPLES = 20_000


def _item(known: DriveTest) -> dict[str, Any]:
    item: dict[str, Any] = msgspec.to_builtins(known)
    for name in ("started_at", "ended_at", "added_at"):
        item[name] = iso(item[name])
    return item


def _known(call: Call) -> tuple[DriveTest, DriveTests]:
    found = drive_tests.read(call.house.database, call.request.path_params["id"])
    if found is None:
        raise Problem(404, "No such drive test")
    return found


def _prediction(call: Call, operator: str) -> Prediction:
    known = computed(call).predictions
    if operator not in known:
        raise Problem(409, "Nothing to compare with", f"{operator} has no map")
    return known[operator]


# Tracks of a vehicle cross areas: they are for people of the whole district.


@routes.get("/api/coverage/drive-tests", role=Role.OPERATOR, reach=Reach.DISTRICT)
def tests_list(call: Call) -> dict[str, Any]:
    """All drive tests, the newest first, without their reports."""
    items = [_item(each) | {"report": None} for each in drive_tests.read_all(call.house.database)]
    return {"items": items, "total": len(items)}


@routes.post(
    "/api/coverage/drive-tests",
    role=Role.OPERATOR,
    query="operator name dry_run datum swapped source",
    body="table",
)
def test_import(call: Call) -> dict[str, Any]:
    """A G-NetTrack log of one operator, CSV (may be gzipped): samples stored, bad rows named.

    Where a map is computed, each sector's median of measured minus predicted is observed, so that
    a sector that is much worse than it should be becomes a case.
    """
    house = call.house
    operator, name = call.text("operator"), call.text("name") or "drive test"
    if not operator:
        raise Problem(400, "Bad parameter", field="operator", rule="whose network was measured")
    dry_run = call.flag("dry_run") is not False
    given = options_of(call) | {
        "roads": roads_packed(call),
        "swapped": call.flag("swapped") is True,
    }
    with readable():
        found = imported_drive_tests(upload(f"{APART}:drive_tests", call.body, Read, given))
    if dry_run or not len(found.tests):
        return answer_of(found.report, dry_run=dry_run) | {"missing": found.missing, "id": None}
    with house.database.writing():
        stored = drive_tests.put(
            house.database,
            call.body,
            found,
            name=name[:200],
            operator=operator,
            source=choice(call, "source", ("measured", "simulated")) or "measured",
            person=call.person.name,
            now=house.clock.now(),
        )
        house.audit.record(
            call.person.name, "coverage.drive-test", stored.id[:16], {"samples": stored.samples}
        )
    part = coverage(call)
    told = part.observe_residuals(stored, found.tests) if part.maps is not None else 0
    return answer_of(found.report, dry_run=False) | {
        "missing": found.missing,
        "id": stored.id,
        "sectors_compared": told,
    }


@routes.get("/api/coverage/drive-tests/{id}", role=Role.OPERATOR, reach=Reach.DISTRICT)
def test_one(call: Call) -> dict[str, Any]:
    """A drive test: its report, what was measured, and how far the prediction is from it.

    Figures are of the samples of NR; those of other technologies are counted beside them.
    """
    known, tests = _known(call)
    limit = coverage(call).parameters.covered
    counts = Counter(tests.technology.tolist())
    tests = tests.take(tests.of_one_technology)
    strong = tests.rsrp_dbm >= limit.rsrp_dbm
    both = np.isfinite(tests.rsrp_dbm) & np.isfinite(tests.sinr_db)
    measured: dict[str, Any] = {
        "samples": len(tests),
        "samples_by_technology": {name or "unknown": n for name, n in sorted(counts.items())},
        "covered_share": float((strong & (tests.sinr_db >= limit.sinr_db))[both].mean())
        if both.any()
        else None,
        "median_rsrp_dbm": _median(tests.rsrp_dbm),
        "median_sinr_db": _median(tests.sinr_db),
        "median_downlink_mbps": _median(tests.downlink_kbps, 1e-3),
    }
    maps = coverage(call).maps
    compared = None
    if maps is not None and known.operator in maps.predictions:
        predicted = drive_tests.at_places(
            maps.predictions[known.operator], tests.longitude, tests.latitude
        )
        residual = tests.rsrp_dbm - predicted
        residual = residual[np.isfinite(residual)]
        if len(residual):
            compared = {
                "samples": len(residual),
                "median_db": round(float(np.median(residual)), 2),
                "mae_db": round(float(np.abs(residual).mean()), 2),
                "rmse_db": round(float(np.sqrt((residual**2).mean())), 2),
            }
    return _item(known) | {"measured": measured, "compared": compared}


def _median(values: Any, scale: float = 1.0) -> float | None:
    known = values[np.isfinite(values)]
    return round(float(np.median(known)) * scale, 2) if len(known) else None


@routes.get(
    "/api/coverage/drive-tests/{id}/samples",
    role=Role.OPERATOR,
    query="limit",
    reach=Reach.DISTRICT,
)
def test_samples(call: Call) -> dict[str, Any]:
    """Samples with what the map gives there; evenly thinned to `limit` (at most 20,000)."""
    known, tests = _known(call)
    prediction = _prediction(call, known.operator)
    limit = call.number("limit", 5_000, 1, MOST_SAMPLES)
    kept = np.flatnonzero(np.isfinite(tests.rsrp_dbm) & tests.of_one_technology)
    kept = kept[:: max(1, -(-len(kept) // limit))]
    chosen = tests.take(kept)
    predicted = drive_tests.at_places(prediction, chosen.longitude, chosen.latitude)

    def column(values: Any, decimals: int) -> list[float | None]:
        return [round(v, decimals) if np.isfinite(v) else None for v in values.tolist()]

    return {
        "longitude": column(chosen.longitude, 6),
        "latitude": column(chosen.latitude, 6),
        "measured_dbm": column(chosen.rsrp_dbm, 1),
        "predicted_dbm": column(predicted, 1),
        "residual_db": column(chosen.rsrp_dbm - predicted, 1),
        "total": known.samples,
    }


class Learn(msgspec.Struct, forbid_unknown_fields=True):
    """Body: whose drive tests."""

    operator: str


@routes.post("/api/coverage/residuals", role=Role.OPERATOR)
def residuals(call: Call) -> dict[str, Any]:
    """Interpolate what drive tests add to a map, as a job.

    It becomes the layers `residual`, its `deviation` and the `corrected` RSRP.
    """
    operator = call.json(Learn).operator
    _prediction(call, operator)
    part = coverage(call)
    return begin(call, "coverage.residuals", lambda job: part.learn_residuals(job, operator))


@routes.delete("/api/coverage/drive-tests/{id}")
def test_remove(call: Call) -> None:
    """Take a drive test away (administrator)."""
    known, _ = _known(call)
    with call.house.database.writing():
        drive_tests.remove(call.house.database, known.id)
        call.house.audit.record(
            call.person.name, "coverage.drive-test.remove", known.id[:16], known.name
        )
