"""A real house behind a real HTTP server, on a thread of the test's process."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
import uvloop
from argon2 import PasswordHasher

from tests.conftest import SQUARE, TEST_SYSTEM, gauge
from tests.plan.house import PLAN, planned_house
from xinji.access.identity import Role
from xinji.access.passwords import Passwords
from xinji.api.call import Site
from xinji.loop.house import House
from xinji.model.locality import Locality
from xinji.system.assembly import routes_of
from xinji.system.declaration import System
from xinji.web.app import application
from xinji.web.connection import server_config

PASSWORD = "correct horse battery"
WEST, EAST = "310105001", "310105002"
EAST_THINGS = tuple(f"gauge-{n}" for n in (11, 12, 13))
WEST_THINGS = tuple(f"gauge-{n}" for n in (1, 2, 3))

LOCALITY = Locality(
    name=SQUARE.title.zh,
    title=SQUARE.title,
    code=SQUARE.code,
    illustrative=True,
    center=(121.4, 31.2),
    bounds=(121.3, 31.1, 121.5, 31.3),
    basemap={"type": "FeatureCollection", "features": []},
)


class Live:
    """The square district: three gauges in the west, three in the east; people of every role."""

    locality = LOCALITY
    systems: tuple[System, ...] = (TEST_SYSTEM,)
    proxies: tuple[str, ...] = ()

    def __init__(self, path: Path, house: House | None = None) -> None:
        self.house = house or planned_house(path)
        self.house.locality = self.locality
        put, check = self.house.registry.put, self.house.registry.check
        put([check(gauge(n, 121.45)) for n in (11, 12, 13)])
        self.tokens: dict[str, str] = {}
        with pytest.MonkeyPatch.context() as patch:
            cheap = partial(PasswordHasher, time_cost=1, memory_cost=64)
            patch.setattr("xinji.access.passwords.PasswordHasher", cheap)
            self.house.identity.passwords = Passwords()
        for name, role, area in [
            ("administrator", Role.ADMINISTRATOR, ""),
            ("operator", Role.OPERATOR, ""),
            ("viewer", Role.VIEWER, ""),
            ("west-viewer", Role.VIEWER, WEST),
            ("west-operator", Role.OPERATOR, WEST),
            ("west-administrator", Role.ADMINISTRATOR, WEST),
        ]:
            self.house.identity.add(name, PASSWORD, role, area=area, actor="test")
            self.tokens[name] = self.house.identity.issue(name, "test", 1, actor="test")
        self.people()
        self.device = self.house.credentials.issue("gateway", actor="test")
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._started = threading.Event()
        self._thread = threading.Thread(target=uvloop.run, args=(self._serve(),), daemon=True)
        self._thread.start()
        assert self._started.wait(30)
        self.http = httpx.Client(base_url=self.url, timeout=30)

    def people(self) -> None:
        """Further accounts."""

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self.site = Site(self.house, PLAN, routes_of(self.systems))
        app, changes = application(self.site)
        server = uvicorn.Server(server_config(app, proxies=self.proxies))
        await self.house.start()
        serving = asyncio.create_task(server.serve(sockets=[self._socket]))
        while not server.started:  # noqa: ASYNC110  # uvicorn has no event for it
            await asyncio.sleep(0.01)
        self._started.set()
        await self._stop.wait()
        changes.close()
        server.should_exit = True
        await asyncio.gather(serving, return_exceptions=True)
        await self.house.stop()

    def close(self) -> None:
        self.http.close()
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(30)

    def request(
        self, method: str, path: str, who: str = "administrator", **options: Any
    ) -> httpx.Response:
        headers = options.pop("headers", {})
        if who:
            headers = {"Authorization": f"Bearer {self.tokens[who]}"} | headers
        return self.http.request(method, path, headers=headers, **options)

    def get(self, path: str, who: str = "administrator", **options: Any) -> Any:
        response = self.request("GET", path, who, **options)
        assert response.status_code == 200, response.text
        return response.json()

    def send(self, *rows: tuple[str, float], name: str = "rain_mm_h", at: str = "") -> None:
        """(thing, value) rows in at the front door."""
        more = {"time": at} if at else {}
        body = [{"thing": thing, "property": name, "value": value} | more for thing, value in rows]
        answer = self.http.post("/api/observations", json=body, auth=("gateway", self.device))
        assert answer.status_code == 200, answer.text
        assert answer.json()["refused"] == []
        # The rules run after the answer, on the keeper.
        self.house.ingest.keeper.submit(lambda: None).result()

    def every(self, path: str, who: str = "administrator", limit: int = 2) -> list[dict[str, Any]]:
        """All items of a list, page by page."""
        items, cursor, mark = [], "", "&" if "?" in path else "?"
        while True:
            page = self.get(f"{path}{mark}limit={limit}&cursor={cursor}", who)
            assert len(page["items"]) <= limit
            items += page["items"]
            cursor = page["next"]
            if cursor is None:
                return items

    @contextmanager
    def stream(self, path: str, who: str = "administrator") -> Iterator[Stream]:
        """Server-Sent Events while the context lasts."""
        headers = {"Authorization": f"Bearer {self.tokens[who]}"}
        with httpx.stream("GET", self.url + path, headers=headers, timeout=20) as response:
            assert response.status_code == 200
            assert response.headers["content-type"].startswith("text/event-stream")
            yield Stream(response)


class Stream:
    """An open stream, read by a thread; `wait` looks at what came, `over` is set at its end."""

    def __init__(self, response: httpx.Response) -> None:
        self.over = threading.Event()
        self.seen: list[tuple[str, Any]] = []
        self._lines = response.iter_lines()
        assert next(self._lines) == "retry: 3000"
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        name = ""
        try:
            for line in self._lines:
                if line.startswith("event: "):
                    name = line[7:]
                elif line.startswith("data: "):
                    self.seen.append((name, json.loads(line[6:])))
        except (httpx.HTTPError, RuntimeError):
            return
        finally:
            self.over.set()

    def wait(self, name: str, **wanted: Any) -> Any:
        """The data of the first event of a name with these members; fails after ten seconds."""
        until = time.monotonic() + 10
        while time.monotonic() < until:
            for seen, data in list(self.seen):
                if seen == name and all(data.get(key) == value for key, value in wanted.items()):
                    return data
            time.sleep(0.02)
        raise AssertionError(f"no {name} {wanted} among {self.seen}")
