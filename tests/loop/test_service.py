"""What of a system runs: when the loop calls which hook, and what it refuses."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import TEST_SYSTEM, gauge, open_house
from xinji.loop.case_row import CaseRow
from xinji.loop.house import House
from xinji.loop.service import CaseHooks, Periodic, Service
from xinji.system.declaration import System


class Counting(Service):
    """Writes down what is called."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.called: list[str] = []

    async def start(self) -> None:
        self.called.append("start")

    async def stop(self) -> None:
        self.called.append("stop")
        with self.house.database.reading():  # the stores are still open
            pass
        raise RuntimeError("a service that fails to stop")

    def periodic(self) -> Iterable[Periodic]:
        async def tick() -> None:
            self.called.append("tick")

        return (Periodic(run=tick, seconds=60.0, first=0.0),)

    def case_details(self, row: CaseRow) -> dict[str, Any]:
        return {"thing": row.thing}

    def rolled_back(self) -> None:
        self.called.append("rolled back")


class Other(Service):
    """Not in the district."""


def with_service(make: Any, name: str = "terminals.gauges") -> System:
    """The gauges with a service."""
    return dataclasses.replace(TEST_SYSTEM, name=name, service=make)


def further(make: Any) -> System:
    """Another system that has a service and nothing else."""
    return System(name="terminals.other", title=TEST_SYSTEM.title, tasks=(18,), service=make)


def test_a_service_starts_ticks_and_stops_and_its_fault_ends_no_house(tmp_path: Path) -> None:
    house = open_house(tmp_path / "data", (with_service(Counting),))
    service = house.service(Counting)

    async def once() -> None:
        await house.start()
        while "tick" not in service.called:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        await house.stop()

    asyncio.run(asyncio.wait_for(once(), 30))
    assert [each for each in service.called if each != "rolled back"] == ["start", "tick", "stop"]
    again = open_house(tmp_path / "data", (with_service(Counting),))
    again.close()


def test_a_rollback_is_told(tmp_path: Path) -> None:
    house = open_house(tmp_path / "data", (with_service(Counting),))
    service = house.service(Counting)
    thing = house.registry.check(gauge(1))

    def undone() -> None:
        with house.database.writing():
            house.registry.put([thing])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        undone()
    assert service.called == ["rolled back"]
    house.close()


def test_a_service_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    house = open_house(tmp_path / "data", (with_service(Counting),))
    with pytest.raises(LookupError, match="Other"):
        house.service(Other)
    house.close()


def test_two_systems_cannot_hook_one_case_type_or_screen_photos(tmp_path: Path) -> None:
    class Hooked(Service):
        def __init__(self, house: House) -> None:
            pass

        def case_hooks(self) -> Mapping[str, CaseHooks]:
            return {"device-fault": CaseHooks()}

    class Screening(Service):
        def __init__(self, house: House) -> None:
            pass

        def photo_screen(self) -> Any:
            return lambda picture: picture

    for number, made in enumerate((Hooked, Screening)):
        with pytest.raises(ValueError, match="other: "):
            open_house(tmp_path / str(number), (with_service(made), further(made)))
