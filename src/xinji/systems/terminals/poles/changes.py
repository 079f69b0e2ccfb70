"""Mounting, moving and taking down: one decision in one transaction, every change audited.

The writer's lock is taken before the ledger is read, so two that want the last slot are one after
the other, and the second is refused.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Annotated, Any

import msgspec

from xinji.loop.house import House
from xinji.store.pole_schema import pole_mounts
from xinji.systems.terminals.poles.checks import Check, check_mount, failed
from xinji.systems.terminals.poles.ledger import Ledger, Mount
from xinji.systems.terminals.poles.stored import (
    add_mounts,
    end_mount,
    known_clients,
    mounts_where,
)

Text = Annotated[str, msgspec.Meta(max_length=200)]
Name = Annotated[str, msgspec.Meta(max_length=128)]
Serial = Annotated[str, msgspec.Meta(max_length=64)]
Short = Annotated[str, msgspec.Meta(min_length=1, max_length=32)]
ClientId = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
Weight = Annotated[float, msgspec.Meta(ge=0, le=10_000)]
Area = Annotated[float, msgspec.Meta(ge=0, le=100)]
Watts = Annotated[float, msgspec.Meta(ge=0, le=100_000)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Height = Annotated[float, msgspec.Meta(ge=-5, le=120)]
Azimuth = Annotated[float, msgspec.Meta(ge=0, lt=360)]
Bay = Annotated[int, msgspec.Meta(ge=1, le=200)]
Number = Annotated[int, msgspec.Meta(ge=0, le=100)]


Ledgers = Callable[[], Ledger]
"""Reads the ledger as it stands in the open transaction."""


class NewMount(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Body of a mount: what a device is and where it goes.

    Heights are metres above ground, azimuth degrees clockwise from north. `since` is Unix
    microseconds; absent for now. `diversity` absent takes that of the kind of device.
    """

    slot: Short
    device: Short
    weight_kg: Weight
    wind_area_m2: Area
    rated_w: Watts
    client_id: ClientId | None = None
    name: Text = ""
    serial: Serial = ""
    thing: Name = ""
    owner: Text = ""
    interface: Annotated[str, msgspec.Meta(max_length=16)] = ""
    diversity: Share | None = None
    height_m: Height | None = None
    azimuth_deg: Azimuth | None = None
    box: Name = ""
    power_box: Name = ""
    circuit: Number = 0
    bays: Annotated[tuple[Bay, ...], msgspec.Meta(max_length=20)] = ()
    since: int | None = None


