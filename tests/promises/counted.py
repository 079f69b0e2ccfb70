"""Count a house's exports with pandas, beside what its pages say of the same.

    python -m tests.promises.counted URL TOKEN

prints each figure as the exports give it and as overview, plan and report give it, and ends with
status 1 when two differ. Nothing of Xinji is used to count: only the exported files.
"""

from __future__ import annotations

import io
import sys
import time
from typing import Any

import httpx
import pandas as pd

DISTRICT_TIME = "Asia/Shanghai"
TRIES = 20

Figures = dict[str, Any]


def table(http: httpx.Client, path: str) -> pd.DataFrame:
    """An export as a table; codes stay text."""
    answer = http.get(path, params={"format": "csv"}).raise_for_status()
    return pd.read_csv(io.BytesIO(answer.content), dtype={"area": str, "id": str})


def counted(http: httpx.Client) -> Figures:
    """What the exports say."""
    things, cases = table(http, "/api/things"), table(http, "/api/cases")
    now = pd.Timestamp(http.get("/api/clock").raise_for_status().json()["now"])
    midnight = now.tz_convert(DISTRICT_TIME).normalize()
    closed = pd.to_datetime(cases["closed_at"], format="ISO8601", utc=True)
    urban = (cases["type"] == "urban") & (cases["outcome"] != "merged")
    board = pd.DataFrame(
        [
            indicator
            for task in http.get("/api/plan").raise_for_status().json()["tasks"]
            for indicator in task["indicators"]
        ]
    )
    lights = board["status"].value_counts()
    return {
        "things": len(things),
        "connected things": int(things["state"].isin(["good", "alarm"]).sum()),
        "silent things": int((things["state"] == "silent").sum()),
        "things that never report": int((things["state"] == "not reporting").sum()),
        "open cases": int(closed.isna().sum()),
        "cases closed today": int((closed >= midnight).sum()),
        "urban cases": int(urban.sum()),
        "urban cases closed": int((urban & closed.notna()).sum()),
        "urban cases closed by machine": int((urban & (cases["outcome"] == "verified")).sum()),
        "targets without data": int(board["value"].isna().sum()),
    } | {f"lights: {light}": int(count) for light, count in sorted(lights.items())}


def told(http: httpx.Client) -> Figures:
    """What overview, plan and report say of the same."""
    overview = http.get("/api/overview").raise_for_status().json()
    report = http.get("/api/operations/report").raise_for_status().json()["figures"]
    things, cases, lights = overview["things"], overview["cases"], overview["lights"]
    return {
        "things": things["total"],
        "connected things": things["good"] + things["alarm"],
        "silent things": things["silent"],
        "things that never report": things["not reporting"],
        "open cases": cases["open"],
        "cases closed today": cases["closed_today"],
        "urban cases": report["cases"],
        "urban cases closed": report["closed"],
        "urban cases closed by machine": report["closed_by_machine"],
        "targets without data": lights["no data"],
    } | {f"lights: {light}": count for light, count in sorted(lights.items()) if count}


def both(http: httpx.Client) -> tuple[Figures, Figures]:
    """Both counts of one moment: what pages say just before and just after must enclose the count.

    A house that works changes while its exports are read; one that disagrees is asked again.
    """
    for _ in range(TRIES):
        before = told(http)
        mine = counted(http)
        after = told(http)
        theirs = {
            name: nearest(mine.get(name, 0), before.get(name, 0), after.get(name, 0))
            for name in before.keys() | after.keys()
        }
        if mine == theirs:
            break
        time.sleep(0.5)
    return mine, theirs


def nearest(value: int, one: int, other: int) -> int:
    """The number from `one` to `other` that is nearest to `value`."""
    return min(max(value, min(one, other)), max(one, other))


def main(url: str, token: str) -> int:
    """Print both and compare; the exit status."""
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=url, headers=headers, timeout=60) as http:
        mine, theirs = both(http)
    for name in sorted(mine.keys() | theirs.keys()):
        print(f"{name:32} {mine.get(name)!s:>8} {theirs.get(name)!s:>8}")
    return int(mine != theirs)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
