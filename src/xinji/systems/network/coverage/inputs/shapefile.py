"""A small reader of polygons in zipped Shapefiles (Esri white paper J-7855, 1998; dBASE III)."""

from __future__ import annotations

import io
import struct
import zipfile
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

LARGEST_UNPACKED_BYTES = 1024 * 1024 * 1024
# Polygon, PolygonZ, PolygonM
_POLYGONS = (5, 15, 25)


def read_shapefile(
    data: bytes, most: int
) -> tuple[npt.NDArray[np.object_], list[dict[str, Any]], str]:
    """Geometries (None for a null or broken one), attributes, and the text of the .prj or ''.

    Raises:
        ValueError, IndexError, struct.error, zipfile.BadZipFile: not such a file, or more than
            `most` records.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if sum(member.file_size for member in archive.infolist()) > LARGEST_UNPACKED_BYTES:
            raise ValueError(f"unpacks to more than {LARGEST_UNPACKED_BYTES:,} bytes")
        names = {name.lower(): name for name in archive.namelist()}
        stems = [name[:-4] for name in names if name.endswith(".shp")]
        if len(stems) != 1:
            raise ValueError(f"{len(stems)} files .shp in the archive; one is asked")
        parts = {
            end: archive.read(names[f"{stems[0]}.{end}"])
            for end in ("shp", "dbf", "prj", "cpg")
            if f"{stems[0]}.{end}" in names
        }
    geometries = _geometries(parts["shp"], most)
    encoding = parts.get("cpg", b"").decode("ascii", "replace").strip() or ""
    rows = (
        _records(parts["dbf"], encoding, len(geometries))
        if "dbf" in parts
        else [{}] * len(geometries)
    )
    return geometries, rows, parts.get("prj", b"").decode("utf-8", "replace")


def _geometries(data: bytes, most: int) -> npt.NDArray[np.object_]:
    if len(data) < 100 or struct.unpack_from(">i", data)[0] != 9994:
        raise ValueError(".shp: no file code 9994")
    found: list[Any] = []
    at = 100
    while at + 12 <= len(data):
        if len(found) >= most:
            raise ValueError(f"more than {most:,} records")
        # lengths are big-endian and count words of 16 bits; the rest is little-endian
        (words,) = struct.unpack_from(">i", data, at + 4)
        (kind,) = struct.unpack_from("<i", data, at + 8)
        end = at + 8 + 2 * words
        if words < 2 or end > len(data):
            raise ValueError(f".shp: record {len(found) + 1} is cut short")
        found.append(_polygon(data[at + 12 : end]) if kind in _POLYGONS else None)
        at = end
    geometries = np.empty(len(found), dtype=object)
    geometries[:] = found
    return geometries


def _polygon(body: bytes) -> Any:
    """A polygon from its record: outer rings run clockwise, holes counter-clockwise."""
    if len(body) < 40:
        return None
    parts, points = struct.unpack_from("<2i", body, 32)
    if parts < 1 or points < 4 or 40 + 4 * parts + 16 * points > len(body):
        return None
    starts = np.frombuffer(body, "<i4", parts, 40)
    xy = np.frombuffer(body, "<f8", 2 * points, 40 + 4 * parts).reshape(-1, 2)
    outers: list[Any] = []
    holes: list[Any] = []
    for first, last in zip(starts, [*starts[1:], points], strict=True):
        ring = xy[first:last]
        if len(ring) < 4 or not np.isfinite(ring).all() or (ring[0] != ring[-1]).any():
            return None
        line = shapely.LinearRing(ring)
        (holes if shapely.is_ccw(line) else outers).append(line)
    if not outers:
        outers, holes = holes, []
    shells = [shapely.Polygon(ring) for ring in outers]
    within: list[list[Any]] = [[] for _ in shells]
    for hole in holes:
        point = shapely.Point(hole.coords[0])
        owner = next((i for i, shell in enumerate(shells) if shell.intersects(point)), 0)
        within[owner].append(hole)
    made = [shapely.Polygon(o, h) for o, h in zip(outers, within, strict=True)]
    return made[0] if len(made) == 1 else shapely.MultiPolygon(made)


def _records(data: bytes, encoding: str, shapes: int) -> list[dict[str, Any]]:
    count, head, width = struct.unpack_from("<IHH", data, 4)
    if count != shapes:
        raise ValueError(f"{shapes} shapes but {count} attribute rows")
    # 32 bytes can announce four thousand million rows of no width
    if width < 1:
        raise ValueError(".dbf: rows of no width")
    columns: list[tuple[str, str, int, int]] = []
    at, offset = 32, 1
    while at + 32 <= head and data[at] != 0x0D:
        name = data[at : at + 11].split(b"\0")[0]
        size = data[at + 16]
        columns.append((_decoded(name, encoding), chr(data[at + 11]), offset, size))
        at, offset = at + 32, offset + size
    if head + count * width > len(data):
        raise ValueError(f".dbf: {count} rows are announced, the file is cut short")
    rows = []
    for number in range(count):
        row = data[head + number * width : head + (number + 1) * width]
        rows.append(
            {
                name: _value(row[start : start + size], kind, encoding)
                for name, kind, start, size in columns
            }
        )
    return rows


def _value(raw: bytes, kind: str, encoding: str) -> Any:
    text = _decoded(raw, encoding).strip(" \0")
    if kind in "NF" and text:
        try:
            return float(text)
        except ValueError:
            return None if set(text) == {"*"} else text
    return text or None


def _decoded(raw: bytes, encoding: str) -> str:
    """Text in the encoding of the .cpg, else UTF-8, else GB 18030."""
    for name in filter(None, (encoding, "utf-8", "gb18030")):
        try:
            return raw.decode(name)
        except (UnicodeDecodeError, LookupError):
            continue
    return raw.decode("latin-1")
