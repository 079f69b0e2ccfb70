"""The command line as a person meets it."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.process import Served
from xinji.cli import COMMANDS, main
from xinji.cli.plan import _print_card

THINGS = """id,kind,name,longitude,latitude,site
a:1,environment-station,甲站,121.40,31.21,roof
a:2,environment-station,乙站,121.41,31.21,roof
"""


def xinji(*arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "xinji.cli", *arguments],
        capture_output=True, text=True, timeout=150, check=False, input=given,
    )  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with two stations, nobody serving it."""
    path = tmp_path_factory.mktemp("cli")
    file = path / "things.csv"
    file.write_text(THINGS)
    data = path / "data"
    dry = xinji("things", "import", str(file), "--data", str(data))
    assert json.loads(dry.stdout)["created"] == 2
    done = xinji("things", "import", str(file), "--data", str(data), "--apply")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["created"] == 2
    return data


def test_plan_lists_23_tasks_and_every_figure_of_the_plan(folder: Path) -> None:
    board = json.loads(xinji("plan", "--data", str(folder), "--json").stdout)
    assert [task["number"] for task in board["tasks"]] == list(range(1, 24))
    for task in board["tasks"]:
        assert set(task) >= {"number", "name", "family", "systems", "indicators"}
        for line in task["indicators"]:
            assert set(line) >= {
                "id", "title", "clause", "promise", "unit", "target", "due", "required_today",
                "value", "status", "source",
            }  # fmt: skip
    lines = {line["id"]: line for task in board["tasks"] for line in task["indicators"]}
    assert len(lines) >= 30
    assert lines["network.coverage.outdoor_5g_share"]["status"] == "no data"
    text = xinji("plan", "--data", str(folder)).stdout
    assert "二（二）1" in text
    assert text.count("·") >= 30


def test_plan_as_of_a_past_day_asks_less(folder: Path) -> None:
    def required(day: str) -> float:
        answer = xinji("plan", "--data", str(folder), "--json", "--as-of", day)
        lines = [line for task in json.loads(answer.stdout)["tasks"] for line in task["indicators"]]
        return next(x for x in lines if x["id"] == "terminals.charging.taxi_stations")[
            "required_today"
        ]

    assert required("2024-06-30") < required("2025-12-31") == 5


def test_a_figure_nobody_computes_says_so_and_an_unknown_one_is_an_error(folder: Path) -> None:
    shown = xinji("plan", "--data", str(folder), "--lineage", "platforms.services.online_share")
    assert "no data" in shown.stdout
    unknown = xinji("plan", "--data", str(folder), "--lineage", "nothing")
    assert unknown.returncode == 2
    assert "nothing" in unknown.stderr


def test_a_card_without_a_value_says_no_data_and_why(folder: Path) -> None:
    nobody = xinji("plan", "--data", str(folder), "--lineage", "platforms.services.online_share")
    assert "no data (no system computes this figure yet), required" in nobody.stdout
    empty = xinji("plan", "--data", str(folder), "--lineage", "network.coverage.outdoor_5g_share")
    assert "no data (no rows behind it), required" in empty.stdout
    assert re.search(r"\d{4}-\d\d-\d\d  no data  required \d", empty.stdout)
    early = xinji("plan", "--data", str(folder), "--as-of", "2015-01-01",
                  "--lineage", "network.coverage.outdoor_5g_share")  # fmt: skip
    assert "required nothing yet" in early.stdout
    for shown in (nobody, empty, early):
        assert "None" not in shown.stdout


def test_a_card_tells_the_fault_of_its_figure(capsys: pytest.CaptureFixture[str]) -> None:
    answer = {
        "title": {"zh": "甲", "en": "A"}, "id": "a", "clause": "1", "promise": {"zh": "乙"},
        "op": ">=", "target": 1.0, "unit": "%", "due": "2025-12-31", "required_today": 1.0,
        "value": None, "status": "no data", "source": None, "fault": "no such column\n  line 2",
        "sql": "select 1",
        "lineage": {"tables": ["things"], "value_columns": [], "filter_columns": []},
        "rows": {"columns": ["id", "area"], "rows": [["a:1", None]], "total": 1},
        "history": {"date": ["2025-01-01"], "value": [None], "required": [None]},
    }  # fmt: skip
    _print_card(answer)
    shown = capsys.readouterr().out
    assert "no data (no such column), required 1.0\n" in shown
    assert "a:1 | -" in shown
    assert "2025-01-01  no data  required nothing yet" in shown
    _print_card(answer | {"fault": ""})
    assert "today     no data, required 1.0\n" in capsys.readouterr().out


