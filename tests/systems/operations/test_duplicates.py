"""Duplicate score: worked cases, bookkeeping against a fresh index, figures on a small month."""

import dataclasses
import math

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.duplicates import by_likelihood, by_radius, pair_scores
from xinji.district.geography import load_district
from xinji.district.incidents import Difficulty, incident_month
from xinji.systems.platforms.operations.duplicate_parameters import REASONS
from xinji.systems.platforms.operations.duplicates import (
    DuplicateIndex,
    Judged,
    Parameters,
    Sighting,
    learn,
)
from xinji.systems.platforms.operations.report_text import ReportTexts, cosine

HOUR = 3_600_000_000
NOW = 1_790_000_000_000_000
LONGITUDE, LATITUDE = 121.4, 31.2
EAST = 1 / (111_195.0 * math.cos(math.radians(LATITUDE)))
NORTH = 1 / 111_195.0


def sighting(report, east=0.0, north=0.0, minutes=0.0, channel="camera", kind="0110", text=""):
    return Sighting(
        report=report,
        channel=channel,
        class_code=kind,
        longitude=LONGITUDE + east * EAST,
        latitude=LATITUDE + north * NORTH,
        time_us=NOW + int(minutes * 60e6),
        text=text,
    )


def seeded():
    """An index with a day of scattered incidents, so that rates are known."""
    index = DuplicateIndex()
    generator = np.random.default_rng(3)
    for number in range(300):
        east, north = generator.uniform(-3_000, 3_000, 2)
        kind = ("0110", "0192", "0405", "0493")[number % 4]
        index.add(sighting(f"s{number}", east, north, -1440 + number * 4, kind=kind), f"k{number}")
    for number in range(300):
        index.forget(f"k{number}")
    return index


def odds(index, query):
    found = index.candidates(query)
    return found[0].log_odds if found else -math.inf


def test_the_same_place_class_and_time_is_merged_and_far_away_is_new():
    index = seeded()
    index.add(sighting("a"), "c1")
    near = index.candidates(sighting("b", 3, 2, 10))
    assert near[0].case == "c1"
    assert index.decide(near).action == "merge"
    assert index.decide(index.candidates(sighting("d", 140, 0, 10))).action == "new"
    assert index.candidates(sighting("e", 400, 0, 10)) == []
    assert index.decide([]).action == "new"


def test_reasons_add_up_to_the_log_odds():
    index = seeded()
    index.add(sighting("a", text="仙霞路暴露垃圾"), "c1")
    index.add(sighting("a2", 30, 0), "c2")
    query = sighting("b", 9, 4, 15, channel="resident", text="仙霞路垃圾没人收")
    for each in index.candidates(query):
        assert sum(each.reasons.values()) == pytest.approx(each.log_odds)
        assert set(each.reasons) == {*REASONS, "rivals", "bias"}


def test_each_factor_moves_the_odds_the_right_way():
    index = seeded()
    index.add(sighting("a", text="仙霞路100号暴露垃圾"), "c1")
    base = odds(index, sighting("b", 3, 0, 10))
    assert odds(index, sighting("b", 12, 0, 10)) < base
    assert odds(index, sighting("b", 3, 0, 600)) < base
    assert odds(index, sighting("b", 3, 0, 10, kind="0192")) < base
    assert odds(index, sighting("b", 3, 0, 10, kind="0405")) < odds(
        index, sighting("b", 3, 0, 10, kind="0192")
    )
    # a resident 40 m away is no contradiction, a camera 40 m away is
    resident = odds(index, sighting("b", 40, 0, 10, channel="resident"))
    assert resident > odds(index, sighting("b", 40, 0, 10)) + 3
    like = sighting("b", 40, 0, 10, channel="resident", text="仙霞路100号垃圾没人收")
    unlike = sighting("b", 40, 0, 10, channel="resident", text="天山路上有人乱倒")
    assert odds(index, like) > odds(index, unlike)


