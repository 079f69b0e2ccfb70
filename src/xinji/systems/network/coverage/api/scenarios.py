"""Scenarios: what planners try out, compared with what is there."""

from __future__ import annotations

from typing import Any

import msgspec

from xinji.access.accounts import may_see
from xinji.access.identity import Role
from xinji.access.jurisdiction import Beyond, Reach
from xinji.api.call import Call, Problem, Routes, iso
from xinji.systems.network.coverage import scenarios
from xinji.systems.network.coverage.api.maps import computed, coverage, keep_edits_inside, sees
from xinji.systems.network.coverage.api.maps import may_see as in_sight
from xinji.systems.network.coverage.prediction import Prediction
from xinji.systems.network.coverage.scenarios import NewScenario, Outdated, Scenario
from xinji.systems.network.coverage.shares import Share, shares

routes = Routes()


class Changed(NewScenario, frozen=True, forbid_unknown_fields=True):
    """Body of a change: the scenario as it should be, and the revision that it comes from."""

    revision: int = 0


def _known(call: Call) -> Scenario:
    found = scenarios.read(call.house.database, call.request.path_params["id"])
    if found is None or not sees(call, found):
        raise Problem(404, "No such scenario")
    return found


def _own(call: Call) -> Scenario:
    """The path's scenario, to change: made by an account of the caller's area."""
    found = _known(call)
    if not may_see(call.house.identity, call.person, found.created_by):
        raise Beyond("made by an account of the caller's area")
    return found


def _item(known: Scenario) -> dict[str, Any]:
    item: dict[str, Any] = msgspec.to_builtins(known)
    return item | {"created_at": iso(known.created_at)}


def _figures(call: Call, known: Scenario) -> dict[str, Any]:
    """Shares of the operators that the scenario touches, before and after, whole and by area."""
    maps = computed(call)
    edits = [(each.operator, each.edit) for each in known.edits]
    try:
        tried = coverage(call).tried(edits)
    except ValueError as error:
        field, _, rule = str(error).partition(": ")
        raise Problem(422, "Bad scenario", field=field, rule=rule) from None
    touched = dict.fromkeys(each.operator for each in known.edits)
    return {
        operator: _compared(call, maps.shares[operator], tried[operator]) for operator in touched
    }


def _compared(call: Call, before: dict[str, Share], prediction: Prediction) -> dict[str, Any]:
    after = shares(prediction)
    return {
        "before": before[""],
        "after": after[""],
        "areas": {
            code: {"before": before[code], "after": after[code]}
            for code in after
            if code and in_sight(call, code)
        },
    }


@routes.get("/api/coverage/scenarios", role=Role.OPERATOR)
def scenarios_list(call: Call) -> dict[str, Any]:
    """Scenarios that are about the caller's area, the newest first."""
    items = [
        _item(known) | {"edits": len(known.edits)}
        for known in scenarios.read_all(call.house.database)
        if sees(call, known)
    ]
    return {"items": items, "total": len(items)}


@routes.post("/api/coverage/scenarios", reach=Reach.AREA)
def scenario_create(call: Call) -> dict[str, Any]:
    """A new scenario; its edits are computed before it is stored."""
    given = call.json(NewScenario)
    keep_edits_inside(call, given.edits)
    house = call.house
    trial = Scenario(
        id="new", name=given.name, edits=given.edits, origin=None, created_by="", created_at=0,
        revision=0,
    )  # fmt: skip
    figures = _figures(call, trial)
    try:
        with house.database.writing():
            made = scenarios.create(house.database, given, call.person.name, house.clock.now())
            house.audit.record(call.person.name, "scenario.create", made.id, given.name)
    except ValueError as error:
        raise Problem(409, "Not stored", str(error)) from None
    return _item(made) | {"figures": figures}


@routes.get("/api/coverage/scenarios/{id}", role=Role.OPERATOR)
def scenario_one(call: Call) -> dict[str, Any]:
    """A scenario with its edits and what they do."""
    known = _known(call)
    return _item(known) | {"figures": _figures(call, known)}


@routes.put("/api/coverage/scenarios/{id}", role=Role.OPERATOR, reach=Reach.AREA)
def scenario_change(call: Call) -> dict[str, Any]:
    """Replace name and edits; only what is new is computed."""
    known, given = _own(call), call.json(Changed)
    keep_edits_inside(call, given.edits)
    house = call.house
    wanted = msgspec.structs.replace(known, name=given.name, edits=given.edits)
    figures = _figures(call, wanted)
    try:
        with house.database.writing():
            changed = scenarios.change(house.database, known, given, given.revision)
            house.audit.record(
                call.person.name, "scenario.change", known.id, {"edits": len(given.edits)}
            )
    except Outdated as error:
        raise Problem(409, "Changed meanwhile", str(error), field="revision") from None
    return _item(changed) | {"figures": figures}


@routes.delete("/api/coverage/scenarios/{id}", role=Role.OPERATOR, reach=Reach.AREA)
def scenario_remove(call: Call) -> None:
    """Take a scenario away."""
    known = _own(call)
    with call.house.database.writing():
        scenarios.remove(call.house.database, known.id)
        call.house.audit.record(call.person.name, "scenario.remove", known.id, known.name)
