"""The people of the simulated street: workers and inspectors with phones, residents, the office.

Each is an account of its own and uses the same API as the phone. They make mistakes: a worker says
"done" without having been, a resident gives the wrong place, the office answers wrong; the truth of
it is written aside.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import numpy as np

from xinji.district.house_time import HouseTime
from xinji.district.scenes.incidents import Incident
from xinji.district.street.cameras import StreetScenes, jpeg
from xinji.district.street.incidents import Street, StreetIncident
from xinji.methods.geodesy import METRES_PER_DEGREE, metres_between

log = logging.getLogger(__name__)

US = 1_000_000
MINUTE_US = 60 * US
SPEED_M_S = 4.0
SERVICE_MINUTES = (6.0, 20.0)
FALSE_DONE = 0.08
"""Share of work that is said to be done and is not."""
RETURNED = 0.03
EXTENDED = 0.03
NEAR_M = 80.0
SEEN_M = 60.0
BUSY_STREETS = 0.5
OFFICE_MINUTES = 4.0
OFFICE_RIGHT = 0.96
RESIDENT_ERROR_M = 35.0
FALSE_CALLS = 0.04


@dataclass
class World:
    """What the people share: the house, its clock, the street, the truth file."""

    http: httpx.AsyncClient
    clock: HouseTime
    street: Street
    scenes: StreetScenes
    write: Callable[..., None]
    tokens: dict[str, str]
    reported: dict[str, int] = field(default_factory=dict)

    def now(self) -> int:
        """Unix microseconds of the house."""
        return self.clock.now()

    async def sleep(self, simulated_seconds: float) -> None:
        """Wait for a while of the house's clock, whose speed may change meanwhile."""
        await asyncio.sleep(0.05)
        await self.clock.until(self.now() + int(simulated_seconds * US))

    async def ask(self, person: str, method: str, path: str, **options: Any) -> httpx.Response:
        """A request of a person."""
        headers = {"Authorization": f"Bearer {self.tokens[person]}"}
        return await self.http.request(method, path, headers=headers, **options)

    async def photo(self, person: str, data: bytes, kind: str, place: tuple[float, float]) -> str:
        """Store a picture; its id, or empty when it was refused."""
        query = {"kind": kind, "taken_at": iso(self.now()), "longitude": place[0],
                 "latitude": place[1]}  # fmt: skip
        answer = await self.ask(
            person, "POST", "/api/photos", params=query, content=data,
        )  # fmt: skip
        return "" if answer.is_error else str(answer.json()["id"])

    async def report(
        self, person: str, channel: str, truth: StreetIncident | None, body: dict[str, Any]
    ) -> None:
        """Send a report, and write aside what it is about."""
        number = self.reported[person] = self.reported.get(person, 0) + 1
        body |= {"client_id": f"{person}-{self.now()}-{number}", "channel": channel}
        self.write(
            "report", sender=person, client_id=body["client_id"],
            incident=truth.id if truth else None,
        )  # fmt: skip
        answer = await self.ask(person, "POST", "/api/reports", json=body)
        if answer.is_error:
            log.info("report refused: %s", answer.text)

    def incident_near(self, item: dict[str, Any]) -> StreetIncident | None:
        """The incident that a case is about, as a person on the spot sees it."""
        at = self.now()
        best, least = None, NEAR_M
        for each in self.street.incidents.values():
            if each.sort.code != item["case_class"] or each.started > at:
                continue
            gone = each.cleared if each.cleared is not None else each.ends
            if gone < at - 12 * 3600 * US:
                continue
            away = float(
                metres_between(each.longitude, each.latitude, item["longitude"], item["latitude"])
            )
            # what is still there is meant rather than what is gone
            away += 0 if each.present(at) else NEAR_M / 2
            if away < least:
                best, least = each, away
        return best


def iso(at: int) -> str:
    """Unix microseconds as RFC 3339."""
    return str(np.datetime64(at, "us")) + "Z"


