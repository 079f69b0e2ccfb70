"""What a rule costs: `RuleEngine.observe` with 100, 1,000 and 10,000 rules.

Input: 100,000 series of 100,000 things; each series has 4 rules that apply to it (threshold with
hysteresis and hold, out of range, rate of change, stuck), whatever the total: 100 rules are 25
kinds of 4,000 things, 10,000 rules are 2,500 kinds of 40. Rows come in random order of series, a
random walk around 50 (seed of the run), 1 in 1,000 a spike that opens an event and the next row of
that series closes it; batches of 1,000 rows (one HTTP body) and of 50,000. Timed: `observe` alone,
CPU and wall, slots attached before. The registry is a dictionary of 100,000 places: `observe` reads
nothing else of it.

No peer: what is shown is that the cost of a row does not grow with the rules that do not apply to
it. Peers that loop over all rules for each message would go up 100-fold.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from types import SimpleNamespace
from typing import Any

import numpy as np

from benchmarks.figures import Goal, Measured, Row, Setting
from benchmarks.processes import child

RULES_PER_SERIES = 4


def engine_of(rules_total: int, series_total: int) -> Any:
    """A rule engine with all its slots attached."""
    from xinji.loop.rules import RuleEngine
    from xinji.model.rules import OutOfRange, RateOfChange, Rule, Stuck, Threshold
    from xinji.model.title import Title
    from xinji.store.registry import Place
    from xinji.store.series import SeriesTable

    title = Title("规则", "Rule")
    conditions = (
        Threshold(op=">=", limit=500.0, clear=400.0),
        OutOfRange(low=-1_000.0, high=900.0),
        RateOfChange(limit_per_minute=1e6),
        Stuck(seconds=86_400.0),
    )
    kinds = rules_total // RULES_PER_SERIES
    rules = [
        Rule(id=f"r{kind}-{n}", title=title, kind=f"k{kind}", property="value", condition=condition)
        for kind in range(kinds)
        for n, condition in enumerate(conditions)
    ]
    places = {
        f"t{n}": Place(f"k{n % kinds}", f"t{n}", "310105", 121.4, 31.2, "measured")
        for n in range(series_total)
    }
    table = SeriesTable(1 << 18)
    for thing in places:
        table.number(thing, "value", 0)
    engine = RuleEngine(SimpleNamespace(things=places, areas={}, version=0), table)  # type: ignore[arg-type]
    engine.set_rules(rules)
    engine.attach()
    engine.warm()
    return engine


def one(rules_total: int, series_total: int, rows_total: int, seed: int) -> dict[str, Any]:
    """Feed rows in batches of 1,000, then of 50,000."""
    start = time.perf_counter()
    engine = engine_of(rules_total, series_total)
    attach = time.perf_counter() - start
    generator = np.random.default_rng(seed)
    result: dict[str, Any] = {"attach_s": round(attach, 2), "slots": int(engine._compiled.count)}
    clock = 1_767_225_600_000_000
    for batch in (1_000, 50_000):
        cpu = wall = 0.0
        found = rows = 0
        warm = rows_total // 5
        while rows < rows_total + warm:
            series = generator.integers(0, series_total, batch, np.int32)
            values = np.round(50 + generator.normal(0, 5, batch), 2)
            values[generator.random(batch) < 0.001] = 700.0
            times = clock + np.arange(batch, dtype=np.int64) * 1_000
            clock = int(times[-1]) + 1_000_000
            own, start = time.process_time(), time.perf_counter()
            transitions = len(engine.observe(series, times, values))
            if rows >= warm:
                wall += time.perf_counter() - start
                cpu += time.process_time() - own
                found += transitions
            rows += batch
        counted = rows - warm
        result[str(batch)] = {
            "wall_us": wall / counted * 1e6,
            "cpu_us": cpu / counted * 1e6,
            "transitions": found,
        }
    return result


def measure(setting: Setting) -> list[Row]:
    """Rows of the table."""
    series, rows = (2_000, 50_000) if setting.quick else (100_000, 2_000_000)
    totals = (20, 200) if setting.quick else (100, 1_000, 10_000)
    found: dict[int, list[dict[str, Any]]] = {total: [] for total in totals}
    for _ in range(setting.repeats):
        setting.quiet()
        for total in totals:
            arguments = (str(total), str(series), str(rows), str(setting.seed))
            found[total].append(child("rules", *arguments))
    table = []
    batches = [key for key in found[totals[0]][0] if key.isdecimal()]
    for batch in batches:
        medians = {}
        for total in totals:
            walls = [run[batch]["wall_us"] for run in found[total]]
            cpu = statistics.median(run[batch]["cpu_us"] for run in found[total])
            medians[total] = statistics.median(walls)
            first = found[total][0]
            table.append(
                Row(
                    work="rules",
                    what=f"{total:,} rules, {series:,} series, {int(batch):,} rows a batch",
                    unit="µs/row",
                    lower_is_better=True,
                    ours=Measured(
                        system="xinji",
                        value=medians[total],
                        server_us=cpu,
                        runs=walls,
                        note=f"{first['slots']:,} slots, attached with the set-up in "
                        f"{first['attach_s']} s; {first[batch]['transitions']:,} transitions",
                    ),
                )
            )
        table.append(
            Row(
                work="rules",
                what=f"{totals[-1]:,} rules over {totals[0]:,}, {int(batch):,} rows a batch",
                unit="times",
                lower_is_better=True,
                ours=Measured(system="xinji", value=medians[totals[-1]] / medians[totals[0]]),
                goal=Goal(most=1.25),
            )
        )
    return table


if __name__ == "__main__":
    print(json.dumps(one(*(int(each) for each in sys.argv[1:5]))))
