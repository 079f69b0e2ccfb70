"""The geography of a district: areas, map lines and places, from a small TOML file.

`changning_geography.toml` is our own drawing from rounded facts (0.001 degree, about 100 m); it is
an illustration, and everything that shows it says so.
"""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry
from shapely.ops import unary_union

from xinji.methods.geodesy import METRES_PER_DEGREE
from xinji.model.locality import Locality
from xinji.model.things import Area, AreaLevel
from xinji.model.title import Title

CHANGNING = Path(__file__).with_name("changning_geography.toml")

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Line:
    """A named line of the base map; `points` has shape (n, 2): longitude, latitude in degrees."""

    layer: str
    name: str
    title: Title
    points: Floats


@dataclass(frozen=True, kw_only=True)
class Station:
    """A metro station, at a rounded place, and the names of its lines."""

    title: Title
    longitude: float
    latitude: float
    lines: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class District:
    """A district's geography. Coordinates are WGS-84 degrees, longitude first.

    Attributes:
        code: official code (6 digits); the codes of its areas begin with it.
        slug: short name in the Latin alphabet, the first part of the ids of its things.
        areas: the district itself, then its sub-districts.
        lines: roads, elevated roads, metro lines and water of the base map.
        illustrative: True when the geometry is a drawing and not a survey.
    """

    code: str
    slug: str
    name: str
    title: Title
    time_zone: str
    illustrative: bool
    areas: tuple[Area, ...]
    lines: tuple[Line, ...]
    stations: tuple[Station, ...]

    @property
    def subdistricts(self) -> tuple[Area, ...]:
        """Its sub-districts, by code."""
        return tuple(a for a in self.areas if a.level is AreaLevel.SUBDISTRICT)

    @cached_property
    def outline(self) -> BaseGeometry:
        """The district's polygon."""
        return shape_of(self.areas[0])

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east, north in degrees."""
        west, south, east, north = self.outline.bounds
        return (west, south, east, north)

    @property
    def center(self) -> tuple[float, float]:
        """Longitude and latitude of the middle of the bounds, rounded to 0.001 degree."""
        west, south, east, north = self.bounds
        return (round((west + east) / 2, 3), round((south + north) / 2, 3))

    @property
    def locality(self) -> Locality:
        """What a running house is told of it."""
        return Locality(
            name=self.name,
            title=self.title,
            code=self.code,
            illustrative=self.illustrative,
            time_zone=self.time_zone,
            center=self.center,
            bounds=self.bounds,
            basemap=self.basemap,
        )

    @cached_property
    def roads(self) -> dict[str, Line]:
        """Surface roads by name."""
        return {line.name: line for line in self.lines if line.layer == "road"}

    @property
    def road_names(self) -> tuple[str, ...]:
        """Names of the surface roads, in the file's order."""
        return tuple(self.roads)

    @cached_property
    def basemap(self) -> dict[str, Any]:
        """A GeoJSON FeatureCollection with the properties `layer`, `name` and `title`."""
        features = [
            _feature(
                "district" if area.level is AreaLevel.DISTRICT else "subdistrict",
                area.title.zh,
                area.title,
                area.geometry,
            )
            for area in self.areas
        ]
        for line in self.lines:
            geometry = {"type": "LineString", "coordinates": line.points.tolist()}
            features.append(_feature(line.layer, line.name, line.title, geometry))
        for station in self.stations:
            geometry = {"type": "Point", "coordinates": [station.longitude, station.latitude]}
            features.append(_feature("metro-station", station.title.zh, station.title, geometry))
        return {"type": "FeatureCollection", "features": features}

    def area_of(self, longitude: float, latitude: float) -> str:
        """Code of the sub-district that holds the point, else of the district, else empty."""
        point = shapely.Point(longitude, latitude)
        for area, shape in self._shapes:
            if shape.covers(point):
                return area.code
        return self.code if self.outline.covers(point) else ""

    def scatter(
        self, count: int, generator: np.random.Generator, areas: tuple[str, ...] = ()
    ) -> tuple[Floats, Floats]:
        """`count` random points, spread over the sub-districts in proportion to their area.

        Args:
            count: how many points.
            generator: the source of randomness; the same state gives the same points.
            areas: codes that limit the points; empty for every sub-district.

        Returns:
            Longitudes and latitudes, each of shape (count,), at least 50 m inside their area.

        Raises:
            ValueError: no sub-district has one of the codes.
        """
        chosen = [(a, s) for a, s in self._shapes if not areas or a.code in areas]
        if not chosen:
            raise ValueError(f"no sub-district of {self.code} among {areas}")
        inner = [shape.buffer(-50 / METRES_PER_DEGREE) for _, shape in chosen]
        weights = np.array([shape.area for shape in inner])
        counts = _shares(count, weights)
        lons, lats = [], []
        for shape, number in zip(inner, counts, strict=True):
            lon, lat = _points_in(shape, int(number), generator)
            lons.append(lon)
            lats.append(lat)
        order = generator.permutation(count)
        return np.concatenate(lons)[order], np.concatenate(lats)[order]

    def along(
        self, road: str, count: int, start: float = 0.05, stop: float = 0.95
    ) -> tuple[Floats, Floats]:
        """`count` points spaced evenly along a road, between two fractions of its length.

        Returns longitudes and latitudes, each of shape (count,). Raises KeyError: unknown road.
        """
        line = shapely.LineString(self.roads[road].points)
        fractions = np.linspace(start, stop, count)
        points = shapely.line_interpolate_point(line, fractions, normalized=True)
        xy = shapely.get_coordinates(points)
        return xy[:, 0], xy[:, 1]

    @cached_property
    def _shapes(self) -> list[tuple[Area, BaseGeometry]]:
        return [(area, shape_of(area)) for area in self.subdistricts]


