"""What stands on the poles now, in memory: facts of the registry, mounts, bays, feeds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

import msgspec

from xinji.systems.terminals.poles.types import Circuit, PoleType, Types

K = TypeVar("K")


class Mount(msgspec.Struct, kw_only=True, frozen=True):
    """A device on a pole; the columns of `pole_mounts` with the bays. Times: microseconds."""

    id: str
    pole: str
    slot: str
    device: str
    name: str = ""
    serial: str = ""
    thing: str = ""
    owner: str = ""
    interface: str = ""
    weight_kg: float = 0.0
    wind_area_m2: float = 0.0
    rated_w: float = 0.0
    diversity: float | None = None
    height_m: float | None = None
    azimuth_deg: float | None = None
    box: str = ""
    power_box: str = ""
    circuit: int = 0
    bays: tuple[int, ...] = ()
    since: int = 0
    until: int | None = None
    moved_from: str | None = None
    added_by: str = ""
    added_at: int = 0
    source: str = "measured"
    sender: str = ""
    client_id: str = ""


@dataclass(frozen=True, slots=True)
class Pole:
    """What the checks need of a registered pole."""

    id: str
    name: str
    type: str
    area: str
    longitude: float
    latitude: float
    box: str = ""
    road: str = ""
    status: str = "live"
    source: str = "measured"
    retired: bool = False
    since: int | None = None


@dataclass(frozen=True, slots=True)
class Box:
    """An equipment box or a power box."""

    id: str
    name: str
    type: str
    area: str = ""
    source: str = "measured"
    retired: bool = False


Feed = tuple[str, int]
"""Power box and number of the circuit."""


@dataclass(frozen=True)
class Ledger:
    """All of it at one moment. Never changed: a change makes another.

    Attributes:
        ratings: circuits that differ from those of the power box's type.
        feeds: circuit by what it feeds, an equipment box or a pole.
    """

    types: Types
    poles: dict[str, Pole]
    boxes: dict[str, Box] = field(default_factory=dict)
    power_boxes: dict[str, Box] = field(default_factory=dict)
    mounts: Sequence[Mount] = ()
    feeds: dict[str, Feed] = field(default_factory=dict)
    ratings: dict[Feed, Circuit] = field(default_factory=dict)

    def type_of(self, pole: str) -> PoleType | None:
        """The type of a pole, when pole and type are known."""
        known = self.poles.get(pole)
        return None if known is None else self.types.poles.get(known.type)

    def box_of(self, mount: Mount) -> str:
        """The equipment box of a device: its own, or the pole's; empty when there is none."""
        pole = self.poles.get(mount.pole)
        return mount.box or (pole.box if pole is not None else "")

    def feed_of(self, mount: Mount) -> Feed | None:
        """The circuit of a device: its own, else the pole's, else the equipment box's."""
        if mount.power_box:
            return (mount.power_box, mount.circuit)
        return self.feeds.get(mount.pole) or self.feeds.get(self.box_of(mount))

    def through_box(self, mount: Mount) -> str:
        """The equipment box whose power a device draws; empty when it has a feed of its own."""
        if mount.power_box or mount.pole in self.feeds:
            return ""
        return self.box_of(mount)

    def demand(self, mount: Mount) -> float:
        """Rated power times diversity, W."""
        share = mount.diversity
        return mount.rated_w * (self.types.diversity(mount.device) if share is None else share)

    def circuit(self, feed: Feed) -> Circuit | None:
        """A circuit of a power box, None when there is no such one."""
        power_box = self.power_boxes.get(feed[0])
        if power_box is not None and feed in self.ratings:
            return self.ratings[feed]
        known = None if power_box is None else self.types.power_boxes.get(power_box.type)
        found = () if known is None else known.circuits
        return next((each for each in found if each.number == feed[1]), None)

    def circuits(self, power_box: str) -> tuple[Circuit, ...]:
        """All circuits of a power box."""
        known = self.power_boxes.get(power_box)
        type_ = None if known is None else self.types.power_boxes.get(known.type)
        numbers = {each.number for each in (type_.circuits if type_ else ())}
        numbers |= {number for box, number in self.ratings if box == power_box}
        found = (self.circuit((power_box, number)) for number in sorted(numbers))
        return tuple(each for each in found if each is not None)

    # -- indexes --------------------------------------------------------------------------------

    @cached_property
    def by_id(self) -> dict[str, Mount]:
        """Mounts by id."""
        return {mount.id: mount for mount in self.mounts}

    @cached_property
    def by_pole(self) -> dict[str, list[Mount]]:
        """Mounts of each pole."""
        return _grouped(self.mounts, lambda mount: mount.pole)

    @cached_property
    def by_feed(self) -> dict[Feed | None, list[Mount]]:
        """Mounts of each circuit."""
        return _grouped(self.mounts, self.feed_of)

    @cached_property
    def by_box(self) -> dict[str, list[Mount]]:
        """Mounts whose electronics are in each equipment box."""
        return _grouped(self.mounts, self.box_of)

    @cached_property
    def by_thing(self) -> dict[str, list[Mount]]:
        """Mounts of each registered thing."""
        return _grouped(self.mounts, lambda mount: mount.thing)

    @cached_property
    def by_serial(self) -> dict[str, list[Mount]]:
        """Mounts of each serial number."""
        return _grouped(self.mounts, lambda mount: mount.serial)

    @cached_property
    def feed_watts(self) -> dict[Feed | None, float]:
        """Demand of each circuit, W."""
        return {feed: sum(map(self.demand, each)) for feed, each in self.by_feed.items()}

    @cached_property
    def box_watts(self) -> dict[str, float]:
        """Demand that passes through each equipment box, W."""
        found: dict[str, float] = defaultdict(float)
        for mount in self.mounts:
            found[self.through_box(mount)] += self.demand(mount)
        return dict(found)


def _grouped(mounts: Iterable[Mount], key: Callable[[Mount], K]) -> dict[K, list[Mount]]:
    found: dict[K, list[Mount]] = defaultdict(list)
    for mount in mounts:
        found[key(mount)].append(mount)
    return dict(found)