class Walker(ABC):
    """A person who walks through the district."""

    def __init__(self, world: World, name: str, place: tuple[float, float], seed: int) -> None:
        self.world, self.name = world, name
        self.longitude, self.latitude = place
        self.generator = np.random.default_rng((seed, 4_711))

    async def run(self) -> None:
        """Live until cancelled; a house that does not answer is asked again."""
        await self.world.sleep(float(self.generator.uniform(0, 120)))
        while True:
            try:
                await self.live()
            except httpx.TransportError as error:
                log.info("%s: %r", self.name, error)
                await self.world.sleep(120)

    @abstractmethod
    async def live(self) -> None:
        """One round of this person's work."""

    async def go(self, longitude: float, latitude: float) -> None:
        """Walk there, in the house's time, and say where one is."""
        away = float(metres_between(self.longitude, self.latitude, longitude, latitude))
        await self.world.sleep(away / SPEED_M_S)
        self.longitude, self.latitude = longitude, latitude
        await self.tell()

    async def tell(self) -> None:
        """Tell the house where one is."""
        await self.world.ask(
            self.name,
            "PUT",
            "/api/work/position",
            json={"longitude": self.longitude, "latitude": self.latitude, "on_duty": True},
        )

    async def act(self, case: str, action: str, **body: Any) -> dict[str, Any] | None:
        """An action on a case; the case after it, or None when it was refused."""
        answer = await self.world.ask(
            self.name, "POST", f"/api/cases/{case}/actions", json={"action": action, **body}
        )
        if answer.is_error:
            log.info("%s: %s %s: %s", self.name, case, action, answer.text[:200])
            return None
        found: dict[str, Any] = answer.json()
        return found

    async def show(self, item: dict[str, Any], kind: str) -> str:
        """Take a picture of the spot as it is."""
        world, at = self.world, self.world.now()
        there = world.incident_near(item)
        place = (item["longitude"], item["latitude"])
        camera = next((c for c in world.street.cameras if there and c.id == there.camera), None)
        if camera is not None:
            data = await asyncio.to_thread(lambda: jpeg(world.scenes.picture(camera, at)))
        else:
            shown = None
            if there is not None and there.present(at):
                shown = Incident("litter", there.started, None, there.seed % 100_000)
            seed = (there.seed if there else 7) % 900
            data = await asyncio.to_thread(world.scenes.photo, seed, at, shown)
        return await world.photo(self.name, data, kind, place)


class StreetWorker(Walker):
    """Takes cases by the clock, goes there, clears them, says so."""

    async def live(self) -> None:
        """Work the most urgent case, or wait."""
        world = self.world
        await self.tell()
        answer = await world.ask(
            self.name,
            "GET",
            "/api/work/mine",
            params={"longitude": self.longitude, "latitude": self.latitude},
        )
        items = [] if answer.is_error else answer.json()["items"]
        items = [item for item in items if item["state"] in ("dispatched", "handling")]
        if not items:
            await world.sleep(90)
            return
        await self.work(items[0])

    async def work(self, item: dict[str, Any]) -> None:
        """One case from accepting to done."""
        world, case = self.world, item["id"]
        if item["state"] == "dispatched":
            if self.generator.random() < RETURNED:
                await self.act(case, "return", note="不在本网格,请改派")
                return
            if await self.act(case, "accept") is None:
                return
        await self.go(item["longitude"], item["latitude"])
        before = await self.show(item, "before")
        if item["state"] == "dispatched" and self.generator.random() < EXTENDED:
            await self.act(case, "ask-extension", note="需要大型设备,申请延期")
            return
        await world.sleep(float(self.generator.uniform(*SERVICE_MINUTES)) * 60)
        there = world.incident_near(item)
        lazy = bool(self.generator.random() < FALSE_DONE)
        if there is not None and there.present(world.now()) and not lazy:
            there.cleared = world.now()
            world.write("cleared", incident=there.id, at=there.cleared, by=self.name, case=case)
        after = await self.show(item, "after")
        evidence: dict[str, Any] = {"after": [after] if after else [], "before": [before]}
        evidence["before"] = [photo for photo in evidence["before"] if photo]
        await self.act(case, "done", note="现场已处置", evidence=evidence)


class StreetInspector(Walker):
    """Walks, reports what is near, and looks at what the office asks for."""

    async def live(self) -> None:
        """Answer the nearest check, or walk on and report what is seen."""
        world = self.world
        answer = await world.ask(
            self.name,
            "GET",
            "/api/work/checks",
            params={"longitude": self.longitude, "latitude": self.latitude},
        )
        items = [] if answer.is_error else answer.json()["items"]
        if items:
            # two inspectors rarely go to the same one
            pick = int(self.generator.integers(min(len(items), 4)))
            await self.check(items[pick])
            return
        await self.go(*self._next())
        await self.look_around()

    def _next(self) -> tuple[float, float]:
        """Half of the walks lead through streets where something is, without knowing it."""
        here = self.world.street.present(self.world.now())
        if here and self.generator.random() < BUSY_STREETS:
            each = here[int(self.generator.integers(len(here)))]
            return each.longitude, each.latitude
        lons, lats = self.world.street.district.scatter(1, self.generator)
        return float(lons[0]), float(lats[0])

    async def check(self, item: dict[str, Any]) -> None:
        """Go there and say what is seen."""
        world, case = self.world, item["id"]
        await self.go(item["longitude"], item["latitude"])
        there = world.incident_near(item)
        still = there is not None and there.present(world.now())
        if item["check"] == "spot-check":
            await world.ask(
                self.name,
                "POST",
                f"/api/work/spot-checks/{case}",
                json={"still_there": still, "note": "现场抽查"},
            )
        elif item["check"] == "reviewing":
            if still:
                await self.act(case, "rework", note="问题仍在")
            else:
                await self.act(case, "confirm", note="现场核查通过", evidence={"closing": True})
        else:
            photo = await self.show(item, "scene")
            await self.act(
                case, "answer-check", note="情况属实" if still else "未发现问题",
                evidence={"photos": [photo] if photo else []},
            )  # fmt: skip

    async def look_around(self) -> None:
        """Report what is within sight and was not reported by oneself."""
        world = self.world
        for each in world.street.present(world.now()):
            away = float(
                metres_between(self.longitude, self.latitude, each.longitude, each.latitude)
            )
            key = f"{self.name}:{each.id}"
            if away > SEEN_M or key in world.reported:
                continue
            world.reported[key] = 1
            place = (
                each.longitude + float(self.generator.normal(0, 12 / METRES_PER_DEGREE)),
                each.latitude + float(self.generator.normal(0, 12 / METRES_PER_DEGREE)),
            )
            item = {"case_class": each.sort.code, "longitude": place[0], "latitude": place[1]}
            photo = await self.show(item, "scene")
            await world.report(
                self.name,
                "patrol",
                each,
                {
                    "case_class": each.sort.code,
                    "longitude": round(place[0], 6),
                    "latitude": round(place[1], 6),
                    "place_error_m": 12,
                    "photos": [photo] if photo else [],
                    "text": f"巡查发现{each.sort.words[0]}",
                },
            )


