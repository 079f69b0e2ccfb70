"""Buildings as columns; the readers of GeoJSON, GeoPackage and Shapefile."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Texts = npt.NDArray[np.object_]


@dataclass(frozen=True, kw_only=True)
class Buildings:
    """n buildings; every array has shape (n,).

    Attributes:
        geometries: shapely Polygons or MultiPolygons, WGS-84 degrees, longitude first.
        height_m: above ground, always a number.
        height_known: False where the height is the district's law and not the file's.
        floors: number of storeys, or 0 when unknown.
    """

    geometries: npt.NDArray[np.object_]
    height_m: Floats
    height_known: npt.NDArray[np.bool_]
    floors: npt.NDArray[np.int64]
    use: Texts
    name: Texts
    id: Texts

    def __post_init__(self) -> None:
        """Raise ValueError when the columns differ in length."""
        lengths = {field.name: len(getattr(self, field.name)) for field in fields(self)}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"columns of different length: {lengths}")

    def __len__(self) -> int:
        return len(self.geometries)

    def take(self, rows: npt.NDArray[Any]) -> Buildings:
        """The buildings of a mask or of row numbers, in that order."""
        return replace(
            self, **{field.name: getattr(self, field.name)[rows] for field in fields(self)}
        )
