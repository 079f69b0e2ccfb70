import asyncio
import contextlib
import resource

import pytest

from tests.wire.recorder import House
from xinji.wire.mqtt.limits import Limits
from xinji.wire.mqtt.listener import Listener

soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@pytest.fixture
def house():
    return House()


@pytest.fixture
def serve(house):
    """`async with serve(**limits) as (listener, port)`: the listener in front of `house`."""

    @contextlib.asynccontextmanager
    async def running(ssl=None, **limits):
        listener = Listener(house, house, Limits(**limits))
        port = await listener.start("127.0.0.1", 0, ssl)
        try:
            yield listener, port
        finally:
            house.held = False
            if house.waiting:
                house.release()
            await listener.stop(0.5)

    return running


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request):
    """Run a coroutine on either event loop."""
    if request.param == "uvloop":
        import uvloop

        return uvloop.run
    return asyncio.run
