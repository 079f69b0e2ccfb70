"""A served house with an administrator of the district and one of a sub-district, for the desk's
pages of administration."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, Page, expect

import xinji
from tests.process import Served
from tests.ui.conftest import Watch, cannot
from xinji.store.database import Database
from xinji.store.schema import audit

PASSWORD = "a plain long password"
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1440, "height": 900}
NORTH, SOUTH = "310105001", "310105006"
"""Two sub-districts of the reference district."""
KIND, PLACE = "environment-station", "121.4090,31.2240"
"""A kind, and a place inside `NORTH`: longitude, latitude in WGS-84 degrees."""
SHANGHAI = dt.timezone(dt.timedelta(hours=8))


class Office:
    """`xinji serve` with `boss` (of the whole district), `north` (of `NORTH`) and `clerk`."""

    def __init__(self, folder: Path) -> None:
        self.served = Served(folder / "data")
        self.url = self.served.url
        self.tampered: dict[int, str] = {}
        codes = [each["id"] for each in self.served.get("/api/areas")["features"]]
        assert {NORTH, SOUTH} <= set(codes), codes
        self.user("boss", "administrator")
        self.user("north", "administrator", NORTH)
        self.user("clerk", "viewer")

    def user(self, name: str, role: str, area: str = "") -> None:
        """An account with a password of its own."""
        body = {"name": name, "password": PASSWORD, "role": role, "area": area}
        self.served.post("/api/users", body)

    def rainy(self, days: int = 5) -> str:
        """A station in `NORTH` where it rained hard from one to two on each of the last days.

        Returns its id.
        """
        station = f"{NORTH}:rain"
        table = f"id,kind,name,longitude,latitude,area\n{station},{KIND},雨量站,{PLACE},{NORTH}\n"
        self.served.request(
            "POST",
            "/api/things/import?dry_run=false",
            content=table.encode(),
            headers={"Content-Type": "text/csv"},
        ).raise_for_status()
        secret = self.served.credential("rain-gateway")
        # One in the morning, when it is still the day before in UTC.
        today = dt.datetime.now(SHANGHAI).replace(hour=1, minute=0, second=0, microsecond=0)
        rows = []
        for day in range(days, 0, -1):
            for minute in range(0, 120, 10):
                at = today - dt.timedelta(days=day) + dt.timedelta(minutes=minute)
                value = 50.0 if minute < 60 else 0.0
                row = {"thing": station, "property": "rain_mm_h", "value": value}
                rows.append(row | {"time": at.isoformat()})
        httpx.post(
            f"{self.url}/api/observations", json=rows, auth=("rain-gateway", secret), timeout=60
        ).raise_for_status()
        return station

    def tamper(self, number: int, actor: str) -> None:
        """Change who did a record of the audit chain past the program; "" puts it back."""
        database = Database(f"sqlite:///{self.served.data / 'registry.sqlite3'}")
        which = audit.c.id == number
        with database.writing() as connection:
            before = connection.execute(sa.select(audit.c.actor).where(which)).scalar_one()
            self.tampered.setdefault(number, before)
            value = actor or self.tampered[number]
            connection.execute(sa.update(audit).where(which).values(actor=value))
        database.close()

    def account(self, name: str) -> dict[str, Any]:
        """An account as the API shows it."""
        return dict(self.served.get(f"/api/users/{name}"))


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """A house for a module."""
    if not (Path(xinji.__file__).parent / "web" / "page" / "index.html").is_file():
        cannot("the page is not built: run `make ui`")
    made = Office(tmp_path_factory.mktemp("office"))
    yield made
    made.served.stop()


@contextmanager
def desk_of(chromium: Browser, office: Office, name: str) -> Iterator[Page]:
    """The desk of a person; no other host asked, no error written that was not asked for."""
    context = chromium.new_context(base_url=office.url, viewport=DESK)
    body = {"name": name, "password": PASSWORD}
    assert context.request.post("/api/sign-in", data=body).ok
    page = context.new_page()
    watch = Watch(office.url)
    watch.over(page)
    yield page
    context.close()
    assert watch.outside == [], "requests to other hosts"
    # The browser itself reports a refusal that a test asks for.
    assert [each for each in watch.errors if "status of 4" not in each] == []


@pytest.fixture
def boss(chromium: Browser, office: Office) -> Iterator[Page]:
    """The desk of the administrator of the whole district."""
    with desk_of(chromium, office, "boss") as page:
        yield page


@pytest.fixture
def north(chromium: Browser, office: Office) -> Iterator[Page]:
    """The desk of the administrator of a sub-district."""
    with desk_of(chromium, office, "north") as page:
        yield page


def fits(page: Page) -> None:
    """On a phone nothing is wider than the window; the desk's width comes back."""
    page.set_viewport_size(PHONE)
    page.wait_for_timeout(50)
    wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0
    page.set_viewport_size(DESK)


def in_english(page: Page, *chinese: str) -> None:
    """The page in English holds none of the Chinese words of its chrome; Chinese comes back."""
    page.get_by_test_id("language").click()
    shown = page.locator("main").inner_text()
    assert not [word for word in chinese if word in shown], shown
    page.get_by_test_id("language").click()


def told_once(page: Page) -> str:
    """The secret that the page shows once, after which its dialog is closed."""
    field = page.get_by_test_id("shown-once-secret")
    expect(field).not_to_have_value("")
    secret = field.input_value()
    page.get_by_test_id("shown-once-close").click()
    expect(page.get_by_test_id("shown-once")).to_be_hidden()
    return secret
