"""Five years of real hours through MQTT, with the server killed twice: events equal pandas."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from tests.process import Served

ROOT = Path(__file__).parents[2]
FILE = ROOT.parent / "shared/data/shanghai_weather_pm25/shanghai_hourly_2010_2014.csv.gz"
MAPPING = ROOT / "docs/examples/shanghai_weather.toml"

COLUMNS = {
    "replay:weather": "precipitation",
    "replay:pm-jingan": "PM_Jingan",
    "replay:pm-us-post": "PM_US Post",
    "replay:pm-xuhui": "PM_Xuhui",
}
RULES = {
    "replay.rain-10": (["replay:weather"], lambda v: v >= 10),
    "replay.rain-30": (["replay:weather"], lambda v: v >= 30),
    "replay.pm-light": (list(COLUMNS)[1:], lambda v: v > 75),
    "replay.pm-moderate": (list(COLUMNS)[1:], lambda v: v > 115),
    "replay.pm-heavy": (list(COLUMNS)[1:], lambda v: v > 150),
    "replay.pm-severe": (list(COLUMNS)[1:], lambda v: v > 250),
}


def episodes_by_pandas(frame: pd.DataFrame) -> set[tuple[str, str, str, str | None, float, float]]:
    """(rule, thing, start, end, first value, highest value) of every run of a condition."""
    hours = pd.to_datetime(frame[["year", "month", "day", "hour"]])
    utc = hours.dt.tz_localize("Asia/Shanghai").dt.tz_convert("UTC")
    found = set()
    for rule, (stations, holds) in RULES.items():
        for thing in stations:
            values = frame[COLUMNS[thing]]
            series = pd.Series(values.to_numpy(), index=utc).dropna()
            bad = holds(series)
            run = (bad != bad.shift()).cumsum()
            for _, part in series[bad].groupby(run[bad]):
                after = series.index[series.index > part.index[-1]]
                found.add(
                    (
                        rule,
                        thing,
                        part.index[0].isoformat(),
                        after[0].isoformat() if len(after) else None,
                        float(part.iloc[0]),
                        float(part.max()),
                    )
                )
    return found


def iso(text: str | None) -> str | None:
    return pd.Timestamp(text).isoformat() if text else None


@pytest.mark.skipif(not FILE.exists(), reason="the weather file lies beside the checkout only")
def test_replayed_events_equal_pandas_with_two_kills(tmp_path: Path) -> None:
    served = Served(tmp_path / "data")
    client = subprocess.Popen(
        [sys.executable, "-m", "xinji.cli", "replay", str(FILE), "--mapping", str(MAPPING),
         "--data", str(served.data), "--mqtt-port", str(served.mqtt_port)],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        for share in (0.25, 0.6):
            # The client stands still while we look: it cannot end before the kill.
            while served.stored() < share * 187_000:
                client.send_signal(signal.SIGCONT)
                time.sleep(0.05)
                client.send_signal(signal.SIGSTOP)
                assert client.poll() is None, "the replay ended before the kill"
            client.send_signal(signal.SIGCONT)
            served.kill()
            served.start()
        out, _ = client.communicate(timeout=120)
        assert client.returncode == 0
        assert json.loads(out)["messages_acknowledged"] > 900
        frame = pd.read_csv(FILE)
        wanted = episodes_by_pandas(frame)
        rows = sum(int(frame[column].notna().sum()) for column in COLUMNS.values())
        rows += int(frame["TEMP"].notna().sum() + frame["HUMI"].notna().sum())
        assert served.stored() == rows
        found = set()
        cursor = ""
        while True:
            page = served.get(f"/api/events?limit=1000&cursor={cursor}")
            for e in page["items"]:
                key = (iso(e["started_at"]), iso(e["ended_at"]), e["value"], e["extreme"])
                found.add((e["rule"], e["thing"], *key))
            cursor = page["next"]
            if not cursor:
                assert page["total"] == len(found)
                break
        assert len(wanted) > 1_000
        # The station's own declared rules found theirs too; those of the mapping are compared.
        assert {each for each in found if each[0] in RULES} == wanted
    finally:
        client.kill()
        client.wait()
        served.stop()


def test_a_mapping_that_does_not_fit_is_named(tmp_path: Path) -> None:
    data = tmp_path / "a.csv"
    data.write_text("when,rain\n2024-01-01,x\n")
    mapping = tmp_path / "m.toml"
    mapping.write_text('[time]\ncolumns = ["when"]\n[[columns]]\ncolumn = "rain"\nthing = "t"\n')

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "xinji.cli", "replay", str(data), "--mapping", str(mapping)],
            capture_output=True, text=True, timeout=60, check=False,
            env=os.environ | {"XINJI_SECRET": "x"},
        )  # fmt: skip

    first = run()
    assert first.returncode == 2
    assert "property" in first.stderr