def shape_of(area: Area) -> BaseGeometry:
    """The shapely geometry of an area. Raises ValueError when it has none."""
    if area.geometry is None:
        raise ValueError(f"area {area.code} has no geometry")
    return cast(BaseGeometry, shapely.geometry.shape(area.geometry))


def area_km2(shape: BaseGeometry) -> float:
    """Area in km2 of a small polygon in degrees (equirectangular projection at its middle)."""
    south, north = shape.bounds[1], shape.bounds[3]
    squash = math.cos(math.radians((south + north) / 2))
    return float(shape.area * squash * (METRES_PER_DEGREE / 1000) ** 2)


def load_district(path: Path | None = None) -> District:
    """Read a geography file; without `path`, the one of Changning.

    Raises OSError, tomllib.TOMLDecodeError, and KeyError for a missing key or an unknown point.
    """
    data = tomllib.loads((path or CHANGNING).read_text(encoding="utf-8"))
    points: dict[str, list[float]] = data["points"]
    subdistricts = []
    for row in data["subdistricts"]:
        ring = [points[name] for name in row["ring"]]
        polygon = shapely.geometry.polygon.orient(Polygon(ring))
        subdistricts.append(
            Area(
                code=row["code"],
                level=AreaLevel.SUBDISTRICT,
                title=Title(**row["title"]),
                parent=data["code"],
                area_km2=row["area_km2"],
                geometry=_geojson(polygon),
            )
        )
    # the outline is the union, so that the sub-districts tile it by construction
    outline = shapely.geometry.polygon.orient(unary_union([shape_of(a) for a in subdistricts]))
    district = Area(
        code=data["code"],
        level=AreaLevel.DISTRICT,
        title=Title(**data["title"]),
        area_km2=data["area_km2"],
        geometry=_geojson(outline),
    )
    lines = tuple(
        Line(
            layer=row["layer"],
            name=row["name"],
            title=Title(**row["title"]),
            points=np.array(row["line"], dtype=np.float64),
        )
        for row in data["lines"]
    )
    stations = tuple(
        Station(
            title=Title(**row["title"]),
            longitude=row["point"][0],
            latitude=row["point"][1],
            lines=tuple(row["lines"]),
        )
        for row in data["stations"]
    )
    return District(
        code=data["code"],
        slug=data["slug"],
        name=data["name"],
        title=Title(**data["title"]),
        time_zone=data["time_zone"],
        illustrative=data["illustrative"],
        areas=(district, *subdistricts),
        lines=lines,
        stations=stations,
    )


def _geojson(polygon: BaseGeometry) -> dict[str, Any]:
    rings = [polygon.exterior, *polygon.interiors]
    return {"type": "Polygon", "coordinates": [[list(xy) for xy in r.coords] for r in rings]}


def _feature(layer: str, name: str, title: Title, geometry: Any) -> dict[str, Any]:
    properties = {"layer": layer, "name": name, "title": {"zh": title.zh, "en": title.en}}
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def _shares(count: int, weights: Floats) -> npt.NDArray[np.int64]:
    """Split `count` by weight, largest remainders first, so that the parts add up."""
    exact = count * weights / weights.sum()
    parts: npt.NDArray[np.int64] = np.floor(exact).astype(np.int64)
    rest = count - int(parts.sum())
    parts[np.argsort(parts - exact)[:rest]] += 1
    return parts


def _points_in(
    shape: BaseGeometry, count: int, generator: np.random.Generator
) -> tuple[Floats, Floats]:
    west, south, east, north = shape.bounds
    found = np.empty((0, 2))
    while len(found) < count:
        tries = generator.uniform((west, south), (east, north), size=(4 * count + 16, 2))
        inside = shapely.contains_xy(shape, tries[:, 0], tries[:, 1])
        found = np.concatenate([found, tries[inside]])
    return found[:count, 0], found[:count, 1]
