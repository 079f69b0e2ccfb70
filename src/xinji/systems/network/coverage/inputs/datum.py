"""Which datum coordinates are in, by what they should lie inside of or upon."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry.base import BaseGeometry

from xinji.methods.geodesy import DATUMS, METRES_PER_DEGREE, Float64, to_wgs84
from xinji.systems.network.coverage.inputs.report import DatumGuess

SAMPLED = 5_000
# neighbouring points tell the same, so a file never counts for more than so many
_MOST_EVIDENCE = 300
CONFIDENT = 0.95
DATUM_NAMES = {"wgs84": "WGS-84", "gcj02": "GCJ-02", "bd09": "BD-09"}
# share of a right file's points that lies outside at the least
_STRAY = 0.005


def guess_datum(
    longitude: Float64,
    latitude: Float64,
    outline: BaseGeometry,
    reference: npt.NDArray[np.object_] | None = None,
    within_m: float = 0.0,
    *,
    avoided: bool = False,
) -> DatumGuess | None:
    """The likeliest datum of n points, arrays of shape (n,) in degrees; None without points.

    Each datum is tried: points are converted to WGS-84 and counted inside the outline and, with a
    reference, on it. The evidence is the likelihood of both counts (a binomial each, capped at
    300 points), shared out over the datums.

    Args:
        longitude, latitude: as the file has them.
        outline: the district, WGS-84.
        reference: geometries that the points should lie on: footprints, or road lines.
        within_m: how near a reference counts.
        avoided: the points should keep off the reference: buildings off road lines.
    """
    known = np.isfinite(longitude) & np.isfinite(latitude)
    lon, lat = longitude[known], latitude[known]
    if len(lon) == 0:
        return None
    if len(lon) > SAMPLED:
        rows = np.linspace(0, len(lon) - 1, SAMPLED).astype(np.int64)
        lon, lat = lon[rows], lat[rows]
    tree = shapely.STRtree(reference) if reference is not None and len(reference) else None
    shapely.prepare(outline)
    inside, matched = {}, {}
    for datum in DATUMS:
        x, y = to_wgs84(datum, lon, lat)
        within = shapely.contains_xy(outline, x, y)
        inside[datum] = float(within.mean())
        if tree is not None:
            points = shapely.points(x, y)
            reach = max(within_m, 0.01) / (METRES_PER_DEGREE * math.cos(math.radians(31)))
            hit = np.unique(tree.query(points, predicate="dwithin", distance=reach)[0])
            share = len(hit) / len(lon)
            matched[datum] = 1 - share if avoided else share
    weight = min(len(lon), _MOST_EVIDENCE)
    # the more of the file lies outside under every datum, the less the outline tells
    stray = min(max(1 - max(inside.values()), _STRAY), 0.5)
    scores = np.zeros(len(DATUMS))
    for at, datum in enumerate(DATUMS):
        scores[at] += weight * inside[datum] * math.log((1 - stray) / stray)
        if matched:
            scores[at] += weight * _match_score(matched, datum, weight)
    odds = np.exp(scores - scores.max())
    best = int(np.argmax(odds))
    return DatumGuess(
        datum=DATUMS[best],
        confidence=round(float(odds[best] / odds.sum()), 4),
        inside={name: round(share, 4) for name, share in inside.items()},
        matched={name: round(share, 4) for name, share in matched.items()},
    )


def likely_datum_of_outsiders(
    longitude: Float64, latitude: Float64, outline: BaseGeometry, taken: str = "wgs84"
) -> npt.NDArray[np.object_]:
    """For points outside the outline, what would bring each inside: a hint, or an empty text.

    Tried in turn: the datums that the points were not taken for, then longitude and latitude in
    each other's place.

    Args:
        longitude, latitude: as the file has them, shape (n,).
        outline: the district, WGS-84.
        taken: the datum that the points were taken for.
    """
    hint = np.full(len(longitude), "", dtype=object)
    tries = [
        (f"; looks like {DATUM_NAMES[datum]}", to_wgs84(datum, longitude, latitude))
        for datum in DATUMS
        if datum != taken
    ]
    tries.append(("; longitude and latitude look swapped", to_wgs84(taken, latitude, longitude)))
    for text, (x, y) in tries:
        hint[(hint == "") & shapely.contains_xy(outline, x, y)] = text
    return hint


def _match_score(matched: dict[str, float], datum: str, count: int) -> float:
    """Mean log-likelihood of a point's match, the best datum's rate against the others'."""
    best = max(matched.values())
    others = (sum(matched.values()) - best) / (len(matched) - 1)
    # Laplace's rule: rates seen in few points are drawn to one half
    high, low = ((rate * count + 1) / (count + 2) for rate in (best, others))
    share = matched[datum]
    return share * math.log(high / low) + (1 - share) * math.log((1 - high) / (1 - low))
