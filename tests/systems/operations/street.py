"""A served house with urban work: people of every post, a Monday morning, the square district."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from tests.conftest import EAST as EAST_AREA
from tests.conftest import SQUARE, TEST_SYSTEM, gauge
from tests.conftest import WEST as WEST_AREA
from tests.web.live import PASSWORD, WEST, Live
from xinji.access.identity import Role
from xinji.loop.clock import HouseClock
from xinji.store.work_schema import workers
from xinji.system.assembly import assemble
from xinji.system.discovery import discover
from xinji.systems.platforms.operations.service import Operations

MONDAY = 1_795_395_600.0
"""2026-11-23 09:00 in Shanghai, Unix seconds: a working day."""

PEOPLE = {
    "intake": ("intake",),
    "leader": ("leader",),
    "shift": ("shift-leader",),
    "dispatcher": ("dispatcher",),
    "wang": ("worker",),
    "li": ("worker",),
    "inspector": ("inspector",),
    "hub": ("camera", "simulated"),
}


class Street(Live):
    """Live, with the whole of the systems and the accounts of `PEOPLE`."""

    def __init__(self, path: Path) -> None:
        needed = ("platforms.operations", "terminals.sensing")
        found = [system for system in discover(entry_points=False) if system.name in needed]
        self.systems = (TEST_SYSTEM, *found)
        house = assemble(path, self.systems, clock=HouseClock(MONDAY))
        house.registry.put_areas([SQUARE, WEST_AREA, EAST_AREA])
        house.registry.put([house.registry.check(gauge(n)) for n in (1, 2, 3)])
        self.count = 0
        self.operations = house.service(Operations)
        # Tests say themselves when the machine dispatches.
        self.operations.dispatching.automatic = False
        super().__init__(path, house)

    def people(self) -> None:
        """The posts."""
        add = self.house.identity
        for name, posts in PEOPLE.items():
            add.add(name, PASSWORD, Role.OPERATOR, actor="test", posts=posts)
            self.tokens[name] = add.issue(name, "test", 1, actor="test")
        add.add("west-intake", PASSWORD, Role.OPERATOR, actor="test", area=WEST, posts=("intake",))
        self.tokens["west-intake"] = add.issue("west-intake", "test", 1, actor="test")

    def later(self, seconds: float) -> None:
        """Set the house's clock forward, or back by what a slow test took."""
        self.house.clock._forward(seconds)

    def work(self, person: str, longitude: float = 121.35, skills: tuple[str, ...] = ()) -> None:
        """Enter a worker on duty at a place."""
        with self.house.database.writing() as connection:
            connection.execute(workers.delete().where(workers.c.person == person))
            connection.execute(
                workers.insert().values(
                    person=person, department="", skills=list(skills), longitude=longitude,
                    latitude=31.2, seen_at=self.house.clock.now(), on_duty=True,
                )
            )  # fmt: skip

    def report(self, who: str = "inspector", **fields: Any) -> Any:
        """Send a report; the answer."""
        self.count += 1
        body = {
            "client_id": f"c{self.count}", "channel": "patrol", "case_class": "event.0110",
            "longitude": 121.35, "latitude": 31.2,
        } | fields  # fmt: skip
        body = {name: value for name, value in body.items() if value is not None}
        return self.request("POST", "/api/reports", who, json=body)

    def file(self, who: str = "inspector", **fields: Any) -> str:
        """Send a report that is taken; its case."""
        answer = self.report(who, **fields)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["case"])

    def act(
        self, case: str, action: str, *, actor: str = "administrator", role: Any = None, **body: Any
    ) -> Any:
        """An action of the administrator, or of a role straight at the engine."""
        if role is None:
            role = (*PEOPLE.get(actor, ()), "administrator")
        fields = body.pop("set", None)
        return self.house.cases.act(case, action, actor=actor, role=role, fields=fields, **body)

    def do(self, who: str, case: str, action: str, **body: Any) -> Any:
        """An action by HTTP; the answer."""
        return self.request(
            "POST", f"/api/cases/{case}/actions", who, json={"action": action, **body}
        )

    def case(self, case: str) -> Any:
        """A case's page, with what city operation adds to it."""
        found = self.get(f"/api/cases/{case}")
        return found | found["details"]["operations"]

    def photo(self, who: str = "inspector", kind: str = "after", text: str = "") -> str:
        """Store a picture that differs each time; its id."""
        self.count += 1
        answer = self.request(
            "POST", f"/api/photos?kind={kind}", who, content=picture(f"{text}{self.count}")
        )
        assert answer.status_code == 200, answer.text
        return str(answer.json()["id"])


def picture(text: str, size: tuple[int, int] = (320, 240), form: str = "PNG") -> bytes:
    """A picture with a word in it."""
    image = Image.new("RGB", size, (90, 120, 100))
    ImageDraw.Draw(image).text((20, 20), text, fill=(255, 255, 255))
    out = io.BytesIO()
    image.save(out, form)
    return out.getvalue()
