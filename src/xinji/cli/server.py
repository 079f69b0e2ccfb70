"""One running process: house, HTTP, MQTT; started in order and stopped in order."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import resource
import signal
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn

from xinji.api.call import Site
from xinji.cli.heap import keep_small
from xinji.cli.remote import leave, take_away
from xinji.district.geography import load_district
from xinji.loop.clock import HouseClock
from xinji.loop.house import House, Policy
from xinji.plan.reading import PlanError, read_plan
from xinji.plan.supervision import (
    RULE_PREFIX,
    SUPERVISION,
    TARGET_BEHIND,
    lines_today,
    rule_title,
    supervise,
)
from xinji.store.observations import StoreError
from xinji.system.assembly import assemble, routes_of
from xinji.system.discovery import discover
from xinji.web.app import application
from xinji.web.connection import server_config
from xinji.wire.kept_running import watched
from xinji.wire.mqtt.listener import Listener

log = logging.getLogger(__name__)

SUPERVISE_FIRST_SECONDS = 30.0
SUPERVISE_EVERY_SECONDS = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to serve. Port 0 takes a free one."""

    data: Path
    host: str = "127.0.0.1"
    port: int = 8080
    mqtt_host: str = "127.0.0.1"
    mqtt_port: int = 1883
    mqtts_port: int | None = None
    certificate: Path | None = None
    key: Path | None = None
    plan: Path | None = None
    district: Path | None = None
    policy: Policy = field(default_factory=Policy)
    clock: HouseClock | None = None
    proxies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A process that serves."""

    house: House
    site: Site
    url: str
    port: int
    mqtt_port: int
    first_password: str | None
    stopping: asyncio.Event


class Server(uvicorn.Server):
    """uvicorn without its signal handling: the process stops its parts in its own order."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to `running`."""
        yield


def open_house(options: Options) -> Site:
    """The house of a data folder with everything declared, and what the pages need."""
    plan = read_plan(options.plan)
    try:
        district = load_district(options.district)
    except (KeyError, TypeError, ValueError) as error:
        raise PlanError(f"{options.district}: not a geography file: {error!r}") from error
    systems = discover()
    house = assemble(
        options.data,
        systems,
        locality=district.locality,
        case_types=(SUPERVISION,),
        case_classes=(TARGET_BEHIND,),
        policy=options.policy,
        clock=options.clock,
    )
    known = house.registry.areas
    # A folder keeps its own district: a command without --district must not add the default one.
    if options.district or not known or district.code in known:
        house.registry.put_areas(district.areas)
    house.other_titles = {
        RULE_PREFIX + target.indicator: rule_title(target.title) for target in plan.targets
    }
    return Site(house, plan, routes_of(systems))


@asynccontextmanager
async def running(options: Options) -> AsyncIterator[Running]:
    """Serve while the context lasts. `stopping` is set by SIGINT and SIGTERM.

    Raises:
        OSError: a port is taken.
        FolderError, StoreError: the data folder is not ours to open.
    """
    if options.mqtts_port is not None and not options.certificate:
        raise OSError("--mqtts-port needs --certificate and --key")
    _raise_file_limit()
    secure = None
    if options.certificate:
        secure = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        secure.load_cert_chain(options.certificate, options.key)
    loop = asyncio.get_running_loop()
    listening = socket.create_server((options.host, options.port), backlog=2048)
    site = open_house(options)
    house = site.house
    try:
        first_password = house.identity.first_start()
        app, changes = application(site)
        server = Server(
            server_config(
                app,
                proxies=options.proxies,
                certificate=options.certificate,
                key=options.key,
            )
        )
        listener = Listener(house.ingest, house.credentials)
        house.credentials.revoked.append(
            lambda name: loop.call_soon_threadsafe(listener.disconnect, name)
        )
        mqtt_port = await listener.start(options.mqtt_host, options.mqtt_port)
        if options.mqtts_port is not None and secure is not None:
            await listener.start(options.mqtt_host, options.mqtts_port, secure)

        async def watch_plan() -> None:
            # The figures are read beside the commits; only what is found is written by the keeper.
            lines = await asyncio.to_thread(lines_today, house, site.plan)
            await loop.run_in_executor(house.ingest.keeper, supervise, house, site.plan, lines)

        house.every(SUPERVISE_EVERY_SECONDS, watch_plan, SUPERVISE_FIRST_SECONDS)
        house.chores.work(keep_small)
        await house.start()
    except BaseException:
        listening.close()
        house.close()
        raise
    _settle_collector()
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    serving.add_done_callback(watched("http"))
    # without its HTTP server the process is of no use: its supervisor starts it again
    serving.add_done_callback(lambda _: stopping.set())
    port = listening.getsockname()[1]
    scheme = "https" if options.certificate else "http"
    url = f"{scheme}://{options.host}:{port}"
    with house.database.essential():
        token = house.identity.local_token()
    if token:
        leave(options.data, url, token)
    try:
        yield Running(
            house=house,
            site=site,
            url=url,
            port=port,
            mqtt_port=mqtt_port,
            first_password=first_password,
            stopping=stopping,
        )
    finally:
        take_away(options.data)
        changes.close()
        server.should_exit = True
        await listener.stop(2.0)
        with suppress(asyncio.CancelledError):
            await asyncio.gather(serving, return_exceptions=True)
        with suppress(StoreError), house.database.essential():
            house.identity.end_local_tokens()
        await house.stop()
        # what was frozen is freed like the rest, or DuckDB's bindings report it as leaked
        gc.unfreeze()


def _settle_collector() -> None:
    """Keep the garbage collector off what lives as long as the process, and from every message.

    With Python's own thresholds a full collection stops the loop for up to a second under load.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def _raise_file_limit() -> None:
    """As many sockets as the system allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def announce(here: Running) -> None:
    """Tell the person at the terminal where to go."""
    print(f"Xinji serves {here.url}  (MQTT on port {here.mqtt_port})", flush=True)
    if here.first_password:
        print(f"Sign in as admin with the one-time password {here.first_password}", flush=True)
