"""What prediction and judgement assume, from `parameters.toml`."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from xinji.model.title import Title

OWN = Path(__file__).with_name("parameters.toml")


class Receiver(msgspec.Struct, frozen=True):
    """The phone."""

    height_m: float
    noise_figure_db: float


class Sending(msgspec.Struct, frozen=True):
    """How sectors send; see `xinji.methods.radio.throughput`."""

    load: float
    bandwidth_mhz: float
    narrow_bandwidth_mhz: float
    narrow_below_ghz: float
    downlink_share: float
    layers: int
    reach_m: float


class Heights(msgspec.Struct, frozen=True):
    """Standard deviation of building heights: metres where known, a share of them where not."""

    known_m: float
    unknown_share: float


class Covered(msgspec.Struct, frozen=True):
    """Thresholds of SS-RSRP (dBm) and SS-SINR (dB) at which a place counts as covered."""

    rsrp_dbm: float
    sinr_db: float


class Indoor(msgspec.Struct, frozen=True):
    """How a building without a system of its own is judged."""

    required_rsrp_dbm: float
    high_loss_uses: tuple[str, ...]
    depth_m: float


class PlaceGrade(msgspec.Struct, frozen=True):
    """A class of places: both thresholds are reached."""

    name: str
    title: Title
    rsrp_dbm: float
    sinr_db: float


class Planning(msgspec.Struct, frozen=True):
    """What new sites are for: weights of what is not covered, and how far apart they stand."""

    open_weight: float
    road_weight: float
    building_weight: float
    spacing_m: float


class NewSite(msgspec.Struct, frozen=True):
    """What a new site of a layer would be; `mast_m` is above a roof of `least_height_m` or more."""

    type: str
    cost: float
    height_m: float = 0.0
    mast_m: float = 0.0
    least_height_m: float = 0.0
    eirp_dbm: float = 0.0
    tilt_deg: float = 0.0
    frequency_ghz: float = 0.0
    reach_m: float = 0.0


class Parameters(msgspec.Struct, frozen=True):
    """All of them; `candidates` is by layer of candidates."""

    receiver: Receiver
    network: Sending
    heights: Heights
    covered: Covered
    indoor: Indoor
    grades: tuple[PlaceGrade, ...]
    planning: Planning
    candidates: dict[str, NewSite]


def read_parameters(path: Path) -> Parameters:
    """Parameters of a file.

    Raises OSError, tomllib.TOMLDecodeError, and msgspec.ValidationError that names the field.
    """
    with path.open("rb") as file:
        found: dict[str, Any] = tomllib.load(file)
    return msgspec.convert(found, Parameters)


@cache
def own_parameters() -> Parameters:
    """Those that come with the package."""
    return read_parameters(OWN)
