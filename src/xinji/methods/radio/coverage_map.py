"""The radio map of one operator: strongest sector, second site and total power of every cell.

`compute` makes the whole map; `take_out`, `put_in` and `refresh` change one site of it. Powers are
those of one resource element (SS-RSRP), held as linear mW; `rsrp` and `sinr` give dB. Sight is
geometry (`sight`), loss is TR 38.901's median (`path_loss`), NLOS never below LOS.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xinji.methods.radio.antenna import ELEMENT, Antenna
from xinji.methods.radio.buildings import Buildings, Grid
from xinji.methods.radio.path_loss import UMA, UMI, check_frequency
from xinji.methods.radio.power_kernel import ADD, TAKE_OUT, TURN, add_site, place_of
from xinji.methods.radio.sight import check_heights, window_of

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Int32 = NDArray[np.int32]

MOST_SITES = 100_000
MOST_SECTORS_OF_A_SITE = 64
BYTES_OF_A_CELL = 25
MOST_BYTES = 2 << 30  # of all threads' maps: a large map gets fewer threads
SITES_AT_ONCE = 8  # between two looks at the cancel flag


class Cancelled(Exception):
    """The caller's `cancelled` said stop; nothing was changed."""


@dataclass(frozen=True, kw_only=True)
class Radio:
    """What all sites of a map share.

    Attributes:
        ghz: carrier frequency.
        receiver: height of receivers above ground, metres.
        radius: metres, how far a site is computed.
        antenna: pattern of the sectors.
        spacing_khz: of subcarriers; the noise is that of one resource element.
        noise_figure_db: of the receiver (TR 38.901 table 7.8-1 and TR 38.913 use 7 to 9 dB).
        noise_density_dbm: thermal, per Hz at 290 K.
    """

    ghz: float = 3.5
    receiver: float = 1.5
    radius: float = 2_000.0
    antenna: Antenna = ELEMENT
    spacing_khz: float = 30.0
    noise_figure_db: float = 7.0
    noise_density_dbm: float = -174.0

    def __post_init__(self) -> None:
        check_frequency(self.ghz)
        if not 0 < self.radius <= 5_000:
            raise ValueError("radius: must be above 0 and at most 5,000 m, the range of TR 38.901")
        if not 0 <= self.receiver <= 22.5:
            raise ValueError("receiver: must be 0 to 22.5 m, the range of TR 38.901")
        if not self.spacing_khz > 0:
            raise ValueError("spacing_khz: must be above 0")

    @property
    def noise_dbm(self) -> float:
        """Noise in one resource element."""
        return (
            self.noise_density_dbm + 10 * math.log10(self.spacing_khz * 1e3) + self.noise_figure_db
        )


@dataclass(frozen=True, kw_only=True)
class Network:
    """The sites of one operator and their sectors, in order of site: N sites, S sectors.

    Attributes:
        x, y, height: (N) metres; height above ground.
        model: (N) `UMA` or `UMI`.
        site: (S) which site, ascending.
        azimuth: (S) degrees clockwise from north.
        tilt: (S) degrees below the horizon.
        power_dbm: (S) per resource element, without the antenna's gain; -inf is switched off.
        load: (S) share of resource elements in use, 0 to 1: what others suffer from it.
    """

    x: Float64
    y: Float64
    height: Float64
    model: Int32
    site: Int32
    azimuth: Float64
    tilt: Float64
    power_dbm: Float64
    load: Float64
    first: Int32 = field(init=False)

    def __post_init__(self) -> None:
        sites, sectors = len(self.x), len(self.site)
        for name, kind, size in (
            ("x", np.float64, sites), ("y", np.float64, sites), ("height", np.float64, sites),
            ("model", np.int32, sites), ("site", np.int32, sectors),
            ("azimuth", np.float64, sectors), ("tilt", np.float64, sectors),
            ("power_dbm", np.float64, sectors), ("load", np.float64, sectors),
        ):  # fmt: skip
            values = np.ascontiguousarray(getattr(self, name), kind)
            if values.shape != (size,):
                raise ValueError(f"{name}: shape {values.shape}, expected ({size},)")
            if name != "power_dbm" and not np.isfinite(values).all():
                raise ValueError(f"{name}: holds a number that is not finite")
            object.__setattr__(self, name, values)
        if sites > MOST_SITES:
            raise ValueError(f"network: {sites:,} sites, more than {MOST_SITES:,}")
        if not np.isin(self.model, (UMA, UMI)).all():
            raise ValueError("model: outdoor sites are 0 (UMa) or 1 (UMi)")
        if (np.diff(self.site) < 0).any() or (
            sectors and not (self.site[0] >= 0 and self.site[-1] < sites)
        ):
            raise ValueError("site: must ascend and number the sites")
        if not ((self.load >= 0) & (self.load <= 1)).all():
            raise ValueError("load: must be 0 to 1")
        if not (self.power_dbm <= 100).all():
            raise ValueError("power_dbm: must be at most 100 dBm (and not NaN)")
        if (np.abs(self.tilt) > 90).any():
            raise ValueError("tilt: must be -90 to 90 degrees")
        first = np.searchsorted(self.site, np.arange(sites + 1)).astype(np.int32)
        if np.diff(first).max(initial=0) > MOST_SECTORS_OF_A_SITE:
            raise ValueError(f"site: more than {MOST_SECTORS_OF_A_SITE} sectors at one")
        object.__setattr__(self, "first", first)


