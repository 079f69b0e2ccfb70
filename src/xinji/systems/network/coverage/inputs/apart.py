"""The readers of planning data as `store.reading_process` calls them, and what they send back.

Columns travel as Arrow, shapes as WKB; nothing of a file is unpickled or run.
"""

from __future__ import annotations

import io
from dataclasses import fields
from typing import Any, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import shapely
from shapely.geometry.base import BaseGeometry

from xinji.systems.network.coverage.inputs.building_import import (
    ImportedBuildings,
    import_buildings,
)
from xinji.systems.network.coverage.inputs.buildings import Buildings
from xinji.systems.network.coverage.inputs.drive_tests import (
    DriveTests,
    ImportedDriveTests,
    import_drive_tests,
)
from xinji.systems.network.coverage.inputs.report import ImportReport
from xinji.systems.network.coverage.inputs.sectors import Sectors
from xinji.systems.network.coverage.inputs.sites import ImportedSites, import_sites

T = TypeVar("T")
Objects = npt.NDArray[np.object_]


class Read(msgspec.Struct):
    """What a reader found: its columns (`packed`), the row of each, the report."""

    columns: bytes
    rows: list[int]
    report: ImportReport
    overlaps: list[tuple[int, int]] = []
    absolute: bool = False
    missing: dict[str, int] = {}


def packed(item: Any) -> bytes:
    """The arrays of a dataclass as an Arrow IPC stream, shapes as WKB."""
    arrays = {}
    for each in fields(item):
        values = getattr(item, each.name)
        arrays[each.name] = pa.array(
            shapely.to_wkb(values).tolist() if each.name == "geometries" else values
        )
    table = pa.table(arrays)
    sink = io.BytesIO()
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_stream(sink, table.schema, options=options) as writer:
        writer.write_table(table)
    return sink.getvalue()


def unpacked(kind: type[T], content: bytes) -> T:
    """The dataclass of `packed`."""
    table = pa.ipc.open_stream(content).read_all()
    columns: dict[str, Any] = {}
    for each in fields(kind):  # type: ignore[arg-type]
        column = table.column(each.name)
        if each.name == "geometries":
            columns[each.name] = shapely.from_wkb(
                np.array([*column.to_pylist(), None], object)[:-1]
            )
        elif pa.types.is_string(column.type) or pa.types.is_null(column.type):
            columns[each.name] = _objects(column)
        else:
            columns[each.name] = column.to_numpy()
    return kind(**columns)


def _objects(column: pa.ChunkedArray) -> Objects:
    return np.array([*column.to_pylist(), None], object)[:-1]


def shapes_of(content: bytes | None) -> Objects | None:
    """The geometries of `shapes_packed`."""
    if content is None:
        return None
    parts: Objects = shapely.get_parts(shapely.from_wkb(content))
    return parts


def shapes_packed(shapes: Any) -> bytes:
    """Many geometries as one WKB collection."""
    found: bytes = shapely.to_wkb(shapely.GeometryCollection(list(shapes)))
    return found


def _outline(content: bytes | None) -> BaseGeometry | None:
    return None if content is None else shapely.from_wkb(content)


def sites(data: bytes, outline: bytes | None, footprints: bytes | None, datum: str | None) -> Read:
    """`import_sites`."""
    found = import_sites(
        data, outline=_outline(outline), footprints=shapes_of(footprints), datum=datum
    )
    return Read(packed(found.sectors), found.rows.tolist(), found.report)


def drive_tests(
    data: bytes, outline: bytes | None, roads: bytes | None, datum: str | None, swapped: bool
) -> Read:
    """`import_drive_tests`."""
    found = import_drive_tests(
        data, outline=_outline(outline), roads=shapes_of(roads), datum=datum, swapped=swapped
    )
    return Read(
        packed(found.tests), found.rows.tolist(), found.report,
        absolute=found.absolute, missing=found.missing,
    )  # fmt: skip


def buildings(data: bytes, outline: bytes | None, roads: bytes | None, datum: str | None) -> Read:
    """`import_buildings`."""
    found = import_buildings(data, outline=_outline(outline), roads=shapes_of(roads), datum=datum)
    pairs = [(int(a), int(b)) for a, b in found.overlaps.tolist()]
    return Read(packed(found.buildings), found.rows.tolist(), found.report, overlaps=pairs)


def imported_sites(found: Read) -> ImportedSites:
    """What `sites` sent back."""
    return ImportedSites(
        sectors=unpacked(Sectors, found.columns),
        rows=np.array(found.rows, np.int64),
        report=found.report,
    )


def imported_drive_tests(found: Read) -> ImportedDriveTests:
    """What `drive_tests` sent back."""
    return ImportedDriveTests(
        tests=unpacked(DriveTests, found.columns),
        rows=np.array(found.rows, np.int64),
        absolute=found.absolute,
        missing=found.missing,
        report=found.report,
    )


def imported_buildings(found: Read) -> ImportedBuildings:
    """What `buildings` sent back."""
    return ImportedBuildings(
        buildings=unpacked(Buildings, found.columns),
        rows=np.array(found.rows, np.int64),
        overlaps=np.array(found.overlaps, np.int64).reshape(-1, 2),
        report=found.report,
    )
