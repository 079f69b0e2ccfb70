"""`python -m benchmarks`: one table of every published figure.

    python -m benchmarks                       # all, beside their peers; minutes
    python -m benchmarks --only store,rules
    python -m benchmarks --quick --only rules  # small sizes: does it run?
    python -m benchmarks --json FILE

A peer that is not installed is left out, and the table says so.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import json
import sys
import tempfile
from pathlib import Path

import msgspec

from benchmarks import (
    alarm_grouping,
    anomalies,
    cases,
    dispatch,
    drive_test,
    duplicates,
    floods,
    http_ingest,
    lifecycles,
    mqtt,
    radio,
    recheck,
    rules,
    siting,
    store,
    text_routing,
    vision,
)
from benchmarks.figures import Row, Setting, notes, table
from benchmarks.machine import busy_cores, machine, wait_until_quiet

WORKS = {
    "mqtt": mqtt.measure,
    "http": http_ingest.measure,
    "store": store.measure,
    "cases": cases.measure,
    "rules": rules.measure,
    "anomalies": anomalies.measure,
    "alarms": alarm_grouping.measure,
    "floods": floods.measure,
    "duplicates": duplicates.measure,
    "dispatch": dispatch.measure,
    "recheck": recheck.measure,
    "text": text_routing.measure,
    "lifecycles": lifecycles.measure,
    "vision": vision.measure,
    "radio": radio.measure,
    "drive_test": drive_test.measure,
    "siting": siting.measure,
}


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", default=",".join(WORKS), help=f"of {', '.join(WORKS)}")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--quick", action="store_true", help="small sizes, no published figure")
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seed", type=int, default=Setting.seed)
    parser.add_argument(
        "--quiet",
        type=float,
        default=0.0,
        metavar="CORES",
        help="before each timed run wait (5 minutes at most) until others use less than this",
    )
    options = parser.parse_args()
    names = options.only.split(",")
    if unknown := set(names) - set(WORKS):
        parser.error(f"--only: unknown {', '.join(sorted(unknown))}")
    about = machine()
    about |= {
        "date": dt.datetime.now(dt.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "seed": options.seed,
        "quick": options.quick,
        "busy_cores_before_runs": {},
    }
    rows: list[Row] = []
    skipped: dict[str, str] = {}
    for name in names:
        loads = about["busy_cores_before_runs"].setdefault(name, [])

        def quiet(loads: list[float] = loads) -> None:
            used = wait_until_quiet(options.quiet, 300) if options.quiet else busy_cores()
            loads.append(round(used, 2))

        print(f"{name} ...", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory(prefix="xinji-bench-") as folder:
            setting = Setting(
                quick=options.quick,
                repeats=1 if options.quick else options.repeats,
                seed=options.seed,
                peers=not options.no_peers,
                folder=Path(folder),
                quiet=quiet,
            )
            try:
                rows += WORKS[name](setting)
            except FileNotFoundError as missing:
                skipped[name] = str(missing)
        if options.json:
            _write(options.json, about, rows, skipped)
    print(f"{about['date']}, {about['cores']} cores {about['cpu']}, {about['memory_gib']} GiB, "
          f"load before {about['load_before'][0]}, seed {options.seed}")  # fmt: skip
    print(", ".join(f"{name} {version}" for name, version in about["versions"].items()))
    print("cores in use by others before the timed runs: " + "; ".join(
        f"{name} {min(used):.2f} to {max(used):.2f}"
        for name, used in about["busy_cores_before_runs"].items() if used
    ))  # fmt: skip
    if options.quick:
        print("quick: sizes too small to mean anything")
    print("\n" + table(rows) + "\n\n" + notes(rows))
    for name, reason in skipped.items():
        print(f"{name}: skipped, {reason}")
    return 0


def _write(path: Path, about: dict[str, object], rows: list[Row], skipped: dict[str, str]) -> None:
    # numpy's numbers are not JSON's
    figures = msgspec.to_builtins(rows, enc_hook=lambda value: value.item())
    document = {"machine": about, "rows": figures, "skipped": skipped}
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        sys.exit(main())