@dataclass(frozen=True, kw_only=True)
class CoverageMap:
    """Powers in mW per resource element; every array is (rows, columns).

    Attributes:
        grid: the cells.
        best, best_sector: the strongest sector's power and number; 0 and -1 where nothing reaches.
        second, second_sector: the strongest of any other site.
        total: of all sectors, each times its load.
        stale: where the second is not known after a change, until `refresh`.
    """

    grid: Grid
    best: Float32
    best_sector: Int32
    second: Float32
    second_sector: Int32
    total: Float64
    stale: NDArray[np.bool_]

    def copy(self) -> CoverageMap:
        """A map that can be changed without touching this one."""
        return CoverageMap(grid=self.grid, **{name: getattr(self, name).copy() for name in _ARRAYS})


_ARRAYS = ("best", "best_sector", "second", "second_sector", "total", "stale")


def empty(grid: Grid) -> CoverageMap:
    """A map that nothing reaches."""
    return CoverageMap(
        grid=grid,
        best=np.zeros(grid.shape, np.float32), best_sector=np.full(grid.shape, -1, np.int32),
        second=np.zeros(grid.shape, np.float32), second_sector=np.full(grid.shape, -1, np.int32),
        total=np.zeros(grid.shape), stale=np.zeros(grid.shape, np.bool_),
    )  # fmt: skip


class Scratch:
    """The working arrays of one thread, kept from site to site so that none is allocated."""

    def __init__(self, grid: Grid, radius: float) -> None:
        self.grid, self.radius = grid, radius
        side = int(2 * radius / grid.cell) + 3
        rows, columns = min(side, grid.rows), min(side, grid.columns)
        count = place_of(radius * radius) + 3
        self.arrays: tuple[Any, ...] = (
            np.empty(rows * columns, np.uint8),
            np.empty((2, rows), np.int64),
            np.empty((6, columns), np.float32),
            np.empty((3, columns), np.int32),
            np.empty(columns),
            np.empty(2 * count, np.float32),
            np.empty(MOST_SECTORS_OF_A_SITE * count, np.float32),
            np.empty((MOST_SECTORS_OF_A_SITE, TURN + 2), np.float32),
        )

    def check(self, grid: Grid, radius: float) -> None:
        """Raises ValueError when a map on this grid needs more room than there is."""
        own = self.grid
        if radius > self.radius or grid.cell != own.cell:
            raise ValueError("scratch: made for another radius or size of cells")
        if grid.rows > own.rows or grid.columns > own.columns:
            raise ValueError("scratch: made for a smaller grid")


Rectangle = tuple[int, int, int, int]
"""(row, column, end row, end column) of a map."""


def _apply(
    mode: int, result: CoverageMap, network: Network, buildings: Buildings, radio: Radio, site: int,
    scratch: Scratch, within: Rectangle | None = None,
) -> None:  # fmt: skip
    grid, antenna = result.grid, radio.antenna
    scratch.check(grid, radio.radius)
    low, high = int(network.first[site]), int(network.first[site + 1])
    if low == high:
        return
    powers = 10 ** ((network.power_dbm[low:high] + antenna.gain_dbi) / 10)
    add_site(
        mode, float(network.x[site]), float(network.y[site]), float(network.height[site]),
        int(network.model[site]), radio.radius, radio.receiver, radio.ghz,
        low, network.azimuth[low:high], network.tilt[low:high], powers, network.load[low:high],
        antenna.horizontal_width, antenna.horizontal_limit,
        antenna.vertical_width, antenna.vertical_limit, antenna.limit,
        buildings.first, buildings.x1, buildings.y1, buildings.x2, buildings.y2,
        buildings.height, _flat(buildings), buildings.x, buildings.y, buildings.reach,
        grid.west, grid.south, grid.cell, *(within or (0, 0, grid.rows, grid.columns)),
        result.best, result.best_sector, result.second, result.second_sector, result.total,
        result.stale, *scratch.arrays,
    )  # fmt: skip


