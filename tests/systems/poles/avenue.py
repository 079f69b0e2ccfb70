"""A served house with an avenue: four poles in the west, one in the east, a box, a power box."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.conftest import EAST, SQUARE, TEST_SYSTEM, WEST, gauge
from tests.web.live import Live
from xinji.model.things import Thing
from xinji.store.pole_schema import (
    pole_bays,
    pole_inventories,
    pole_mounts,
    power_circuits,
    power_feeds,
)
from xinji.system.assembly import assemble
from xinji.system.discovery import discover
from xinji.systems.terminals.poles.service import Poles
from xinji.systems.terminals.poles.stored import remove_feeds
from xinji.systems.terminals.poles.types import own_types

STATION = {
    "slot": "T1", "device": "station", "interface": "flange", "height_m": 12.0,
    "azimuth_deg": 120.0, "weight_kg": 20.0, "wind_area_m2": 0.3, "rated_w": 300.0,
    "owner": "运营商",
}  # fmt: skip
CAMERA = {
    "slot": "B1", "device": "camera", "interface": "clamp", "height_m": 9.0, "azimuth_deg": 10.0,
    "weight_kg": 5.0, "wind_area_m2": 0.1, "rated_w": 40.0, "owner": "区公安分局",
}  # fmt: skip


def things() -> list[Thing]:
    """p-1 to p-4 in the west, p-5 in the east; b-1 feeds the western ones from w-1, circuit 1."""

    def thing(id_: str, kind: str, type_: str, longitude: float, **attributes: Any) -> Thing:
        return Thing(
            id=id_, kind=kind, name=f"杆箱{id_}", longitude=longitude, latitude=31.2,
            attributes={"type": type_} | attributes, in_service_since=1_600_000_000_000_000,
        )  # fmt: skip

    pole = {"status": "live", "road": "大街", "box": "b-1"}
    feeds = {"feeds": [{"circuit": 1, "feeds": "b-1"}]}
    return [
        thing("w-1", "power-box", "power-4", 121.35, inventory=json.dumps(feeds)),
        thing("b-1", "equipment-box", "box-12", 121.35),
        thing("p-1", "pole", "main-12", 121.351, **pole),
        thing("p-2", "pole", "main-12", 121.352, **pole),
        thing("p-3", "pole", "main-10", 121.353, **pole),
        thing("p-4", "pole", "sub-6", 121.354, **pole),
        thing("p-5", "pole", "main-12", 121.451, status="planned", road="东街"),
    ]


class Avenue(Live):
    """Live, with the poles."""

    def __init__(self, path: Path) -> None:
        known = {system.name: system for system in discover(entry_points=False)}
        self.systems = (TEST_SYSTEM, known["terminals.poles"])
        house = assemble(path, self.systems)
        house.registry.put_areas([SQUARE, WEST, EAST])
        house.registry.put([house.registry.check(gauge(n)) for n in (1, 2, 3)])
        house.registry.put([house.registry.check(each) for each in things()])
        self.poles = house.service(Poles)
        self.poles.turn()
        super().__init__(path, house)

    def clear(self) -> None:
        """Nothing mounted, the avenue as it was registered, our own table of types."""
        house = self.house
        with house.database.writing() as connection:
            for table in (pole_bays, pole_mounts, power_feeds, power_circuits, pole_inventories):
                connection.execute(table.delete())
            remove_feeds(house.database, "")
        house.registry.put([house.registry.check(each) for each in things()])
        self.poles.types = own_types()
        self.poles.turn()
        self.poles.changed()

    def mount(
        self,
        pole: str,
        base: dict[str, Any],
        who: str = "operator",
        dry_run: bool = False,
        **more: Any,
    ) -> Any:
        """Ask for a mount; the answer."""
        body = {name: value for name, value in (base | more).items() if value is not None}
        query = "?dry_run=true" if dry_run else ""
        return self.request("POST", f"/api/poles/{pole}/mounts{query}", who, json=body)

    def mounted(self, pole: str, base: dict[str, Any], **more: Any) -> str:
        """Mount it; the mount's id."""
        answer = self.mount(pole, base, **more)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["mount"]["id"])

    def import_mounts(self, text: str | bytes, who: str = "operator", dry_run: bool = False) -> Any:
        """Bring a file of mounts; the answer."""
        content = text.encode() if isinstance(text, str) else text
        path = f"/api/poles/mounts/import?dry_run={str(dry_run).lower()}"
        return self.request("POST", path, who, content=content)


def checks(answer: Any) -> dict[str, dict[str, Any]]:
    """The checks of an answer by name; the failed one of a name first."""
    found: dict[str, dict[str, Any]] = {}
    for check in answer.json()["checks"]:
        if check["name"] not in found or check["state"] == "failed":
            found[check["name"]] = check
    return found
