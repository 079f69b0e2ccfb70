"""Where a point is: in which area, in which H3 cell, and whether its datum is plausible."""

from __future__ import annotations

from collections.abc import Iterable

import h3
import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray
from shapely.geometry import shape

from xinji.methods.geodesy import gcj02_to_wgs84, metres_between
from xinji.model.things import Area, AreaLevel

H3_RESOLUTION = 9

_DEPTH = {level: depth for depth, level in enumerate(AreaLevel)}


class Places:
    """Areas as polygons, indexed (Shapely STRtree). Immutable; make a new one when areas change."""

    def __init__(self, areas: Iterable[Area]) -> None:
        drawn = [area for area in areas if area.geometry is not None]
        # Deepest last: the last match of a point is its smallest area.
        drawn.sort(key=lambda area: _DEPTH[area.level])
        self.codes = [area.code for area in drawn]
        self._shapes = [shape(area.geometry) for area in drawn]
        for area, polygon in zip(drawn, self._shapes, strict=True):
            if not polygon.is_valid:
                reason = shapely.is_valid_reason(polygon)
                raise ValueError(f"area {area.code}: geometry: {reason}")
        self._tree = shapely.STRtree(self._shapes)
        self._outline = shapely.union_all(self._shapes) if self._shapes else None

    def areas_of(self, longitude: ArrayLike, latitude: ArrayLike) -> list[str]:
        """Code of the smallest area of each point, `""` outside all."""
        points = shapely.points(np.atleast_1d(longitude), np.atleast_1d(latitude))
        found = [-1] * len(points)
        if self._shapes:
            for point, area in self._tree.query(points, predicate="intersects").T:
                found[point] = max(found[point], int(area))
        return [self.codes[i] if i >= 0 else "" for i in found]

    def in_polygon(
        self, polygon: shapely.Polygon, longitude: ArrayLike, latitude: ArrayLike
    ) -> NDArray[np.bool_]:
        """Which points lie in any polygon."""
        shapely.prepare(polygon)
        return np.asarray(shapely.intersects_xy(polygon, longitude, latitude))

    def datum_doubt(self, longitude: float, latitude: float) -> str | None:
        """A sentence when a point is outside the district but would be inside as GCJ-02."""
        if self._outline is None or shapely.intersects_xy(self._outline, longitude, latitude):
            return None
        west, south = gcj02_to_wgs84(longitude, latitude)
        if shapely.intersects_xy(self._outline, float(west), float(south)):
            shift = float(metres_between(longitude, latitude, west, south))
            return f"outside the district by about the GCJ-02 offset ({shift:.0f} m): wrong datum?"
        return "outside the district"


def cell_of(longitude: float, latitude: float) -> str:
    """H3 cell of a point at the house's resolution (about 0.1 km²)."""
    return str(h3.latlng_to_cell(latitude, longitude, H3_RESOLUTION))
