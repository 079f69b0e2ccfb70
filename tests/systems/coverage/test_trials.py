"""What planners try out: exact whatever the order, and nothing is computed twice."""

from __future__ import annotations

import numpy as np
import pytest

from tests.systems.coverage.town import town_scene, town_sectors
from xinji.systems.network.coverage import trials
from xinji.systems.network.coverage.changes import (
    AddStation,
    NewSector,
    RaiseStation,
    RemoveStation,
    TurnSector,
    replaced,
)
from xinji.systems.network.coverage.parameters import own_parameters
from xinji.systems.network.coverage.prediction import Prediction, predict
from xinji.systems.network.coverage.trials import OwnEdit, Trials

NEW = AddStation(
    station="new",
    type="pole",
    longitude=121.4005,
    latitude=31.2005,
    height_m=9.0,
    sectors=(NewSector(azimuth_deg=0, tilt_deg=4, eirp_dbm=15, frequency_ghz=2.6),),
)
EDITS: list[OwnEdit] = [
    ("mobile", TurnSector(sector="m1-2.6-120", azimuth_deg=60.0)),
    ("mobile", TurnSector(sector="m1-2.6-240", tilt_deg=2.0)),
    ("mobile", RaiseStation(station="m1", height_m=25.0)),
    ("mobile", NEW),
    ("mobile", TurnSector(sector="new:1", azimuth_deg=200.0)),
    ("telecom", TurnSector(sector="t1-3.5-0", eirp_dbm=20.0)),
    ("mobile", RemoveStation(station="m2")),
    ("mobile", TurnSector(sector="m1-2.6-0", azimuth_deg=10.0)),
]


def today() -> dict[str, Prediction]:
    sectors, scene = town_sectors(), town_scene()
    return {
        operator: predict(operator, sectors, scene, own_parameters())
        for operator in ("mobile", "telecom")
    }


def anew(found: Prediction) -> Prediction:
    """The same network computed from nothing."""
    on = found.sectors.take(np.isfinite(found.sectors.eirp_dbm))
    return predict(found.operator, on, found.scene, found.parameters)


def same(one: Prediction, other: Prediction) -> None:
    for name in ("rsrp", "sinr", "rate_mbps"):
        a, b = getattr(one, name), getattr(other, name)
        assert (np.isfinite(a) == np.isfinite(b)).all(), name
        known = np.isfinite(a)
        assert np.abs(a[known] - b[known]).max() < 1e-3, name
    served = one.server >= 0
    assert (one.sectors.sector_id[one.server[served]] == other.sectors.sector_id[
        other.server[served]
    ]).mean() > 0.999  # fmt: skip


def test_maps_after_edits_are_those_of_the_whole_network_computed_anew() -> None:
    tried = Trials(today())
    for count in range(1, len(EDITS) + 1):
        found = tried.after(EDITS[:count])
        # as the page does: figures are asked for after every edit, so that maps build on maps
        for each in found.values():
            assert each.rate_mbps.shape == each.covered.shape
    for operator, each in found.items():
        same(each, anew(each))
        same(each, Trials(today()).after(EDITS)[operator])


def test_undoing_and_beginning_alike_compute_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    computed: list[str] = []

    def counted(prediction: Prediction, station: str, *rest: object) -> Prediction:
        computed.append(station)
        return replaced(prediction, station, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(trials, "replaced", counted)
    tried = Trials(today())
    steps = [EDITS[0], EDITS[6], EDITS[7]]
    for count in (1, 2, 3):
        tried.after(steps[:count])
    assert computed == ["m1", "m2", "m1"]
    tried.after(steps[:2])
    tried.after(steps[:1])
    assert tried.after([]) is not None and len(computed) == 3
    # three changes of one station are one computation, from the state before the first of them
    tried.after([*steps[:2], *EDITS[:3]])
    assert computed[3:] == ["m1"]


def test_an_edit_that_does_not_fit_is_named_by_its_number() -> None:
    tried = Trials(today())
    wrong: OwnEdit = ("mobile", TurnSector(sector="nothing:1", azimuth_deg=1.0))
    with pytest.raises(ValueError, match=r"^edits\[2\]\.sector: nothing:1 is no"):
        tried.after([*EDITS[:2], wrong])
    with pytest.raises(ValueError, match=r"^edits\[0\]\.operator: nobody has no map"):
        tried.after([("nobody", EDITS[0][1])])


def test_few_states_are_kept() -> None:
    tried = Trials(today())
    for azimuth in range(trials.STATES_KEPT + 4):
        tried.after([("telecom", TurnSector(sector="t1-3.5-0", azimuth_deg=float(azimuth)))])
    assert len(tried._known) == trials.STATES_KEPT