class Residents:
    """Callers of the hotline; the office writes down what they say."""

    def __init__(self, world: World, office: str, seed: int) -> None:
        self.world, self.office = world, office
        self.generator = np.random.default_rng((seed, 815))

    async def call(self, each: StreetIncident) -> None:
        """Somebody notices an incident after a while and calls."""
        world = self.world
        await world.sleep(float(self.generator.exponential(2_400)) + 300)
        if not each.present(world.now()):
            return
        await self._say(each, each.sort.words, each.longitude, each.latitude)

    async def nonsense(self) -> None:
        """A call about nothing."""
        lons, lats = self.world.street.district.scatter(1, self.generator)
        await self._say(None, ("好像有一堆垃圾", "共享单车乱停"), float(lons[0]), float(lats[0]))

    async def _say(
        self, each: StreetIncident | None, words: tuple[str, ...], lon: float, lat: float
    ) -> None:
        error = self.generator.normal(0, RESIDENT_ERROR_M / METRES_PER_DEGREE, 2)
        said = words[int(self.generator.integers(len(words)))]
        where = f"{each.road}附近" if each is not None and each.road else ""
        channel = "110" if self.generator.random() < 0.08 else "12345"
        await self.world.report(
            self.office,
            channel,
            each,
            {
                "text": f"{where}{said},请尽快处理",
                "longitude": round(lon + float(error[0]), 6),
                "latitude": round(lat + float(error[1]), 6),
                "place_error_m": RESIDENT_ERROR_M,
            },
        )


class Office(Walker):
    """The centre: files what the machine did not, answers its questions, approves."""

    async def live(self) -> None:
        """One round through the lists."""
        await self.world.sleep(OFFICE_MINUTES * 60)
        await self.file()
        await self.answer()
        await self.approve()

    async def file(self) -> None:
        """File reported cases with the class that a person reads in them."""
        answer = await self.world.ask(
            self.name, "GET", "/api/cases",
            params={"type": "urban", "state": "reported", "limit": 50},
        )  # fmt: skip
        for item in [] if answer.is_error else answer.json()["items"]:
            code = self._true_class(item)
            await self.act(item["id"], "file", set={"case_class": code, "condition": f"{code}.1"})

    def _true_class(self, item: dict[str, Any]) -> str:
        at = self.world.now()
        near = [
            (float(metres_between(e.longitude, e.latitude, item["longitude"], item["latitude"])), e)
            for e in self.world.street.present(at)
        ]
        near = sorted((pair for pair in near if pair[0] < NEAR_M), key=lambda pair: pair[0])
        if near and self.generator.random() < OFFICE_RIGHT:
            return near[0][1].sort.code
        return str(item["case_class"])

    async def answer(self) -> None:
        """Answer duplicate questions, mostly right."""
        answer = await self.world.ask(self.name, "GET", "/api/questions", params={"limit": 50})
        for item in [] if answer.is_error else answer.json()["items"]:
            if item["case"] is None:
                continue
            one = self.world.incident_near(item["report"])
            other = self.world.incident_near(item["case"])
            same = one is not None and one is other
            if self.generator.random() > OFFICE_RIGHT:
                same = not same
            await self.world.ask(
                self.name, "POST", f"/api/questions/{item['id']}", json={"same": same}
            )

    async def approve(self) -> None:
        """Both levels of approval of extensions."""
        for state, action in (
            ("extension-asked", "endorse-extension"),
            ("extension-endorsed", "grant-extension"),
        ):
            answer = await self.world.ask(
                self.name, "GET", "/api/cases",
                params={"type": "urban", "state": state, "limit": 50},
            )  # fmt: skip
            for item in [] if answer.is_error else answer.json()["items"]:
                await self.act(item["id"], action, note="同意")
