"""The simulated street running beside a house: cameras by RTSP, people by the phone's API."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from xinji.district.geography import load_district
from xinji.district.house_time import HouseTime
from xinji.district.street.cameras import StreetScenes, street_cameras, weather_of, zones_of
from xinji.district.street.incidents import Street
from xinji.district.street.people import (
    FALSE_CALLS,
    Office,
    Residents,
    StreetInspector,
    StreetWorker,
    Walker,
    World,
)
from xinji.district.things import things_geojson
from xinji.district.truth import TruthFile
from xinji.district.weather import rain_mm_h
from xinji.model.things import Thing
from xinji.wire.video.rtsp import CameraServer

log = logging.getLogger(__name__)

REGISTERED_SECONDS = 300.0
LOOKS_TOLD = 3
"""Looks at an incident that the truth file tells of: so many raise an event."""
SORTS: dict[str, Callable[..., Walker]] = {
    "worker": StreetWorker,
    "inspector": StreetInspector,
    "office": Office,
}
"""First part of an account's name, and who that is."""


async def street(
    url: str,
    tokens: dict[str, str],
    *,
    administrator_token: str,
    cameras: int,
    seed: int,
    truth_path: Path | None,
    rtsp_port: int = 0,
) -> None:
    """Live in the street of a serving house until cancelled.

    Args:
        url: of the house; its simulated cameras must be registered or about to be.
        tokens: API tokens by account; `worker-…` work, `inspector-…` inspect, `office` is the
            centre (with the posts intake, shift-leader and leader).
        administrator_token: writes stream addresses and zones into the cameras.
        cameras: how many of the AI streams are served.
        seed: of everything.
        truth_path: file for the ground truth (JSON lines).
        rtsp_port: of the cameras; 0 takes a free one.

    Raises:
        httpx.HTTPError: the house cannot be reached or refuses.
    """
    district = load_district()
    truth = TruthFile(truth_path)
    async with httpx.AsyncClient(
        base_url=url, timeout=60.0, limits=httpx.Limits(max_connections=40)
    ) as http:
        house = await HouseTime.of(http)
        things = await _cameras(http, administrator_token)
        chosen = street_cameras(things, cameras)
        weather = weather_of(seed)
        scene = Street(district, chosen, seed, lambda at: float(rain_mm_h(seed, np.array([at]))[0]))
        scenes = StreetScenes(scene, weather)
        server = CameraServer(scenes.render, house.now, port=rtsp_port)
        await server.start()
        await _register(http, administrator_token, things, scene, server.port)
        truth.write("street", seed=seed, cameras=len(chosen), start=house.now())
        world = World(http, house, scene, scenes, truth.write, tokens)
        tasks = [asyncio.create_task(house.follow(http))]
        tasks += [asyncio.create_task(each.run()) for each in _people(world, seed)]
        tasks.append(asyncio.create_task(_happen(world, seed)))
        log.info("the street lives: %d cameras, %d people", len(chosen), len(tasks) - 2)
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await server.close()
            truth.write("end", at=house.now())
            truth.close()


async def _cameras(http: httpx.AsyncClient, token: str) -> list[dict[str, Any]]:
    """Camera items, as soon as they are registered. Raises TimeoutError."""
    deadline = time.monotonic() + REGISTERED_SECONDS
    while True:
        items: list[dict[str, Any]] = []
        cursor = ""
        while True:
            query = {"kind": "camera", "limit": "1000", "cursor": cursor}
            answer = await http.get(
                "/api/things", params=query, headers={"Authorization": f"Bearer {token}"}
            )
            answer.raise_for_status()
            page = answer.json()
            items += page["items"]
            cursor = page["next"] or ""
            if not cursor:
                break
        if items:
            return items
        if time.monotonic() > deadline:
            raise TimeoutError("no camera is registered")
        await asyncio.sleep(1.0)


async def _register(
    http: httpx.AsyncClient,
    token: str,
    things: list[dict[str, Any]],
    scene: Street,
    port: int,
) -> None:
    """Write address and zones of the streams into the cameras."""
    by_id = {item["id"]: item for item in things}
    updated = []
    for camera in scene.cameras:
        item = by_id[camera.id]
        attributes = item["attributes"] | {
            "stream_url": f"rtsp://127.0.0.1:{port}/{camera.id}",
            "zones": zones_of(camera),
        }
        updated.append(
            Thing(
                id=item["id"],
                kind="camera",
                name=item["name"],
                longitude=item["longitude"],
                latitude=item["latitude"],
                area=item["area"],
                owner=item["owner"],
                attributes=attributes,
                source=item["source"],
                in_service_since=item["in_service_since"],
            )
        )
    answer = await http.post(
        "/api/things/import",
        params={"dry_run": "false", "datum": "wgs84"},
        content=things_geojson(updated),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/geo+json"},
    )
    answer.raise_for_status()
    if errors := answer.json()["errors"]:
        raise ValueError(f"the house refuses {len(errors)} cameras: {errors[0]}")


def _people(world: World, seed: int) -> list[Walker]:
    generator = np.random.default_rng((seed, 12))
    names = sorted(world.tokens)
    lons, lats = world.street.district.scatter(len(names), generator)
    made: list[Walker] = []
    for number, name in enumerate(names):
        place = (float(lons[number]), float(lats[number]))
        sort = SORTS.get(name.split("-")[0])
        if sort is not None:
            made.append(sort(world, name, place, seed * 1_000 + number))
    return made


async def _happen(world: World, seed: int) -> None:
    """Let things happen, and let residents notice some of them."""
    residents = Residents(world, "office", seed)
    generator = np.random.default_rng((seed, 99))
    calls: set[asyncio.Task[None]] = set()
    told: dict[str, int] = {}
    try:
        while True:
            for each in world.street.advance(world.now()):
                world.write(
                    "incident", id=each.id, case_class=each.sort.code, problem=each.sort.problem,
                    camera=each.camera, longitude=each.longitude, latitude=each.latitude,
                    start=each.started, end=each.ends,
                )  # fmt: skip
                for _ in range(int(generator.poisson(each.sort.calls))):
                    calls.add(asyncio.create_task(_quietly(residents.call(each))))
                if generator.random() < FALSE_CALLS:
                    calls.add(asyncio.create_task(_quietly(residents.nonsense())))
            calls = {task for task in calls if not task.done()}
            for each in world.street.incidents.values():
                # how many looks beyond those that a vote takes says nothing more
                if each.looks > told.get(each.id, 0) and told.get(each.id, 0) < LOOKS_TOLD:
                    told[each.id] = each.looks
                    world.write("looked", incident=each.id, looks=each.looks)
            await world.sleep(120)
    finally:
        for task in calls:
            task.cancel()


async def _quietly(work: Any) -> None:
    try:
        await work
    except httpx.TransportError as error:
        log.info("call: %r", error)
