"""Numbers of a 5G carrier: NR-ARFCN, transmission bandwidth, power per resource element."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

# TS 38.104, table 5.4.2.1-1: first and last N_REF, step kHz, offset MHz, N_REF of the offset
_RASTER = (
    (0, 599_999, 5.0, 0.0, 0),
    (600_000, 2_016_666, 15.0, 3000.0, 600_000),
    (2_016_667, 3_279_165, 60.0, 24_250.08, 2_016_667),
)
# FR1 and FR2 of TS 38.104, table 5.1-1
FREQUENCY_RANGES_GHZ = ((0.41, 7.125), (24.25, 71.0))

# TS 38.101-1, table 5.3.2-1: resource blocks by subcarrier spacing in kHz and bandwidth in MHz
RESOURCE_BLOCKS = {
    15: {5: 25, 10: 52, 15: 79, 20: 106, 25: 133, 30: 160, 35: 188, 40: 216, 45: 242, 50: 270},
    30: {5: 11, 10: 24, 15: 38, 20: 51, 25: 65, 30: 78, 35: 92, 40: 106, 45: 119, 50: 133,
         60: 162, 70: 189, 80: 217, 90: 245, 100: 273},
    60: {10: 11, 15: 18, 20: 24, 25: 31, 30: 38, 35: 44, 40: 51, 45: 58, 50: 65, 60: 79,
         70: 93, 80: 107, 90: 121, 100: 135},
}  # fmt: skip


def arfcn_to_ghz(arfcn: Floats) -> Floats:
    """Frequency of NR-ARFCN numbers (TS 38.104, 5.4.2.1); NaN for what is no such number."""
    number = np.asarray(arfcn, dtype=np.float64)
    ghz = np.full(number.shape, np.nan)
    for first, last, step_khz, offset_mhz, start in _RASTER:
        rows = (number >= first) & (number <= last) & (number == np.floor(number))
        ghz[rows] = (offset_mhz + step_khz / 1000 * (number[rows] - start)) / 1000
    return ghz


def in_frequency_range(ghz: Floats) -> npt.NDArray[np.bool_]:
    """Whether frequencies lie in FR1 or FR2."""
    found = np.zeros(np.shape(ghz), dtype=np.bool_)
    for low, high in FREQUENCY_RANGES_GHZ:
        found |= (ghz >= low) & (ghz <= high)
    return found


def usual_subcarrier_khz(ghz: Floats) -> Floats:
    """15 kHz below 2.4 GHz and 30 kHz above: what operators use in FR1 when no one says."""
    return np.where(np.asarray(ghz) < 2.4, 15.0, 30.0)


def resource_elements(bandwidth_mhz: Floats, subcarrier_khz: Floats) -> Floats:
    """Subcarriers of a carrier, 12 a resource block; NaN for a pair that the table lacks."""
    count = np.full(np.shape(bandwidth_mhz), np.nan)
    for spacing, table in RESOURCE_BLOCKS.items():
        for bandwidth, blocks in table.items():
            count[(subcarrier_khz == spacing) & (bandwidth_mhz == bandwidth)] = 12.0 * blocks
    return count


def eirp_per_element(power_dbm: Floats, gain_dbi: Floats, elements: Floats) -> Floats:
    """EIRP per resource element in dBm: power - 10 log10(elements) + gain.

    The carrier's whole power is spread evenly over its subcarriers; no feeder loss is taken off.
    """
    return np.asarray(power_dbm - 10.0 * np.log10(elements) + gain_dbi, dtype=np.float64)
