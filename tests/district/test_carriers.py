"""Reports on their way to the house: in order, none lost, fewer bodies when the house is slow."""

from __future__ import annotations

import asyncio
import json

import httpx

from xinji.district.carriers import HttpCarrier, Tally
from xinji.district.devices import Report
from xinji.district.geography import load_district
from xinji.district.things import fleets
from xinji.system.discovery import discover

FLEET = fleets(load_district(), discover(entry_points=False)[:3], 1)[0]


def test_what_waits_for_a_slow_house_goes_in_one_body_and_in_order() -> None:
    bodies: list[list[float]] = []
    tally = Tally()

    async def run() -> None:
        first, go_on = asyncio.Event(), asyncio.Event()

        async def house(request: httpx.Request) -> httpx.Response:
            values = json.loads(request.content)["value"]
            bodies.append(values)
            first.set()
            await go_on.wait()
            return httpx.Response(200, json={"stored": len(values), "repeated": 0, "refused": []})

        transport = httpx.MockTransport(house)
        async with httpx.AsyncClient(transport=transport, base_url="http://house") as http:
            carrier = HttpCarrier(http, ("devices", b"secret"), tally)
            for number in range(40):
                report = Report(FLEET)
                report.add("thing", "property", float(number), number * 1_000_000)
                await carrier.send(report)
                if number == 0:
                    await first.wait()
            go_on.set()
            await carrier.close()

    asyncio.run(run())
    assert [value for body in bodies for value in body] == [float(n) for n in range(40)]
    assert len(bodies) == 2
    assert (tally.sent, tally.http_stored) == (40, 40)
