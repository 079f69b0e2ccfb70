"""Left objects on pictures made here: a bag is found; light, ghosts and passers-by are not."""

import numpy as np
import pytest

from xinji.methods.vision.left_objects import LeftObjects, Settings

H, W = 80, 240
RNG = np.random.default_rng(5)
STREET = np.clip(
    140 + np.kron(RNG.normal(0, 14, (H // 4, W // 4)), np.ones((4, 4)))[:, :, None]
    + RNG.normal(0, 6, (H, W, 3)), 0, 255)  # fmt: skip
BAG = (120, 40, 145, 62)


def picture(n, light=1.0, bag=False, walker=None, shade=None):
    image = STREET.copy()
    if bag:
        left, top, right, bottom = BAG
        image[top:bottom, left:right] = (40, 42, 45)
        image[top + 6 : top + 9, left + 4 : right - 4] = 120
    if walker is not None:
        image[10:70, walker : walker + 14] = (30, 40, 160)
    if shade is not None:
        image[:, :shade] *= 0.55
    noise = np.random.default_rng(n).normal(0, 2, image.shape)
    return np.clip(image * light + noise, 0, 255).astype(np.uint8)


def run(frames, hidden=None, every=60.0, **settings):
    detector = LeftObjects(np.ones((H, W), bool), Settings(persist=300, **settings))
    found = []
    for n, image in enumerate(frames):
        covered = None if hidden is None else hidden(n)
        found.append(detector.look(image, n * every, covered))
    return found


def test_a_bag_is_found_after_it_has_stood_long_enough_and_is_gone_when_cleared():
    found = run([picture(n, bag=10 <= n < 30) for n in range(45)])
    assert not any(found[:14])
    assert all(found[16:30])
    best = found[20][0]
    assert abs(best.box[0] - BAG[0]) < 5 and abs(best.box[3] - BAG[3]) < 5
    assert best.score > 0.6 and best.texture < 0.5 < best.edge
    assert not any(found[34:])


def test_looks_that_are_not_equally_far_apart():
    detector = LeftObjects(np.ones((H, W), bool), Settings(persist=300))
    times = np.cumsum(np.random.default_rng(3).choice([5, 30, 120, 300], 60))
    found = [detector.look(picture(n, bag=n >= 20), float(t), None) for n, t in enumerate(times)]
    since = times - times[20]
    assert not any(each for each, s in zip(found, since, strict=True) if s < 290)
    assert all(each for each, s in zip(found, since, strict=True) if s > 900)


def test_what_was_taken_away_is_no_object():
    found = run([picture(n, bag=n < 12) for n in range(40)])
    assert not any(found)


def test_dusk_a_lamp_and_a_moving_shade_are_no_objects():
    dusk = [picture(n, light=1 - 0.012 * n) for n in range(60)]
    lamp = [picture(n, light=0.5 if n < 20 else 1.0) for n in range(40)]
    shade = [picture(n, shade=20 + 3 * n) for n in range(60)]
    jump = [picture(n, shade=None if n < 20 else 110) for n in range(60)]
    for frames in (dusk, lamp, shade, jump):
        assert not any(run(frames))


def test_people_who_pass_are_no_objects_whether_hidden_or_not():
    frames = [picture(n, walker=(n * 37) % 220) for n in range(60)]
    assert not any(run(frames))

    def hidden(n):
        flags = np.zeros((H, W), bool)
        flags[5:75, (n * 37) % 220 - 4 if n * 37 % 220 > 4 else 0 : (n * 37) % 220 + 18] = True
        return flags

    assert not any(run(frames, hidden))


def test_an_object_behind_somebody_is_not_forgotten():
    def hidden(n):
        return np.full((H, W), n % 2 == 1)

    found = run([picture(n, bag=n >= 10) for n in range(40)], hidden)
    assert all(found[25:])


def test_long_thin_and_small_things_pass_as_nothing():
    frames = [picture(n) for n in range(40)]
    for image in frames[10:]:
        image[40:43, 20:220] = 30
        image[20:23, 100:104] = 30
    assert not any(run(frames))


def test_a_picture_of_another_size_is_refused_and_an_old_time_is_passed_over():
    detector = LeftObjects(np.ones((H, W), bool))
    detector.look(picture(0), 100.0)
    assert detector.look(picture(1), 50.0) == []
    with pytest.raises(ValueError, match="zone is"):
        detector.look(picture(2)[:40], 160.0)


def test_the_same_looks_give_the_same_answer():
    frames = [picture(n, bag=n >= 10) for n in range(30)]
    assert run(frames) == run(frames)
