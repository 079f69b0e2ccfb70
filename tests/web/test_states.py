"""In which state a page shows a thing: who never reports is not offline, what is old not normal."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest

from tests.conftest import EAST, SQUARE, TEST_SYSTEM, WEST
from tests.web.live import Live
from xinji.model.things import Kind, Property, Thing
from xinji.model.title import Title
from xinji.plan.supervision import SUPERVISION, TARGET_BEHIND
from xinji.system.assembly import assemble
from xinji.system.declaration import System

METER = Kind(
    name="meter",
    title=Title("表", "Meter"),
    properties=(
        Property(name="level", title=Title("液位", "Level"), unit="cm", expected_seconds=60),
    ),
)
LEDGER = Kind(name="ledger", title=Title("台账", "Ledger"), reports=False)


def system(name: str, *kinds: Kind) -> System:
    return System(name=name, title=Title(name, name), tasks=(18,), kinds=kinds)


def thing(number: int, kind: str) -> Thing:
    return Thing(
        id=f"{kind}-{number}", kind=kind, name=f"{kind} {number}", longitude=121.35, latitude=31.2
    )


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    house = assemble(
        tmp_path_factory.mktemp("states") / "data",
        (TEST_SYSTEM, system("terminals.meters", METER, LEDGER), system("terminals.desk")),
        case_types=(SUPERVISION,),
        case_classes=(TARGET_BEHIND,),
    )
    house.registry.put_areas([SQUARE, WEST, EAST])
    some = [thing(n, "meter") for n in (1, 2, 3)] + [thing(1, "ledger")]
    house.registry.put([house.registry.check(each) for each in some])
    made = Live(tmp_path_factory.mktemp("states"), house)
    now = dt.datetime.now(dt.UTC)
    made.send(("meter-1", 7.0), name="level")
    made.send(("meter-2", 7.0), name="level", at=(now - dt.timedelta(hours=1)).isoformat())
    yield made
    made.close()


def state(live: Live, name: str) -> str:
    return str(live.get(f"/api/things/{name}")["state"])


def test_a_thing_that_never_reports_by_design_is_not_without_data(live: Live) -> None:
    assert (state(live, "ledger-1"), state(live, "meter-3")) == ("not reporting", "no data")
    listed = live.get("/api/things?kind=meter,ledger&state=no+data")["items"]
    assert [each["id"] for each in listed] == ["meter-3"]
    listed = live.get("/api/things?state=not+reporting")["items"]
    assert [each["id"] for each in listed] == ["ledger-1"]


def test_what_has_not_been_heard_for_three_periods_is_not_shown_as_normal(live: Live) -> None:
    assert (state(live, "meter-1"), state(live, "meter-2")) == ("good", "stale")
    fresh, old = (live.get(f"/api/things/meter-{n}")["latest"][0] for n in (1, 2))
    assert (fresh["stale"], old["stale"]) == (False, True)


def test_the_overview_counts_both_apart(live: Live) -> None:
    kinds = {each["kind"]: each for each in live.get("/api/overview")["by_kind"]}
    assert kinds["meter"] == {
        "kind": "meter", "total": 3, "good": 1, "alarm": 0, "silent": 0, "no data": 1,
        "not reporting": 0, "stale": 1,
    }  # fmt: skip
    assert (kinds["ledger"]["no data"], kinds["ledger"]["not reporting"]) == (0, 1)


def test_a_system_lists_its_own_things_and_one_without_kinds_none(live: Live) -> None:
    def ids(name: str) -> set[str]:
        return {each["id"] for each in live.get(f"/api/things?system={name}")["items"]}

    assert ids("terminals.meters") == {"meter-1", "meter-2", "meter-3", "ledger-1"}
    assert ids("terminals.desk") == set()
    refused = live.request("GET", "/api/things?system=nothing")
    assert (refused.status_code, refused.json()["field"]) == (400, "system")
    refused = live.request("GET", "/api/things?state=stale")
    assert (refused.status_code, refused.json()["field"]) == (400, "state")
