"""Drawn objects of a street: people, cycles, cars, vans, bags, boxes, goods.

Each function gives a picture (h, w, 4) uint8: blue, green, red, opacity; the object stands on the
lower edge. They are drawn large and shrunk, so that edges are smooth. All are deterministic in
their generator. Drawn by us; no picture of anyone's is in them.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Sprite = npt.NDArray[np.uint8]
Colour = tuple[int, int, int]

SKIN: tuple[Colour, ...] = ((150, 180, 225), (130, 165, 210), (165, 195, 235))
HAIR: tuple[Colour, ...] = ((25, 25, 30), (35, 40, 50), (60, 65, 75))
PAINT: tuple[Colour, ...] = (
    (225, 228, 230), (40, 40, 44), (150, 152, 155), (40, 40, 150), (130, 80, 40), (90, 95, 100),
)  # fmt: skip
CLOTHES: tuple[Colour, ...] = (
    (60, 50, 45), (120, 60, 40), (50, 50, 160), (200, 200, 205), (90, 110, 60), (150, 130, 120),
)  # fmt: skip


def _canvas(height: int, width: int) -> Sprite:
    return np.zeros((height, width, 4), np.uint8)


def _pick(generator: np.random.Generator, colours: tuple[Colour, ...]) -> Colour:
    return colours[int(generator.integers(len(colours)))]


def _shade(colour: Colour, factor: float) -> tuple[int, int, int, int]:
    b, g, r = (int(np.clip(c * factor, 0, 255)) for c in colour)
    return b, g, r, 255


def _polygon(
    image: Sprite, points: list[tuple[float, float]], colour: Colour, f: float = 1
) -> None:
    cv2.fillPoly(image, [np.round(points).astype(np.int32)], _shade(colour, f), cv2.LINE_AA)


def _line(
    image: Sprite, a: tuple[float, float], b: tuple[float, float], colour: Colour,
    width: int, f: float = 1,
) -> None:  # fmt: skip
    start, end = (round(a[0]), round(a[1])), (round(b[0]), round(b[1]))
    cv2.line(image, start, end, _shade(colour, f), width, cv2.LINE_AA)


def _grain(image: Sprite, generator: np.random.Generator, strength: float) -> Sprite:
    """Light from above, and the unevenness of real surfaces."""
    height, width = image.shape[:2]
    rough = cv2.resize(
        generator.normal(0, 1, (max(2, height // 12), max(2, width // 12))).astype(np.float32),
        (width, height),
    )
    fall = np.linspace(1.1, 0.82, height, dtype=np.float32)[:, None]
    light = (fall + strength * rough)[:, :, None]
    image[:, :, :3] = np.clip(image[:, :, :3] * light, 0, 255).astype(np.uint8)
    return image


def person(generator: np.random.Generator, stride: float = 0.0) -> Sprite:
    """Somebody who stands or walks; `stride` in -1..1 is where the legs are."""
    image = _canvas(440, 200)
    skin, hair = _pick(generator, SKIN), _pick(generator, HAIR)
    top, trousers = _pick(generator, CLOTHES), _pick(generator, CLOTHES[:3])
    shoes: Colour = (35, 35, 40)
    x = 100.0
    for side, f in ((-1, 0.75), (1, 0.95)):
        foot = x + 38 * stride * side + 10 * side
        knee = (x + 24 * stride * side + 10 * side, 325.0)
        _line(image, (x + 10 * side, 225), knee, trousers, 34, f)
        _line(image, knee, (foot, 412), trousers, 26, f)
        _line(image, (foot - 4, 424), (foot + 14, 424), shoes, 18)
    swing = 30 * stride
    _line(image, (x - 32, 112), (x - 42 - swing / 2, 175), top, 24, 0.7)
    _line(image, (x - 42 - swing / 2, 175), (x - 38 - swing, 232), skin, 16, 0.85)
    _polygon(image, [(x - 38, 100), (x - 22, 86), (x + 22, 86), (x + 38, 100), (x + 34, 170),
                     (x + 33, 242), (x - 33, 242), (x - 34, 170)], top)  # fmt: skip
    _polygon(image, [(x + 8, 90), (x + 38, 100), (x + 33, 242), (x + 16, 242)], top, 0.82)
    _line(image, (x + 34, 112), (x + 42 + swing / 2, 175), top, 24, 0.88)
    _line(image, (x + 42 + swing / 2, 175), (x + 38 + swing, 232), skin, 16)
    _line(image, (x, 70), (x, 92), skin, 22, 0.85)
    cv2.ellipse(image, (100, 48), (23, 31), 0, 0, 360, _shade(skin, 1), -1, cv2.LINE_AA)
    cv2.ellipse(image, (100, 36), (26, 26), 0, 170, 370, _shade(hair, 1), -1, cv2.LINE_AA)
    if generator.random() < 0.5:
        _polygon(image, [(74, 36), (84, 28), (82, 82), (72, 80)], hair)
        _polygon(image, [(126, 36), (116, 28), (118, 82), (128, 80)], hair)
    for eye in (91, 109):
        cv2.circle(image, (eye, 50), 3, (30, 30, 40, 255), -1, cv2.LINE_AA)
    if generator.random() < 0.4:
        bag = _pick(generator, CLOTHES)
        _polygon(image, [(140, 190), (172, 190), (176, 250), (136, 250)], bag, 0.8)
    return _grain(image, generator, 0.05)


def _wheel(image: Sprite, centre: tuple[int, int], radius: int, tyre: int, spokes: int) -> None:
    cv2.circle(image, centre, radius, (28, 28, 30, 255), tyre, cv2.LINE_AA)
    cv2.circle(image, centre, radius - tyre, (150, 150, 155, 255), 2, cv2.LINE_AA)
    for angle in np.linspace(0, np.pi, spokes, endpoint=False):
        dx, dy = np.cos(angle) * (radius - tyre), np.sin(angle) * (radius - tyre)
        _line(image, (centre[0] - dx, centre[1] - dy), (centre[0] + dx, centre[1] + dy),
              (140, 140, 145), 1)  # fmt: skip
    cv2.circle(image, centre, 6, (70, 70, 75, 255), -1, cv2.LINE_AA)


def bicycle(generator: np.random.Generator) -> Sprite:
    """A shared bicycle from the side."""
    image = _canvas(250, 400)
    paint: Colour = ((20, 190, 245), (200, 140, 30), (60, 60, 65), (70, 170, 60))[
        int(generator.integers(4))
    ]
    back, front, y = (85, 165), (312, 165), 165
    _wheel(image, back, 74, 12, 9)
    _wheel(image, front, 74, 12, 9)
    seat, crank, head = (142.0, 80.0), (180.0, 168.0), (282.0, 68.0)
    for a, b in ((seat, crank), (crank, head), ((158, 92), (278, 78)), (back, crank),
                 (back, (150, 92)), (head, front)):  # fmt: skip
        _line(image, a, b, paint, 12)
        _line(image, (a[0], a[1] - 3), (b[0], b[1] - 3), paint, 3, 1.3)
    _line(image, (142, 80), (134, 52), (60, 60, 60), 8)
    cv2.ellipse(image, (130, 48), (34, 9), 0, 0, 360, (25, 25, 28, 255), -1, cv2.LINE_AA)
    _line(image, (282, 68), (274, 34), (60, 60, 60), 9)
    _line(image, (274, 34), (246, 30), (40, 40, 44), 10)
    _line(image, (274, 34), (296, 40), (40, 40, 44), 9)
    cv2.circle(image, (180, y + 3), 17, (80, 80, 85, 255), 6, cv2.LINE_AA)
    _line(image, (180, 168), (200, 196), (50, 50, 55), 7)
    _line(image, (190, 198), (212, 198), (30, 30, 33), 9)
    cv2.ellipse(image, back, (84, 84), 0, 190, 310, (*paint, 255), 7, cv2.LINE_AA)
    cv2.ellipse(image, front, (84, 84), 0, 215, 330, (*paint, 255), 7, cv2.LINE_AA)
    if generator.random() < 0.6:
        _polygon(image, [(300, 36), (368, 36), (356, 88), (312, 88)], (50, 50, 55))
        for x in range(306, 366, 9):
            _line(image, (x, 38), (x - 3, 86), (120, 120, 125), 2)
    return _grain(image, generator, 0.04)


def scooter(generator: np.random.Generator) -> Sprite:
    """An electric scooter (电动自行车) from the side."""
    image = _canvas(270, 400)
    paint = _pick(generator, PAINT)
    for x in (82, 318):
        cv2.circle(image, (x, 208), 44, (26, 26, 28, 255), 18, cv2.LINE_AA)
        cv2.circle(image, (x, 208), 30, (150, 150, 155, 255), -1, cv2.LINE_AA)
        cv2.circle(image, (x, 208), 12, (60, 60, 65, 255), -1, cv2.LINE_AA)
    _polygon(image, [(52, 130), (95, 98), (190, 104), (206, 190), (270, 196), (300, 108), (282, 62),
                     (300, 56), (328, 150), (318, 210), (150, 222), (130, 180), (60, 168)],
             paint)  # fmt: skip
    _polygon(image, [(70, 150), (130, 150), (150, 214), (140, 218), (120, 178), (66, 165)],
             paint, 0.72)  # fmt: skip
    cv2.ellipse(image, (136, 96), (74, 17), 0, 0, 360, (24, 24, 27, 255), -1, cv2.LINE_AA)
    _polygon(image, [(206, 188), (272, 196), (268, 212), (200, 212)], (40, 40, 45))
    _line(image, (290, 66), (276, 26), (45, 45, 50), 12)
    _line(image, (276, 26), (244, 24), (24, 24, 27), 13)
    _line(image, (280, 30), (300, 8), (50, 50, 55), 5)
    cv2.ellipse(image, (306, 6 + 8), (13, 9), 0, 0, 360, (35, 35, 40, 255), -1, cv2.LINE_AA)
    cv2.ellipse(image, (308, 72), (14, 17), 0, 0, 360, (225, 235, 240, 255), -1, cv2.LINE_AA)
    cv2.ellipse(image, (318, 190), (60, 52), 0, 205, 320, _shade(paint, 0.9), 10, cv2.LINE_AA)
    cv2.rectangle(image, (30, 118), (52, 138), (40, 40, 200, 255), -1, cv2.LINE_AA)
    if generator.random() < 0.5:
        _polygon(image, [(22, 52), (92, 52), (88, 112), (28, 112)], (45, 45, 50))
    return _grain(image, generator, 0.05)


def car(generator: np.random.Generator) -> Sprite:
    """A saloon from the side, facing right."""
    image = _canvas(240, 640)
    paint = _pick(generator, PAINT)
    glass: Colour = (75, 62, 50)
    _polygon(image, [(18, 150), (26, 112), (110, 98), (196, 42), (250, 28), (375, 30), (420, 44),
                     (492, 98), (590, 116), (618, 140), (622, 186), (20, 190)], paint)  # fmt: skip
    _polygon(image, [(20, 152), (620, 152), (622, 186), (20, 190)], paint, 0.72)
    _polygon(image, [(136, 98), (206, 52), (252, 40), (300, 40), (300, 98)], glass)
    _polygon(image, [(312, 40), (372, 42), (408, 54), (462, 98), (312, 98)], glass)
    _polygon(image, [(160, 96), (222, 52), (240, 48), (190, 96)], glass, 1.7)
    _polygon(image, [(330, 96), (352, 44), (368, 44), (356, 96)], glass, 1.5)
    for x in (306, 206, 424):
        _line(image, (x, 104), (x - (4 if x < 400 else -4), 182), paint, 3, 0.55)
    _line(image, (24, 128), (610, 128), paint, 3, 1.25)
    for x in (262, 372):
        cv2.rectangle(image, (x, 112), (x + 26, 118), _shade(paint, 0.5), -1)
    _polygon(image, [(570, 118), (614, 134), (616, 146), (582, 140)], (225, 240, 245))
    _polygon(image, [(20, 118), (48, 114), (46, 142), (18, 146)], (40, 40, 190))
    cv2.ellipse(image, (446, 94), (16, 11), 0, 0, 360, _shade(paint, 0.8), -1, cv2.LINE_AA)
    _polygon(image, [(60, 184), (586, 182), (580, 200), (66, 202)], (22, 22, 24))
    for x in (132, 500):
        cv2.circle(image, (x, 184), 54, (16, 16, 18, 255), -1, cv2.LINE_AA)
        cv2.circle(image, (x, 186), 46, (34, 34, 36, 255), -1, cv2.LINE_AA)
        cv2.circle(image, (x, 186), 30, (175, 175, 180, 255), -1, cv2.LINE_AA)
        for angle in np.arange(5) * 2 * np.pi / 5:
            end = (x + 27 * np.cos(angle), 186 + 27 * np.sin(angle))
            _line(image, (x, 186), end, (90, 90, 95), 6)
    return _grain(image, generator, 0.03)


def van(generator: np.random.Generator) -> Sprite:
    """A delivery van from the side, facing right."""
    image = _canvas(310, 640)
    paint = (PAINT[0], PAINT[2], (60, 150, 200))[int(generator.integers(3))]
    glass: Colour = (70, 58, 48)
    _polygon(image, [(14, 252), (16, 40), (34, 22), (420, 20), (474, 34), (548, 128), (608, 150),
                     (626, 178), (624, 256)], paint)  # fmt: skip
    _polygon(image, [(14, 200), (626, 200), (624, 256), (14, 252)], paint, 0.75)
    _polygon(image, [(448, 50), (474, 56), (530, 128), (448, 130)], glass)
    _polygon(image, [(388, 48), (436, 48), (436, 130), (388, 130)], glass)
    _line(image, (376, 30), (376, 246), paint, 3, 0.55)
    _line(image, (444, 40), (444, 246), paint, 3, 0.55)
    _line(image, (200, 30), (200, 246), paint, 2, 0.65)
    _line(image, (30, 176), (600, 176), paint, 4, 0.85)
    badge = _pick(generator, CLOTHES[1:4])
    cv2.rectangle(image, (60, 70), (180, 130), (*badge, 255), -1, cv2.LINE_AA)
    _polygon(image, [(588, 156), (622, 172), (622, 190), (596, 184)], (225, 240, 245))
    cv2.rectangle(image, (14, 150), (28, 190), (40, 40, 190, 255), -1)
    _polygon(image, [(40, 246), (606, 246), (600, 264), (46, 264)], (22, 22, 24))
    for x in (126, 510):
        cv2.circle(image, (x, 252), 54, (16, 16, 18, 255), -1, cv2.LINE_AA)
        cv2.circle(image, (x, 254), 46, (34, 34, 36, 255), -1, cv2.LINE_AA)
        cv2.circle(image, (x, 254), 26, (165, 165, 170, 255), -1, cv2.LINE_AA)
    return _grain(image, generator, 0.03)


def bag(generator: np.random.Generator) -> Sprite:
    """A full rubbish bag with a knot."""
    image = _canvas(150, 130)
    colour: Colour = ((38, 36, 34), (60, 60, 58), (120, 70, 40), (205, 205, 200))[
        int(generator.integers(4))
    ]
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    radius = 52 + generator.normal(0, 4, 24)
    points = [(65 + r * np.cos(a), 92 + r * 0.98 * np.sin(a)) for r, a in
              zip(radius, angles, strict=True)]  # fmt: skip
    _polygon(image, points, colour)
    _polygon(image, [(52, 46), (78, 46), (92, 14), (66, 26), (44, 12)], colour, 1.2)
    for _ in range(9):
        x, y = generator.uniform(30, 100), generator.uniform(60, 130)
        dx, dy = generator.uniform(-18, 18, 2)
        _line(image, (x, y), (x + dx, y + dy), colour, 3, float(generator.choice([0.6, 1.9])))
    return _grain(image, generator, 0.1)


def box(generator: np.random.Generator) -> Sprite:
    """A cardboard box with an open flap."""
    image = _canvas(130, 170)
    colour: Colour = (90, 140, 180)
    _polygon(image, [(20, 50), (110, 50), (110, 126), (20, 126)], colour)
    _polygon(image, [(110, 50), (150, 34), (150, 108), (110, 126)], colour, 0.7)
    _polygon(image, [(20, 50), (58, 32), (150, 34), (110, 50)], colour, 0.5)
    _polygon(image, [(20, 50), (6, 24), (48, 14), (58, 32)], colour, 1.2)
    _line(image, (65, 52), (65, 124), (140, 190, 215), 9)
    cv2.rectangle(image, (78, 88), (104, 112), (210, 215, 220, 255), -1)
    return _grain(image, generator, 0.06)


def goods(generator: np.random.Generator) -> Sprite:
    """A stand of goods: crates in rows."""
    image = _canvas(220, 360)
    colours: tuple[Colour, ...] = ((40, 60, 200), (40, 170, 220), (60, 160, 70), (190, 190, 195),
                                   (180, 90, 60))  # fmt: skip
    _polygon(image, [(14, 70), (346, 70), (350, 216), (10, 216)], (70, 85, 100))
    for row in range(3):
        for column in range(4):
            x, y = 22 + column * 82, 30 + row * 62
            colour = _pick(generator, colours)
            cv2.rectangle(image, (x, y), (x + 72, y + 50), _shade((60, 90, 120), 1), -1)
            for _ in range(14):
                at = (int(x + 8 + generator.uniform(0, 56)), int(y + 6 + generator.uniform(0, 26)))
                f = generator.uniform(0.7, 1.25)
                cv2.circle(image, at, 11, _shade(colour, f), -1, cv2.LINE_AA)
            cv2.rectangle(image, (x, y + 32), (x + 72, y + 50), _shade((70, 110, 150), 1), -1)
    return _grain(image, generator, 0.06)


def rack(generator: np.random.Generator) -> Sprite:
    """An empty bicycle rack: a few low arches."""
    image = _canvas(90, 380)
    for x in range(30, 360, 62):
        cv2.ellipse(image, (x, 60), (20, 48), 0, 180, 360, (150, 150, 155, 255), 7, cv2.LINE_AA)
        _line(image, (x - 20, 60), (x - 20, 88), (150, 150, 155), 7)
        _line(image, (x + 20, 60), (x + 20, 88), (130, 130, 135), 7)
    return _grain(image, generator, 0.02)
