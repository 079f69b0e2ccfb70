"""The simulated district's planner: brings outlines and ledgers to the house, asks for the maps."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

import httpx
import msgspec
import shapely

from xinji.district.geography import District
from xinji.district.radio.buildings import simulate_buildings
from xinji.district.radio.network import simulate_network, write_truth
from xinji.district.truth import TruthFile
from xinji.model.things import Thing
from xinji.systems.network.coverage.inputs.buildings import Buildings
from xinji.systems.network.coverage.inputs.sites import sites_csv

log = logging.getLogger(__name__)

POLL_SECONDS = 1.0


def buildings_geojson(buildings: Buildings) -> bytes:
    """Outlines as a GeoJSON FeatureCollection; heights that are not known are left out."""
    features = []
    for at, outline in enumerate(buildings.geometries):
        properties: dict[str, Any] = {
            "id": buildings.id[at],
            "name": buildings.name[at],
            "use": buildings.use[at],
            "floors": int(buildings.floors[at]),
        }
        if buildings.height_known[at]:
            properties["height_m"] = round(float(buildings.height_m[at]), 2)
        geometry = shapely.geometry.mapping(outline)
        features.append({"type": "Feature", "geometry": geometry, "properties": properties})
    return msgspec.json.encode({"type": "FeatureCollection", "features": features})


async def bring_network(
    http: httpx.AsyncClient,
    token: str,
    district: District,
    stations: Sequence[Thing],
    seed: int,
    truth: TruthFile,
) -> None:
    """Import outlines and ledgers over HTTP, then ask for the maps of all years.

    `token` is an administrator's. What the house knows already is not sent again; a house that
    refuses is logged, the devices go on.
    """
    headers = {"Authorization": f"Bearer {token}"}

    async def ask(method: str, path: str, **more: Any) -> dict[str, Any]:
        answer = await http.request(method, path, headers=headers, **more)
        found: dict[str, Any] = answer.raise_for_status().json()
        return found

    try:
        known = await ask("GET", "/api/coverage")
        if not known["sectors"] or not known["buildings"]:
            buildings = await asyncio.to_thread(simulate_buildings, district, seed)
            network = simulate_network(stations, buildings, seed)
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
    except httpx.HTTPError as error:
        log.error("the radio network was not brought: %s", error)
