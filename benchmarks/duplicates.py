"""Which reports are of one incident? Likelihood ratio on whole cases, beside fixed radii.

Input: simulated months of `xinji.district.incidents` (9,000 incidents, about 14,300 reports). The
parameters are the defaults of `Parameters`, chosen on seeds 11 and 12; the figures are means over
seeds 101 to 103, which were not looked at for that. Every rule runs online: a report sees only what
came before it and joins one case or opens one. Pairwise precision, recall and F1 over all pairs of
reports. "closings known": the case of an incident's first report is closed when the simulated
worker closes it (3 % too early, 5 % hours late); the radius rules do not use closings, so the row
without them is the like-for-like one. For F1 every doubtful report is decided by the machine
(log odds above 0); "merged alone" counts only what needs no person.
"""

from __future__ import annotations

import collections
import dataclasses
import heapq
import math
import time
from typing import Any

import msgspec
import numpy as np

from benchmarks.figures import Goal, Measured, Row, Setting

SEEDS = (101, 102, 103)
HOUR_US = 3_600_000_000
RADII = (50.0, 100.0, 250.0)
# what the study of 2026 measured for the same rules on its own simulated month
CALIBRATION = {50.0: 0.815, 100.0: 0.736, 250.0: 0.469}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outcome:
    """Of one month: pair scores, merges without a person, and CPU."""

    precision: float
    recall: float
    f1: float
    merged: int
    merged_right: int
    asked: int
    asked_same: int
    reports: int
    cpu_us: float


