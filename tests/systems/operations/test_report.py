"""The report against ground truth: worked examples, and a house without truth."""

from __future__ import annotations

import msgspec
import pytest

from tests.systems.operations.street import MONDAY, Street
from xinji.systems.platforms.operations.report import (
    MEANING,
    _by_class,
    measure,
    pair_f1,
    read_truth,
)

US = 1_000_000


def test_pairs_are_counted_as_in_the_worked_example() -> None:
    assert pair_f1([("a", 1), ("a", 1), ("a", 2), ("b", 2)]) == pytest.approx(0.4)
    assert pair_f1([("a", 1), ("a", 1)]) == 1.0
    assert pair_f1([("a", 1), ("b", 1)]) == 0.0
    assert pair_f1([("a", 1), ("b", 2)]) is None


def line(**record: object) -> bytes:
    return msgspec.json.encode(record)


def test_a_truth_file_that_was_cut_short_is_read_as_far_as_it_goes() -> None:
    truth = read_truth([
        line(record="incident", id="i1", start=1, end=9, camera="", case_class="event.0110"),
        line(record="cleared", incident="i1", at=5),
        line(record="cleared", incident="gone", at=5),
        line(record="report", sender="a", client_id="1", incident="i1"),
        b'{"record": "incide',
    ])  # fmt: skip
    assert truth.incidents["i1"]["end"] == 5
    assert truth.reports == {("a", "1"): "i1"}


def test_a_house_without_truth_gives_what_it_knows_itself(street: Street) -> None:
    street.file()
    figures = measure(street.house)
    assert set(figures) == set(MEANING)
    assert (figures["cases"], figures["closed"], figures["reports"]) == (1, 0, {"patrol": 1})
    assert figures["precision"] is None


def test_found_missed_invented_merged_and_falsely_closed(street: Street) -> None:
    start = int(MONDAY * US)
    there = {"start": start - 3_600 * US, "end": start + 86_400 * US, "camera": "",
             "case_class": "event.0110"}  # fmt: skip
    first = street.report(client_id="a").json()
    second = street.report("wang", client_id="b", longitude=121.35002).json()
    invented = street.report(client_id="c", longitude=121.4).json()
    assert second["case"] == first["case"], "they joined"
    for case, still in ((first["case"], True), (invented["case"], False)):
        street.act(case, "dispatch", assignee="wang")
        street.do("wang", case, "done", evidence={"after": [street.photo()]})
        street.act(case, "verify", role="rule", evidence={"posterior": 0.0, "still": still})
    truth = read_truth([
        line(record="incident", id="i1", **there),
        line(record="incident", id="missed", **there),
        line(record="incident", id="short", **(there | {"end": there["start"] + US})),
        line(record="report", sender="inspector", client_id="a", incident="i1"),
        line(record="report", sender="wang", client_id="b", incident="i1"),
        line(record="report", sender="inspector", client_id="c", incident=None),
    ])  # fmt: skip
    figures = measure(street.house, truth, start=start - 7_200 * US)
    assert (figures["incidents"], figures["discovered"], figures["recall"]) == (2, 1, 0.5)
    assert (figures["cases"], figures["precision"]) == (2, 0.5)
    assert figures["duplicate_f1"] == 1.0
    assert figures["auto_merge_precision"] == 1.0
    assert (figures["closed_by_machine"], figures["false_closes"]) == (2, 1)
    assert figures["false_close_rate"] == 0.5


def test_what_the_cameras_found_and_why_they_lost_the_rest_is_told_by_class(street: Street) -> None:
    """By hand: of four litters one was found, the others had none, two and five looks."""
    start = int(MONDAY * US)
    seen = {"start": start - 3_600 * US, "end": start + 86_400 * US, "camera": "cam:1",
            "case_class": "event.0110", "problem": "litter"}  # fmt: skip
    lines = [
        line(record="incident", id=f"i{n}", **(seen | {"camera": f"cam:{n}"})) for n in range(4)
    ]
    lines += [line(record="looked", incident="i2", looks=n) for n in (1, 2)]
    lines.append(line(record="looked", incident="i3", looks=5))
    lines.append(
        line(record="incident", id="b", **(seen | {"problem": "bike_parking", "case_class": "x"}))
    )
    truth = read_truth(lines)
    figures = _by_class(truth, set(truth.incidents), {"i0"})
    assert figures["camera_by_class"] == {
        "litter": {"in_view": 4, "found": 1, "not_looked_at": 1, "too_few_looks": 1,
                   "not_recognised": 1, "recall": 0.25},
        "bike_parking": {"in_view": 1, "found": 0, "not_looked_at": 1, "too_few_looks": 0,
                         "not_recognised": 0, "recall": 0.0},
    }  # fmt: skip
    assert figures["camera_recall_of_looked_at"] == 0.5
    assert set(figures) <= set(measure(street.house, truth, start=start - 7_200 * US))


def test_the_report_is_asked_over_http_of_the_whole_district_only(street: Street) -> None:
    street.file()
    answer = street.get("/api/operations/report", "intake")
    assert answer["figures"]["cases"] == 1
    assert set(answer["meaning"]) == set(answer["figures"])
    against = street.request(
        "POST", "/api/operations/report", content=b'{"record": "end", "at": 1}'
    )
    assert against.status_code == 200
    assert street.request("GET", "/api/operations/report", "west-intake").status_code == 403
    assert street.request("GET", "/api/operations/report", "viewer").status_code == 403
