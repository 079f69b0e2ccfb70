"""How the simulated Changning is built: forms of buildings, and the mix of each sub-district.

Our own illustrative law from rounded facts: towers in Hongqiao, Tianshan and Jiangsu Road, old lane
houses in Xinhua and Huayang, low houses and works in the west, under the flight paths.
"""

from __future__ import annotations

from dataclasses import dataclass

# under the flight paths nothing is higher: degrees of longitude, and metres
LOW_WEST_OF, LOW_M = 121.355, 24.0
HIGHEST_M = 190.0


@dataclass(frozen=True)
class Form:
    """A form of building.

    Attributes:
        floors: lowest, most frequent, highest.
        cover: share of its plot, lowest and highest; aspect: length over depth.
        shapes: weights of rectangle, L, court.
    """

    use: str
    floors: tuple[int, int, int]
    storey_m: float
    cover: tuple[float, float]
    aspect: tuple[float, float]
    shapes: tuple[float, float, float]


FORMS: dict[str, Form] = {
    "lane": Form("residential", (2, 3, 4), 3.2, (0.20, 0.30), (2.0, 3.6), (0.8, 0.15, 0.05)),
    "villa": Form("residential", (2, 2, 3), 3.2, (0.06, 0.12), (1.0, 1.6), (0.8, 0.2, 0.0)),
    "walk-up": Form("residential", (5, 6, 7), 2.8, (0.18, 0.26), (2.6, 4.4), (0.95, 0.05, 0.0)),
    "slab": Form("residential", (9, 14, 18), 2.9, (0.16, 0.24), (1.8, 3.0), (0.9, 0.1, 0.0)),
    "tower": Form("residential", (20, 28, 34), 2.9, (0.13, 0.22), (1.0, 1.7), (0.8, 0.2, 0.0)),
    "office": Form("office", (12, 22, 44), 4.0, (0.22, 0.36), (1.0, 1.6), (0.6, 0.3, 0.1)),
    "shops": Form("retail", (2, 4, 7), 5.0, (0.30, 0.50), (1.0, 1.8), (0.5, 0.3, 0.2)),
    "school": Form("school", (3, 4, 5), 3.6, (0.18, 0.28), (1.4, 2.4), (0.2, 0.5, 0.3)),
    "works": Form("industrial", (1, 3, 6), 4.2, (0.22, 0.38), (1.2, 2.6), (0.7, 0.2, 0.1)),
}
# factors on the weights where a plot faces a road
BY_THE_ROAD = {"office": 2.0, "shops": 2.5, "villa": 0.3, "school": 0.5}


@dataclass(frozen=True)
class Character:
    """How a sub-district is built: plot size relative to the others, and weights of the forms."""

    plot: float
    forms: dict[str, float]


USUAL = Character(
    1.0, {"walk-up": 6, "slab": 1.5, "tower": 0.7, "office": 0.6, "shops": 1, "school": 1}
)
CHARACTERS = {
    "310105001": Character(
        0.78, {"lane": 6, "walk-up": 2.5, "tower": 0.7, "office": 0.4, "shops": 1, "school": 0.5}
    ),
    "310105002": Character(
        0.92, {"lane": 2, "walk-up": 3, "slab": 1.2, "tower": 2.2, "office": 1.2, "shops": 1}
    ),
    "310105004": Character(
        0.78, {"lane": 6, "villa": 2, "walk-up": 2, "slab": 0.5, "tower": 0.3, "school": 0.6}
    ),
    "310105005": Character(0.9, {"walk-up": 6, "slab": 1.5, "tower": 1, "office": 0.5, "works": 1}),
    "310105006": Character(
        0.92, {"walk-up": 4, "slab": 1.5, "tower": 2, "office": 1.2, "shops": 1.2, "school": 0.5}
    ),
    "310105008": Character(
        0.88, {"walk-up": 7, "slab": 1.2, "tower": 0.6, "shops": 0.7, "school": 1}
    ),
    "310105009": Character(
        1.0, {"walk-up": 3.5, "slab": 1.5, "tower": 2.5, "office": 1.4, "shops": 1, "school": 0.5}
    ),
    "310105010": Character(1.2, {"villa": 4, "walk-up": 3, "works": 2, "slab": 0.5, "school": 0.5}),
    "310105011": Character(0.9, {"walk-up": 6, "slab": 1, "tower": 0.4, "works": 1, "school": 0.6}),
    "310105102": Character(
        1.1, {"walk-up": 6, "slab": 0.8, "works": 2.5, "villa": 1, "tower": 0.2, "office": 0.3}
    ),
}
