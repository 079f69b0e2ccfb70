"""What a calibration by drive tests works on: samples, the ledger's sectors, assumptions."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Samples:
    """n measurements, each of the sector that served it; every array has shape (n,).

    Attributes:
        sector: row of the sector, -1 for none; such samples are passed over.
        bearing_deg: from the station to the sample, clockwise from north.
        distance_m: seen from above.
        below_deg: of the sample below the station's horizon.
        hidden: a building stands in the line. depth_m: of the line inside buildings.
        loss_db: median path loss.
        measured_dbm: RSRP; NaN is passed over.
        run: number of the run.
    """

    sector: Integers
    bearing_deg: Floats
    distance_m: Floats
    below_deg: Floats
    hidden: Booleans
    depth_m: Floats
    loss_db: Floats
    measured_dbm: Floats
    run: Integers

    def __post_init__(self) -> None:
        shape = self.sector.shape
        for field in fields(self):
            if getattr(self, field.name).shape != shape or len(shape) != 1:
                raise ValueError(f"{field.name}: must have the shape (n,) of sector, {shape}")

    def __len__(self) -> int:
        return len(self.sector)

    def take(self, rows: npt.NDArray[np.bool_] | Integers) -> Samples:
        """The samples of a mask or of row numbers."""
        return Samples(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})


@dataclass(frozen=True, kw_only=True)
class Registered:
    """What the ledger says of S sectors; every array has shape (S,).

    Attributes:
        site: number of the mast and carrier: sectors of one compete for the same phones.
        azimuth_deg, tilt_deg: of the axis.
        power_dbm: per resource element, without the antenna's gain.
    """

    site: Integers
    azimuth_deg: Floats
    tilt_deg: Floats
    power_dbm: Floats

    def __post_init__(self) -> None:
        for field in fields(self):
            values = getattr(self, field.name)
            if values.shape != self.site.shape or self.site.ndim != 1:
                raise ValueError(f"{field.name}: must have the shape (S,) of site")
            if not np.isfinite(values).all():
                raise ValueError(f"{field.name}: holds a number that is not finite")


@dataclass(frozen=True, kw_only=True)
class Assumed:
    """Priors, and when a sector is judged.

    Attributes:
        bin_m: samples of one square of this side count as one.
        shadow_db, decorrelation_m, noise_db: of what no sector explains; `shadow_db` is where the
            estimate from the samples begins.
        offset_db, slope: standard deviations of a sector's offset, and of its change of the
            path-loss exponent (times 10 log10 of distance).
        azimuth_deg: spread of the registered azimuths that are right.
        wrong_share: chance that a registered one may be anything.
        tilt_deg: spread of the tilt; nothing beyond twice this is looked at.
        serving_db: how much stronger a sector is when it serves e times as often.
        stray: chance that a sample's server was not chosen by its level.
        least_samples, least_bins, least_spread_deg: below them a sector is not judged.
        sure: probability from which an azimuth is called wrong.
        wrong_from_deg: the least error that is called wrong.
    """

    bin_m: float = 20.0
    shadow_db: float = 6.0
    decorrelation_m: float = 50.0
    noise_db: float = 3.0
    offset_db: float = 4.0
    slope: float = 0.3
    azimuth_deg: float = 6.0
    wrong_share: float = 0.05
    tilt_deg: float = 1.5
    serving_db: float = 3.0
    stray: float = 0.05
    least_samples: int = 20
    least_bins: int = 6
    least_spread_deg: float = 15.0
    sure: float = 0.9
    wrong_from_deg: float = 20.0

    def __post_init__(self) -> None:
        for field in fields(self):
            if not getattr(self, field.name) > 0:
                raise ValueError(f"{field.name}: must be above 0")
        for name in ("wrong_share", "stray", "sure"):
            if not getattr(self, name) < 1:
                raise ValueError(f"{name}: must be below 1")
