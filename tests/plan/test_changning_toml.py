"""Changning's plan is complete, cites its clauses, and a wrong file is refused with its key."""

import datetime as dt
import re

import pytest

from xinji.plan.reading import CHANGNING, PlanError, read_plan
from xinji.system.discovery import discover

PLAN = read_plan()
TARGETS = {t.indicator: t for t in PLAN.targets}


def test_families_and_tasks():
    assert [f.name for f in PLAN.families] == ["network", "facilities", "platforms", "terminals"]
    assert [t.number for t in PLAN.tasks] == list(range(1, 24))
    family_of = {t.number: t.family for t in PLAN.tasks}
    for family, numbers in {
        "network": range(1, 4),
        "facilities": range(4, 12),
        "platforms": range(12, 18),
        "terminals": range(18, 24),
    }.items():
        assert {family_of[n] for n in numbers} == {family}
    assert PLAN.published == dt.date(2021, 11, 5)
    assert all(t.title.zh and t.title.en for t in PLAN.tasks)


def test_seven_systems_exist_at_the_baseline():
    assert [e.number for e in PLAN.existing] == list(range(1, 8))
    assert all(e.clause.startswith("一（一）") for e in PLAN.existing)


@pytest.mark.parametrize(
    ("indicator", "task", "op", "date", "value"),
    [
        ("network.coverage.outdoor_5g_share", 1, ">=", "2025-12-31", 100),
        ("network.coverage.indoor_5g_share", 1, ">=", "2025-12-31", 100),
        ("network.quality.mobile_rate_mbps", 1, ">=", "2025-12-31", 100),
        ("network.quality.fixed_rate_mbps", 1, ">=", "2025-12-31", 100),
        ("network.quality.ipv6_active_share", 1, ">", "2025-12-31", 80),
        ("network.quality.ipv6_equipment_share", 1, ">=", "2021-11-05", 100),
        ("platforms.services.online_share", 12, ">=", "2025-12-31", 80),
        ("platforms.operations.access_share", 13, ">=", "2025-12-31", 100),
        ("platforms.energy.coverage_share", 14, ">=", "2025-12-31", 100),
        ("terminals.sensing.ai_streams", 18, ">=", "2025-12-31", 500),
        ("terminals.sensing.new_terminals_2021", 18, ">=", "2021-12-31", 500),
        ("terminals.charging.taxi_stations", 19, ">=", "2025-12-31", 5),
        ("terminals.charging.communities", 19, ">=", "2025-12-31", 20),
        ("terminals.parking.smart_road_parking", 20, ">=", "2024-11-05", 1),
        ("terminals.guidance.fused_guidance", 20, ">=", "2023-12-31", 1),
    ],
)
def test_dated_promises(indicator, task, op, date, value):
    target = TARGETS[indicator]
    assert (target.task, target.op) == (task, op)
    assert target.values[-1].date == dt.date.fromisoformat(date)
    assert target.values[-1].value == value


@pytest.mark.parametrize(
    ("indicator", "value"),
    [
        ("network.coverage.outdoor_5g_share", 96),
        ("network.coverage.mean_download_mbps", 740),
        ("network.coverage.macro_stations", 913),
        ("network.coverage.pole_stations", 39),
        ("network.coverage.indoor_5g_buildings", 100),
        ("terminals.sensing.high_point_cameras", 5),
        ("terminals.sensing.smart_upgraded_cameras", 250),
        ("terminals.sensing.new_hd_cameras", 250),
        ("terminals.parking.connected_car_parks", 120),
        ("terminals.parking.sensed_bays", 31),
        ("terminals.cycling.no_parking_points", 40),
        ("terminals.guidance.screens_level_1", 10),
        ("terminals.guidance.screens_level_2", 22),
        ("terminals.guidance.screens_level_3", 24),
        ("terminals.traffic.checkpoint_lanes", 130),
        ("terminals.traffic.checkpoint_sections", 50),
        ("terminals.traffic.checkpoint_cameras", 90),
        ("terminals.lockers.meal_lockers", 9),
        ("terminals.warehouses.new_2020", 3),
        ("terminals.warehouses.rebuilt_2020", 4),
        ("terminals.warehouses.completion_2020", 116.67),
    ],
)
def test_baselines(indicator, value):
    assert TARGETS[indicator].baseline.value == value


def test_one_taxi_station_each_year():
    target = TARGETS["terminals.charging.taxi_stations"]
    assert target.path == "cumulative"
    assert [(v.date.year, v.value) for v in target.values] == [
        (2021, 1), (2022, 2), (2023, 3), (2024, 4), (2025, 5),
    ]  # fmt: skip


def test_every_target_cites_a_clause_by_number():
    pattern = re.compile(r"[一二三四]（[一二三四]）[一二三四五六七0-9]+(；.+)?")
    assert all(pattern.fullmatch(t.clause) for t in PLAN.targets)


def test_targets_agree_with_the_indicators_that_exist():
    indicators = {i.id: i for s in discover() for i in s.indicators}
    missing = {t.indicator for t in PLAN.targets} - set(indicators)
    assert missing == {
        "platforms.services.online_share",
        "terminals.parking.smart_road_parking",
        "terminals.guidance.fused_guidance",
    }
    for target in PLAN.targets:
        if target.indicator in indicators:
            assert target.unit == indicators[target.indicator].unit, target.indicator


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('op = ">"\n', 'op = "=>"\n', "op: '=>' is not one of"),
        ("number = 23\n", "number = 22\n", "tasks.number: 22 occurs 2 times"),
        ("published = 2021-11-05", "publised = 2021-11-05", "publised: unknown key"),
        ("task = 22\n", "task = 24\n", "no task 24"),
        ('path = "cumulative"\n', 'path = "sideways"\n', "targets"),
        ("published = 2021-11-05", "published = 5", "published"),
        ('family = "terminals"\n', 'family = "roads"\n', "no family 'roads'"),
        ("{ date = 2024-12-31, value = 4 }", "{ date = 2022-12-30, value = 4 }", "not ascending"),
        ("{ date = 2024-12-31, value = 4 }", "{ date = 2024-12-31, valu = 4 }", "valu: unknown"),
        ("baseline = { date = 2021-11-05, value = 96 }\n", "", "linear path asks for one"),
        ("[[families]]", "[[families", "not a TOML file"),
    ],
)
def test_a_wrong_file_is_refused_with_its_key(tmp_path, old, new, words):
    text = CHANGNING.read_text(encoding="utf-8")
    assert old in text
    file = tmp_path / "plan.toml"
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(PlanError, match=re.escape(words)):
        read_plan(file)
