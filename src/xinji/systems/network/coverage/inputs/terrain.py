"""Ground heights from an ESRI ASCII grid, brought to a map's own cells."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from xinji.store.tables.table import UnreadableError
from xinji.systems.network.coverage.inputs.sectors import Floats

LARGEST_BYTES = 512 * 1024 * 1024
MAXIMUM_CELLS = 50_000_000
LOWEST_M, HIGHEST_M = -500.0, 9_000.0

_HEAD = ("ncols", "nrows", "cellsize", "nodata_value", "xllcorner", "yllcorner", "xllcenter",
         "yllcenter")  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Terrain:
    """Ground heights on a regular grid of degrees.

    Attributes:
        west, south: middle of the south-western cell, WGS-84 degrees.
        cell_deg: side of a cell.
        height_m: shape (rows, columns), row 0 in the south; NaN where unknown.
    """

    west: float
    south: float
    cell_deg: float
    height_m: Floats

    def at(self, longitude: Floats, latitude: Floats) -> Floats:
        """Heights by bilinear interpolation, element-wise; NaN outside and next to unknown."""
        rows, columns = self.height_m.shape
        x = (np.asarray(longitude, np.float64) - self.west) / self.cell_deg
        y = (np.asarray(latitude, np.float64) - self.south) / self.cell_deg
        # half a cell beyond the middle of the outer ones is still theirs
        inside = (x >= -0.5) & (x <= columns - 0.5) & (y >= -0.5) & (y <= rows - 0.5)
        x, y = np.clip(np.nan_to_num(x), 0, columns - 1), np.clip(np.nan_to_num(y), 0, rows - 1)
        left = np.minimum(x.astype(np.int64), max(columns - 2, 0))
        low = np.minimum(y.astype(np.int64), max(rows - 2, 0))
        right, high = np.minimum(left + 1, columns - 1), np.minimum(low + 1, rows - 1)
        u, v = x - left, y - low
        corners = (
            (low, left, (1 - u) * (1 - v)),
            (low, right, u * (1 - v)),
            (high, left, (1 - u) * v),
            (high, right, u * v),
        )
        height = np.zeros(x.shape)
        for row, column, weight in corners:
            # an unknown cell does not matter where it has no weight
            height += np.where(weight > 1e-9, weight * self.height_m[row, column], 0.0)
        return np.where(inside, height, np.nan)


def read_terrain(source: bytes | Path) -> Terrain:
    """Read an ESRI ASCII grid in WGS-84 degrees.

    Raises:
        UnreadableError: not such a grid; the message names the line or key and the rule.
        OSError: the path cannot be read.
    """
    size = len(source) if isinstance(source, bytes) else source.stat().st_size
    if size > LARGEST_BYTES:
        raise UnreadableError(f"{size:,} bytes; the cap is {LARGEST_BYTES:,} (LARGEST_BYTES)")
    data = source if isinstance(source, bytes) else source.read_bytes()
    head, begin = _head(data)
    rows, columns = _count(head, "nrows"), _count(head, "ncols")
    if rows * columns > MAXIMUM_CELLS:
        raise UnreadableError(
            f"{rows} x {columns} cells; the cap is {MAXIMUM_CELLS:,} (MAXIMUM_CELLS)"
        )
    cell = head.get("cellsize", 0.0)
    if not 0 < cell <= 1:
        raise UnreadableError("cellsize: above 0 and at most 1 degree; is the grid in metres?")
    try:
        values = np.loadtxt(io.BytesIO(data[begin:]), dtype=np.float64, ndmin=2)
    except ValueError as error:
        raise UnreadableError(f"below the head: {error}") from error
    if values.size != rows * columns:
        raise UnreadableError(f"{values.size} heights, but nrows x ncols is {rows * columns}")
    values = values.reshape(rows, columns)
    height = np.where(values == head.get("nodata_value", -9999.0), np.nan, values)
    if ((height < LOWEST_M) | (height > HIGHEST_M)).any():
        raise UnreadableError(f"heights: {LOWEST_M:g} to {HIGHEST_M:g} m")
    corner = {axis: _corner(head, axis, cell) for axis in ("x", "y")}
    return Terrain(
        west=corner["x"], south=corner["y"], cell_deg=cell, height_m=np.flipud(height).copy()
    )


def _head(data: bytes) -> tuple[dict[str, float], int]:
    """The keys before the heights, and where the heights begin."""
    found: dict[str, float] = {}
    at = 0
    while at < len(data):
        end = data.find(b"\n", at)
        end = len(data) if end < 0 else end
        words = data[at:end][:200].decode("ascii", "replace").split()
        if not words:
            at = end + 1
            continue
        if len(words) != 2 or words[0].lower() not in _HEAD:
            break
        try:
            found[words[0].lower()] = float(words[1])
        except ValueError as error:
            raise UnreadableError(f"{words[0]}: a number; found {words[1]!r}") from error
        at = end + 1
    missing = [name for name in ("ncols", "nrows", "cellsize") if name not in found]
    if missing:
        raise UnreadableError(f"not an ESRI ASCII grid: {', '.join(missing)} missing in the head")
    return found, at


def _count(head: dict[str, float], name: str) -> int:
    if not (head[name].is_integer() and head[name] >= 1):
        raise UnreadableError(f"{name}: a whole number of at least 1; found {head[name]:g}")
    return int(head[name])


def _corner(head: dict[str, float], axis: str, cell: float) -> float:
    limit = 180 if axis == "x" else 90
    if f"{axis}llcenter" in head:
        middle = head[f"{axis}llcenter"]
    elif f"{axis}llcorner" in head:
        middle = head[f"{axis}llcorner"] + cell / 2
    else:
        raise UnreadableError(f"{axis}llcorner or {axis}llcenter: missing in the head")
    if not -limit <= middle <= limit:
        raise UnreadableError(f"{axis}llcorner: degrees; found {middle:g}, is the grid in metres?")
    return middle
