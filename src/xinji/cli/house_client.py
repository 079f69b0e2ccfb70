"""A vision hub's side of the house's HTTP API: cameras, clock, photos, reports, looks, health.

What was found is sent until the house has it: a report has a `client_id` that is a function of
camera, zone and time, so that sending twice is harmless.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import logging
import threading
import time
from typing import Any, Self

import httpx

from xinji.methods.vision.health import Health
from xinji.systems.terminals.sensing.hub import Answer, Seen
from xinji.systems.terminals.sensing.watch import Event

log = logging.getLogger(__name__)

RETRY_SECONDS = (0.2, 1.0, 3.0, 10.0)
MOST_PAGES = 100
PLACE_ERROR_M = 4
HEALTH_SECONDS = 60


def rfc3339(time_us: int) -> str:
    """A Unix time in microseconds as text, UTC."""
    moment = dt.datetime.fromtimestamp(time_us / 1e6, dt.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class HouseClient:
    """One house. `report` is given to the hub; it returns when the house has answered.

    A change that the house refuses (4xx) is logged and counted in `unsent`; one that it cannot take
    now (no answer, 429, 5xx) is tried again until it can or `ending` is set.
    """

    def __init__(
        self, url: str, token: str, credential: tuple[str, str] | None, model: str
    ) -> None:
        self._http = httpx.Client(
            base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=30
        )
        self._credential, self._model = credential, model
        self._base_us, self._base, self._speed = time.time_ns() // 1000, time.monotonic(), 1.0
        self._health_sent: dict[str, tuple[float, tuple[float, ...]]] = {}
        self.rain: float | None = None
        self.unsent = 0
        self.ending = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    @property
    def speed(self) -> float:
        """Seconds of the house's clock in a second."""
        return self._speed

    def now_us(self) -> int:
        """The house's time in Unix microseconds."""
        return self._base_us + round((time.monotonic() - self._base) * self._speed * 1e6)

    def synchronise(self, speed: float = 0.0) -> None:
        """Read the house's clock. Raises httpx.HTTPError, ValueError on an odd answer."""
        answer = self._get("/api/clock", {})
        try:
            moment = dt.datetime.fromisoformat(answer["now"])
            told = float(answer.get("speed", 1.0))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"/api/clock: {error!r}") from error
        if moment.tzinfo is None:
            raise ValueError("/api/clock: now has no offset")
        self._base_us, self._base = round(moment.timestamp() * 1e6), time.monotonic()
        self._speed = speed or told

    def cameras(self) -> list[dict[str, Any]]:
        """Every camera of the house. Raises httpx.HTTPError."""
        found: list[dict[str, Any]] = []
        cursor = ""
        for _ in range(MOST_PAGES):
            page = self._get("/api/things", {"kind": "camera", "limit": "1000", "cursor": cursor})
            found += page["items"]
            cursor = page.get("next") or ""
            if not cursor:
                return found
        log.warning("more than %d pages of cameras: the rest is left out", MOST_PAGES)
        return found

    def asked(self) -> list[dict[str, Any]]:
        """The looks that the house asks for. Raises httpx.HTTPError."""
        items: list[dict[str, Any]] = self._get("/api/looks", {"state": "asked", "limit": "200"})[
            "items"
        ]
        return items

    def read_rain(self) -> None:
        """Rain of the last six hours (mm), the mean of the stations; None when it is not known."""
        now = self.now_us()
        query = {
            "kind": "environment-station", "property": "rain_mm_h", "by": "kind", "step": "1h",
            "from": rfc3339(now - 6 * 3_600_000_000), "to": rfc3339(now),
        }  # fmt: skip
        try:
            means = self._get("/api/aggregates", query)["columns"]["mean"]
            self.rain = float(sum(means)) if means else None
        except (httpx.HTTPStatusError, KeyError, TypeError):
            self.rain = None

    def report(self, seen: Seen) -> None:
        """Send what a look found: photo, reports, answers, health."""
        picture = None
        if seen.photo is not None:
            picture = self._photo(seen)
        for event in seen.events:
            if event.what == "raised":
                self._send("/api/reports", self._finding(seen, event, picture))
        for answer in seen.answers:
            self._send(f"/api/looks/{answer.asked.id}", self._verdict(answer, picture))
        if self._credential is not None:
            self._send_health(seen)

    def _finding(self, seen: Seen, event: Event, picture: str | None) -> dict[str, Any]:
        camera = seen.camera
        identity = f"{camera.id}|{event.zone.name}|{seen.time_us}"
        return {
            "client_id": "vision-" + hashlib.sha256(identity.encode()).hexdigest()[:32],
            "channel": "camera",
            "problem": event.zone.problem,
            "longitude": camera.longitude,
            "latitude": camera.latitude,
            "place_error_m": PLACE_ERROR_M,
            "happened_at": rfc3339(seen.time_us),
            "photos": [picture] if picture else [],
            "thing": camera.id,
            "confidence": round(min(1.0, max(0.0, event.confidence)), 4),
            "evidence": {
                "model": self._model,
                "zone": event.zone.name,
                "score": round(event.looks[-1][1], 4),
                "looks": [[rfc3339(round(t * 1e6)), round(s, 4)] for t, s in event.looks],
                "box": list(event.box) if event.box else None,
            },
        }

    def _verdict(self, answer: Answer, picture: str | None) -> dict[str, Any]:
        return {
            "verdict": answer.verdict,
            "score": round(answer.score, 4),
            "photo": picture,
            "model": self._model,
        }

    def _photo(self, seen: Seen) -> str | None:
        found = any(event.what == "raised" for event in seen.events)
        query = {
            "kind": "scene" if found else "look",
            "taken_at": rfc3339(seen.time_us), "thing": seen.camera.id,
            "longitude": str(seen.camera.longitude), "latitude": str(seen.camera.latitude),
            "screened": "true",
        }  # fmt: skip
        answer = self._until_taken("/api/photos", params=query, content=seen.photo,
                                   headers={"Content-Type": "image/jpeg"})  # fmt: skip
        return None if answer is None else str(answer.get("id") or "") or None

    def _send_health(self, seen: Seen) -> None:
        rows = health_rows(seen.camera.id, seen.health, seen.time_us)
        values = tuple(row["value"] for row in rows if row["property"] != "luminance")
        last = self._health_sent.get(seen.camera.id)
        now = time.monotonic()
        # A change is told at once, no change once a minute.
        if last is not None and last[1] == values and now - last[0] < HEALTH_SECONDS:
            return
        if self._until_taken("/api/observations", json=rows, auth=self._credential) is not None:
            self._health_sent[seen.camera.id] = (now, values)

    def _get(self, path: str, query: dict[str, str]) -> Any:
        response = self._http.get(path, params=query)
        response.raise_for_status()
        return response.json()

    def _send(self, path: str, body: dict[str, Any]) -> None:
        self._until_taken(path, json=body)

    def _until_taken(self, path: str, **request: Any) -> dict[str, Any] | None:
        for attempt in range(1_000_000):
            wait = RETRY_SECONDS[min(attempt, len(RETRY_SECONDS) - 1)]
            try:
                response = self._http.post(path, **request)
            except httpx.TransportError as error:
                problem = str(error)
            else:
                if response.is_success:
                    return dict(response.json()) if response.content else {}
                problem = f"{response.status_code} {response.text[:200]}"
                if response.status_code < 500 and response.status_code != 429:
                    log.error("%s refused: %s", path, problem)
                    self.unsent += 1
                    return None
            log.warning("%s: %s; again in %g s", path, problem, wait)
            if self.ending.wait(wait) and attempt >= 2:
                break
        self.unsent += 1
        log.error("%s: not sent", path)
        return None


def health_rows(camera: str, health: Health | None, time_us: int) -> list[dict[str, Any]]:
    """Observations of a camera: `stream` alone when there was no picture."""
    values = {"stream": 0.0 if health is None else 1.0}
    if health is not None:
        values |= {
            "luminance": round(health.luminance, 2),
            "frozen": float(health.frozen),
            "moved": float(health.moved),
        }
    moment = rfc3339(time_us)
    return [
        {"thing": camera, "property": name, "value": value, "time": moment}
        for name, value in values.items()
    ]