READERS = {
    "plan": ["plan"],
    "lineage": ["plan", "--lineage", "terminals.charging.taxi_stations"],
    "report": ["operations", "report"],
    "export": ["things", "export", "things", "things.csv"],
    "audit": ["audit", "verify"],
    "doctor": ["doctor"],
    "compute": ["coverage", "compute"],
    "sites": ["coverage", "plan", "--count", "1"],
    "calibrate": ["coverage", "calibrate", "--simulate"],
}


@pytest.mark.parametrize("name", READERS)
def test_a_command_that_reads_refuses_a_folder_that_is_not_there_and_makes_none(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([*READERS[name], "--data", "data"]) == 1
    said = capsys.readouterr()
    assert said.err == "xinji: data: does not exist; name a data folder with --data\n"
    assert not said.out
    (tmp_path / "file").write_text("")
    assert main([*READERS[name], "--data", "file"]) == 1
    assert "file: is not a folder" in capsys.readouterr().err
    if name != "doctor":
        (tmp_path / "empty").mkdir()
        assert main([*READERS[name], "--data", "empty"]) == 1
        assert "empty: holds no house; name a data folder" in capsys.readouterr().err
        assert not list((tmp_path / "empty").iterdir())
    assert {path.name for path in tmp_path.iterdir()} <= {"file", "empty"}


def test_a_dry_run_makes_no_folder(tmp_path: Path) -> None:
    file = tmp_path / "things.csv"
    file.write_text(THINGS)
    done = xinji("things", "import", str(file), "--data", str(tmp_path / "data"))
    assert json.loads(done.stdout)["created"] == 2
    assert [path.name for path in tmp_path.iterdir()] == ["things.csv"]


def test_no_command_loads_what_only_a_few_pages_compute_with() -> None:
    code = (
        "import importlib, sys\n"
        "from xinji.cli import COMMANDS\n"
        "for name in COMMANDS: importlib.import_module('xinji.cli.' + name)\n"
        "print({'scipy.stats', 'scipy.signal'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("form", ["csv", "parquet", "arrow"])
def test_export(folder: Path, tmp_path: Path, form: str) -> None:
    file = tmp_path / f"things.{form}"
    done = xinji("things", "export", "things", str(file), "--data", str(folder))
    assert done.stdout.strip() == "2 rows"
    assert file.stat().st_size > 100


def test_import_reports_bad_rows_and_changes_nothing(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "bad.csv"
    file.write_text(
        THINGS + "a:3,no-such-kind,丙,121.4,31.2,x\na:4,environment-station,丁,500,31,x\n"
    )
    done = xinji("things", "import", str(file), "--data", str(folder))
    assert done.returncode == 2
    errors = json.loads(done.stdout)["errors"]
    assert [(e["row"], e["field"]) for e in errors] == [(4, "kind"), (5, "longitude")]


def test_accounts_and_credentials(folder: Path) -> None:
    secret = xinji("credential", "gateway", "--things", "a:", "--data", str(folder)).stdout.strip()
    assert len(secret) > 40
    short = xinji("user", "wang", "--data", str(folder), given="short\n")
    assert short.returncode == 2
    assert "12" in short.stderr
    good = xinji("user", "wang", "--role", "operator", "--data", str(folder), given="x" * 16 + "\n")
    assert good.returncode == 0, good.stderr
    verified = xinji("audit", "verify", "--data", str(folder))
    assert (verified.returncode, verified.stdout.strip()) == (0, "whole")


def administers(data: Path) -> None:
    """Every command on accounts and credentials, on a folder or beside the process that owns it."""

    def user(*arguments: str, given: str = "") -> Any:
        return xinji("user", *arguments, "--data", str(data), given=given)

    added = user("zhao", "--role", "operator", given="a plain long password\n")
    assert added.returncode == 0, added.stderr
    changed = user("zhao", "--change", "--role", "viewer", "--post", "worker")
    assert (changed.returncode, changed.stderr) == (0, "ended: 0 sessions, 0 tokens\n")
    reset = user("zhao", "--reset")
    assert reset.returncode == 0, reset.stderr
    assert len(reset.stdout.strip()) >= 12
    assert user("zhao", "--disable").returncode == 0
    [line] = [each for each in user("--list").stdout.splitlines() if each.startswith("zhao\t")]
    assert line.split("\t") == ["zhao", "viewer", "all", "disabled", "0 sessions, 0 tokens"]
    assert user("zhao", "--enable").returncode == 0
    assert user("zhao", "--end").returncode == 0
    assert user("nobody", "--disable").returncode == 2
    assert user().returncode == 2
    last = user("admin", "--disable")
    assert last.returncode != 0
    assert "last administrator" in last.stderr
    box = xinji("credential", "box", "--things", "a:", "--data", str(data))
    assert len(box.stdout.strip()) > 40
    listed = xinji("credential", "--list", "--data", str(data)).stdout
    assert "box\ta:\tmeasured\tall" in listed
    assert xinji("credential", "box", "--revoke", "--data", str(data)).returncode == 0
    assert xinji("credential", "box", "--revoke", "--data", str(data)).returncode == 2


def test_accounts_are_administered_beside_a_running_house_and_without_one(tmp_path: Path) -> None:
    served = Served(tmp_path / "data")
    try:
        administers(served.data)
    finally:
        served.stop()
    here = ("--data", str(served.data))
    assert xinji("user", "zhao", "--disable", *here).returncode == 0
    assert "zhao\tviewer\tall\tdisabled" in xinji("user", "--list", *here).stdout
    last = xinji("user", "admin", "--disable", *here)
    assert last.returncode == 2
    assert "last administrator" in last.stderr
    assert xinji("credential", "box", "--revoke", *here).returncode == 2


def test_audit_beside_a_running_house_and_after_tampering(tmp_path: Path) -> None:
    served = Served(tmp_path / "data")
    try:
        beside = xinji("audit", "verify", "--data", str(served.data))
        assert beside.returncode == 0, beside.stdout
        shown = xinji("plan", "--data", str(served.data), "--json")
        assert len(json.loads(shown.stdout)["tasks"]) == 23
        asked = xinji("credential", "late", "--data", str(served.data))
        assert len(asked.stdout.strip()) > 40
    finally:
        served.stop()
    connection = sqlite3.connect(served.data / "registry.sqlite3")
    connection.execute("update audit set actor = 'nobody' where id = 2")
    connection.commit()
    connection.close()
    broken = xinji("audit", "verify", "--data", str(served.data))
    assert broken.returncode == 3
    assert re.search(r"audit 2: altered", broken.stdout)


def test_doctor(tmp_path: Path) -> None:
    found = xinji("doctor", "--data", str(tmp_path))
    assert "SM3" in found.stdout
    assert "synced writes" in found.stdout
    assert not list(tmp_path.iterdir())


def test_doctor_checks_the_machine_before_there_is_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    main(["doctor"])
    assert "synced writes" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_headless_demo_ends_with_one_line_of_json(tmp_path: Path) -> None:
    done = xinji("demo", "--headless", "--duration", "60", "--data", str(tmp_path / "d"),
                 "--port", "0", "--mqtt-port", "0")  # fmt: skip
    assert done.returncode == 0, done.stderr
    last = json.loads(done.stdout.splitlines()[-1])
    assert set(last) == {
        "things", "observations_stored", "observations_refused", "events", "cases_opened",
        "cases_closed", "indicators", "indicators_with_data",
    }  # fmt: skip
    assert last["things"] > 2_000
    assert last["cases_closed"] > 0
    assert last["indicators_with_data"] > 20


@pytest.mark.parametrize("module", ["xinji.district.street.run", "xinji.cli.vision_watch"])
def test_a_client_of_a_house_loads_none(module: str) -> None:
    """The street and the hub are processes of their own: a house's libraries are 120 MB each."""
    pytest.importorskip("av", reason="the extra `vision`")
    code = (
        f"import sys, {module}\n"
        "print({'duckdb', 'numba', 'scipy', 'xinji.loop.house'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=150, check=True
    )
    assert done.stdout.strip() == "set()"


@pytest.mark.skipif(sys.platform != "linux", reason="of glibc")
def test_many_threads_of_a_command_share_two_heaps() -> None:
    code = """if True:
        import ctypes, threading
        from xinji.cli.heap import few_arenas
        few_arenas()
        c = ctypes.CDLL(None)
        c.malloc.restype = ctypes.c_void_p
        together = threading.Barrier(16)
        def work():
            together.wait()
            c.malloc(5_000)
            together.wait()
        threads = [threading.Thread(target=work) for _ in range(16)]
        [each.start() for each in threads]
        [each.join() for each in threads]
        c.fdopen.restype = ctypes.c_void_p
        out = c.fdopen(1, b"w")
        c.malloc_info(0, ctypes.c_void_p(out))
        c.fflush(ctypes.c_void_p(out))
    """
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=150, check=True
    )
    assert 1 <= done.stdout.count("<heap nr=") <= 2


def test_the_list_of_commands_loads_no_command() -> None:
    code = (
        "import sys\n"
        "from xinji.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit as end:\n    assert end.code == 0\n"
        "print(sorted(m for m in sys.modules if m.split('.')[0] in "
        "('numpy', 'sqlalchemy', 'duckdb', 'starlette', 'scipy', 'asyncio')), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    listed = re.findall(r"^    (\w+) ", done.stdout, re.MULTILINE)
    assert set(listed) == set(COMMANDS)
    told = re.sub(r"\s+", " ", done.stdout)
    assert "plan the board, or the lineage of one figure, in the terminal" in told
