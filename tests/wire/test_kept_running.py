"""What runs beside the requests: a fault is counted, and work that must not end begins again."""

from __future__ import annotations

import asyncio

import pytest

from xinji.wire import kept_running
from xinji.wire.kept_running import faults, keep_running, watched


def test_work_begins_again_after_a_fault_which_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_running, "AGAIN_SECONDS", 0.0)

    async def main() -> None:
        begun = 0
        third = asyncio.Event()

        async def work() -> None:
            nonlocal begun
            begun += 1
            if begun < 3:
                raise ValueError("a fault nobody foresaw")
            third.set()
            await asyncio.sleep(3600)

        task = keep_running("test.again", work)
        await asyncio.wait_for(third.wait(), 10)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(main())
    assert faults["test.again"] == 2


def test_work_that_ends_with_a_fault_is_counted_and_one_that_is_cancelled_is_not() -> None:
    async def main() -> None:
        async def fails() -> None:
            raise ValueError("a fault nobody foresaw")

        for name, work in (("test.fails", fails()), ("test.cancelled", asyncio.sleep(3600))):
            task = asyncio.ensure_future(work)
            task.add_done_callback(watched(name))
            asyncio.get_running_loop().call_soon(task.cancel if "cancelled" in name else int)
            await asyncio.wait([task])
            await asyncio.sleep(0)

    asyncio.run(main())
    assert (faults["test.fails"], faults["test.cancelled"]) == (1, 0)
