"""Carry reports to the house as any device would: over MQTT and over HTTP, and count the answers.

Neither drops what is not acknowledged: an MQTT client sends again after a reconnection, the HTTP
carrier keeps a report until it is answered.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass

import httpx
import msgspec

from xinji.district.devices import GARBAGE, Report
from xinji.system.simulation import MICROSECONDS
from xinji.wire.mqtt.client import Client

log = logging.getLogger(__name__)

BATCH_TOPIC = "xinji/batch"
QUEUE_LENGTH = 600
"""Reports that wait for an HTTP answer before the run is slowed down."""
MOST_ROWS = 5_000
"""Rows of a body from which no further report joins it."""


@dataclass(slots=True)
class Tally:
    """What was sent: readings, and of those sent over HTTP what the house answered."""

    sent: int = 0
    garbage: int = 0
    http_stored: int = 0
    http_repeated: int = 0
    http_refused: int = 0
    mqtt_messages: int = 0


class MqttCarrier:
    """One connection per system, as a gateway has; single topics for fleets that ask for it."""

    def __init__(
        self, host: str, port: int, credential: tuple[str, bytes], systems: Iterable[str]
    ) -> None:
        name, secret = credential
        self._clients = {
            system: Client(host, port, name, secret, client_id=f"simulated-{system}", window=500)
            for system in systems
        }

    async def open(self) -> None:
        """Connect. Raises OSError without a server, RefusedError for a wrong credential."""
        for client in self._clients.values():
            await client.open()

    async def send(self, report: Report, tally: Tally) -> None:
        """Publish a report at QoS 1; waits while the connection's window is full."""
        client = self._clients[report.fleet.system]
        if report.fleet.single_topics:
            for thing, name, value, time_us in zip(
                report.thing, report.property, report.value, report.time, strict=True
            ):
                payload = {"value": value, "time": time_us / MICROSECONDS}
                await client.publish(f"xinji/{thing}/{name}", msgspec.json.encode(payload))
                tally.mqtt_messages += 1
        elif len(report):
            await client.publish(BATCH_TOPIC, columns_json(report))
            tally.mqtt_messages += 1
        for thing, name in report.garbage:
            await client.publish(f"xinji/{thing}/{name}", GARBAGE)
            tally.mqtt_messages += 1
            tally.garbage += 1
        tally.sent += len(report)

    async def close(self, *, seconds: float = 10.0) -> None:
        """Wait for what is not acknowledged, at most `seconds`, and disconnect."""
        for client in self._clients.values():
            try:
                await asyncio.wait_for(client.drain(), seconds)
            except (TimeoutError, ConnectionError) as error:
                log.warning("%d messages without PUBACK: %r", client.unacknowledged, error)
            await client.close()

    @property
    def acknowledged(self) -> int:
        """Messages whose PUBACK has come."""
        return sum(client.acknowledged for client in self._clients.values())


class HttpCarrier:
    """`POST /api/observations`, in order, what waits in one body; tries again until answered.

    A house that takes its time gets fewer, larger bodies: values of a fast clock do not grow old in
    a queue.
    """

    def __init__(
        self, http: httpx.AsyncClient, credential: tuple[str, bytes], tally: Tally
    ) -> None:
        self._http = http
        self._auth = httpx.BasicAuth(credential[0], credential[1])
        self._tally = tally
        self._waiting: asyncio.Queue[Report] = asyncio.Queue(QUEUE_LENGTH)
        self._runner: asyncio.Task[None] | None = None

    async def send(self, report: Report) -> None:
        """Queue a report; waits while the queue is full, raises what ended the carrier."""
        if self._runner is None:
            self._runner = asyncio.create_task(self._run())
        if self._runner.done():
            self._runner.result()
        if len(report):
            await self._waiting.put(report)
            self._tally.sent += len(report)

    async def close(self, *, seconds: float = 10.0) -> None:
        """Wait for what is not answered, at most `seconds`."""
        if self._runner is None:
            return
        try:
            await asyncio.wait_for(self._waiting.join(), seconds)
        except TimeoutError:
            log.warning("%d reports without an answer", self._waiting.qsize())
        self._runner.cancel()
        await asyncio.gather(self._runner, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            first = await self._waiting.get()
            taken = [first]
            while not self._waiting.empty() and sum(map(len, taken)) < MOST_ROWS:
                taken.append(self._waiting.get_nowait())
            answer = await post_until_answered(
                self._http, columns_json(*taken), "application/json", auth=self._auth
            )
            self._tally.http_stored += answer.stored
            self._tally.http_repeated += answer.repeated
            self._tally.http_refused += len(answer.refused)
            for _ in taken:
                self._waiting.task_done()


class Answer(msgspec.Struct):
    """The answer to `POST /api/observations`."""

    stored: int
    repeated: int
    refused: list[dict[str, object]]


async def post_until_answered(
    http: httpx.AsyncClient, body: bytes, media_type: str, *, auth: httpx.Auth
) -> Answer:
    """POST observations until the house has stored them.

    A lost connection and 503 are tried again, with a pause that doubles up to 5 s.

    Raises:
        httpx.HTTPStatusError: any other error status; trying again would not help.
    """
    pause = 0.2
    while True:
        try:
            response = await http.post(
                "/api/observations", content=body, headers={"Content-Type": media_type}, auth=auth
            )
            if response.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                response.raise_for_status()
                return msgspec.json.decode(response.content, type=Answer)
        except httpx.TransportError as error:
            log.info("observations not answered: %r", error)
        await asyncio.sleep(pause)
        pause = min(2 * pause, 5.0)


def columns_json(*reports: Report) -> bytes:
    """Reports, in order, as one JSON body in columns; times are Unix seconds."""
    return msgspec.json.encode(
        {
            "thing": [each for report in reports for each in report.thing],
            "property": [each for report in reports for each in report.property],
            "value": [each for report in reports for each in report.value],
            "time": [time_us / MICROSECONDS for report in reports for time_us in report.time],
        }
    )
