"""A town of a square kilometre: blocks with streets between, two operators, one road."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import shapely

from tests.conftest import TEST_SYSTEM, gauge
from tests.web.live import EAST, LOCALITY, WEST, Live
from xinji.methods.geodesy import LocalPlane
from xinji.model.things import Area, AreaLevel
from xinji.model.title import Title
from xinji.system.assembly import assemble
from xinji.system.discovery import discover
from xinji.systems.network.coverage.inputs.buildings import Buildings
from xinji.systems.network.coverage.inputs.sectors import Sectors
from xinji.systems.network.coverage.inputs.sites import sites_csv
from xinji.systems.network.coverage.scene import Scene, make_scene

PLANE = LocalPlane(121.40, 31.20)
HALF = 500.0


def _square(west: float, south: float, east: float, north: float) -> dict[str, Any]:
    corners = [(west, south), (east, south), (east, north), (west, north), (west, south)]
    ring = [[float(v) for v in PLANE.degrees(x, y)] for x, y in corners]
    return {"type": "Polygon", "coordinates": [ring]}


def _area(code: str, level: AreaLevel, box: tuple[float, ...], parent: str | None) -> Area:
    return Area(
        code=code, level=level, title=Title(code, code), parent=parent,
        geometry=_square(*box),
    )  # fmt: skip


AREAS = [
    _area("310105", AreaLevel.DISTRICT, (-HALF, -HALF, HALF, HALF), None),
    _area(WEST, AreaLevel.SUBDISTRICT, (-HALF, -HALF, 0.0, HALF), "310105"),
    _area(EAST, AreaLevel.SUBDISTRICT, (0.0, -HALF, HALF, HALF), "310105"),
]
ROAD = np.column_stack(PLANE.degrees(np.array([-HALF, HALF]), np.array([0.0, 0.0])))
BASEMAP = {
    "type": "FeatureCollection",
    "features": [
        {
            "type": "Feature",
            "geometry": {"type": "LineString", "coordinates": ROAD.tolist()},
            "properties": {"layer": "road", "name": "大街"},
        }
    ],
}


def texts(values: list[str]) -> Any:
    return np.array([*values, None], dtype=object)[:-1]


def town_buildings(seed: int = 1) -> Buildings:
    """Blocks of 60 by 40 m, 100 m apart, none on the road."""
    generator = np.random.default_rng(seed)
    middles = np.arange(-450, 451, 100.0)
    shapes = [
        shapely.box(*_corner(x - 30, y - 20), *_corner(x + 30, y + 20))
        for x in middles
        for y in middles
    ]
    count = len(shapes)
    return Buildings(
        geometries=np.array([*shapes, None])[:-1],
        height_m=np.round(generator.uniform(8, 60, count), 1),
        height_known=np.ones(count, np.bool_),
        floors=np.zeros(count, np.int64),
        use=texts(["office" if n % 2 else "residential" for n in range(count)]),
        name=texts([""] * count),
        id=texts([f"b{n:03d}" for n in range(count)]),
    )


def _corner(x: float, y: float) -> tuple[float, float]:
    longitude, latitude = PLANE.degrees(x, y)
    return round(float(longitude), 7), round(float(latitude), 7)


def town_sectors() -> Sectors:
    """Mobile: two macro sites of three sectors and a pole; telecom: one site on two carriers."""
    rows = [
        (station, operator, kind, *_corner(x, y), height, azimuth, ghz)
        for station, operator, kind, x, y, height, ghz in (
            ("m1", "mobile", "macro", -300.0, 100.0, 40.0, 2.6),
            ("m2", "mobile", "macro", 300.0, -100.0, 35.0, 2.6),
            ("mp", "mobile", "pole", 0.0, 300.0, 10.0, 2.6),
            ("t1", "telecom", "macro", 0.0, 0.0, 45.0, 3.5),
            ("t1", "telecom", "macro", 0.0, 0.0, 45.0, 2.1),
        )
        for azimuth in (0, 120, 240)
    ]
    columns = list(zip(*rows, strict=True))
    count = len(rows)
    return Sectors(
        station_id=texts(list(columns[0])),
        sector_id=texts([f"{row[0]}-{row[7]:g}-{row[6]}" for row in rows]),
        name=texts([f"站{row[0]}" for row in rows]),
        operator=texts(list(columns[1])),
        type=texts(list(columns[2])),
        longitude=np.array(columns[3]),
        latitude=np.array(columns[4]),
        height_m=np.array(columns[5], np.float64),
        azimuth_deg=np.array(columns[6], np.float64),
        tilt_deg=np.full(count, 6.0),
        eirp_dbm=np.array([30.0 if row[2] == "macro" else 15.0 for row in rows]),
        frequency_ghz=np.array(columns[7], np.float64),
        pci=np.arange(count, dtype=np.int64),
        in_service_since=np.where(
            np.array([row[0] == "m2" for row in rows]), 1_640_995_200_000_000, 1_577_808_000_000_000
        ),
        mounted_on=texts([""] * count),
    )


def town_scene(cell: float = 20.0) -> Scene:
    return make_scene(AREAS, [ROAD], town_buildings(), cell)


def buildings_geojson(found: Buildings) -> bytes:
    return json.dumps(
        {
            "type": "FeatureCollection",
            "features": [
                {
                    "type": "Feature",
                    "geometry": shapely.geometry.mapping(found.geometries[at]),
                    "properties": {
                        "id": found.id[at],
                        "height_m": float(found.height_m[at]),
                        "use": found.use[at],
                    },
                }
                for at in range(len(found))
            ],
        }
    ).encode()


class Town(Live):
    """The town behind a real server; nothing is imported yet."""

    locality = msgspec.structs.replace(LOCALITY, basemap=BASEMAP)

    def __init__(self, path: Path) -> None:
        known = {system.name: system for system in discover(entry_points=False)}
        self.systems = (TEST_SYSTEM, known["network.coverage"], *self.further(known))
        house = assemble(path, self.systems)
        house.registry.put_areas(AREAS)
        house.registry.put([house.registry.check(gauge(n)) for n in (1, 2, 3)])
        super().__init__(path, house)

    @staticmethod
    def further(known: dict[str, Any]) -> list[Any]:
        return [known[name] for name in ("terminals.poles",) if name in known]

    def bring(self) -> None:
        """Import buildings and sectors, and compute."""
        query = {"dry_run": "false"}
        for path, content in (
            ("/api/coverage/buildings", buildings_geojson(town_buildings())),
            ("/api/coverage/sites", sites_csv(town_sectors())),
        ):
            answer = self.request("POST", path, params=query, content=content)
            assert answer.status_code == 200, answer.text
            assert answer.json()["refused"] == 0, answer.text
        self.job("/api/coverage/compute", {"cell_m": 20, "history": True})

    def job(self, path: str, body: dict[str, Any], who: str = "operator") -> dict[str, Any]:
        """Start a job and wait for its answer."""
        answer = self.request("POST", path, who, json=body)
        assert answer.status_code == 200, answer.text
        job = answer.json()
        until = time.monotonic() + 60
        while job["state"] in ("waiting", "running"):
            assert time.monotonic() < until, job
            time.sleep(0.02)
            job = self.request("GET", f"/api/jobs/{job['id']}", who).json()
        assert job["state"] == "done", job
        return dict(job)
