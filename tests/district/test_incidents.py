"""The month is a function of its seed and as hard as it says."""

import dataclasses

import numpy as np
import pytest

from xinji.district.geography import load_district
from xinji.district.incidents import CHANNELS, CLASSES, Difficulty, incident_month

DISTRICT = load_district()


def test_the_same_seed_gives_the_same_month_and_another_does_not():
    one, same, other = (incident_month(DISTRICT, seed, 200, 3) for seed in (5, 5, 6))
    assert one.reports == same.reports
    assert (one.incidents == same.incidents).all()
    assert one.reports != other.reports


def test_every_incident_is_reported_and_reports_come_in_order():
    month = incident_month(DISTRICT, 7, 500, 5)
    assert set(month.incidents.tolist()) == set(range(500))
    times = [report.time_us for report in month.reports]
    assert times == sorted(times)
    assert len({report.report for report in month.reports}) == len(times)
    assert len(month.cleared_us) == len(month.closed_us) == 500


def test_reports_per_incident_places_classes_and_texts_are_as_the_difficulty_says():
    hard = Difficulty()
    month = incident_month(DISTRICT, 8, 3_000, 10)
    assert 1.45 < len(month.reports) / 3_000 < 1.75
    codes = {each.code for each in CLASSES}
    assert {report.class_code for report in month.reports} <= codes
    west, south, east, north = DISTRICT.bounds
    for report in month.reports:
        assert west - 0.02 < report.longitude < east + 0.02
        assert south - 0.02 < report.latitude < north + 0.02
    texts = [r.text for r in month.reports if r.channel in ("camera", "sensor")]
    assert not any(texts)
    assert all(r.text for r in month.reports if r.channel == "12345")
    share = np.mean([report.channel == "camera" for report in month.reports])
    assert abs(share - hard.channel_shares[CHANNELS.index("camera")]) < 0.03


def test_without_errors_reports_of_one_incident_agree():
    hard = dataclasses.replace(
        Difficulty(), place_error_m=(0.0,) * 6, class_error=(0.0,) * 6, further_reports=2.0
    )
    month = incident_month(DISTRICT, 9, 100, 2, difficulty=hard)
    seen = {}
    for report, incident in zip(month.reports, month.incidents.tolist(), strict=True):
        place = (report.class_code, report.longitude, report.latitude)
        assert seen.setdefault(incident, place) == place


def test_bad_sizes_are_refused():
    with pytest.raises(ValueError, match="incidents, days"):
        incident_month(DISTRICT, 1, 0)
