"""The buildings of a district as columns."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import shapely

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


def buildings_geojson(buildings: Buildings) -> bytes:
    """A FeatureCollection that `import_buildings` reads back; unknown heights are left out."""
    shapes = shapely.to_geojson(buildings.geometries)
    features = []
    for at, shape in enumerate(shapes):
        properties: dict[str, Any] = {
            "id": buildings.id[at],
            "name": buildings.name[at],
            "use": buildings.use[at],
        }
        if buildings.height_known[at]:
            properties["height_m"] = float(buildings.height_m[at])
        if buildings.floors[at]:
            properties["floors"] = int(buildings.floors[at])
        geometry = msgspec.Raw(shape.encode())
        features.append({"type": "Feature", "geometry": geometry, "properties": properties})
    return msgspec.json.encode({"type": "FeatureCollection", "features": features})
