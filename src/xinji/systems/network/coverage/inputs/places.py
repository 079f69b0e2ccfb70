"""Places of rows: to WGS-84, and inside the district or refused."""

from __future__ import annotations

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from xinji.methods.geodesy import to_wgs84
from xinji.systems.network.coverage.inputs.checked_block import CheckedBlock
from xinji.systems.network.coverage.inputs.datum import likely_datum_of_outsiders
from xinji.systems.network.coverage.inputs.report import ImportReport
from xinji.systems.network.coverage.inputs.sectors import Floats


def placed(
    checked: CheckedBlock,
    places: tuple[Floats, Floats],
    outline: BaseGeometry | None,
    datum: str,
) -> tuple[Floats, Floats]:
    """Places of a block in WGS-84 degrees; rows outside the outline are refused.

    The rule says what would bring a row inside: another datum, or longitude and latitude in each
    other's place. Without an outline nothing is refused.
    """
    longitude, latitude = to_wgs84(datum, *places)
    if outline is None:
        return longitude, latitude
    shapely.prepare(outline)
    known = np.isfinite(longitude) & np.isfinite(latitude)
    outside = known & ~shapely.contains_xy(outline, longitude, latitude)
    if outside.any():
        hints = np.full(len(longitude), "", dtype=object)
        hints[outside] = likely_datum_of_outsiders(
            places[0][outside], places[1][outside], outline, datum
        )
        shown = np.empty(len(longitude), dtype=object)
        shown[:] = list(zip(places[0].tolist(), places[1].tolist(), strict=True))
        for hint in sorted(set(hints[outside].tolist())):
            checked.refuse(
                outside & (hints == hint),
                "longitude, latitude",
                f"inside the district{hint}",
                shown,
            )
    return longitude, latitude


def note_swapped(report: ImportReport) -> bool:
    """Note when most rows were refused with longitude and latitude in each other's place."""
    swapped = sum(
        count for rule, count in report.fault_counts.items() if rule.endswith("look swapped")
    )
    if swapped <= report.read / 2:
        return False
    report.notes.append(
        f"{swapped} of {report.read} rows have longitude and latitude in each other's column: "
        "import again with swapped=True"
    )
    return True
