"""An estimated rate from SINR: the attenuated, truncated Shannon bound of TR 36.942 annex A.

    efficiency = 0 below the least SINR, else min(attenuation * log2(1 + SINR), most)

With several layers the power is split evenly among 1 to `layers` of them and the best number is
taken: an upper estimate, since real channels do not carry all layers equally well. It is an
estimate of what a radio map supports, not a measurement.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, kw_only=True)
class Carrier:
    """What turns SINR into a rate.

    Attributes:
        bandwidth_mhz: occupied: 273 resource blocks of 12 x 30 kHz (TS 38.101-1 table 5.3.2-1).
        downlink: share of time for downlink; 74 % is TDD 3:1, configuration.
        overhead: control channels and reference signals, downlink FR1 (TS 38.306 clause 4.1.2).
        layers: most layers to one user.
        attenuation: of Shannon's bound, downlink (TR 36.942 annex A.2).
        least_sinr_db: below it nothing arrives (TR 36.942 annex A.2).
        most_bit_s_hz: for each layer, 256QAM 948/1024 (TS 38.214 table 5.1.3.1-2).
    """

    bandwidth_mhz: float = 98.28
    downlink: float = 0.74
    overhead: float = 0.14
    layers: int = 4
    attenuation: float = 0.6
    least_sinr_db: float = -10.0
    most_bit_s_hz: float = 7.4063

    def __post_init__(self) -> None:
        if not 0 < self.bandwidth_mhz <= 2_000:
            raise ValueError("bandwidth_mhz: must be above 0 and at most 2,000")
        if not (0 < self.downlink <= 1 and 0 <= self.overhead < 1 and 0 < self.attenuation <= 1):
            raise ValueError("downlink, overhead, attenuation: must be shares of 1")
        if not 1 <= self.layers <= 8:
            raise ValueError("layers: must be 1 to 8")


def efficiency(sinr_db: ArrayLike, carrier: Carrier) -> NDArray[np.float64]:
    """Bit/s per Hz of all layers, element-wise; 0 for -inf."""
    power = 10 ** (np.asarray(sinr_db, np.float64) / 10)
    least = 10 ** (carrier.least_sinr_db / 10)
    best = np.zeros(power.shape)
    for layers in range(1, carrier.layers + 1):
        each = carrier.attenuation * np.log2(1 + power / layers)
        each = np.where(power / layers >= least, np.minimum(each, carrier.most_bit_s_hz), 0.0)
        best = np.maximum(best, layers * each)
    return best


def rate(sinr_db: ArrayLike, carrier: Carrier, load: ArrayLike = 0.0) -> NDArray[np.float64]:
    """Mbit/s, downlink, for one user who gets what `load` (share in use by others) leaves."""
    free = 1 - np.asarray(load, np.float64)
    if not ((free >= 0) & (free <= 1)).all():
        raise ValueError("load: must be 0 to 1")
    share = carrier.downlink * (1 - carrier.overhead)
    return efficiency(sinr_db, carrier) * carrier.bandwidth_mhz * share * free
