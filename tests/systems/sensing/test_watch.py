"""One camera watched: drawn scenes, the real detector, each problem, bad pictures."""

import json

import cv2
import numpy as np
import pytest

from xinji.district.scenes.days import MIDNIGHT
from xinji.district.scenes.incidents import Incident
from xinji.district.scenes.layout import PROBLEMS, zones_json
from xinji.district.scenes.scene import Conditions, Scene
from xinji.methods.vision.zones import read_zones
from xinji.store.weights import WeightsError, default_folder, place
from xinji.systems.terminals.sensing.detector import (
    BICYCLE,
    CAR,
    NAME,
    PERSON,
    Detections,
    Detector,
    Faces,
    locked,
)
from xinji.systems.terminals.sensing.hub import photo
from xinji.systems.terminals.sensing.watch import CameraWatch

MINUTE = 60_000_000
START = MIDNIGHT + 10 * 60 * MINUTE
NOTHING = Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64))


@pytest.fixture(scope="module")
def detector():
    if not place(NAME, locked()[NAME], default_folder()).is_dir():
        pytest.skip("the weights are not here (xinji models pull)")
    return Detector()


def _scene(seed, problem):
    scene = Scene(seed, (problem,))
    return scene, CameraWatch(read_zones(zones_json(scene.layout)))


@pytest.mark.parametrize(
    ("problem", "seed"),
    [("litter", 105), ("bike_parking", 104), ("shop_front", 102), ("crowd", 106), ("vehicle", 108)],
)
def test_an_incident_is_raised_and_after_it_is_gone_cleared(detector, problem, seed):
    scene, watch = _scene(seed, problem)
    incident = Incident(problem, START + 10 * MINUTE, START + 40 * MINUTE, seed)
    events, verdicts = [], {}
    for minute in range(55):
        now = START + minute * MINUTE
        image = scene.render(now, [incident])
        looked = watch.look(image, now / 1e6, detector.detect(image))
        events += [(minute, event) for event in looked.events]
        verdicts[minute] = watch.verdict(looked, problem, None)[0]
    assert [event.what for _, event in events] == ["raised", "cleared"]
    (raised, event), (cleared, _) = events
    assert 10 <= raised <= 30 and 40 <= cleared <= 55
    assert 0.3 < event.confidence <= 1 and event.zone.problem == problem
    box = np.array(event.box) * (640, 360, 640, 360)
    (seen,) = scene.truth(START + raised * MINUTE, [incident])
    low, high = np.maximum(box[:2], seen.box[:2]), np.minimum(box[2:], seen.box[2:])
    assert (high > low).all()
    said = [verdicts[m] for m in range(raised, 40)]
    assert said.count("present") > 0.7 * len(said) and "absent" not in said[2:]
    assert "present" not in [verdicts[m] for m in range(52, 55)]


def test_a_bad_picture_judges_nothing_and_a_recheck_is_blind():
    scene, watch = _scene(7, "litter")
    for minute in range(8):
        now = START + minute * MINUTE
        watch.look(scene.render(now), now / 1e6, NOTHING)
    for n, health in enumerate(("dark", "moved", "moved", "moved", "covered")):
        now = START + (8 + n) * MINUTE
        looked = watch.look(scene.render(now, (), Conditions(health=health)), now / 1e6, NOTHING)
        if n in (0, 3, 4):
            assert not looked.health.usable
            assert watch.verdict(looked, "litter", None) == ("blind", 0.0)
            assert all(each.score is None for each in looked.zones.values())


def test_a_camera_that_froze():
    scene, watch = _scene(7, "litter")
    frozen = Conditions(frozen_at=START + 3 * MINUTE)
    healths = []
    for minute in range(10):
        now = START + minute * MINUTE
        healths.append(watch.look(scene.render(now, (), frozen), now / 1e6, NOTHING).health.frozen)
    assert not any(healths[:4]) and all(healths[7:])


def test_a_picture_of_another_size_begins_anew():
    scene, watch = _scene(7, "litter")
    for minute in range(12):
        now = START + minute * MINUTE
        image = scene.render(now)
        if minute >= 6:
            image = cv2.resize(image, (320, 180))
        looked = watch.look(image, now / 1e6, NOTHING)
        assert looked.health.usable and not looked.events


