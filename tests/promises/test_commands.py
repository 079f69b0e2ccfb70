"""Every command that README and docs show is run as it is shown, or a named test runs it.

A block of a document (```sh) is found by its first line. Only what a document cannot know is put
in: the folder, free ports, a password. A block that nothing here covers fails.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.process import Served, free_port

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1_200)]

ROOT = Path(__file__).parents[2]
PAGES = (
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "ui/README.md",
    *sorted(str(page.relative_to(ROOT)) for page in (ROOT / "docs").rglob("*.md")),
)
ELSEWHERE = {
    "git clone <this repository> xinji && cd xinji": "test_a_machine_closes_the_first_case",
    ".venv/bin/xinji operations report": "test_the_report_of_a_running_house_is_printed",
    "make test ": "test_every_target_that_is_named_is_there",
    "make install ": "test_every_target_that_is_named_is_there",
    "sudo git clone <this repository>": "test_every_target_that_is_named_is_there",
    "xinji serve --data district &": "test_its_station_raises_a_case_and_closes_it",
    "sudo -u xinji XINJI_MODELS": "test_a_look_is_made_when_it_is_due",
}
"""First line of a block -> a test that runs it or what it stands for."""


def blocks() -> dict[str, str]:
    """Text of every shell block by its first line."""
    found = {}
    for page in PAGES:
        text = (ROOT / page).read_text(encoding="utf-8")
        for block in re.findall(r"```(?:sh|bash|console)\n(.*?)```", text, re.S):
            found[block.splitlines()[0]] = block
    return found


def block(start: str) -> str:
    return next(text for first, text in blocks().items() if first.startswith(start))


class Shell:
    """A shell in a folder, as a person has it after `. .venv/bin/activate`."""

    def __init__(self, folder: Path, port: int, mqtt_port: int) -> None:
        self.folder, self.port, self.mqtt_port = folder, port, mqtt_port
        binaries = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        self.environment = os.environ | {"PATH": binaries, "PASSWORD": "a password of my own"}

    def run(self, text: str, seconds: float = 600.0, **environment: str) -> str:
        """What a block prints; each of its commands must succeed."""
        text = text.replace("8080", str(self.port)).replace("/var/lib/xinji", "folder")
        text = text.replace("/backup/", "backup-").replace("-p 1883 ", "")
        text = text.replace("/elsewhere/", "folder/").replace("sudo ", "")
        ports = f"--port {self.port} --mqtt-port {self.mqtt_port}"
        # what runs in the background is the command itself, and ends with its number
        prelude = (
            "set -e\n"
            f'xinji() {{ if [ "$1" = serve ]; then exec "$(type -P xinji)" "$@" {ports}; '
            'else command xinji "$@"; fi; }\n'
            f'mosquitto_pub() {{ command mosquitto_pub -p {self.mqtt_port} "$@"; }}\n'
            f'mosquitto_sub() {{ exec "$(type -P mosquitto_sub)" -p {self.mqtt_port} "$@"; }}\n'
            'curl() { command curl -sS --fail-with-body "$@"; }\n'
        )
        done = subprocess.run(
            ["bash", "-c", prelude + text], cwd=self.folder, capture_output=True, text=True,
            timeout=seconds, env=self.environment | environment, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{text}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        return done.stdout


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path, free_port(), free_port())


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    made = Served(tmp_path / "district")
    yield made
    made.stop()


RUN = (
    "cat > things.csv",
    "xinji coverage compute",
    "xinji plan --data data",
    "xinji credential gateway-1 --things",
    "mosquitto_sub -p 1883",
    "printf '%s\\n' \"$PASSWORD\" | xinji user li",
    "xinji user --list",
    "xinji backup --data",
    "xinji audit verify --data",
    "xinji serve --data district --plan",
    "xinji serve --host 127.0.0.1",
    'curl -H "Authorization: Bearer $TOKEN" http',
)
"""Blocks that the tests below run."""


def test_every_block_is_covered() -> None:
    known = (*RUN, *ELSEWHERE)
    loose = [first for first in blocks() if not first.startswith(known)]
    assert loose == []
    assert [start for start in known if not any(f.startswith(start) for f in blocks())] == []
    tests = "".join(file.read_text() for file in (ROOT / "tests").rglob("test_*.py"))
    for name in ELSEWHERE.values():
        assert f"def {name}" in tests, name


def test_every_target_that_is_named_is_there() -> None:
    text = "\n".join(blocks().values())
    named = {word for line in re.findall(r"make ([a-z -]+)", text) for word in line.split()}
    assert {"demo", "test", "test-all", "lock"} <= named
    known = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.M))
    assert named <= known


def test_the_report_of_a_running_house_is_printed(served: Served, shell: Shell) -> None:
    folder = served.data.name
    assert '"precision"' in shell.run(f"xinji operations report --json --data {folder}")


def test_a_device_is_connected_as_the_readme_says(shell: Shell) -> None:
    for tool in ("mosquitto_pub", "curl"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    before, after = block("cat > things.csv").split("xinji serve --data district &\n")
    log = shell.folder / "log.txt"
    # the README asks to wait until the server is there
    script = (
        f"{before}\nxinji serve --data district >{log} 2>&1 &\nSERVER=$!\n"
        f"trap 'kill $SERVER' EXIT\n"
        f"until grep -q one-time {log}; do sleep 0.2; done\n"
        f"PASSWORD=$(sed -n 's/.*one-time password //p' {log})\n"
        + after.replace('"<the one-time password>"', "\"'$PASSWORD'\"")
    )
    assert '"occupancy"' in shell.run(script)


def test_the_plan_is_read_in_the_terminal(shell: Shell) -> None:
    Served(shell.folder / "data").stop()
    printed = shell.run(block("xinji plan --data data"))
    assert '"tasks"' in printed


def test_coverage_is_computed_planned_and_calibrated(shell: Shell) -> None:
    assert shell.run(block("xinji coverage compute"), 1_000)


def test_accounts_backup_and_audit(shell: Shell) -> None:
    served = Served(shell.folder / "folder")
    try:
        shell.run(block("printf '%s\\n' \"$PASSWORD\" | xinji user li"))
        shell.run("xinji credential gateway-1 --data folder")
        printed = shell.run(block("xinji user --list"))
        assert "li" in printed
        shell.run(block("xinji backup --data"))
        assert (shell.folder / "folder-new").is_dir()
        shell.run(block("xinji audit verify --data"))
    finally:
        served.stop()


def test_a_rule_and_values_are_sent_as_the_pages_say(shell: Shell) -> None:
    for tool in ("mosquitto_sub", "curl"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    shell.run(block("cat > things.csv").split("SECRET=")[0])
    served = Served(shell.folder / "district")
    try:
        shell.port, shell.mqtt_port = served.port, served.mqtt_port
        secret = shell.run(block("xinji credential gateway-1 --things")).split()[-1]
        shell.run(block('curl -H "Authorization: Bearer $TOKEN" http'), TOKEN=served.token)
        text = block("mosquitto_sub -p 1883").replace("-v &", "-v >notices.txt & SUB=$!\nsleep 1")
        shell.run(text + "\nsleep 1; kill $SUB", SECRET=secret)
    finally:
        served.stop()
    assert "out-of-range" in (shell.folder / "notices.txt").read_text()


@pytest.mark.parametrize("start", [each for each in RUN if each.startswith("xinji serve")])
def test_it_is_served_with_the_options_that_are_shown(shell: Shell, start: str) -> None:
    plan, district = ("plan/changning.toml", "district/changning_geography.toml")
    shutil.copy(ROOT / "src/xinji" / plan, shell.folder / "plan.toml")
    shutil.copy(ROOT / "src/xinji" / district, shell.folder / "district.toml")
    line = block(start).strip().replace("/var/lib/xinji", "folder")
    ports = f"--port {shell.port} --mqtt-port {shell.mqtt_port}"
    with (shell.folder / "log.txt").open("w+") as log:
        process = subprocess.Popen(
            [*f"{line} {ports}".split()], cwd=shell.folder, stdout=log, stderr=log,
            env=shell.environment,
        )  # fmt: skip
        try:
            end = time.monotonic() + 120
            while "one-time" not in (shell.folder / "log.txt").read_text():
                assert process.poll() is None and time.monotonic() < end
                time.sleep(0.2)
        finally:
            process.terminate()
            assert process.wait(60) == 0
