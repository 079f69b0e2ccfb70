"""Does the machine close what is still there? The sequential re-check, beside one look and a vote.

Input: simulated cases said to be done; recall .85, false alarms .05 per look, and worlds: the share
really gone (.9 or .7), the share of half-blind views (0 or 15 %, recall halved for the whole
incident) and the number of cameras per place. The rates are not given but measured first, on 2,000
audited cases of 3 looks per view (another seed). A view has "seen before" what it reported before
the work. `false` is the share of the machine's closings that were still there. One look closes
when absent; the vote closes on 2 absents of 3. Looks follow the camera that the verdict asks for.
Where the bound cannot be reached with the views that there are, the machine asks a person at once.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.figures import Goal, Measured, Row, Setting

CLASS = "0110"
RECALL, ALARM = 0.85, 0.05
MINUTE_US = 60_000_000


@dataclass(frozen=True, kw_only=True)
class World:
    """What is true: share gone, share of half-blind views, cameras per place."""

    gone: float = 0.9
    half_blind: float = 0.0
    cameras: tuple[int, ...] = (1,)

    def text(self) -> str:
        """As the table names it."""
        cameras = "/".join(str(each) for each in self.cameras)
        return f"gone {self.gone:g}, half-blind {self.half_blind:.0%}, {cameras} camera(s)"


class Case:
    """One place with its views; draws looks on demand."""

    def __init__(self, world: World, generator: np.random.Generator) -> None:
        self.there = generator.random() >= world.gone
        count = world.cameras[int(generator.integers(0, len(world.cameras)))]
        half = generator.random(count) < world.half_blind
        self.recall = np.where(half, RECALL / 2, RECALL)
        self.seen = generator.random(count) < self.recall
        self.generator = generator

    def look(self, camera: int) -> bool:
        """One look of a camera: present or not."""
        chance = self.recall[camera] if self.there else ALARM
        return bool(self.generator.random() < chance)


def measured_rates(world: World, seed: int, cases: int) -> Any:
    """Rates from audited cases, half of them still there, as a person would state them."""
    from xinji.systems.platforms.operations.recheck import Rates

    generator = np.random.default_rng([seed, 1])
    rates = Rates()
    for number in range(cases):
        case = Case(world, generator)
        rates.update_done(CLASS, case.there)
        case.there = number % 2 == 0
        for camera in range(len(case.recall)):
            seen = [case.look(camera) for _ in range(3)]
            rates.update(CLASS, f"k{camera}", case.there, seen)
    return rates


def run(world: World, rates: Any, policy: Any, seed: int, cases: int) -> dict[str, float]:
    """Counts of one world; verdicts are remembered, for the rates stay the same."""
    from xinji.systems.platforms.operations.recheck import Look, View, decide

    generator = np.random.default_rng([seed, 2])
    known: dict[Any, Any] = {}
    spent, asked = 0.0, 0
    tally = dict.fromkeys(("close", "reopen", "ask", "false", "reopened gone", "looks"), 0.0)
    for _ in range(cases):
        case = Case(world, generator)
        history: tuple[tuple[int, bool], ...] = ()
        while True:
            key = (history, tuple(case.seen))
            verdict = known.get(key)
            if verdict is None:
                looks = [
                    Look(camera=f"k{camera}", result="present" if seen else "absent",
                         time_us=at * 30 * MINUTE_US)
                    for at, (camera, seen) in enumerate(history)
                ]  # fmt: skip
                views = [View(camera=f"k{at}", seen=bool(s)) for at, s in enumerate(case.seen)]
                start = time.process_time()
                verdict = decide(looks, rates, policy, class_code=CLASS, views=views)
                spent, asked = spent + time.process_time() - start, asked + 1
                known[key] = verdict
            if verdict.action != "look":
                break
            camera = int(verdict.next_camera[1:])
            history = (*history, (camera, case.look(camera)))
        tally[verdict.action] += 1
        tally["looks"] += len(history) if verdict.action == "close" else 0
        tally["false"] += verdict.action == "close" and case.there
        tally["reopened gone"] += verdict.action == "reopen" and not case.there
    tally["cpu_us"] = spent / max(asked, 1) * 1e6
    return tally


def naive(world: World, seed: int, cases: int, looks: int) -> tuple[float, float]:
    """(false closings per closing, share closed) when most of `looks` looks must be absent."""
    generator = np.random.default_rng([seed, 3])
    closed = wrong = 0
    for _ in range(cases):
        case = Case(world, generator)
        absent = sum(not case.look(at % len(case.recall)) for at in range(looks))
        if 2 * absent > looks:
            closed += 1
            wrong += case.there
    return wrong / max(closed, 1), closed / cases


WORLDS: tuple[tuple[World, float, float], ...] = (
    (World(), 0.001, 0.001),
    (World(half_blind=0.15), 0.001, 0.001),
    (World(half_blind=0.15), 0.005, 0.005),
    (World(half_blind=0.15, cameras=(1, 2, 3)), 0.001, 0.001),
    (World(gone=0.7, half_blind=0.15, cameras=(1, 2, 3)), 0.001, 0.001),
    (World(gone=0.7, half_blind=0.15, cameras=(1, 2, 3)), 0.005, 0.005),
)


def measure(setting: Setting) -> list[Row]:
    """False closings in each world."""
    from xinji.systems.platforms.operations.recheck import Policy

    cases = 2_000 if setting.quick else 60_000
    rows = []
    for world, bound, goal in WORLDS:
        rates = measured_rates(world, setting.seed, 2_000)
        runs = [run(world, rates, Policy(bound=bound), setting.seed + at, cases)
                for at in range(setting.repeats)]  # fmt: skip
        total = {key: sum(each[key] for each in runs) for key in runs[0]}
        everything = cases * len(runs)
        peers = []
        for name, looks in (("one look", 1), ("2 of 3 looks", 3)):
            wrong, share = naive(world, setting.seed, cases, looks)
            peers.append(Measured(system=name, value=round(wrong, 5), note=f"closed {share:.1%}"))
        rows.append(
            Row(
                work="recheck",
                what=f"{world.text()}, bound {bound:g}",
                unit="false/closed",
                lower_is_better=True,
                ours=Measured(
                    system="xinji",
                    value=round(total["false"] / max(total["close"], 1), 5),
                    server_us=round(total["cpu_us"] / len(runs), 1),
                    runs=[round(r["false"] / max(r["close"], 1), 5) for r in runs],
                    note=("" if total["close"] else "nothing is closed, people are asked: ")
                    + f"closed {total['close'] / everything:.1%}, "
                    f"asked {total['ask'] / everything:.1%}, "
                    f"reopened {total['reopen'] / everything:.1%} (of those really gone "
                    f"{total['reopened gone'] / max(total['reopen'], 1):.1%}), "
                    f"{total['looks'] / max(total['close'], 1):.2f} looks per closing",
                ),
                peers=peers,
                # nothing closed is no figure
                goal=Goal(most=goal) if total["close"] else None,
                input=f"{everything:,} cases; CPU is per verdict",
            )
        )
    return rows