def test_a_report_after_the_case_closed_is_less_likely_the_same():
    index = seeded()
    index.add(sighting("a"), "c1")
    before = odds(index, sighting("b", 3, 0, 120))
    index.close("c1", NOW + HOUR)
    assert odds(index, sighting("b", 3, 0, 120)) < before - 1
    assert odds(index, sighting("b", 3, 0, 30)) == pytest.approx(before, abs=2)


def test_two_equal_neighbours_share_the_odds_and_a_crowded_spot_needs_more():
    index = seeded()
    index.add(sighting("a", -10), "c1")
    alone = odds(index, sighting("q", 0, 0, 10, channel="resident"))
    index.add(sighting("b", 10), "c2")
    both = index.candidates(sighting("q", 0, 0, 10, channel="resident"))
    assert {each.case for each in both} == {"c1", "c2"}
    assert both[0].log_odds < min(alone, 0.1)
    busy = seeded()
    for number in range(40):
        busy.add(sighting(f"h{number}", 30, number % 7, -600), f"h{number}")
        busy.forget(f"h{number}")
    busy.add(sighting("a", -10), "c1")
    assert odds(busy, sighting("q", 0, 0, 10, channel="resident")) < alone - 1


def test_all_reports_of_a_case_count_not_only_the_nearest():
    """Residents around a spot: the mean is known better than any of them."""
    one, many = seeded(), seeded()
    one.add(sighting("a", 40, 0, channel="resident"), "c1")
    for number, (east, north) in enumerate([(40, 0), (-35, 10), (5, 38), (-8, -40), (0, 5)]):
        many.add(sighting(f"a{number}", east, north, number, channel="resident"), "c1")
    query = sighting("q", 0, 0, 20)
    assert odds(many, query) > odds(one, query) + 0.5
    outlier = seeded()
    for number in range(5):
        outlier.add(sighting(f"a{number}", number, 0, number), "c1")
    before = odds(outlier, sighting("q", 2, 0, 20))
    outlier.add(sighting("far", 140, 0, 6, channel="resident"), "c1")
    assert odds(outlier, sighting("q", 2, 0, 20)) > before - 0.5


def test_moving_and_forgetting_leave_no_trace_in_the_places():
    index = seeded()
    index.add(sighting("a"), "c1")
    index.add(sighting("b", 60), "c1")
    index.move("b", "c2")
    assert index.case_of("b") == "c2"
    assert {each.case for each in index.candidates(sighting("q", 60))} == {"c1", "c2"}
    assert index.candidates(sighting("q", 60))[0].case == "c2"
    index.move("b", "c1")
    index.move("a", "c3")
    index.move("b", "c3")
    assert len(index) == 1
    index.forget("c3")
    assert len(index) == 0 and index.candidates(sighting("q")) == []
    with pytest.raises(KeyError):
        index.case_of("a")
    with pytest.raises(KeyError):
        index.move("a", "c1")


def test_a_report_is_attached_once_and_bad_input_is_named():
    index = DuplicateIndex()
    index.add(sighting("a"), "c1")
    with pytest.raises(ValueError, match="attached already"):
        index.add(sighting("a"), "c2")
    with pytest.raises(ValueError, match="longitude"):
        sighting("b", east=float("nan"))
    with pytest.raises(ValueError, match="text"):
        sighting("b", text="垃" * 2_001)
    with pytest.raises(ValueError, match="place_error_m"):
        msgspec.structs.replace(sighting("b"), place_error_m=-1.0)


