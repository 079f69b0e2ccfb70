"""A served house with people and urban cases, for the browser tests of urban work."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

import xinji
from tests.process import Served
from tests.ui.conftest import cannot

PASSWORD = "a plain long password"
PLACE = (121.4040, 31.2120)
"""Inside the district; longitude, latitude in WGS-84 degrees."""
LITTER = "event.0110"
CAMERA = "test-camera"

_numbers = itertools.count(1)


def picture(shade: int = 120, size: tuple[int, int] = (1200, 900)) -> bytes:
    """A JPEG of one colour."""
    data = io.BytesIO()
    Image.new("RGB", size, (shade, 255 - shade, 90)).save(data, "JPEG")
    return data.getvalue()


class UrbanHouse:
    """`xinji serve` with an administrator, two workers and a way to make cases."""

    def __init__(self, folder: Path) -> None:
        self.served = Served(folder / "data")
        self.url = self.served.url
        for name, role in (
            ("boss", "administrator"),
            ("wanglei", "operator"),
            ("lijing", "operator"),
        ):
            self.served.post("/api/users", {"name": name, "password": PASSWORD, "role": role})
        self.people = {name: self._client(name) for name in ("boss", "wanglei", "lijing")}
        for number, name in enumerate(("wanglei", "lijing")):
            place = {"longitude": PLACE[0] + 0.01 * number, "latitude": PLACE[1]}
            self.people[name].put("/api/work/position", json=place | {"on_duty": True})
            skills = {"skills": ["sanitation"], "department": "sanitation"}
            self.people["boss"].put(f"/api/work/workers/{name}", json=skills).raise_for_status()
        table = "id,kind,name,longitude,latitude\n"
        table += f"{CAMERA},environment-station,路口,{PLACE[0]},{PLACE[1]}\n"
        self.served.request(
            "POST",
            "/api/things/import?dry_run=false",
            content=table.encode(),
            headers={"Content-Type": "text/csv"},
        ).raise_for_status()

    def _client(self, name: str) -> httpx.Client:
        client = httpx.Client(base_url=self.url, timeout=60)
        body = {"name": name, "password": PASSWORD}
        client.post("/api/sign-in", json=body).raise_for_status()
        return client

    def photo(self, kind: str, shade: int = 120) -> str:
        """A stored photo's id."""
        response = self.served.request(
            "POST",
            f"/api/photos?kind={kind}&longitude={PLACE[0]}&latitude={PLACE[1]}",
            content=picture(shade),
            headers={"Content-Type": "image/jpeg"},
        )
        response.raise_for_status()
        return str(response.json()["id"])

    def report(self, **fields: Any) -> dict[str, Any]:
        """A report of litter, each 300 m from the one before; its answer."""
        number = next(_numbers)
        step = {
            "longitude": PLACE[0] - 0.003 * (number % 12),
            "latitude": PLACE[1] - 0.0002 * (number // 12),
        }
        body = {"client_id": f"test-{number}", "channel": "12345", "case_class": LITTER}
        answer = self.served.post("/api/reports", body | {"text": "垃圾堆在路边"} | step | fields)
        assert isinstance(answer, dict)
        return answer

    def act(self, case: str, action: str, person: str = "boss", **fields: Any) -> dict[str, Any]:
        """An action on a case; the case after it."""
        response = self.people[person].post(
            f"/api/cases/{case}/actions", json={"action": action} | fields
        )
        assert response.is_success, response.text
        return dict(response.json())

    def case(self, case: str) -> dict[str, Any]:
        """A case."""
        found = self.served.get(f"/api/cases/{case}")
        return {**found, **found["details"]["operations"]}

    def filed(self, **fields: Any) -> str:
        """A filed case."""
        case = str(self.report(**fields)["case"])
        if self.case(case)["state"] == "reported":
            self.act(case, "file")
        return case

    def task(self, person: str, **fields: Any) -> str:
        """A case dispatched to a worker."""
        case = self.filed(**fields)
        # The house dispatches by itself too; a person's word counts.
        self.act(case, "dispatch", assignee=person, note="就近")
        return case


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UrbanHouse]:
    """A house for a module."""
    if not (Path(xinji.__file__).parent / "web" / "page" / "phone.html").is_file():
        cannot("the page is not built: run `make ui`")
    made = UrbanHouse(tmp_path_factory.mktemp("urban"))
    yield made
    for client in made.people.values():
        client.close()
    made.served.stop()
