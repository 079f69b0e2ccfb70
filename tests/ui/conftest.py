"""A real `xinji demo`, a real Chromium, and a page that must keep to its own server."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
import pytest

import xinji

playwright_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

from playwright.sync_api import Browser, BrowserContext, Page, expect  # noqa: E402

START_SECONDS = 120.0
STOP_SECONDS = 20.0
# What must come may take its time on a busy machine; a test names the time that is a promise.
expect.set_options(timeout=30_000)
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
# WebGL without a graphics card, and nothing that Chromium does on its own account.
CHROMIUM_ARGUMENTS = [
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


def cannot(reason: str) -> None:
    """Skip on a developer's machine; in CI a missing browser is a failure."""
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(reason)
    pytest.skip(reason)


PASSWORD = "a password of my own"


@dataclass(frozen=True)
class Demo:
    """A running demo."""

    url: str
    mqtt_port: int
    name: str
    password: str


@pytest.fixture(scope="package")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """`xinji demo` on a folder of its own and on free ports."""
    if not (Path(xinji.__file__).parent / "web" / "page" / "index.html").is_file():
        cannot("the page is not built: run `npm ci && npm run build` in ui/")
    folder = tmp_path_factory.mktemp("demo")
    log = folder / "log.txt"
    command = [sys.executable, "-m", "xinji.cli", "demo", "--port", "0", "--mqtt-port", "0"]
    command += ["--history-days", "0.1", "--cameras", "0", "--speed", "1"]
    with log.open("w") as output:
        process = subprocess.Popen(
            [*command, "--data", str(folder / "data")], stdout=output, stderr=subprocess.STDOUT
        )
    try:
        started = _own_password(_started(process, log))
        _wait_for_devices(started)
        yield started
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _own_password(demo: Demo) -> Demo:
    """The demo's administrator with a password of their own: a one-time one opens nothing else."""
    with httpx.Client(base_url=demo.url, timeout=30) as client:
        body = {"name": demo.name, "password": demo.password}
        client.post("/api/sign-in", json=body).raise_for_status()
        new = {"old": demo.password, "new": PASSWORD}
        client.post("/api/session/password", json=new).raise_for_status()
    return replace(demo, password=PASSWORD)


def _started(process: subprocess.Popen[bytes], log: Path) -> Demo:
    """What the demo prints when it is ready."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        said = log.read_text()
        url = re.search(r"(http://[\w.:]+)", said)
        password = re.search(r"as (\S+) with the one-time password (\S+)", said)
        mqtt = re.search(r"MQTT on port (\d+)", said)
        if url and mqtt and password:
            return Demo(url[1], int(mqtt[1]), password[1], password[2])
        if process.poll() is not None:
            pytest.fail(f"xinji demo ended with {process.returncode}:\n{said[-3000:]}")
        time.sleep(0.2)
    pytest.fail(f"xinji demo was not ready in {START_SECONDS:.0f} s:\n{log.read_text()[-3000:]}")


def _wait_for_devices(demo: Demo) -> None:
    """Until the simulated district is registered and reports."""
    end = time.monotonic() + START_SECONDS
    with httpx.Client(base_url=demo.url, timeout=30) as client:
        body = {"name": demo.name, "password": demo.password}
        client.post("/api/sign-in", json=body).raise_for_status()
        while time.monotonic() < end:
            now = client.get("/api/overview").json()
            if now["things"]["good"] > now["things"]["no data"] and now["lights"]["on path"]:
                return
            time.sleep(0.5)
    pytest.fail(f"the demo's devices did not report in {START_SECONDS:.0f} s")


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """The system's Chromium, headless.

    Not for the whole session: Playwright keeps an event loop in the thread of the tests.
    """
    found = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    if found is None:
        cannot(f"no Chromium: none of {', '.join(CHROMIUM_NAMES)} is on the path")
    with playwright_api.sync_playwright() as playwright:
        # The page marks its essential elements with `data-test`.
        playwright.selectors.set_test_id_attribute("data-test")
        browser = playwright.chromium.launch(executable_path=found, args=CHROMIUM_ARGUMENTS)
        yield browser
        browser.close()


@dataclass
class Watch:
    """What a page did that it should not have done."""

    origin: str
    outside: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def over(self, page: Page) -> None:
        """Record from a page."""
        page.on("request", lambda request: self._request(request.url))
        page.on("console", lambda line: line.type == "error" and self.errors.append(line.text))
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def _request(self, url: str) -> None:
        if not url.startswith((self.origin + "/", "data:", "blob:" + self.origin)):
            self.outside.append(url)


@pytest.fixture
def context(chromium: Browser, demo: Demo) -> Iterator[BrowserContext]:
    """A fresh browser profile."""
    context = chromium.new_context(base_url=demo.url, viewport={"width": 1440, "height": 900})
    yield context
    context.close()


@pytest.fixture
def watch(demo: Demo) -> Iterator[Watch]:
    """Fails the test when the page asked another host or wrote an error to the console."""
    watch = Watch(demo.url)
    yield watch
    assert watch.outside == [], "requests to other hosts"
    assert watch.errors == [], "errors in the console"


@pytest.fixture
def fresh(context: BrowserContext, watch: Watch) -> Page:
    """The sign-in page, nobody signed in."""
    page = context.new_page()
    watch.over(page)
    page.goto("/sign-in")
    return page


@pytest.fixture
def page(fresh: Page, demo: Demo) -> Page:
    """The overview after sign-in."""
    sign_in(fresh, demo.name, demo.password)
    expect(fresh.get_by_test_id("user-menu")).to_be_visible()
    return fresh


def sign_in(page: Page, name: str, password: str) -> None:
    """Fill in the form and send it."""
    page.get_by_test_id("sign-in-name").fill(name)
    page.get_by_test_id("sign-in-password").fill(password)
    page.get_by_test_id("sign-in-submit").click()
