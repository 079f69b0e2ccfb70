"""One link, explained: what stands between a station and a receiver, and where its dB go."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from xinji.methods.radio.antenna import gain
from xinji.methods.radio.buildings import Buildings
from xinji.methods.radio.coverage_map import Network, Radio
from xinji.methods.radio.path_loss import path_loss
from xinji.methods.radio.sight import check_heights


@dataclass(frozen=True, kw_only=True)
class Crossing:
    """A stretch of the line above or through one footprint.

    Attributes:
        building: its number.
        entry, exit: metres from the station, seen from above.
        top: of the building, metres above ground.
        line_at_entry, line_at_exit: height of the line there.
        depth: metres of the stretch that are below the top.
    """

    building: int
    entry: float
    exit: float
    top: float
    line_at_entry: float
    line_at_exit: float
    depth: float


@dataclass(frozen=True, kw_only=True)
class LinkProfile:
    """A link and its crossings in order of entry; `in_sight` is True when none has depth."""

    distance: float
    station: float
    receiver: float
    crossings: tuple[Crossing, ...]
    depth: float
    in_sight: bool


@dataclass(frozen=True, kw_only=True)
class Budget:
    """Where the dB of one sector's link go.

    Attributes:
        power_dbm: of a resource element at the antenna.
        gain_db: of the antenna towards the receiver.
        off_axis: degrees from the sector's azimuth, -180 to 180.
        below_horizon: degrees.
        loss_db: median path loss; `loss_in_sight_db` what it would be without buildings.
        rsrp_dbm: power + gain - loss.
    """

    power_dbm: float
    gain_db: float
    off_axis: float
    below_horizon: float
    loss_db: float
    loss_in_sight_db: float
    rsrp_dbm: float


def link_profile(
    buildings: Buildings,
    station: tuple[float, float, float],
    receiver: tuple[float, float, float],
) -> LinkProfile:
    """What the straight line from station to receiver, both (x, y, height), crosses.

    A receiver inside a footprint is taken as outside of that building: its stretch is not counted.
    """
    check_heights(station[2], receiver[2], 1.0)
    x, y = receiver[0] - station[0], receiver[1] - station[1]
    distance = math.hypot(x, y)
    if distance == 0:
        return LinkProfile(
            distance=0.0, station=station[2], receiver=receiver[2], crossings=(), depth=0.0,
            in_sight=True,
        )  # fmt: skip
    ax, ay = buildings.x1 - station[0], buildings.y1 - station[1]
    bx, by = buildings.x2 - station[0], buildings.y2 - station[1]
    side_a, side_b = x * ay - y * ax, x * by - y * bx
    met = np.flatnonzero((side_a >= 0) != (side_b >= 0))
    part = side_a[met] / (side_a[met] - side_b[met])
    share = (
        (ax[met] + part * (bx[met] - ax[met])) * x + (ay[met] + part * (by[met] - ay[met])) * y
    ) / distance**2
    owner = np.searchsorted(buildings.first, met, side="right") - 1
    order = np.lexsort((share, owner))
    share, owner = share[order], owner[order]
    found = []
    # rings are closed, so the whole line meets every building an even number of times
    for at in range(0, len(share) - 1, 2):
        begin, end, building = max(float(share[at]), 0.0), float(share[at + 1]), int(owner[at])
        if begin >= 1 or end <= 0 or end > 1:
            continue
        top = float(buildings.height[building])
        rise = station[2] - receiver[2]
        under = max(begin, (station[2] - top) / rise)
        found.append(
            Crossing(
                building=building, entry=begin * distance, exit=end * distance, top=top,
                line_at_entry=station[2] - begin * rise, line_at_exit=station[2] - end * rise,
                depth=max(0.0, end - under) * distance,
            )
        )  # fmt: skip
    found.sort(key=lambda crossing: crossing.entry)
    depth = sum(crossing.depth for crossing in found)
    return LinkProfile(
        distance=distance, station=station[2], receiver=receiver[2], crossings=tuple(found),
        depth=depth, in_sight=not depth > 0,
    )  # fmt: skip


def budget(
    profile: LinkProfile, network: Network, radio: Radio, sector: int, x: float, y: float
) -> Budget:
    """The link budget of one sector to a receiver at (x, y) whose profile is known."""
    site = int(network.site[sector])
    east, north = x - float(network.x[site]), y - float(network.y[site])
    off = (math.degrees(math.atan2(east, north)) - float(network.azimuth[sector]) + 180) % 360 - 180
    below = math.degrees(math.atan2(profile.station - profile.receiver, profile.distance))
    towards = float(gain(radio.antenna, off, below, float(network.tilt[sector])))
    seen, hidden = (
        float(path_loss(int(network.model[site]), profile.distance, profile.station,
                        profile.receiver, radio.ghz, sight))
        for sight in (True, False)
    )  # fmt: skip
    loss = seen if profile.in_sight else hidden
    power = float(network.power_dbm[sector])
    return Budget(
        power_dbm=power, gain_db=towards, off_axis=off, below_horizon=below, loss_db=loss,
        loss_in_sight_db=seen, rsrp_dbm=power + towards - loss,
    )  # fmt: skip
