"""Building footprints from GeoJSON, GeoPackage or Shapefile, to `Buildings`.

A feature with a fault is refused with its number (from 1), field, rule and value; what can be
mended is mended and reported. A building without a height is kept: it is given the law of its
surroundings and says so (`height_known`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy  # its parts are loaded where they are first used: some take 0.3 CPU-seconds
import shapely
from shapely.geometry.base import BaseGeometry

from xinji.methods.geodesy import DATUMS, LocalPlane, to_wgs84
from xinji.store.tables.table import UnreadableError
from xinji.systems.network.coverage.inputs.buildings import Buildings, Floats
from xinji.systems.network.coverage.inputs.datum import (
    CONFIDENT,
    guess_datum,
    likely_datum_of_outsiders,
)
from xinji.systems.network.coverage.inputs.footprint_files import read_features
from xinji.systems.network.coverage.inputs.report import ImportReport

STOREY_M = 3.0
LOWEST_M, HIGHEST_M = 1.0, 700.0
MOST_FLOORS = 200
SMALLEST_M2 = 4.0
NARROWEST_M = 0.5
MOST_POINTS = 20_000
OVERLAP = 0.05
"""Share of the smaller footprint from which two buildings are reported as overlapping."""

ROAD_M = 6.0
"""No building stands nearer to a road's centre-line than this, if the datum is right."""

USUAL_HEIGHT_M = 18.0
"""Six storeys, where no building of the file has a height."""

NEIGHBOURS = 15

HeightLaw = Callable[[Floats, Floats], Floats]
"""Heights in metres at longitudes and latitudes, arrays of shape (n,)."""

_HEIGHT = ("height_m", "height", "building:height", "building_height", "roof_height", "高度",
           "建筑高度", "楼高")  # fmt: skip
_FLOORS = ("levels", "building:levels", "floors", "floor", "storeys", "num_floors", "层数",
           "楼层", "地上层数")  # fmt: skip
_USE = ("use", "building:use", "kind", "building", "function", "用途", "功能", "类型")
_NAME = ("name", "name:zh", "名称", "楼名", "建筑名称")
_ID = ("id", "building_id", "osm_id", "osm_feature", "fid", "编号", "楼宇编号", "建筑编号")

_POLYGONAL = ("Polygon", "MultiPolygon")

Objects = npt.NDArray[np.object_]
Numbers = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class ImportedBuildings:
    """The buildings that are whole or mended, the number of each, and what was wrong.

    Attributes:
        overlaps: pairs of rows of `buildings` that overlap, shape (k, 2); both stay.
    """

    buildings: Buildings
    rows: Numbers
    overlaps: Numbers
    report: ImportReport


def import_buildings(
    source: bytes | Path,
    *,
    outline: BaseGeometry | None = None,
    roads: Objects | None = None,
    datum: str | None = None,
    swapped: bool = False,
    layer: str = "",
    height_law: HeightLaw | None = None,
) -> ImportedBuildings:
    """Read footprints.

    Args:
        source: bytes or path of a GeoJSON, GeoPackage or zipped Shapefile.
        outline: of the district, WGS-84; buildings wholly outside are refused. None for no check.
        roads: shapely road centre-lines: buildings on roads betray a wrong datum.
        datum: of the file's coordinates; they are converted. None: taken for WGS-84, and when they
            look like another datum the report says so.
        swapped: the file has latitude first.
        layer: table of a GeoPackage; empty for the only one.
        height_law: for buildings without a height; default the median of the `NEIGHBOURS` nearest
            buildings of the file whose height is known.

    Raises:
        UnreadableError: not such a file, over its caps, in an unknown coordinate system.
        ValueError: an unknown datum.
        OSError: the path cannot be read.
    """
    if datum is not None and datum not in DATUMS:
        raise ValueError(f"datum: {datum!r} is not one of {', '.join(DATUMS)}")
    features = read_features(source, layer)
    report = ImportReport(read=len(features.geometries), notes=list(features.notes))
    if not report.read:
        raise UnreadableError("no feature in the file")
    shapes = features.geometries
    rows = np.arange(1, len(shapes) + 1)
    good = _readable(shapes, rows, report)
    shapes, rows = shapes[good], rows[good]
    if swapped:
        shapes = shapely.transform(shapes, lambda xy: xy[:, ::-1])
    good = _inside(shapes, rows, report, outline, roads, datum or "wgs84")
    shapes, rows = _converted(shapes[good], datum or "wgs84"), rows[good]
    shapes, good = _mended(shapes, rows, report)
    shapes, rows = shapes[good], rows[good]
    plane = _plane(shapes)
    flat = shapely.transform(shapes, lambda xy: np.column_stack(plane.metres(*xy.T)))
    good = _large_enough(flat, rows, report)
    shapes, rows, flat = shapes[good], rows[good], flat[good]
    overlaps = _overlapping(flat, rows, report)
    buildings = _buildings(shapes, flat, [features.properties[row - 1] for row in rows], rows,
                           report, height_law)  # fmt: skip
    report.kept = len(buildings)
    return ImportedBuildings(buildings=buildings, rows=rows, overlaps=overlaps, report=report)


