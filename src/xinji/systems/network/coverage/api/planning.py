"""Where the next sites go: asked for as a job, taken over as a scenario, exported as a table."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import pyarrow as pa

from xinji.access.identity import Role
from xinji.api.call import Call, Download, Problem, Routes
from xinji.api.job import job_of, start
from xinji.api.listing import export
from xinji.loop.jobs import Job
from xinji.methods.siting.answer import Effort
from xinji.store.exports import XLSX, workbook
from xinji.systems.network.coverage.api.maps import computed, coverage
from xinji.systems.network.coverage.candidates import LAYERS, SHORT, candidates_of
from xinji.systems.network.coverage.planning import MOST_CHOSEN, plan, plan_item
from xinji.systems.network.coverage.registered import read_places

routes = Routes()


class Wanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body: who shares the new sites, where they may stand, how many or for how much.

    `rsrp_dbm` and `sinr_db` replace the thresholds that count as covered.
    """

    operators: tuple[str, ...] = ()
    candidates: tuple[str, ...] = ("poles",)
    count: Annotated[int, msgspec.Meta(ge=1, le=MOST_CHOSEN)] | None = None
    budget: Annotated[float, msgspec.Meta(gt=0)] | None = None
    rsrp_dbm: Annotated[float, msgspec.Meta(ge=-140, le=-40)] | None = None
    sinr_db: Annotated[float, msgspec.Meta(ge=-20, le=40)] | None = None
    rounds: Annotated[int, msgspec.Meta(ge=0, le=200_000)] = Effort().rounds
    seed: int = 0


@routes.post("/api/coverage/plans")
def plan_start(call: Call) -> dict[str, Any]:
    """Choose new sites, as a job; its answer has objective, bound, gap, sites and edits."""
    given = call.json(Wanted)
    maps, part, house = computed(call), coverage(call), call.house
    if (given.count is None) == (given.budget is None):
        raise Problem(422, "Bad body", field="count, budget", rule="one of the two")
    operators = given.operators or tuple(sorted(maps.predictions))
    for operator in operators:
        if operator not in maps.predictions:
            rule = ", ".join(sorted(maps.predictions))
            raise Problem(422, "Bad body", field="operators", rule=rule)
    for layer in given.candidates:
        if layer not in LAYERS and layer not in SHORT:
            raise Problem(422, "Bad body", field="candidates", rule=", ".join(LAYERS))

    def work(job: Job) -> dict[str, Any]:
        parameters = part.parameters
        limit = parameters.covered
        limit = msgspec.structs.replace(
            limit,
            rsrp_dbm=limit.rsrp_dbm if given.rsrp_dbm is None else given.rsrp_dbm,
            sinr_db=limit.sinr_db if given.sinr_db is None else given.sinr_db,
        )
        predictions = [maps.predictions[operator].judged_by(limit) for operator in operators]
        places = read_places(house.database)
        candidates = candidates_of(
            given.candidates, maps.scene, parameters, places.poles, places.indoor
        )

        found = plan(
            predictions,
            candidates,
            count=given.count,
            budget=given.budget,
            indoor_systems=places.indoor,
            effort=Effort(rounds=given.rounds, seed=given.seed),
            progress=job.progress,
        )
        edits = [
            {"operator": operator, "edit": msgspec.to_builtins(change)}
            for operator, changes in found.changes.items()
            for change in changes
        ]
        return plan_item(found) | {"operators": operators, "edits": edits}

    return start(call, "coverage.plan", work)


@routes.get("/api/coverage/plans/{id}/sites", role=Role.OPERATOR, query="format")
def plan_sites(call: Call) -> Download:
    """The sites of a finished plan: csv, parquet, arrow, xlsx or geojson."""
    job = job_of(call)
    if job.state != "done" or job.name != "coverage.plan":
        raise Problem(404, "No such plan", "it is not finished, or it is forgotten by now")
    sites = [{"rank": rank} | site for rank, site in enumerate(job.answer["sites"], 1)]
    form = call.text("format", "csv")
    if form == "geojson":
        return Download(_geojson(sites), "application/geo+json", "sites.geojson", len(sites))
    if form == "xlsx":
        return Download(workbook(sites, "sites"), XLSX, "sites.xlsx", len(sites))
    return export(pa.Table.from_pylist(sites), form, "sites")


def _geojson(sites: list[dict[str, Any]]) -> bytes:
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [site["longitude"], site["latitude"]]},
            "properties": {
                name: value for name, value in site.items() if name not in ("longitude", "latitude")
            },
        }
        for site in sites
    ]
    return msgspec.json.encode({"type": "FeatureCollection", "features": features})
