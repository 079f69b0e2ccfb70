"""What goes wrong in a scene, drawn as things in the zone of its problem."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xinji.district.scenes.layout import Layout, Zone
from xinji.district.scenes.passing import Placed


@dataclass(frozen=True, slots=True)
class Incident:
    """A problem that is there from `started` until `ended` (Unix microseconds; None: still)."""

    problem: str
    started: int
    ended: int | None = None
    seed: int = 0

    def present(self, time_us: int) -> bool:
        """Whether it is there at a time."""
        return self.started <= time_us and (self.ended is None or time_us < self.ended)


def zone_of(layout: Layout, problem: str) -> Zone | None:
    """The zone of a problem, if the camera watches for it."""
    return next((zone for zone in layout.zones if zone.problem == problem), None)


def things_of(layout: Layout, incident: Incident, time_us: int) -> list[Placed]:
    """What stands in the street because of an incident (a pond is no thing: see `pond`)."""
    zone = zone_of(layout, incident.problem)
    if zone is None:
        return []
    generator = np.random.default_rng((layout.seed, incident.seed, 61))
    left, top, right, bottom = zone.box
    x = float(generator.uniform(left + 50, right - 50))
    y = float(generator.uniform(top + 26, bottom - 12))
    found: list[Placed] = []
    if incident.problem == "litter":
        for number in range(int(generator.integers(2, 6))):
            kind = "bag" if generator.random() < 0.7 else "box"
            found.append(Placed(kind, int(generator.integers(12)), x + 13 * number,
                                y + float(generator.uniform(-5, 5)),
                                float(generator.uniform(0.45, 0.7))))  # fmt: skip
    elif incident.problem == "shop_front":
        x = float(generator.uniform(left + 36, right - 36))
        y = float(generator.uniform(top + 32, bottom - 4))
        found.append(Placed("goods", int(generator.integers(12)), x, y, 1.0))
        if generator.random() < 0.6:
            found.append(Placed("box", int(generator.integers(12)), x + 34, y + 4, 0.5))
    elif incident.problem == "bike_parking":
        count = int(generator.integers(4, 7))
        first = float(generator.uniform(left + 30, right - 46 * count)) if (
            right - left > 46 * count + 40) else left + 24.0  # fmt: skip
        for number in range(count):
            kind, metres = ("bicycle", 1.05) if generator.random() < 0.7 else ("scooter", 1.15)
            found.append(Placed(kind, int(generator.integers(12)), first + 46 * number,
                                bottom - 8 - float(generator.uniform(0, 12)), metres))  # fmt: skip
    elif incident.problem == "crowd":
        # People in a crowd shift from foot to foot; they do not leave.
        for number in range(int(generator.integers(12, 17))):
            sway = 3 * np.sin(time_us / 9e6 + number)
            found.append(Placed("person", int(generator.integers(24)),
                                float(generator.uniform(left + 20, right - 20) + sway),
                                float(generator.uniform(top + 30, bottom - 6)),
                                float(generator.uniform(1.55, 1.8)),
                                bool(generator.random() < 0.5)))  # fmt: skip
    elif incident.problem == "vehicle":
        kind, metres = ("car", 1.5) if generator.random() < 0.7 else ("van", 2.2)
        found.append(Placed(kind, int(generator.integers(12)),
                            float(generator.uniform(left + 90, right - 90)),
                            layout.kerb + 34, metres))  # fmt: skip
    return found


def pond(layout: Layout, incident: Incident) -> tuple[int, int, int, int] | None:
    """Left, top, right, bottom of the water of a ponding incident."""
    zone = zone_of(layout, "ponding")
    if zone is None or incident.problem != "ponding":
        return None
    generator = np.random.default_rng((layout.seed, incident.seed, 62))
    left, top, right, bottom = zone.box
    width, height = int(generator.integers(120, 190)), int(generator.integers(24, 44))
    x = int(generator.integers(left, max(left + 1, right - width)))
    y = int(generator.integers(top, max(top + 1, bottom - height)))
    return x, y, x + width, y + height