@pytest.mark.parametrize(
    ("field", "value"),
    [("late_share", 0.0), ("radius_m", -1.0), ("tails", {"": 2.0}), ("class_error", {"x": 0.1}),
     ("class_error", {"": 1.0}), ("ask_at", 9.0)],
)  # fmt: skip
def test_parameters_that_make_no_sense_are_named(field, value):
    with pytest.raises(ValueError, match=field):
        Parameters(**{field: value})


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 4), st.integers(0, 2)), max_size=40))
def test_any_sequence_of_changes_equals_an_index_built_of_what_is_left(steps):
    """Places and classes of cases depend on the reports that they hold, not on the way there."""
    index, where = DuplicateIndex(), {}
    known = {number: sighting(f"r{number}", number * 9, number * 5, number) for number in range(10)}
    for number, case, what in steps:
        report, name = f"r{number}", f"c{case}"
        if what == 2:
            if name in where.values():
                index.forget(name)
                where = {r: c for r, c in where.items() if c != name}
        elif report in where:
            index.move(report, name)
            where[report] = name
        else:
            index.add(known[number], name)
            where[report] = name
    assert len(index) == len(set(where.values()))
    for report, case in where.items():
        assert index.case_of(report) == case
    found = index.candidates(sighting("q", 20, 10, 30))
    assert {each.case for each in found} <= set(where.values())
    assert all(math.isfinite(each.log_odds) for each in found)


def test_more_classes_than_the_first_tables_hold():
    index = DuplicateIndex()
    for number in range(70):
        index.add(sighting(f"r{number}", number % 9, 0, kind=f"{number:04d}"), f"c{number}")
    found = index.candidates(sighting("q", 0, 0, 5, kind="0027"))
    assert found[0].case == "c27"


def test_learning_needs_enough_answers_of_both_kinds_and_moves_towards_them():
    generator = np.random.default_rng(1)

    def judged(count):
        pairs = []
        for _ in range(count):
            values = generator.normal(0, 2, len(REASONS))
            # people care twice as much for the place as the model does, and not for the text
            truth = 2 * values[0] + values[1:4].sum()
            same = generator.random() < 1 / (1 + math.exp(-truth))
            pairs.append(
                Judged(reasons=dict(zip(REASONS, values.tolist(), strict=True)), same=bool(same))
            )
        return pairs

    assert learn(judged(10)) == Parameters()
    assert learn([msgspec.structs.replace(p, same=True) for p in judged(100)]) == Parameters()
    few, many = learn(judged(60)), learn(judged(3_000))
    assert many.weights["place"] > 1.6 and many.weights["text"] < 0.3
    assert abs(few.weights["place"] - 1) < abs(many.weights["place"] - 1)
    assert few.learnt_from == 60


def test_text_cosine_is_one_for_itself_and_low_for_another():
    texts = ReportTexts()
    for each in ("仙霞路暴露垃圾", "天山路共享单车堆积", "虹桥路路灯不亮"):
        texts.learn(each)
    vector = texts.vector("仙霞路暴露垃圾")
    assert cosine(vector, vector) == pytest.approx(1)
    assert cosine(vector, texts.vector("虹桥路路灯不亮")) < 0.2
    assert cosine(vector, texts.vector("")) == 0 and texts.vector("a") == {}


def test_on_a_month_not_used_for_tuning_it_beats_every_radius():
    month = incident_month(load_district(), 901, 2_000, 7)
    ours = by_likelihood(month, Parameters(), closings=True)
    assert ours.f1 > 0.9
    assert ours.merged_right / ours.merged > 0.97
    for radius in (50.0, 100.0, 250.0):
        labels, _ = by_radius(month, radius)
        assert pair_scores(labels, month.incidents)[2] < ours.f1 - 0.05


def test_harder_errors_than_assumed_cost_less_than_they_cost_the_radius():
    hard = Difficulty()
    worse = dataclasses.replace(
        hard,
        place_error_m=tuple(1.5 * each for each in hard.place_error_m),
        class_error=tuple(1.5 * each for each in hard.class_error),
    )
    month = incident_month(load_district(), 902, 2_000, 7, difficulty=worse)
    ours = by_likelihood(month, Parameters(), closings=True)
    labels, _ = by_radius(month, 50.0)
    assert ours.f1 > pair_scores(labels, month.incidents)[2] + 0.1
