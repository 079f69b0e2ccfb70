"""What tests share: a small district of one system, and a house on a temporary folder."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from xinji.loop.device_fault import DEVICE_SILENT
from xinji.loop.house import House
from xinji.model.indicators import Indicator
from xinji.model.observations import Receipt, Source
from xinji.model.rules import Rule, Silence, Threshold
from xinji.model.things import Area, AreaLevel, Attribute, Kind, Property, Thing
from xinji.model.title import Title
from xinji.system.assembly import assemble
from xinji.system.declaration import System
from xinji.wire.inlet import Batch, Device


class ByFile(LoadScopeScheduling):
    """With `pytest -n`: a file's tests run in one process, and so do all of tests/ui.

    Those share one demo and one browser, and take longest: they come first.
    """

    def __init__(self, config: pytest.Config, log: Any) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False

    def _split_scope(self, nodeid: str) -> str:
        return "tests/ui" if nodeid.startswith("tests/ui/") else nodeid.partition("::")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile:
    return ByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not item.nodeid.startswith("tests/ui/"))


SQUARE = Area(
    code="310105",
    level=AreaLevel.DISTRICT,
    title=Title("方区", "Square"),
    geometry={
        "type": "Polygon",
        "coordinates": [
            [[121.3, 31.1], [121.5, 31.1], [121.5, 31.3], [121.3, 31.3], [121.3, 31.1]]
        ],
    },
)
WEST = Area(
    code="310105001",
    level=AreaLevel.SUBDISTRICT,
    title=Title("西", "West"),
    parent="310105",
    geometry={
        "type": "Polygon",
        "coordinates": [
            [[121.3, 31.1], [121.4, 31.1], [121.4, 31.3], [121.3, 31.3], [121.3, 31.1]]
        ],
    },
)
EAST = Area(
    code="310105002",
    level=AreaLevel.SUBDISTRICT,
    title=Title("东", "East"),
    parent="310105",
    geometry={
        "type": "Polygon",
        "coordinates": [
            [[121.4, 31.1], [121.5, 31.1], [121.5, 31.3], [121.4, 31.3], [121.4, 31.1]]
        ],
    },
)

GAUGE = Kind(
    name="gauge",
    title=Title("雨量计", "Rain gauge"),
    properties=(
        Property(
            name="rain_mm_h", title=Title("雨强", "Rain"), unit="mm/h", minimum=0, maximum=300
        ),
        Property(
            name="door",
            title=Title("门", "Door"),
            minimum=0,
            maximum=1,
            states=(Title("关", "closed"), Title("开", "open")),
        ),
    ),
    attributes=(
        Attribute(name="model", title=Title("型号", "Model"), choices=("A", "B")),
        Attribute(name="height", title=Title("高度", "Height"), type="number", unit="m"),
    ),
)

TEST_SYSTEM = System(
    name="terminals.gauges",
    title=Title("雨量", "Rain gauges"),
    tasks=(18,),
    kinds=(GAUGE,),
    rules=(
        Rule(
            id="heavy-rain",
            title=Title("暴雨", "Heavy rain"),
            kind="gauge",
            property="rain_mm_h",
            condition=Threshold(op=">=", limit=30.0, clear=20.0),
            case_class=DEVICE_SILENT.name,
        ),
        Rule(
            id="gauge-silent",
            title=Title("雨量计失联", "Gauge silent"),
            kind="gauge",
            property="rain_mm_h",
            condition=Silence(seconds=60),
            case_class=DEVICE_SILENT.name,
        ),
    ),
    indicators=(
        Indicator(
            id="gauges.count",
            title=Title("雨量计数", "Gauges"),
            unit="1",
            sql="select nullif(count(*), 0) as value from things "
            "where kind = 'gauge' and to_timestamp(0) <= $asof",
            decimals=0,
        ),
        Indicator(
            id="gauges.rain",
            title=Title("平均雨强", "Mean rain"),
            unit="mm/h",
            sql="select avg(value) as value from observations "
            "where property = 'rain_mm_h' and time <= $asof",
        ),
    ),
)

DEVICE = Device("gateway")
SIMULATOR = Device("simulator", source=Source.SIMULATED)


def gauge(number: int = 1, longitude: float = 121.35) -> Thing:
    """A gauge in the west (east of 121.4 in the east)."""
    return Thing(
        id=f"gauge-{number}",
        kind="gauge",
        name=f"雨量计 {number}",
        longitude=longitude,
        latitude=31.2,
    )


def open_house(path: Path, systems: tuple[System, ...] = (TEST_SYSTEM,)) -> House:
    """A house on a folder, with the square district."""
    house = assemble(path, systems)
    house.registry.put_areas([SQUARE, WEST, EAST])
    return house


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A house with gauges 1 to 3 that does not turn by itself."""
    made = open_house(tmp_path / "data")
    made.registry.put([made.registry.check(gauge(n)) for n in (1, 2, 3)])
    yield made
    made.close()


def send(
    house: House,
    rows: list[tuple[str, str, int, float]],
    device: Device = DEVICE,
    batch_id: str = "",
) -> Receipt:
    """Store (thing, property, microseconds, value) rows through the door; returns the receipt."""

    async def once() -> Receipt:
        turning = asyncio.create_task(house.ingest.run())
        receipt = await submit(house, rows, device, batch_id)
        turning.cancel()
        # The rules run after the answer, on the same thread: wait for them.
        await asyncio.get_running_loop().run_in_executor(house.ingest.keeper, lambda: None)
        return receipt

    return asyncio.run(once())


async def submit(
    house: House, rows: list[tuple[str, str, int, float]], device: Device, batch_id: str = ""
) -> Receipt:
    """The same in a house that turns."""
    answer: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
    series = [house.ingest.resolve(device, thing, name) for thing, name, _, _ in rows]
    assert all(isinstance(number, int) for number in series), series
    batch = Batch(
        series=[int(number) for number in series],
        times=[row[2] for row in rows],
        values=[row[3] for row in rows],
        sender=device.name,
        batch_id=batch_id,
    )
    house.ingest.submit(batch, answer.set_result)
    return await answer