class Move(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Body of a move: where the device goes; what is absent stays as it is."""

    pole: Name | None = None
    slot: Short | None = None
    client_id: ClientId | None = None
    interface: Annotated[str, msgspec.Meta(max_length=16)] | None = None
    height_m: Height | None = None
    azimuth_deg: Azimuth | None = None
    box: Name | None = None
    power_box: Name | None = None
    circuit: Number | None = None
    bays: Annotated[tuple[Bay, ...], msgspec.Meta(max_length=20)] | None = None


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided: the mount as it stands or would stand, and all checks with their numbers.

    `repeated` is true when the same client id was done before.
    """

    allowed: bool
    dry_run: bool
    repeated: bool
    mount: Mount
    checks: list[Check]


class Refused(ValueError):
    """A body that breaks a rule besides the checks: field and rule."""

    def __init__(self, field: str, rule: str) -> None:
        super().__init__(f"{field}: {rule}")
        self.field, self.rule = field, rule


def mount_of(
    given: NewMount,
    pole: str,
    *,
    id_: str,
    sender: str,
    now: int,
    source: str,
    person: str = "",
) -> Mount:
    """A mount from its body; `person` is who added it when that is not the sender."""
    values = {name: getattr(given, name) for name in given.__struct_fields__}
    values["client_id"] = given.client_id or id_
    values["since"] = now if given.since is None else given.since
    return Mount(
        id=id_, pole=pole, sender=sender, added_by=person or sender, added_at=now, source=source,
        **values,
    )  # fmt: skip


def check_body(house: House, ledger: Ledger, mount: Mount, now: int) -> None:
    """What no check of the pole says. Raises Refused."""
    types = ledger.types
    if mount.device not in types.devices:
        raise Refused("device", f"one of {', '.join(types.devices)}")
    if mount.thing and mount.thing not in house.registry.things:
        raise Refused("thing", "a registered thing, or empty")
    if bool(mount.power_box) != bool(mount.circuit):
        raise Refused("circuit", "power_box and circuit are given together")
    if types.radiates(mount.device) and (mount.height_m is None or mount.azimuth_deg is None):
        field = "height_m" if mount.height_m is None else "azimuth_deg"
        raise Refused(field, "an antenna has a height and an azimuth")
    if not 0 < mount.since <= now + 300_000_000:
        raise Refused("since", "after 1970 and not in the future")


def mount(
    house: House, read: Ledgers, pole: str, given: NewMount, person: str, *, dry_run: bool
) -> Outcome:
    """Put a device on a pole if all checks hold; a dry run only answers.

    Raises Refused: the body breaks a rule that is none of the pole's.
    """
    now = house.clock.now()
    with _deciding(house, dry_run):
        ledger = read()
        if given.client_id and (before := _before(house, person, given.client_id)):
            if before.pole != pole:
                raise Refused("client_id", f"used for a mount on {before.pole}")
            return _repeated(ledger, before, dry_run)
        known = ledger.poles.get(pole)
        source = "measured" if known is None else known.source
        wanted = mount_of(
            given, pole, id_=secrets.token_hex(8), sender=person, now=now, source=source
        )
        check_body(house, ledger, wanted, now)
        checks = check_mount(ledger, wanted)
        allowed = not failed(checks)
        if allowed and not dry_run:
            add_mounts(house.database, [wanted])
            house.audit.record(person, "pole.mount", pole, _detail(wanted))
    return Outcome(allowed=allowed, dry_run=dry_run, repeated=False, mount=wanted, checks=checks)


def move(
    house: House, read: Ledgers, standing: Mount, given: Move, person: str, *, dry_run: bool
) -> Outcome:
    """Move a device: the mount ends and another begins, so that its history stays.

    Raises Refused: the body breaks a rule, or the device was taken down meanwhile.
    """
    now = house.clock.now()
    with _deciding(house, dry_run):
        ledger = read()
        if given.client_id and (before := _before(house, person, given.client_id)):
            if before.moved_from != standing.id:
                raise Refused("client_id", "used for another mount")
            return _repeated(ledger, before, dry_run)
        if standing.id not in ledger.by_id:
            raise Refused("id", "a mount that stands; this one was taken down")
        other_pole = given.pole is not None and given.pole != standing.pole
        changes = {
            name: value
            for name in given.__struct_fields__
            if name != "client_id" and (value := getattr(given, name)) is not None
        }
        if other_pole:
            # bays and circuits belong to the place that it leaves
            changes = {"box": "", "power_box": "", "circuit": 0, "bays": ()} | changes
        # checked under its old id, so that it is not in its own way
        trial = msgspec.structs.replace(standing, **changes)
        check_body(house, ledger, trial, now)
        checks = check_mount(ledger, trial)
        id_ = secrets.token_hex(8)
        wanted = msgspec.structs.replace(
            trial, id=id_, sender=person, client_id=given.client_id or id_, since=now,
            moved_from=standing.id, added_by=person, added_at=now,
        )  # fmt: skip
        allowed = not failed(checks)
        if allowed and not dry_run:
            end_mount(house.database, standing.id, now)
            add_mounts(house.database, [wanted])
            detail = _detail(wanted) | {"from": [standing.pole, standing.slot, standing.id]}
            house.audit.record(person, "pole.move", wanted.pole, detail)
    return Outcome(allowed=allowed, dry_run=dry_run, repeated=False, mount=wanted, checks=checks)


def remove(house: House, standing: Mount, person: str) -> Mount:
    """Take a device down; one that is down already stays as it is."""
    if standing.until is not None:
        return standing
    now = max(house.clock.now(), standing.since)
    with house.database.writing():
        found = mounts_where(house.database, pole_mounts.c.id == standing.id)[0]
        if found.until is not None:
            return found
        end_mount(house.database, standing.id, now)
        house.audit.record(person, "pole.unmount", standing.pole, _detail(standing))
    return msgspec.structs.replace(standing, until=now)


def _deciding(house: House, dry_run: bool) -> AbstractContextManager[Any]:
    """The writer's lock for a decision that is carried out; a dry run waits for nobody."""
    return nullcontext() if dry_run else house.database.writing()


def _before(house: House, person: str, client_id: str) -> Mount | None:
    known = known_clients(house.database, person, [client_id]).get(client_id)
    if known is None:
        return None
    return mounts_where(house.database, pole_mounts.c.id == known)[0]


def _repeated(ledger: Ledger, before: Mount, dry_run: bool) -> Outcome:
    return Outcome(
        allowed=True, dry_run=dry_run, repeated=True, mount=before,
        checks=check_mount(ledger, before),
    )  # fmt: skip


def _detail(mount: Mount) -> dict[str, object]:
    return {
        "mount": mount.id,
        "slot": mount.slot,
        "device": mount.device,
        "thing": mount.thing,
        "serial": mount.serial,
        "owner": mount.owner,
        "weight_kg": mount.weight_kg,
        "wind_area_m2": mount.wind_area_m2,
        "rated_w": mount.rated_w,
    }