def _readable(shapes: Objects, rows: Numbers, report: ImportReport) -> Mask:
    """Polygons and multipolygons of finite coordinates."""
    kinds = shapely.get_type_id(shapes)
    none = kinds == -1
    report.fault_rows(
        none, rows, "geometry", "a Polygon or MultiPolygon of closed rings of 4 or more positions"
    )
    other = ~none & ~np.isin(kinds, (3, 6))
    names = np.array([shape.geom_type if shape is not None else "" for shape in shapes], object)
    report.fault_rows(other, rows, "geometry", "a Polygon or MultiPolygon", names)
    empty = ~none & ~other & shapely.is_empty(shapes)
    report.fault_rows(empty, rows, "geometry", "not empty")
    counts = shapely.get_num_coordinates(shapes)
    long = ~none & ~other & (counts > MOST_POINTS)
    report.fault_rows(long, rows, "geometry", f"at most {MOST_POINTS} positions", counts)
    good = ~(none | other | empty | long)
    # the positions themselves: bounds know neither holes nor NaN
    points, of = shapely.get_coordinates(shapes, return_index=True)
    near = np.ones(len(shapes), dtype=np.bool_)
    near[of[~(np.abs(points) <= 180).all(axis=1)]] = False
    far = good & ~near
    report.fault_rows(far, rows, "geometry", "degrees of longitude and latitude")
    return np.asarray(good & ~far, dtype=np.bool_)


def _inside(
    shapes: Objects,
    rows: Numbers,
    report: ImportReport,
    outline: BaseGeometry | None,
    roads: Objects | None,
    datum: str,
) -> Mask:
    """Buildings whose middle lies inside the outline; the others are refused with a hint."""
    if outline is None or not len(shapes):
        return np.ones(len(shapes), dtype=np.bool_)
    # not the centroid: that of a polygon that crosses itself may lie anywhere
    bounds = shapely.bounds(shapes)
    middles = (bounds[:, :2] + bounds[:, 2:]) / 2
    lon, lat = middles[:, 0], middles[:, 1]
    report.datum = guess_datum(lon, lat, outline, roads, ROAD_M, avoided=True)
    inside = np.asarray(shapely.contains_xy(outline, *to_wgs84(datum, lon, lat)), dtype=np.bool_)
    if not inside.all():
        hints = np.full(len(rows), "", dtype=object)
        hints[~inside] = likely_datum_of_outsiders(lon[~inside], lat[~inside], outline, datum)
        for hint in sorted(set(hints[~inside].tolist())):
            here = ~inside & (hints == hint)
            report.fault_rows(here, rows, "geometry", f"inside the district{hint}",
                              np.round(middles, 6).tolist())  # fmt: skip
            if "swapped" in hint and here.sum() > len(rows) / 2:
                report.notes.append(
                    f"{here.sum()} of {len(rows)} features have latitude first: "
                    "import again with swapped=True"
                )
    guess = report.datum
    if guess and guess.datum != datum and guess.confidence >= CONFIDENT and inside.any():
        report.notes.append(
            f"the coordinates look like {guess} and were taken for {datum}: "
            f"import again with datum={guess.datum!r}"
        )
    return inside