def _flat(buildings: Buildings) -> Float64:
    return np.zeros(len(buildings))


def compute(
    network: Network,
    buildings: Buildings,
    grid: Grid,
    radio: Radio,
    *,
    threads: int | None = None,
    progress: Callable[[float], object] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> CoverageMap:
    """The whole map. `progress` gets shares from 0 to 1, `cancelled` is asked between sites.

    Both are called from the working threads; `threads` is by default one for each core.
    Each thread has a map of its own (25 bytes a cell), merged at the end: the same number of
    threads gives the same map to the last bit, another number the same but for rounding of `total`.

    Raises:
        ValueError: a site not above the receivers.
        Cancelled: `cancelled` returned True.
    """
    if len(network.height):
        check_heights(float(network.height.min()), radio.receiver, radio.radius)
    count = len(network.x)
    room = MOST_BYTES // (BYTES_OF_A_CELL * grid.rows * grid.columns)
    cores = threads or len(os.sched_getaffinity(0))
    workers = max(1, min(cores, room, 1 + count // SITES_AT_ONCE))
    # neighbours one after the other share cells in the cache
    band = np.floor(network.y / radio.radius)
    order = np.lexsort((np.where(band % 2 == 0, network.x, -network.x), band))
    done = [0] * workers
    stop: list[bool] = []

    def work(worker: int) -> CoverageMap:
        own, scratch = empty(grid), Scratch(grid, radio.radius)
        sites = order[worker * count // workers : (worker + 1) * count // workers]
        for at in range(0, len(sites), SITES_AT_ONCE):
            if stop or (cancelled is not None and cancelled()):
                stop.append(True)
                raise Cancelled
            for site in sites[at : at + SITES_AT_ONCE]:
                _apply(ADD, own, network, buildings, radio, int(site), scratch)
                done[worker] += 1
            if progress is not None:
                progress(sum(done) / count)
        return own

    if workers == 1:
        return work(0)
    with ThreadPoolExecutor(workers, thread_name_prefix="coverage") as pool:
        try:
            parts = list(pool.map(work, range(workers)))
        except BaseException:
            stop.append(True)
            raise
    result = parts[0]
    for part in parts[1:]:
        _merge(result, part)
    return result


def _merge(into: CoverageMap, other: CoverageMap) -> None:
    """No site is in both, so the losing best and the two seconds compete for second."""
    wins = other.best > into.best
    loser = np.where(wins, into.best, other.best)
    loser_sector = np.where(wins, into.best_sector, other.best_sector)
    second = np.where(wins, other.second, into.second)
    second_sector = np.where(wins, other.second_sector, into.second_sector)
    np.copyto(into.best, other.best, where=wins)
    np.copyto(into.best_sector, other.best_sector, where=wins)
    takes = loser > second
    into.second[:] = np.where(takes, loser, second)
    into.second_sector[:] = np.where(takes, loser_sector, second_sector)
    np.add(into.total, other.total, out=into.total)


def rsrp(result: CoverageMap, loss: ArrayLike = 0.0) -> Float64:
    """(rows, columns) dBm of the strongest sector; -inf where nothing reaches.

    `loss` in dB comes on top (`indoors.indoor_loss`).
    """
    with np.errstate(divide="ignore"):
        return np.asarray(10 * np.log10(result.best.astype(np.float64)) - np.asarray(loss))


def sinr(result: CoverageMap, network: Network, radio: Radio, loss: ArrayLike = 0.0) -> Float64:
    """(rows, columns) dB of the strongest sector: P / (noise + sum of load x P of all others).

    `loss` in dB weakens all of them alike (`indoors.indoor_loss`).
    """
    own = np.where(result.best_sector >= 0, np.append(network.load, 0.0)[result.best_sector], 0.0)
    best = result.best.astype(np.float64)
    others = np.maximum(result.total - own * best, 0.0)
    with np.errstate(divide="ignore"):
        noise = 10 ** ((radio.noise_dbm + np.asarray(loss, np.float64)) / 10)
        return np.asarray(10 * np.log10(best / (others + noise)))


def reach(network: Network, radio: Radio, grid: Grid, site: int) -> Rectangle:
    """The cells that a site can reach."""
    x, y = float(network.x[site]), float(network.y[site])
    return window_of(x, y, radio.radius, grid.west, grid.south, grid.cell, grid.rows, grid.columns)  # type: ignore[no-any-return]


def site_power(
    network: Network, buildings: Buildings, grid: Grid, radio: Radio, site: int,
    scratch: Scratch | None = None,
) -> tuple[Rectangle, Float32]:  # fmt: skip
    """One site alone, as for the gain of a candidate: the cells it can reach, and its power there.

    Returns the rectangle and (its rows, its columns) mW of the site's strongest sector; the
    rectangle is empty where the site reaches no cell.
    """
    check_heights(float(network.height[site]), radio.receiver, radio.radius)
    row, column, end_row, end_column = within = reach(network, radio, grid, site)
    if row == end_row or column == end_column:
        return within, np.zeros((end_row - row, end_column - column), np.float32)
    part = Grid(
        grid.west + column * grid.cell, grid.south + row * grid.cell, grid.cell,
        end_row - row, end_column - column,
    )  # fmt: skip
    alone = empty(part)
    scratch = scratch or Scratch(grid, radio.radius)
    _apply(ADD, alone, network, buildings, radio, site, scratch)
    return within, alone.best


def take_out(
    result: CoverageMap, network: Network, buildings: Buildings, radio: Radio, site: int,
    scratch: Scratch | None = None,
) -> Rectangle:  # fmt: skip
    """Take a site out of the map, in place; `network` as it was when the site was put in.

    Best and total are exact afterwards (total to 1e-15 of the largest that the cell has held).
    Where the site was first or second, the second is not known any more: those cells are `stale`,
    until `refresh`. Returns the cells that the site reached.

    Raises:
        ValueError: a cell within reach is stale, so that its new best would not be known.
    """
    row, column, end_row, end_column = within = reach(network, radio, result.grid, site)
    if result.stale[row:end_row, column:end_column].any():
        raise ValueError("map: stale cells within reach of the site, refresh them first")
    scratch = scratch or Scratch(result.grid, radio.radius)
    _apply(TAKE_OUT, result, network, buildings, radio, site, scratch)
    return within


def put_in(
    result: CoverageMap, network: Network, buildings: Buildings, radio: Radio, site: int,
    scratch: Scratch | None = None,
) -> Rectangle:  # fmt: skip
    """Put a site into the map, in place: a changed one after `take_out`, or a new one.

    Numbers of sectors of other sites must stay as they are (a new site comes last). Cells whose
    second is again known (the old best is now second) are no longer stale.
    """
    check_heights(float(network.height[site]), radio.receiver, radio.radius)
    row, column, end_row, end_column = within = reach(network, radio, result.grid, site)
    place = np.s_[row:end_row, column:end_column]
    before = result.best_sector[place].copy()
    scratch = scratch or Scratch(result.grid, radio.radius)
    _apply(ADD, result, network, buildings, radio, site, scratch)
    result.stale[place] &= result.best_sector[place] == before
    return within


def refresh(
    result: CoverageMap, network: Network, buildings: Buildings, radio: Radio, within: Rectangle
) -> Rectangle | None:
    """Compute the stale cells of a rectangle anew, in place, from all sites that reach them.

    Returns the rectangle computed (that of the stale cells), None when there was none.
    """
    row, column, end_row, end_column = within
    stale = result.stale[row:end_row, column:end_column]
    rows, columns = np.flatnonzero(stale.any(axis=1)), np.flatnonzero(stale.any(axis=0))
    if not len(rows):
        return None
    row, end_row = row + int(rows[0]), row + int(rows[-1]) + 1
    column, end_column = column + int(columns[0]), column + int(columns[-1]) + 1
    fresh, scratch = empty(result.grid), Scratch(result.grid, radio.radius)
    for site in range(len(network.x)):
        _apply(
            ADD, fresh, network, buildings, radio, site, scratch,
            (row, column, end_row, end_column),
        )  # fmt: skip
    place = np.s_[row:end_row, column:end_column]
    for name in _ARRAYS:
        getattr(result, name)[place] = getattr(fresh, name)[place]
    return row, column, end_row, end_column


def share_above(values: ArrayLike, threshold: float, weights: ArrayLike | None = None) -> float:
    """Share of cells (or of their weights) with at least a threshold; NaN without cells."""
    reached = np.asarray(values, np.float64) >= threshold
    if weights is None:
        return float(reached.mean()) if reached.size else math.nan
    weight = np.asarray(weights, np.float64)
    return float((reached * weight).sum() / weight.sum()) if weight.sum() > 0 else math.nan
