"""The maintenance crews of the simulated district: ordinary users of the HTTP API.

They look for open cases, take one each, go and repair the device, and report the work done. The
house re-checks the signal and closes the case itself.
"""

from __future__ import annotations

import asyncio
import logging
import zlib
from collections.abc import Callable
from typing import Any

import httpx

log = logging.getLogger(__name__)

CREWS = 6
POLL_SECONDS = 2.0
REPAIR_SECONDS = (3.0, 8.0)
CASE_TYPE = "device-fault"

STEPS = {"filed": "assign", "assigned": "accept", "handling": "done"}
"""State of a device-fault case -> the action that a crew takes next."""


class Crews:
    """Works open device-fault cases until it is cancelled.

    Args:
        http: client whose base URL is the house's.
        token: API token of an operator.
        repair: called with a thing's id when the crew has repaired it.
        speed: of the run's clock; work takes as many seconds of that clock.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        token: str,
        repair: Callable[[str], object],
        *,
        speed: float = 1.0,
    ) -> None:
        self._http = http
        self._headers = {"Authorization": f"Bearer {token}"}
        self._repair = repair
        self._speed = max(speed, 1e-6)
        self._busy: dict[str, asyncio.Task[None]] = {}
        self.finished = 0

    async def run(self) -> None:
        """Poll and work; a house that does not answer is asked again.

        Raises httpx.HTTPStatusError when the token may not read cases (401, 403).
        """
        try:
            while True:
                try:
                    await self._poll()
                except httpx.TransportError as error:
                    log.info("cases not answered: %r", error)
                await asyncio.sleep(POLL_SECONDS)
        finally:
            for task in self._busy.values():
                task.cancel()
            await asyncio.gather(*self._busy.values(), return_exceptions=True)

    async def _poll(self) -> None:
        for case in [case for case, task in self._busy.items() if task.done()]:
            del self._busy[case]
        if len(self._busy) >= CREWS:
            return
        query = {"open": "true", "type": CASE_TYPE, "state": ",".join(STEPS), "limit": "100"}
        response = await self._http.get("/api/cases", params=query, headers=self._headers)
        if response.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            response.raise_for_status()
        if response.is_error:
            log.info("cases not answered: %d", response.status_code)
            return
        # the oldest first: the list comes newest first
        for case in reversed(response.json()["items"]):
            if len(self._busy) >= CREWS:
                break
            # a real device is not theirs to repair
            theirs = case["source"] == "simulated" and case["state"] in STEPS
            if theirs and case["id"] not in self._busy:
                self._busy[case["id"]] = asyncio.create_task(self._work(case))

    async def _work(self, case: dict[str, Any]) -> None:
        """Take a case from its state to `verifying`."""
        number = zlib.crc32(case["id"].encode())
        crew = f"crew-{number % CREWS + 1}"
        low, high = REPAIR_SECONDS
        seconds = low + (high - low) * (number % 1000) / 1000
        state = case["state"]
        try:
            while state in STEPS:
                action: dict[str, Any] = {"action": STEPS[state]}
                if state == "filed":
                    action["assignee"] = crew
                if state == "handling":
                    await asyncio.sleep(seconds / self._speed)
                    self._repair(case["thing"])
                    action["note"] = "现场检修,设备已恢复"
                response = await self._http.post(
                    f"/api/cases/{case['id']}/actions", json=action, headers=self._headers
                )
                # someone else moved it, or it closed by itself: leave it
                if response.is_error:
                    log.info("case %s: %s: %d", case["id"], action, response.status_code)
                    return
                state = response.json()["state"]
            self.finished += 1
        except httpx.TransportError as error:
            log.info("case %s: %r", case["id"], error)