def _converted(shapes: Objects, datum: str) -> Objects:
    if datum == "wgs84":
        return shapes
    turned: Objects = shapely.transform(
        shapes, lambda xy: np.column_stack(to_wgs84(datum, xy[:, 0], xy[:, 1]))
    )
    return turned


def _mended(shapes: Objects, rows: Numbers, report: ImportReport) -> tuple[Objects, Mask]:
    """Valid polygons: what crosses itself is mended, and refused when nothing is left."""
    broken = ~shapely.is_valid(shapes)
    if not broken.any():
        return shapes, np.ones(len(shapes), dtype=np.bool_)
    mended = shapes.copy()
    reasons = np.full(len(shapes), "", dtype=object)
    reasons[broken] = shapely.is_valid_reason(shapes[broken])
    mended[broken] = [
        _polygons_of(shape)
        for shape in shapely.make_valid(shapes[broken], method="structure", keep_collapsed=False)
    ]
    lost = broken & (shapely.area(mended) == 0)
    report.fault_rows(lost, rows, "geometry", "an area; nothing is left after mending", reasons)
    report.doubt_rows(
        broken & ~lost, rows, "geometry", "rings that do not cross themselves; mended", reasons
    )
    return mended, ~lost


def _polygons_of(shape: BaseGeometry) -> BaseGeometry:
    """The polygons of a geometry; an empty polygon when there are none."""
    parts = [part for part in shapely.get_parts(shape) if part.geom_type in _POLYGONAL]
    if not parts:
        return shapely.Polygon()
    return parts[0] if len(parts) == 1 else shapely.union_all(parts)


def _large_enough(flat: Objects, rows: Numbers, report: ImportReport) -> Mask:
    area = shapely.area(flat)
    with np.errstate(divide="ignore", invalid="ignore"):
        width = np.where(area > 0, 2 * area / shapely.length(flat), 0.0)
    small = (area < SMALLEST_M2) | (width < NARROWEST_M)
    rule = f"no sliver: at least {SMALLEST_M2:g} m2 and {NARROWEST_M:g} m wide on average"
    report.fault_rows(small, rows, "geometry", rule, np.round(area, 2))
    return np.asarray(~small, dtype=np.bool_)


def _overlapping(flat: Objects, rows: Numbers, report: ImportReport) -> Numbers:
    """Pairs (first, second) that share more than `OVERLAP` of the smaller one."""
    one, other = shapely.STRtree(flat).query(flat, predicate="intersects")
    pairs = np.column_stack([one, other])[one < other]
    shared = shapely.area(shapely.intersection(flat[pairs[:, 0]], flat[pairs[:, 1]]))
    smaller = np.minimum(shapely.area(flat[pairs[:, 0]]), shapely.area(flat[pairs[:, 1]]))
    pairs = pairs[shared > OVERLAP * smaller]
    values = np.full(len(flat), "", dtype=object)
    for first, second in pairs.tolist():
        values[second] = values[second] or f"row {rows[first]}"
    second = np.zeros(len(flat), dtype=np.bool_)
    second[pairs[:, 1]] = True
    report.doubt_rows(
        second, rows, "geometry", "no overlap; both stay, the taller one counts", values
    )
    return np.asarray(pairs, dtype=np.int64)


