"""The drawn scenes: the same for ever, different by camera, and true to their ground truth."""

import json

import numpy as np
import pytest

from xinji.district.scenes.days import MIDNIGHT, day
from xinji.district.scenes.incidents import Incident
from xinji.district.scenes.layout import PROBLEMS, lay_out, zones_json
from xinji.district.scenes.passing import hour_of
from xinji.district.scenes.scene import Conditions, Scene
from xinji.methods.vision.zones import read_zones

HOUR = 3_600_000_000
NOON = MIDNIGHT + 12 * HOUR


def test_a_picture_is_a_function_of_seed_and_time():
    first, second = Scene(3, PROBLEMS), Scene(3, PROBLEMS)
    later = first.render(NOON + HOUR)
    a, b = first.render(NOON), second.render(NOON)
    assert a.shape == (360, 640, 3) and a.dtype == np.uint8
    assert (a == b).all() and (second.render(NOON + HOUR) == later).all()
    assert (a != Scene(4, PROBLEMS).render(NOON)).mean() > 0.5


def test_day_and_night():
    scene = Scene(5, PROBLEMS)
    means = [scene.render(MIDNIGHT + h * HOUR).mean() for h in (2, 8, 12, 21)]
    assert means[2] > 1.5 * means[0] and means[0] > 15
    assert hour_of(NOON) == 12


@pytest.mark.parametrize("problem", PROBLEMS)
def test_an_incident_is_drawn_in_its_zone_and_vanishes(problem):
    scene = Scene(8, PROBLEMS)
    incident = Incident(problem, NOON, NOON + HOUR, 1)
    assert scene.truth(NOON - 1, [incident]) == scene.truth(NOON + HOUR, [incident]) == []
    (seen,) = scene.truth(NOON, [incident])
    left, top, right, bottom = seen.box
    assert 0 <= left < right <= 640 and 0 <= top < bottom <= 360 and 0 <= seen.visible <= 1
    with_it, without = scene.render(NOON, [incident]), scene.render(NOON)
    differs = np.abs(with_it.astype(int) - without).max(2) > 12
    assert differs[top:bottom, left:right].mean() > 0.15
    outside = differs.copy()
    outside[max(0, top - 12) : bottom + 12, max(0, left - 12) : right + 12] = False
    assert outside.mean() < 0.02


def test_a_camera_without_the_zone_knows_no_incident():
    scene = Scene(8, ("crowd",))
    incident = Incident("litter", NOON, None, 1)
    assert scene.truth(NOON, [incident]) == []
    assert (scene.render(NOON, [incident]) == scene.render(NOON)).all()


def test_states_of_the_camera():
    scene, incident = Scene(9, PROBLEMS), Incident("litter", NOON, None, 2)
    fine = scene.render(NOON)
    assert scene.render(NOON, (), Conditions(health="dark")).mean() < 6
    for health in ("moved", "blurred", "covered"):
        spoiled = scene.render(NOON, (), Conditions(health=health))
        assert spoiled.shape == fine.shape and (spoiled != fine).mean() > 0.3
        assert scene.truth(NOON, [incident], Conditions(health=health))[0].visible == 0
    frozen = Conditions(frozen_at=NOON)
    assert (scene.render(NOON + HOUR, (), frozen) == fine).all()
    with pytest.raises(ValueError, match="health"):
        scene.render(NOON, (), Conditions(health="gone"))


def test_zones_can_be_read_back():
    for seed in range(20):
        zones = read_zones(zones_json(lay_out(seed, PROBLEMS)))
        assert [zone.problem for zone in zones] == list(PROBLEMS)
    assert len(json.dumps(zones_json(lay_out(0, PROBLEMS)))) < 4000
    with pytest.raises(ValueError, match="unknown fire"):
        lay_out(0, ("fire",))


def test_days_have_incidents_and_rain_by_seed():
    days = [day(seed, PROBLEMS) for seed in range(40)]
    assert days[7] == day(7, PROBLEMS)
    happened = {incident.problem for each in days for incident in each.incidents}
    assert happened == set(PROBLEMS)
    wet = [each for each in days if each.rain_mm_h]
    assert 8 < len(wet) < 32
    one = wet[0]
    assert one.rained(one.rain_from) == 0 < one.rained(one.rain_until)
    assert one.conditions(one.rain_until + 4 * HOUR).wet == 0
