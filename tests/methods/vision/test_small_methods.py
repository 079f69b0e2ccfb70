"""Stays, votes, ponds, picture health, blurring."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xinji.methods.vision.blurring import blurred, heads, plate_bands
from xinji.methods.vision.health import PictureHealth
from xinji.methods.vision.ponding import ponding, rain_weight
from xinji.methods.vision.stays import Stays, overlap
from xinji.methods.vision.voting import Votes

CAR = np.array([[100, 100, 200, 150]])
STREET = np.clip(
    np.random.default_rng(2).normal(110, 25, (90, 160, 1)).repeat(4, 0).repeat(4, 1)
    + np.random.default_rng(3).normal(0, 9, (360, 640, 3)), 0, 255)  # fmt: skip


def live(n, image=STREET, light=1.0):
    noise = np.random.default_rng(n).normal(0, 2, image.shape)
    return np.clip(image * light + noise, 0, 255).astype(np.uint8)


def test_overlap_by_hand():
    assert overlap(CAR, [[150, 100, 250, 150]])[0, 0] == pytest.approx(1 / 3)
    assert overlap(CAR, [[300, 0, 310, 9]])[0, 0] == 0
    assert overlap(np.zeros((0, 4)), CAR).shape == (0, 1)


def test_a_parked_car_stays_and_passing_ones_do_not():
    stays = Stays()
    for n in range(10):
        passing = [[(n * 70) % 400, 100, (n * 70) % 400 + 100, 150]]
        stays.look(60.0 * n, np.concatenate([CAR + n % 2, passing]), [0.9, 0.8])
    longest = max(stays.stays, key=lambda s: s.looks)
    assert (longest.looks, longest.last - longest.first) == (10, 540)
    assert all(s.looks <= 3 for s in stays.stays if s is not longest)


def test_another_car_in_the_same_place_is_another_stay():
    stays = Stays()
    white, red = np.array([[0.33, 0.33, 0.34]]), np.array([[0.2, 0.2, 0.6]])
    stays.look(0, CAR, [0.9], white)
    (second,) = stays.look(60, CAR, [0.9], red)
    assert second.first == 60


def test_one_missed_look_is_forgiven_and_a_look_behind_a_van_is_no_miss():
    stays, none = Stays(), np.zeros((0, 4))
    stays.look(0, CAR, [0.9])
    stays.look(60, none, [])
    (stay,) = stays.look(120, CAR, [0.9])
    assert stay.first == 0
    for n in range(5):
        stays.look(180 + n, none, [], hidden=np.array([[90, 80, 210, 160]]))
    assert [s.first for s in stays.stays] == [0]
    stays.look(200, none, [])
    stays.look(260, none, [])
    assert stays.stays == []


def test_votes_need_three_looks_and_the_dwell():
    votes = Votes(dwell=120)
    assert [votes.look(60.0 * n, s) for n, s in enumerate([0.9, 0.1, 0.9, 0.8])] == [
        None, None, None, "raised"]  # fmt: skip
    assert votes.raised and not votes.suspicious
    assert [votes.look(300 + 60.0 * n, s) for n, s in enumerate([0.4, 0.1, 0.1, 0.6, 0.1, 0.1])][
        -1] == "cleared"  # fmt: skip


def test_a_dwell_longer_than_the_looks_that_vote():
    votes = Votes(dwell=600)
    said = [votes.look(60.0 * n, 0.1 if n in (4, 9) else 0.9) for n in range(20)]
    assert said.index("raised") == 10
    broken = Votes(dwell=600)
    assert "raised" not in [broken.look(60.0 * n, 0.1 if 4 <= n < 8 else 0.9) for n in range(13)]


def test_looks_of_long_ago_do_not_vote():
    votes = Votes(longest=100)
    assert [votes.look(60.0 * n * n, 0.9) for n in range(8)].count("raised") == 0


@given(st.lists(st.floats(0, 1), max_size=60), st.integers(1, 5), st.integers(1, 5))
def test_votes_alternate(scores, raise_at, clear_at):
    votes = Votes(raise_at=raise_at, clear_at=clear_at)
    said = [s for n, score in enumerate(scores) if (s := votes.look(float(n), score))]
    assert said == ["raised", "cleared"] * (len(said) // 2) + ["raised"] * (len(said) % 2)
    assert 0 <= votes.confidence <= 1


@pytest.mark.parametrize("wrong", [{"raise_at": 6}, {"clear_at": 0}, {"low": 0.9}])
def test_votes_that_make_no_sense(wrong):
    with pytest.raises(ValueError):  # noqa: PT011
        Votes(**wrong)


def _looks(frames, every=60.0):
    health = PictureHealth()
    return [health.look(frame, n * every) for n, frame in enumerate(frames)]


def test_a_living_picture_is_usable_from_noon_to_night():
    found = _looks([live(n, light=1 - 0.012 * n) for n in range(60)])
    assert all(each.usable for each in found)


def test_a_frozen_picture_also_with_a_running_clock():
    frames = [live(n) for n in range(6)] + [live(6)] * 6
    frames = [frame.copy() for frame in frames]
    for n, frame in enumerate(frames):
        cv2.putText(frame, f"12:{n:02d}:31", (10, 20), 0, 0.6, (255, 255, 255), 1)
    found = _looks(frames)
    assert not any(each.frozen for each in found[:8]) and all(each.frozen for each in found[9:])


def test_the_same_picture_twice_within_a_second_is_not_frozen():
    assert not any(each.frozen for each in _looks([live(1)] * 10, every=0.1))


def test_dark_moved_and_blurred():
    usual = [live(n) for n in range(8)]
    dark = (STREET * 0).astype(np.uint8) + 2
    assert _looks([*usual, dark])[-1].dark
    shift = np.float32([[1, 0, 70], [0, 1, -40]])
    moved = [cv2.warpAffine(live(n), shift, (640, 360), borderMode=cv2.BORDER_REFLECT)
             for n in range(20, 25)]  # fmt: skip
    found = _looks(usual + moved)
    assert not found[8].moved and found[-1].moved and not found[-1].usable
    assert not _looks(usual + moved + [live(40)])[-1].moved
    assert _looks([*usual, cv2.GaussianBlur(usual[0], (0, 0), 5)])[-1].blurred


def test_ponds_need_rain_and_smoothness():
    dry = live(1)
    inside = np.zeros((360, 640), bool)
    inside[200:300, 100:400] = True
    wet = (STREET * 0.75).copy()
    water = wet.copy()
    grey = cv2.GaussianBlur(wet[150:200, 160:320][::-1].astype(np.float32), (0, 0), 4)
    water[210:260, 160:320] = 0.4 * grey + 95
    rainy = ponding(live(5, water), dry, inside, rain=8.0)
    assert rainy is not None and rainy.score > 0.45
    assert abs(rainy.box[0] - 160) < 25 and abs(rainy.box[3] - 260) < 25
    sunny = ponding(live(5, water), dry, inside, rain=0.0)
    assert sunny is None or sunny.score < 0.7 * rainy.score
    only_wet = ponding(live(6, wet), dry, inside, rain=8.0)
    assert only_wet is None or only_wet.score < 0.35
    assert ponding(live(5, water), dry, inside, hidden=inside, rain=8.0) is None


def test_rain_speaks_for_ponds():
    assert rain_weight(None) == 0.5 and rain_weight(0) < 0.1 < 0.9 < rain_weight(5)


def test_blurring_leaves_nothing_to_read_and_the_rest_untouched():
    image = live(1)
    cv2.putText(image, "A12345", (205, 240), 0, 1.0, (255, 255, 255), 2)
    box = np.array([[200, 210, 330, 250]])
    result = blurred(image, box, margin=0)
    part = result[212:248, 202:328].astype(float)
    assert np.abs(np.diff(part, axis=1)).max() < 25
    untouched = np.ones((360, 640), bool)
    untouched[210:250, 200:330] = False
    assert (result[untouched] == image[untouched]).all()
    assert blurred(image, np.array([[-50, -50, 5, 5], [638, 350, 900, 900], [5, 5, 5, 5]])).shape
    with pytest.raises(ValueError, match="finite"):
        blurred(image, np.array([[np.nan, 0, 1, 1]]))


def test_heads_and_plate_bands():
    assert heads([[0, 0, 10, 40]]).tolist() == [[0, 0, 10, 10]]
    assert plate_bands([[0, 0, 10, 40]]).tolist() == [[0, 18, 10, 40]]
    assert heads([]).shape == (0, 4)
