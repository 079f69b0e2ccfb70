"""Moving things counted on made pictures."""

import numpy as np

from xinji.methods.vision.moving import Moving


def test_two_cars_pass_and_a_parked_one_is_not_counted():
    generator = np.random.default_rng(1)
    moving = Moving()
    for n in range(80):
        image = generator.normal(110, 3, (216, 384, 3))
        image[20:60, 300:370] = 30
        for start, row in ((10, 40), (30, 130)):
            x = (n - start) * 12 - 60
            if -60 < x < 384:
                image[row : row + 40, max(0, x) : max(0, x + 60)] = 220
        moving.look(np.clip(image, 0, 255).astype(np.uint8), n / 12.5)
    tracks = moving.counted(100)
    assert len(tracks) == 2
    assert all(track.travel[0] > 100 and abs(track.travel[1]) < 10 for track in tracks)


def test_an_empty_street_has_no_tracks():
    moving = Moving()
    for n in range(40):
        light = np.full((216, 384, 3), 100 + n % 3, np.uint8)
        assert moving.look(light, n / 12.5) == []
    assert moving.tracks == []