def pair_scores(found: Any, truth: Any) -> tuple[float, float, float]:
    """(precision, recall, F1) over pairs of reports with one label."""

    def pairs(labels: Any) -> int:
        counts = np.unique(labels, axis=-1, return_counts=True)[1]
        return int((counts * (counts - 1) // 2).sum())

    both = pairs(np.stack([found, truth]))
    precision, recall = both / max(pairs(found), 1), both / max(pairs(truth), 1)
    return precision, recall, 2 * both / max(pairs(found) + pairs(truth), 1)


def by_radius(month: Any, radius: float, hours: float = 24.0) -> tuple[Any, float]:
    """(labels, CPU microseconds per report): join the nearest report of the same class."""
    degree = 111_195.0
    squash = math.cos(math.radians(month.reports[0].latitude))
    cells: dict[tuple[int, int, str], list[Any]] = collections.defaultdict(list)
    labels: list[int] = []
    start = time.process_time()
    for report in month.reports:
        x, y = report.longitude * degree * squash, report.latitude * degree
        column, row = int(x // radius), int(y // radius)
        best, nearest = -1, radius**2
        for i in (column - 1, column, column + 1):
            for j in (row - 1, row, row + 1):
                for px, py, then, label in cells.get((i, j, report.class_code), ()):
                    away = (px - x) ** 2 + (py - y) ** 2
                    if away <= nearest and report.time_us - then <= hours * HOUR_US:
                        best, nearest = label, away
        best = best if best >= 0 else len(labels)
        labels.append(best)
        cells[column, row, report.class_code].append((x, y, report.time_us, best))
    return np.array(labels), (time.process_time() - start) / len(labels) * 1e6


def by_likelihood(month: Any, parameters: Any, closings: bool) -> Outcome:
    """Run the month through `DuplicateIndex`, one report after the other."""
    from xinji.systems.platforms.operations.duplicates import DuplicateIndex

    index = DuplicateIndex(parameters)
    due: list[tuple[int, str, str]] = []
    founder: dict[str, int] = {}
    labels: list[int] = []
    tally: collections.Counter[str] = collections.Counter()
    spent = 0.0
    for report, incident in zip(month.reports, month.incidents.tolist(), strict=True):
        while due and due[0][0] <= report.time_us:
            moment, what, case = heapq.heappop(due)
            if what == "close":
                index.close(case, moment)
            else:
                index.forget(case)
        start = time.process_time()
        decision = index.decide(index.candidates(report))
        spent += time.process_time() - start
        tally[decision.action] += 1
        same = bool(decision.case) and founder[decision.case] == incident
        tally[decision.action + " same"] += same
        if decision.action != "new" and decision.log_odds >= 0:
            case = decision.case
        else:
            case = f"c{len(founder)}"
            founder[case] = incident
            closed = max(int(month.closed_us[incident]), report.time_us) if closings else 0
            if closings:
                heapq.heappush(due, (closed, "close", case))
            heapq.heappush(due, (max(closed, report.time_us) + 96 * HOUR_US, "forget", case))
        start = time.process_time()
        index.add(report, case)
        spent += time.process_time() - start
        labels.append(int(case[1:]))
    precision, recall, f1 = pair_scores(np.array(labels), month.incidents)
    return Outcome(
        precision=precision, recall=recall, f1=f1,
        merged=tally["merge"], merged_right=tally["merge same"],
        asked=tally["ask"], asked_same=tally["ask same"],
        reports=len(labels), cpu_us=spent / len(labels) * 1e6,
    )  # fmt: skip


def crowded_us(month: Any, parameters: Any, cases: int) -> float:
    """CPU microseconds per question with `cases` open cases, all of the last day."""
    from xinji.systems.platforms.operations.duplicates import DuplicateIndex

    index = DuplicateIndex(parameters)
    first = {int(i): at for at, i in reversed(list(enumerate(month.incidents)))}
    now = month.reports[-1].time_us
    for number, at in enumerate(list(first.values())[:cases]):
        then = now - (number % 24) * HOUR_US
        index.add(msgspec.structs.replace(month.reports[at], time_us=then), f"c{number}")
    asked = [
        msgspec.structs.replace(report, report="new", time_us=now) for report in month.reports[::7]
    ]
    start = time.process_time()
    for report in asked:
        index.candidates(report)
    return (time.process_time() - start) / len(asked) * 1e6


def measure(setting: Setting) -> list[Row]:
    """Pairs, merges without a person, CPU."""
    from xinji.district.geography import load_district
    from xinji.district.incidents import Difficulty, incident_month
    from xinji.systems.platforms.operations.duplicates import Parameters

    size = 900 if setting.quick else 9_000
    days = 5 if setting.quick else 30
    seeds = SEEDS[:1] if setting.quick else SEEDS
    months = [incident_month(load_district(), seed, size, days) for seed in seeds]
    parameters = Parameters()
    radii: dict[float, list[Any]] = {radius: [] for radius in RADII}
    for radius in RADII:
        for month in months:
            labels, cpu = by_radius(month, radius)
            radii[radius].append((*pair_scores(labels, month.incidents), cpu))
    plain = [by_likelihood(month, parameters, False) for month in months]
    known = [by_likelihood(month, parameters, True) for month in months]
    usual = Difficulty()
    worse = dataclasses.replace(
        usual,
        place_error_m=tuple(1.5 * error for error in usual.place_error_m),
        class_error=tuple(1.5 * error for error in usual.class_error),
    )
    rough = [incident_month(load_district(), seed, size, days, difficulty=worse) for seed in seeds]
    rough_found = [by_likelihood(month, parameters, True) for month in rough]
    rough_radius = [
        pair_scores(by_radius(month, RADII[0])[0], month.incidents)[2] for month in rough
    ]

    def ours(outcomes: list[Outcome]) -> Measured:
        mean = {key: float(np.mean([getattr(o, key) for o in outcomes])) for key in
                ("precision", "recall", "f1", "cpu_us")}  # fmt: skip
        return Measured(
            system="xinji",
            value=round(mean["f1"], 4),
            server_us=round(mean["cpu_us"], 1),
            runs=[round(o.f1, 4) for o in outcomes],
            note=f"precision {mean['precision']:.3f}, recall {mean['recall']:.3f}",
        )

    def fixed(radius: float) -> Measured:
        precision, recall, f1, cpu = np.mean(radii[radius], axis=0)
        return Measured(
            system=f"class, {radius:g} m, 24 h",
            value=round(float(f1), 4),
            server_us=round(float(cpu), 1),
            runs=[round(float(run[2]), 4) for run in radii[radius]],
            note=f"precision {precision:.3f}, recall {recall:.3f}; "
            f"{CALIBRATION[radius]} in the study that set the difficulty",
        )

    peers = [fixed(radius) for radius in RADII]
    merged, right = sum(o.merged for o in known), sum(o.merged_right for o in known)
    asked, reports = sum(o.asked for o in known), sum(o.reports for o in known)
    pairs = [sum(o.merged for o in plain), sum(o.merged_right for o in plain)]
    return [
        Row(
            work="duplicates", what="pairs, closings known", unit="F1",
            ours=ours(known), peers=peers, goal=Goal(least=0.92),
            input=f"seeds {seeds[0]}-{seeds[-1]}, {reports:,} reports, simulated",
        ),
        Row(work="duplicates", what="pairs, closings unknown", unit="F1", ours=ours(plain),
            peers=peers),
        Row(
            work="duplicates", what="pairs, errors half as large again as assumed", unit="F1",
            ours=ours(rough_found),
            peers=[Measured(
                system="class, 50 m, 24 h", value=round(float(np.mean(rough_radius)), 4),
                runs=[round(each, 4) for each in rough_radius],
            )],
        ),
        Row(
            work="duplicates", what="merged alone", unit="precision",
            ours=Measured(
                system="xinji", value=round(right / max(merged, 1), 4),
                runs=[round(o.merged_right / max(o.merged, 1), 4) for o in known],
                note=f"{merged / reports:.1%} of reports merged alone, {asked / reports:.1%} asked "
                f"(of those {sum(o.asked_same for o in known) / max(asked, 1):.0%} were the same); "
                f"{pairs[1] / max(pairs[0], 1):.3f} with closings unknown",
            ),
            goal=Goal(least=0.98),
        ),
        Row(
            work="duplicates", what="one report among 5,000 open cases", unit="µs CPU",
            ours=Measured(system="xinji", value=round(
                crowded_us(months[0], parameters, 500 if setting.quick else 5_000), 1)),
            goal=Goal(most=500), lower_is_better=True,
        ),
    ]  # fmt: skip