def _buildings(
    shapes: Objects,
    flat: Objects,
    properties: list[dict[str, Any]],
    rows: Numbers,
    report: ImportReport,
    law: HeightLaw | None,
) -> Buildings:
    heights = _numbers(properties, _HEIGHT, rows, report, "height_m", (LOWEST_M, HIGHEST_M))
    floors = _numbers(properties, _FLOORS, rows, report, "floors", (1, MOST_FLOORS))
    height = np.where(np.isnan(heights), floors * STOREY_M, heights)
    known = ~np.isnan(height)
    if not known.all():
        report.notes.append(
            f"{(~known).sum()} of {len(known)} buildings have neither height nor floors: "
            "they are given the height of their surroundings"
        )
        height[~known] = _supposed(shapes, flat, height, known, law)
    ids = _texts(properties, _ID)
    ids = np.where(ids == "", rows.astype(str).astype(object), ids)
    _, first, inverse = np.unique(ids.astype(str), return_index=True, return_inverse=True)
    again = first[inverse] != np.arange(len(ids))
    report.doubt_rows(again, rows, "id", "unique in the file; the number was added", ids)
    ids[again] = [f"{name}#{row}" for name, row in zip(ids[again], rows[again], strict=True)]
    return Buildings(
        geometries=shapes,
        height_m=height,
        height_known=known,
        floors=np.nan_to_num(floors).astype(np.int64),
        use=_texts(properties, _USE),
        name=_texts(properties, _NAME),
        id=ids,
    )


def _numbers(
    properties: list[dict[str, Any]],
    names: tuple[str, ...],
    rows: Numbers,
    report: ImportReport,
    field: str,
    limits: tuple[float, float],
) -> Floats:
    """The first of the named properties that is there, NaN for none; doubts go to the report."""
    found = np.full(len(properties), np.nan)
    for at, each in enumerate(properties):
        value = _first(each, names)
        if value is None or value == "":
            continue
        try:
            number = float(str(value).strip().removesuffix("m").removesuffix("米"))
        except ValueError:
            report.doubt(int(rows[at]), field, "a number; taken for unknown", value)
            continue
        if not math.isfinite(number) or not limits[0] <= number <= limits[1]:
            rule = f"{limits[0]:g} to {limits[1]:g}; taken for unknown"
            report.doubt(int(rows[at]), field, rule, str(value))
            continue
        found[at] = number
    return found


def _first(properties: dict[str, Any], names: tuple[str, ...]) -> Any:
    for name in names:
        for spelt in (name, name.upper(), name.capitalize()):
            if properties.get(spelt) not in (None, ""):
                return properties[spelt]
    return None


def _texts(properties: list[dict[str, Any]], names: tuple[str, ...]) -> Objects:
    found = np.empty(len(properties), dtype=object)
    for at, each in enumerate(properties):
        value = _first(each, names)
        # a number column of a .dbf comes as 12.0
        whole = isinstance(value, float) and value.is_integer()
        found[at] = "" if value is None else str(int(value) if whole else value)[:200]
    return found


def _supposed(
    shapes: Objects, flat: Objects, height: Floats, known: Mask, law: HeightLaw | None
) -> Floats:
    """Heights for the buildings that have none, by the law or by their neighbours."""
    if law is not None:
        middles = shapely.get_coordinates(shapely.centroid(shapes[~known]))
        return np.asarray(law(middles[:, 0], middles[:, 1]), dtype=np.float64)
    if not known.any():
        return np.full(int((~known).sum()), USUAL_HEIGHT_M)
    middles = shapely.get_coordinates(shapely.centroid(flat))
    near = scipy.spatial.cKDTree(middles[known]).query(
        middles[~known], k=list(range(1, min(NEIGHBOURS, int(known.sum())) + 1))
    )[1]
    return np.asarray(np.median(height[known][near], axis=1), dtype=np.float64)


def _plane(shapes: Objects) -> LocalPlane:
    west, south, east, north = shapely.total_bounds(shapes) if len(shapes) else (0, 0, 0, 0)
    return LocalPlane(float(west + east) / 2, float(south + north) / 2)
