"""What a house does by itself goes on after a fault."""

from __future__ import annotations

import asyncio

import pytest

from xinji.loop.chores import Chores
from xinji.loop.clock import HouseClock
from xinji.store.observations import StoreError
from xinji.wire import kept_running


def test_work_that_ends_or_fails_begins_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_running, "AGAIN_SECONDS", 0.0)
    begun: list[int] = []

    async def main() -> None:
        done = asyncio.Event()

        async def work() -> None:
            begun.append(len(begun))
            if len(begun) == 1:
                raise ValueError("a fault nobody foresaw")
            if len(begun) == 3:
                done.set()
                await asyncio.sleep(3600)

        here = Chores(HouseClock())
        here.work(work)
        here.start()
        await asyncio.wait_for(done.wait(), 10)
        await here.stop()

    asyncio.run(main())
    assert begun == [0, 1, 2]


@pytest.mark.parametrize("fault", [StoreError("the disk is full"), ValueError("unforeseen")])
def test_a_chore_is_tried_again_after_a_fault(fault: Exception) -> None:
    times: list[int] = []

    async def main() -> None:
        done = asyncio.Event()

        async def chore() -> None:
            times.append(len(times))
            if len(times) == 1:
                raise fault
            done.set()

        here = Chores(HouseClock())
        here.every(0.001, chore, 0.0)
        here.start()
        await asyncio.wait_for(done.wait(), 10)
        await here.stop()

    asyncio.run(main())
    assert len(times) >= 2
