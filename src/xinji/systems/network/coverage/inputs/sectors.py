"""The sectors of a radio network as columns."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Texts = npt.NDArray[np.object_]

TYPES = ("macro", "pole", "indoor")
UNKNOWN_PCI = -1
UNKNOWN_TIME = -1


@dataclass(frozen=True, kw_only=True)
class Sectors:
    """n sectors; every array has shape (n,). Places are WGS-84 degrees.

    Attributes:
        station_id: the site that the sector belongs to; `name` is the site's name.
        sector_id: unique.
        operator: as the registry writes it.
        type: one of `TYPES`.
        height_m: antenna above ground.
        azimuth_deg: main direction, clockwise from north, 0 <= azimuth < 360.
        tilt_deg: mechanical and electrical down-tilt together, positive below the horizon.
        eirp_dbm: per resource element, in the main direction.
        frequency_ghz: carrier centre.
        pci: physical cell identity, 0 to 1007, or `UNKNOWN_PCI`.
        in_service_since: Unix microseconds, or `UNKNOWN_TIME`.
        mounted_on: id of the building or pole, else empty.
    """

    station_id: Texts
    sector_id: Texts
    name: Texts
    operator: Texts
    type: Texts
    longitude: Floats
    latitude: Floats
    height_m: Floats
    azimuth_deg: Floats
    tilt_deg: Floats
    eirp_dbm: Floats
    frequency_ghz: Floats
    pci: Integers
    in_service_since: Integers
    mounted_on: Texts

    def __post_init__(self) -> None:
        """Raise ValueError when the columns differ in length."""
        lengths = {field.name: len(getattr(self, field.name)) for field in fields(self)}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"columns of different length: {lengths}")

    def __len__(self) -> int:
        return len(self.station_id)

    def take(self, rows: npt.NDArray[Any]) -> Sectors:
        """The sectors of a mask or of row numbers, in that order."""
        return replace(
            self, **{field.name: getattr(self, field.name)[rows] for field in fields(self)}
        )
