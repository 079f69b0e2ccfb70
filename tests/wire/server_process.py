"""The listener in a process of its own, to be killed: `python -m tests.wire.server_process`.

Arguments: `memory PORT` (the recorder) or `house PORT FOLDER` (a real house of the kind `meter`).
Prints a line when it listens.
"""

from __future__ import annotations

import asyncio
import resource
import sys
from pathlib import Path

import uvloop

from tests.wire.recorder import House as Recorder
from xinji.loop.house import House
from xinji.model.observations import Source
from xinji.model.things import Kind, Property, Thing
from xinji.model.title import Title
from xinji.system.assembly import assemble
from xinji.system.declaration import System
from xinji.wire.inlet import Device
from xinji.wire.mqtt.listener import Listener

TITLE = Title("电表", "Meter")
DOOR = (Title("关", "closed"), Title("开", "open"))
KIND = Kind(
    name="meter",
    title=TITLE,
    properties=(
        Property(name="energy", title=TITLE, minimum=0, maximum=1e9),
        Property(name="door", title=TITLE, states=DOOR),
    ),
)
SYSTEM = System(name="platforms.meter", title=TITLE, tasks=(), kinds=(KIND,))
DEVICE = Device("meter-1", ("meter:",), Source.MEASURED)


class AnyPassword:
    """A gate for tests: `meter-1` with `secret`."""

    def authenticate(self, username: str, password: bytes) -> Device | None:
        return DEVICE if (username, password) == ("meter-1", b"secret") else None


def open_house(folder: Path) -> House:
    house = assemble(folder, [SYSTEM])
    house.registry.put(
        [
            Thing(id=f"meter:{n}", kind="meter", name=str(n), longitude=121.4, latitude=31.2)
            for n in range(10)
        ]
    )
    return house


async def main(kind: str, port: int, folder: str = "") -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if kind == "memory":
        recorder = Recorder()
        listener = Listener(recorder, recorder)
    else:
        house = open_house(Path(folder))
        await house.start()
        listener = Listener(house.ingest, AnyPassword())
    await listener.start("127.0.0.1", port)
    print("listening", flush=True)  # noqa: T201
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:]))
