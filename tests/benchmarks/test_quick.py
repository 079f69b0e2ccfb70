"""`python -m benchmarks --quick` runs and reports; nothing here is timed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.anomalies import score
from benchmarks.figures import Goal, Measured, Row, median_of, table
from benchmarks.floods import PROBES

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    path = tmp_path_factory.mktemp("benchmarks") / "figures.json"
    command = [sys.executable, "-m", "benchmarks", "--quick", "--no-peers", "--json", str(path),
               "--only", "rules,store,cases,anomalies"]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(path.read_text()), done.stdout


def test_every_work_reports_its_figures(report):
    document, text = report
    works = {row["work"] for row in document["rows"]} | set(document["skipped"])
    assert works == {"rules", "store", "cases", "anomalies"}
    for row in document["rows"]:
        assert {"work", "what", "unit", "ours", "peers", "goal", "met"} <= set(row)
        assert row["ours"]["value"] >= 0
        assert row["peers"] == [] or row["work"] == "anomalies"
    assert "| rules: " in text
    assert "| what" in text


def test_the_machine_and_the_versions_are_stated(report):
    about = report[0]["machine"]
    assert about["cores"] >= 1
    assert about["cpu"]
    assert about["seed"] == 20_261_122
    assert {"python", "sqlite", "duckdb", "numpy", "xinji"} <= set(about["versions"])
    assert len(about["load_before"]) == 3
    assert about["quick"] is True


def test_floods_are_measured_on_a_house_that_is_served(tmp_path):
    path = tmp_path / "figures.json"
    command = [
        sys.executable,
        "-m",
        "benchmarks",
        "--quick",
        "--only",
        "floods",
        "--json",
        str(path),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    rows = json.loads(path.read_text())["rows"]
    floods = {row["what"].partition(": ")[0] for row in rows}
    assert len(floods) == 6
    assert len(rows) == 6 * len(PROBES)
    for row in rows:
        answered = int(row["ours"]["note"].partition(" ms, ")[2].partition(" ")[0])
        assert answered > 0 or "refused" in row["ours"]["note"], row


def test_goals_are_judged_against_the_first_peer():
    ours = Measured(system="xinji", value=300.0)
    peers = [Measured(system="a", value=100.0), Measured(system="b", value=200.0)]
    met = Row(work="w", what="x", unit="1/s", ours=ours, peers=peers, goal=Goal(ratio=3.0))
    missed = Row(work="w", what="x", unit="1/s", ours=ours, peers=peers[::-1], goal=Goal(ratio=3.0))
    unknown = Row(work="w", what="x", unit="1/s", ours=ours, goal=Goal(ratio=3.0))
    assert (met.met, missed.met, unknown.met) == (True, False, None)
    slower = Row(
        work="w", what="x", unit="ms", ours=ours, peers=peers[:1], goal=Goal(most=200),
        lower_is_better=True,
    )  # fmt: skip
    assert slower.met is False
    assert slower.ratio(peers[0]) == pytest.approx(1 / 3)
    assert "NO" in table([slower])


def test_repeats_give_their_median():
    runs = [Measured(system="", value=v, server_us=v) for v in (3.0, 1.0, 2.0)]
    middle = median_of("xinji", runs)
    assert (middle.value, middle.server_us, middle.runs) == (2.0, 2.0, [3.0, 1.0, 2.0])


def test_an_event_in_a_window_finds_it_and_one_outside_is_false():
    windows = [(0, 5), (10, 20), (30, 40)]
    counts = score([3, 7, 12, 13, 25], windows, 6)
    assert counts == {"events": 4, "true": 2, "windows": 2, "found": 1}
