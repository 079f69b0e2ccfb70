"""Zones: what is a polygon, and what is refused with a reason."""

import json

import numpy as np
import pytest

from xinji.methods.vision.zones import ZoneError, bounds, feet_inside, mask, read_zones

SQUARE = [[0.25, 0.5], [0.75, 0.5], [0.75, 1.0], [0.25, 1.0]]


def _text(**changes):
    return json.dumps([{"name": "a", "problem": "litter", "polygon": SQUARE} | changes])


def test_a_zone_in_pixels():
    (zone,) = read_zones(_text(dwell_seconds=60, count=2))
    assert (zone.dwell_seconds, zone.count) == (60, 2)
    assert bounds(zone, 640, 360) == (160, 180, 480, 360)
    inside = mask(zone, 640, 360)
    assert inside.shape == (360, 640) and 0.24 < inside.mean() < 0.26
    boxes = np.array([[300, 100, 340, 300], [300, 100, 340, 170], [0, 0, 10, 300]])
    assert feet_inside(zone, boxes, 640, 360).tolist() == [True, False, False]
    assert feet_inside(zone, np.zeros((0, 4)), 640, 360).shape == (0,)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "zones"),
        ("{}", "Expected `array`"),
        ('[{"name": "a"}]', "problem"),
        (_text(polygon=[[0, 0], [1, 1]]), "2 corners"),
        (_text(polygon=[[0, 0], [1, 1], [1, 0], [0, 1]]), "Self-intersection"),
        (_text(polygon=[[0, 0], [0.5, 0.5], [1, 1]]), "polygon"),
        (_text(polygon=[[0, 0], [0.01, 0], [0.01, 0.01]]), "smaller"),
        (_text(polygon=[[0, 0], [1.5, 0], [1, 1]]), "0..1"),
        (_text(polygon=[[0, 0], [1e400, 0], [1, 1]]), "zones"),
        (_text(polygon="here"), "polygon"),
        (_text(polygon=[[0, 0, 0]] * 4), "polygon"),
        (_text(polygon=[[0, i / 100] for i in range(65)]), "65 corners"),
        (_text(problem="fire"), "problem"),
        (_text(dwell_seconds=-1), "dwell_seconds"),
        (_text(count=0), "count"),
        (_text(name=""), "name"),
        ("[" * 70_000, "65536"),
    ],
)
def test_zones_that_are_none(text, reason):
    with pytest.raises(ZoneError, match=reason):
        read_zones(text)


def test_two_of_one_name():
    each = json.loads(_text())[0]
    with pytest.raises(ZoneError, match="once"):
        read_zones(json.dumps([each, each]))
