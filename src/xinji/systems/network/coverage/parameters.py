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


class Carrier(msgspec.Struct, frozen=True):
    """How sectors send; see `xinji.methods.radio.throughput`."""

    load: float
    bandwidth_mhz: float
    downlink_share: float
    layers: int


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


class Candidate(msgspec.Struct, frozen=True):
    """What a new site would be. `mast_m` stands on the roof; `cost` is relative."""

    cost: float
    height_m: float = 0.0
    mast_m: float = 0.0
    eirp_dbm: float = 0.0
    tilt_deg: float = 0.0
    frequency_ghz: float = 0.0


class Parameters(msgspec.Struct, frozen=True):
    """All of them. `reach` and `planning` are by type of site."""

    receiver: Receiver
    network: Carrier
    reach: dict[str, float]
    covered: Covered
    indoor: Indoor
    grades: tuple[PlaceGrade, ...]
    planning: dict[str, Candidate]


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
