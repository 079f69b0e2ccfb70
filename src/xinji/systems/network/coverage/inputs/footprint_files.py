"""GeoJSON, GeoPackage and Shapefile as geometries and properties; nothing is judged here."""

from __future__ import annotations

import contextlib
import sqlite3
import struct
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import shapely

from xinji.store.tables.table import UnreadableError
from xinji.systems.network.coverage.inputs.projections import (
    CGCS2000,
    CGCS2000_NOTE,
    WGS84,
    code_of_text,
    to_degrees,
)
from xinji.systems.network.coverage.inputs.shapefile import read_shapefile

LARGEST_BYTES = 512 * 1024 * 1024
LARGEST_VALUE = 64 * 1024 * 1024
MAXIMUM_FEATURES = 1_000_000

# bytes of the envelope in a GeoPackage's geometry header, by its code (OGC 12-128r18, 2.1.3)
_ENVELOPES = (0, 32, 48, 48, 64)


@dataclass(frozen=True, kw_only=True)
class Features:
    """n features, numbered from 1 in the file's order.

    Attributes:
        geometries: shapely, WGS-84 degrees or the file's own datum of it; None where unreadable.
        properties: one dictionary each.
        notes: on the coordinate reference system.
    """

    geometries: npt.NDArray[np.object_]
    properties: list[dict[str, Any]]
    notes: list[str] = field(default_factory=list)


def read_features(source: bytes | Path, layer: str = "") -> Features:
    """The features of a GeoJSON, GeoPackage, or zipped Shapefile.

    Args:
        source: its bytes, or where it lies.
        layer: table of a GeoPackage; empty for the only one.

    Raises:
        UnreadableError: none of these files, over the caps, or in a coordinate reference system
            that is not known here.
        OSError: the path cannot be read.
    """
    size = len(source) if isinstance(source, bytes) else source.stat().st_size
    if size > LARGEST_BYTES:
        raise UnreadableError(f"{size:,} bytes; the cap is {LARGEST_BYTES:,} (LARGEST_BYTES)")
    data = source if isinstance(source, bytes) else source.read_bytes()
    if data.startswith(b"SQLite format 3\0"):
        return _geopackage(data, layer)
    if data.startswith(b"PK"):
        return _shapefile(data)
    return _geojson(data)


def _geojson(data: bytes) -> Features:
    try:
        document = msgspec.json.decode(data, type=_Collection)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableError(f"not a GeoJSON FeatureCollection: {error}") from error
    _check_count(len(document.features))
    name = (document.crs or {}).get("properties", {}).get("name", "")
    code = _code(str(name)) if name else WGS84
    geometries = np.empty(len(document.features), dtype=object)
    texts = [bytes(feature.geometry).decode(errors="replace") for feature in document.features]
    # numbers beyond a double become infinite and are refused with their feature
    with np.errstate(all="ignore"):
        geometries[:] = shapely.from_geojson(texts, on_invalid="ignore")
    properties = [
        (feature.properties or {}) | ({} if feature.id is None else {"id": feature.id})
        for feature in document.features
    ]
    return _in_degrees(geometries, properties, code, [])


class _Feature(msgspec.Struct):
    geometry: msgspec.Raw = msgspec.Raw(b"null")
    properties: dict[str, Any] | None = None
    id: str | int | float | None = None


class _Collection(msgspec.Struct):
    features: list[_Feature]
    crs: dict[str, Any] | None = None


def _geopackage(data: bytes, layer: str) -> Features:
    with contextlib.closing(sqlite3.connect(":memory:")) as database:
        try:
            # a column may be computed: nothing of a file becomes larger than a file may be
            database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LARGEST_VALUE)
            database.deserialize(data)
            database.execute("PRAGMA trusted_schema = OFF")
            # a view could run for ever; a table cannot
            layers = database.execute(
                "SELECT g.table_name, g.column_name, s.organization, s.organization_coordsys_id "
                "FROM gpkg_geometry_columns g "
                "JOIN gpkg_spatial_ref_sys s ON s.srs_id = g.srs_id "
                "JOIN sqlite_master m ON m.name = g.table_name AND m.type = 'table'"
            ).fetchall()
            names = [name for name, *_ in layers]
            if layer and layer not in names:
                raise UnreadableError(f"no layer {layer!r}; there are {', '.join(names)}")
            if not layer and len(layers) != 1:
                raise UnreadableError(f"say which layer: {', '.join(names) or 'there is none'}")
            table, column, authority, code = next(
                row for row in layers if not layer or row[0] == layer
            )
            if str(authority).upper() != "EPSG":
                raise UnreadableError(f"coordinate reference system {authority}:{code}")
            quoted = '"' + str(table).replace('"', '""') + '"'
            (count,) = database.execute(f"SELECT count(*) FROM {quoted}").fetchone()
            _check_count(count)
            cursor = database.execute(f"SELECT * FROM {quoted}")
            heads = [each[0] for each in cursor.description]
            rows = [dict(zip(heads, row, strict=True)) for row in cursor]
        except (sqlite3.Error, OverflowError) as error:
            raise UnreadableError(f"not a GeoPackage: {error}") from error
    geometries = np.empty(len(rows), dtype=object)
    geometries[:] = shapely.from_wkb(
        [_wkb(row.pop(column, None)) for row in rows], on_invalid="ignore"
    )
    return _in_degrees(geometries, rows, int(code), [])


def _wkb(blob: Any) -> bytes | None:
    """The WKB behind a GeoPackage's header, None when there is none."""
    if not isinstance(blob, bytes) or len(blob) < 8 or blob[:2] != b"GP":
        return None
    envelope = blob[3] >> 1 & 7
    if envelope >= len(_ENVELOPES):
        return None
    return blob[8 + _ENVELOPES[envelope] :]


def _shapefile(data: bytes) -> Features:
    try:
        geometries, rows, prj = read_shapefile(data, MAXIMUM_FEATURES)
    except (zipfile.BadZipFile, struct.error, ValueError, IndexError) as error:
        raise UnreadableError(f"not a zipped Shapefile: {error}") from error
    notes = [] if prj else ["no .prj: the coordinates are taken for WGS-84 degrees"]
    return _in_degrees(geometries, rows, _code(prj) if prj else WGS84, notes)


def _code(text: str) -> int:
    try:
        return code_of_text(text)
    except ValueError as error:
        raise UnreadableError(str(error)) from error


def _check_count(count: int) -> None:
    if count > MAXIMUM_FEATURES:
        raise UnreadableError(
            f"{count:,} features; the cap is {MAXIMUM_FEATURES:,} (MAXIMUM_FEATURES)"
        )


def _in_degrees(
    geometries: npt.NDArray[np.object_],
    properties: list[dict[str, Any]],
    code: int,
    notes: list[str],
) -> Features:
    try:
        convert = to_degrees(code)
    except ValueError as error:
        raise UnreadableError(str(error)) from error
    if code == CGCS2000 or (convert and code not in (32650, 32651)):
        notes = [*notes, CGCS2000_NOTE]
    flat = shapely.force_2d(geometries)
    if convert is not None:
        flat = shapely.transform(flat, lambda xy: np.column_stack(convert(*xy.T)))
    return Features(geometries=flat, properties=properties, notes=notes)
