"""What a benchmark reports: rows of ours beside peers, with goal and ratio; the table and the JSON.

A row is one thing measured. `value` is a rate, a time or a size as `unit` says; `server_us` and
`client_us` are microseconds of CPU per item in the server's process(es) and in the client's.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec


@dataclass(frozen=True, kw_only=True)
class Setting:
    """How to run: `quick` for small sizes, `repeats` of each work, `peers` to start peers."""

    quick: bool = False
    repeats: int = 3
    seed: int = 20_261_122
    peers: bool = True
    folder: Path = field(default_factory=Path)
    quiet: Callable[[], object] = lambda: None
    """Called before each timed run: notes what others use, waits for quiet when that was asked."""


class Measured(msgspec.Struct, kw_only=True):
    """One system on one thing; `runs` holds every repeat, `value` their median."""

    system: str
    value: float
    server_us: float | None = None
    client_us: float | None = None
    runs: list[float] = []
    note: str = ""


class Goal(msgspec.Struct, kw_only=True, frozen=True):
    """At least (`least`) or at most (`most`) a value, or at least `ratio` times the first peer."""

    least: float | None = None
    most: float | None = None
    ratio: float | None = None

    def text(self) -> str:
        """As the table shows it."""
        if self.ratio is not None:
            return f">= {self.ratio:g}x"
        if self.least is not None:
            return f">= {number(self.least)}"
        return f"<= {number(self.most or 0)}"


class Row(msgspec.Struct, kw_only=True):
    """One thing measured: ours, peers, goal."""

    work: str
    what: str
    unit: str
    ours: Measured
    peers: list[Measured] = []
    goal: Goal | None = None
    lower_is_better: bool = False
    met: bool | None = None
    input: str = ""

    def __post_init__(self) -> None:
        goal = self.goal
        if goal is None:
            return
        if goal.ratio is not None:
            self.met = self.ratio(self.peers[0]) >= goal.ratio if self.peers else None
        elif goal.least is not None:
            self.met = self.ours.value >= goal.least
        elif goal.most is not None:
            self.met = self.ours.value <= goal.most

    def ratio(self, peer: Measured) -> float:
        """How many times better ours is (above 1: better)."""
        above, below = self.ours.value, peer.value
        if self.lower_is_better:
            above, below = below, above
        return above / below if below else float("inf")


def median_of(system: str, runs: Sequence[Measured]) -> Measured:
    """The median of repeats, by value; CPU figures are medians too."""

    def middle(values: list[float | None]) -> float | None:
        known = [value for value in values if value is not None]
        return round(statistics.median(known), 3) if known else None

    return Measured(
        system=system,
        value=statistics.median(run.value for run in runs),
        server_us=middle([run.server_us for run in runs]),
        client_us=middle([run.client_us for run in runs]),
        runs=[run.value for run in runs],
        note=runs[0].note,
    )


def number(value: float) -> str:
    """Three figures, thousands apart."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


HEAD = ("what", "system", "figure", "unit", "ratio", "server µs", "client µs", "goal", "met")


def table(rows: Sequence[Row]) -> str:
    """A Markdown table: a line for ours, one below it for each peer."""
    lines = [list(HEAD)]
    for row in rows:
        met = {None: "", True: "yes", False: "NO"}[row.met]
        goal = row.goal.text() if row.goal else ""
        lines.append(_line(f"{row.work}: {row.what}", row.ours, row.unit, "", goal, met))
        lines += [_line("", peer, row.unit, _times(row, peer), "", "") for peer in row.peers]
    widths = [max(len(line[at]) for line in lines) for at in range(len(HEAD))]
    rule = ["-" * width for width in widths]
    return "\n".join(
        "| "
        + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        + " |"
        for line in [lines[0], rule, *lines[1:]]
    )


def _times(row: Row, peer: Measured) -> str:
    return f"{row.ratio(peer):.3g}x" if row.ours.value and peer.value else ""


def _line(what: str, each: Measured, unit: str, ratio: str, goal: str, met: str) -> list[str]:
    def micro(value: float | None) -> str:
        return "" if value is None else f"{value:.3g}"

    return [what, each.system, number(each.value), unit, ratio,
            micro(each.server_us), micro(each.client_us), goal, met]  # fmt: skip


def notes(rows: Sequence[Row]) -> str:
    """What the table has no room for: inputs, and the notes of each system."""
    lines = []
    for row in rows:
        said = [f"{each.system}: {each.note}" for each in (row.ours, *row.peers) if each.note]
        if row.input or said:
            lines.append(f"- {row.work}: {row.what}. {row.input}".rstrip())
            lines += [f"  - {each}" for each in said]
    return "\n".join(lines)
