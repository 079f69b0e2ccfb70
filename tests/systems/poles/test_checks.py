"""The checks with numbers worked by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from xinji.systems.terminals.poles.checks import Check, check_mount, conflicts, failed
from xinji.systems.terminals.poles.figures import candidates, figures
from xinji.systems.terminals.poles.ledger import Box, Ledger, Mount, Pole
from xinji.systems.terminals.poles.types import Circuit, own_types

TYPES = own_types()
POLE = Pole("p", "杆", "main-12", "1", 0.0, 0.0, box="b")


def mount(id_: str = "m", **more: Any) -> Mount:
    plain: dict[str, Any] = {
        "pole": "p", "slot": "B1", "device": "camera", "interface": "clamp", "height_m": 9.0,
        "weight_kg": 5.0, "wind_area_m2": 0.1, "rated_w": 40.0,
    }  # fmt: skip
    return Mount(id=id_, **(plain | more))


def ledger(*mounts: Mount, **more: Any) -> Ledger:
    plain: dict[str, Any] = {
        "poles": {"p": POLE, "q": replace(POLE, id="q")},
        "boxes": {"b": Box("b", "箱", "box-12")},
        "power_boxes": {"w": Box("w", "电源", "power-4")},
        "feeds": {"b": ("w", 1)},
    }
    return Ledger(types=TYPES, mounts=mounts, **(plain | more))


def names(checks: list[Check]) -> set[str]:
    return {check.name for check in failed(checks)}


def one(checks: list[Check], name: str) -> Check:
    return next(check for check in checks if check.name == name)


def test_what_fits_passes_every_check() -> None:
    checks = check_mount(ledger(), mount(bays=(1,)))
    assert {check.state for check in checks} == {"passed"}
    assert {check.name for check in checks} == {
        "pole", "slot", "height", "interface", "slot-weight", "slot-wind", "pole-weight",
        "pole-wind", "box", "bay", "circuit", "power", "box-power",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("wrong", "check", "field"),
    [
        ({"slot": "Z9"}, "slot", "slot"),
        ({"height_m": 7.9}, "height", "height_m"),
        ({"height_m": 11.6}, "height", "height_m"),
        ({"interface": "flange"}, "interface", "interface"),
        ({"weight_kg": 30.1}, "slot-weight", "weight_kg"),
        ({"wind_area_m2": 0.51}, "slot-wind", "wind_area_m2"),
        ({"box": "nowhere"}, "box", "box"),
        ({"bays": (13,)}, "bay", "bays"),
        ({"power_box": "w", "circuit": 5}, "circuit", "circuit"),
        ({"power_box": "v", "circuit": 1}, "circuit", "circuit"),
        ({"pole": "nowhere"}, "pole", "pole"),
    ],
)
def test_each_limit(wrong: dict[str, Any], check: str, field: str) -> None:
    found = failed(check_mount(ledger(), mount(**wrong)))
    assert [(each.name, each.field) for each in found] == [(check, field)]


def test_limits_are_reached_but_not_passed() -> None:
    edge = mount(weight_kg=30.0, wind_area_m2=0.5, height_m=8.0)
    assert not failed(check_mount(ledger(), edge))
    # tenths that do not add up exactly in binary
    many = [
        mount(str(n), slot=f"X{n}", weight_kg=0.1, wind_area_m2=0.1, rated_w=0) for n in range(31)
    ]
    check = one(check_mount(ledger(*many), mount(wind_area_m2=0.1)), "pole-wind")
    assert check.state == "passed" and check.left == 0.0 and check.used == 3.1


def test_a_slot_holds_one_device_and_itself_is_not_in_its_own_way() -> None:
    there = mount("a")
    check = one(check_mount(ledger(there), mount("m")), "slot")
    assert (check.state, check.used, check.limit, check.others) == ("failed", 1, 1, ("a",))
    assert not failed(check_mount(ledger(there), msgspec.structs.replace(there, weight_kg=6.0)))


def test_sums_of_the_pole() -> None:
    others = [mount("a", slot="A1", weight_kg=80.0, wind_area_m2=1.8, height_m=6.0),
              mount("b", slot="A2", weight_kg=60.0, wind_area_m2=1.2, height_m=6.0),
              mount("c", slot="T1", weight_kg=60.0, wind_area_m2=0.1, height_m=12.0)]  # fmt: skip
    checks = check_mount(ledger(*others), mount(weight_kg=30.0, wind_area_m2=0.2, slot="B2"))
    weight, wind = one(checks, "pole-weight"), one(checks, "pole-wind")
    assert (weight.used, weight.wanted, weight.limit, weight.left) == (200.0, 30.0, 260.0, 30.0)
    assert (wind.state, wind.left) == ("failed", pytest.approx(-0.1))


def test_power_is_rated_times_diversity_against_the_share_of_the_circuit() -> None:
    # 16 A x 230 V x 0.8 = 2944 W; a charger of 4000 W counts 0.6 of it
    there = mount("a", slot="D1", device="charger", rated_w=4000.0, height_m=1.0)
    checks = check_mount(ledger(there), mount(rated_w=680.0, diversity=0.8))
    power = one(checks, "power")
    assert power.limit == pytest.approx(2944.0) and power.used == 2400.0
    assert power.wanted is not None and power.left == pytest.approx(0.0)
    assert power.state == "passed"
    assert names(check_mount(ledger(there), mount(rated_w=700.0, diversity=0.8))) == {"power"}


def test_own_feed_then_the_poles_then_the_boxes() -> None:
    feeds = {"b": ("w", 1), "p": ("w", 2)}
    assert ledger().feed_of(mount()) == ("w", 1)
    assert ledger(feeds=feeds).feed_of(mount()) == ("w", 2)
    assert ledger(feeds=feeds).feed_of(mount(power_box="w", circuit=4)) == ("w", 4)
    # only what comes through the box draws its power
    assert ledger(feeds=feeds).through_box(mount()) == "" and ledger().through_box(mount()) == "b"
    unknown = one(check_mount(ledger(feeds={}), mount()), "circuit")
    assert unknown.state == "unknown"


def test_a_rating_of_its_own() -> None:
    ratings = {("w", 1): Circuit(1, 0.1, 230.0, 1)}
    assert names(check_mount(ledger(ratings=ratings), mount())) == {"power"}
    # of a power box that is not registered there is no circuit
    lost = ledger(ratings={("v", 1): Circuit(1, 10.0, 230.0, 1)})
    assert names(check_mount(lost, mount(power_box="v", circuit=1))) == {"circuit"}


def test_power_of_the_box() -> None:
    wide = {("w", 1): Circuit(1, 100.0, 230.0, 1)}
    there = mount("a", slot="D1", device="other", rated_w=2990.0, height_m=1.0)
    checks = check_mount(ledger(there, ratings=wide), mount(rated_w=20.0, diversity=1.0))
    assert names(checks) == {"box-power"}


@pytest.mark.parametrize(
    ("height", "azimuth", "state"),
    [(9.5, 29.9, "failed"), (9.5, 30.0, "passed"), (10.01, 0.0, "passed"), (9.0, 345.0, "failed"),
     (9.0, None, "unknown"), (None, 0.0, "unknown")],
)  # fmt: skip
def test_antennas_at_like_height(height: float | None, azimuth: float | None, state: str) -> None:
    there = mount("a", device="wifi", azimuth_deg=0.0)
    wanted = mount(device="wifi", slot="B2", height_m=height, azimuth_deg=azimuth)
    assert one(check_mount(ledger(there), wanted), "azimuth").state == state


def test_mounted_once() -> None:
    there = mount("a", pole="q", serial="S1")
    assert names(check_mount(ledger(there), mount(serial="S1"))) == {"device"}
    assert not failed(check_mount(ledger(there), mount(serial="S2")))


def test_conflicts_name_each_fault_once_and_its_thing() -> None:
    wrong = [
        mount("a", serial="S1"), mount("b", serial="S2"),  # one slot
        mount("c", pole="q", slot="B2", weight_kg=31.0),
        mount("d", pole="q", slot="B3", height_m=4.0, bays=(2,)),
        mount("e", pole="q", slot="D1", interface="cabin", height_m=1.0, bays=(2,)),
    ]  # fmt: skip
    by_thing = conflicts(ledger(*wrong))
    found = {(where, check.name) for where, each in by_thing.items() for check in each}
    assert found == {("p", "slot"), ("q", "slot-weight"), ("b", "bay")}
    assert sum(map(len, by_thing.values())) == 3
    # an overloaded circuit is one conflict, however many devices are on it
    small = {("w", 1): Circuit(1, 0.1, 230.0, 1)}
    over = conflicts(ledger(wrong[0], wrong[2], ratings=small))
    assert [check.name for check in over["w"]] == ["power"]


def test_a_device_left_on_a_retired_pole_is_a_conflict() -> None:
    gone = {"p": replace(POLE, retired=True)}
    assert [c.name for c in conflicts(ledger(mount(), poles=gone))["p"]] == ["pole"]


def test_figures_by_hand() -> None:
    there = ledger(mount("a", bays=(1, 2)), mount("b", slot="T1", device="station", rated_w=1000.0))
    found = figures(there, {"p": [one(check_mount(there, mount()), "slot")]})
    assert found["p"] == {"devices": 2, "stations": 1, "slots": 9, "slots_used": 2, "conflicts": 1}
    assert found["q"] == {"devices": 0, "stations": 0, "slots": 9, "slots_used": 0, "conflicts": 0}
    # 40 x 0.8 + 1000 x 0.9 = 932 W of the box's 3000 and of the circuits' (3 x 3680 + 2300) x 0.8
    assert found["b"] == {"bays": 12, "bays_used": 2, "power_used": 31.1, "conflicts": 0}
    assert found["w"] == {"power_used": 8.7, "conflicts": 0}


def test_candidates_have_height_weight_wind_and_power() -> None:
    there = ledger(mount("a", pole="q", slot="T1", height_m=12.0))
    found = candidates(
        there, ["p", "q"], height_m=11.0, weight_kg=20, wind_area_m2=0.3, power_w=300
    )
    assert [(each.pole, each.slot, each.height_m) for each in found] == [
        ("p", "T1", 11.5), ("p", "L1", 11.0), ("p", "B1", 11.0), ("p", "B2", 11.0),
        ("q", "L1", 11.0), ("q", "B1", 11.0), ("q", "B2", 11.0),
    ]  # fmt: skip
    # 2944 - 32 - 270 W
    assert found[0].power_left_w == pytest.approx(2642.0)
    assert found[0].weight_left_kg == 40.0
    assert candidates(there, ["p", "q"], height_m=16.0) == []
    assert candidates(there, ["p"], power_w=4000.0) == []
    # nothing is known of the feed: not offered when power is asked for, else said
    unfed = ledger(feeds={})
    assert candidates(unfed, ["p"], power_w=10.0) == []
    assert candidates(unfed, ["p"])[0].power_left_w is None
