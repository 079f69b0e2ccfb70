"""The simulated district's planner: brings outlines and ledgers to the house, asks for the maps."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import httpx

from xinji.district.geography import District
from xinji.district.radio.buildings import simulate_buildings
from xinji.district.radio.drive_tests import DriveLog, simulate_drive_tests
from xinji.district.radio.network import Network, simulate_network, write_truth
from xinji.district.radio.truth import true_maps, truth_of
from xinji.district.truth import TruthFile
from xinji.model.things import Thing
from xinji.systems.network.coverage.inputs.buildings import Buildings, buildings_geojson
from xinji.systems.network.coverage.inputs.sites import sites_csv

log = logging.getLogger(__name__)

Made = TypeVar("Made")

POLL_SECONDS = 1.0


async def bring_network(
    http: httpx.AsyncClient,
    token: str,
    district: District,
    stations: Sequence[Thing],
    seed: int,
    truth: TruthFile,
) -> None:
    """Import outlines, ledgers and drive tests over HTTP, and ask for the maps of all years.

    `token` is an administrator's. What the house knows already is not sent again; a house that
    refuses is logged, the devices go on.
    """
    headers = {"Authorization": f"Bearer {token}"}

    async def ask(method: str, path: str, **more: Any) -> dict[str, Any]:
        answer = await http.request(method, path, headers=headers, **more)
        found: dict[str, Any] = answer.raise_for_status().json()
        return found

    def prepared() -> tuple[Buildings, Network]:
        buildings = simulate_buildings(district, seed)
        return buildings, simulate_network(stations, buildings, seed)

    def driven(buildings: Buildings, network: Network) -> dict[str, DriveLog]:
        maps = true_maps(district, buildings, network)
        truths = {operator: truth_of(each) for operator, each in maps.items()}
        return simulate_drive_tests(district, truths, seed=seed)

    try:
        known = await ask("GET", "/api/coverage")
        tests = await ask("GET", "/api/coverage/drive-tests")
        if not (known["sectors"] and known["buildings"] and tests["items"]):
            buildings, network = await aside(prepared)
            write_truth(truth, network)
            query = {"dry_run": "false", "source": "simulated", "datum": "wgs84"}
            for path, content in (
                ("/api/coverage/buildings", buildings_geojson(buildings)),
                ("/api/coverage/sites", sites_csv(network.sectors)),
            ):
                found = await ask("POST", path, params=query, content=content)
                log.info("%s: %d kept, %d refused", path, found["kept"], found["refused"])
        job = await ask("POST", "/api/coverage/compute", json={"history": True})
        while job["state"] in ("waiting", "running"):
            await asyncio.sleep(POLL_SECONDS)
            job = await ask("GET", f"/api/jobs/{job['id']}")
        log.info("coverage: %s %s", job["state"], job["failure"])
        if not tests["items"]:
            for operator, each in (await aside(lambda: driven(buildings, network))).items():
                named = query | {"operator": operator, "name": f"{operator} 2021-07"}
                found = await ask(
                    "POST", "/api/coverage/drive-tests", params=named, content=each.csv
                )
                log.info("drive test of %s: %d samples", operator, found["kept"])
    except httpx.HTTPError as error:
        log.error("the radio network was not brought: %s", error)


async def aside(work: Callable[[], Made]) -> Made:
    """What `work` returns, from a thread that nobody waits for at the end of the process."""
    loop = asyncio.get_running_loop()
    made: asyncio.Future[Made] = loop.create_future()

    def settle(answer: Made | None, error: Exception | None) -> None:
        if made.done():
            return
        if error is not None:
            made.set_exception(error)
        else:
            made.set_result(cast(Made, answer))

    def run() -> None:
        answer, failure = None, None
        try:
            answer = work()
        except Exception as error:
            failure = error
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(settle, answer, failure)

    threading.Thread(target=run, name="radio network", daemon=True).start()
    return await made