def test_time_must_go_on():
    scene, watch = _scene(7, "crowd")
    watch.look(scene.render(START), 10.0, NOTHING)
    with pytest.raises(ValueError, match="not after"):
        watch.look(scene.render(START), 10.0, NOTHING)


def _boxes(*rows):
    each = np.array([row[:4] for row in rows], np.float32).reshape(-1, 4)
    return Detections(each, np.array([row[4] for row in rows], np.float32),
                      np.array([row[5] for row in rows], np.int64))  # fmt: skip


def _zone(problem, **more):
    square = [[0, 0], [1, 0], [1, 1], [0, 1]]
    zone = {"name": "z", "problem": problem, "polygon": square, "dwell_seconds": 120} | more
    return CameraWatch(read_zones(json.dumps([zone])))


def _run(watch, detections, looks=8):
    scene, said = Scene(1, ()), []
    for n in range(looks):
        image = scene.render(START + n * MINUTE)
        said += [event.what for event in watch.look(image, 60.0 * n + 1, detections(n)).events]
    return said


def test_a_ridden_bicycle_and_a_passing_car_are_not_parked():
    rider = _boxes((100, 200, 160, 240, 0.9, BICYCLE), (115, 170, 145, 232, 0.9, PERSON))
    assert _run(_zone("bike_parking"), lambda n: rider) == []
    parked = _boxes((100, 200, 160, 240, 0.9, BICYCLE))
    assert _run(_zone("bike_parking"), lambda n: parked) == ["raised"]
    assert _run(_zone("bike_parking", count=2), lambda n: parked) == []
    passing = [_boxes((50 * n, 200, 50 * n + 120, 260, 0.9, CAR)) for n in range(8)]
    assert _run(_zone("vehicle"), lambda n: passing[n]) == []


def test_a_crowd_is_a_number_that_stays():
    crowd = _boxes(*((30 * i, 200, 30 * i + 20, 260, 0.8, PERSON) for i in range(10)))
    few = _boxes(*((30 * i, 200, 30 * i + 20, 260, 0.8, PERSON) for i in range(5)))
    assert _run(_zone("crowd", count=8), lambda n: crowd) == ["raised"]
    assert _run(_zone("crowd", count=8), lambda n: few) == []
    assert _run(_zone("crowd", count=8), lambda n: crowd if n % 3 == 0 else few) == []


def test_a_box_over_the_whole_picture_is_a_mistake():
    whole = _boxes((0, 0, 640, 360, 0.7, CAR))
    assert _run(_zone("vehicle"), lambda n: whole) == []


def test_the_detector_sees_what_is_drawn(detector):
    scene = Scene(104, PROBLEMS)
    incidents = [Incident(p, START - 1, None, 104) for p in ("bike_parking", "crowd", "vehicle")]
    found = detector.detect(scene.render(START, incidents))
    assert {0, 2} <= set(found.classes[found.scores > 0.4].tolist()) | {7}
    assert np.isfinite(found.boxes).all() and (found.boxes[:, 2:] >= found.boxes[:, :2]).all()
    again = detector.detect(scene.render(START, incidents))
    assert (found.boxes == again.boxes).all()
    with pytest.raises(ValueError, match="uint8"):
        detector.detect(np.zeros((10, 10), np.uint8))
    assert len(detector.detect(np.zeros((16, 16, 3), np.uint8)).boxes) == 0


def test_weights_that_are_not_there(tmp_path):
    with pytest.raises(WeightsError, match="xinji models pull"):
        Detector(tmp_path)


def test_a_photo_has_no_heads_and_no_plates(detector):
    scene = Scene(106, ("crowd",))
    image = scene.render(START, [Incident("crowd", START - 1, None, 6)])
    found = detector.detect(image)
    decoded = cv2.imdecode(np.frombuffer(photo(image, found, Faces()), np.uint8), 1)
    assert decoded.shape == image.shape
    people = found.of((PERSON,), 0.3).boxes
    assert len(people) > 3
    for left, top, right, bottom in people.astype(int):
        low = top + max(2, (bottom - top) // 5)
        before = cv2.Laplacian(image[top:low, left:right], cv2.CV_32F).std()
        assert cv2.Laplacian(decoded[top:low, left:right], cv2.CV_32F).std() < 0.6 * before
