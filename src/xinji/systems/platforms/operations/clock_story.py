"""The case's clock, replayed from its steps: when it ran, when it did not, and why.

The steps alone give the clock's reading, so a reading that was changed by hand does not survive:
`replay` is what an auditor compares with the stored figure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from xinji.loop.calendars import Calendars
from xinji.model.cases import CaseType, Clock
from xinji.model.title import Title

US = 1_000_000
SHORTEST = 60 * US
"""Pauses below this are not worth a word."""

OUTSIDE = Title("非工作时间", "Outside working time")
CALENDAR_TITLES = {
    "": Title("连续计时", "Every second"),
    "emergency-hours": Title("紧急工作时", "Emergency hours"),
    "work-hours": Title("工作时", "Working hours"),
    "work-days": Title("工作日", "Working days"),
    "natural-days": Title("自然日", "Natural days"),
}


class Span(msgspec.Struct, kw_only=True):
    """A stretch of a case's life. `counted_us` is what the clock ran in it."""

    start: int
    end: int
    state: str
    running: bool
    counted_us: int
    calendar: str
    reason: Title


def replay(kind: CaseType, steps: Sequence[Any], calendars: Calendars, now: int) -> list[Span]:
    """Spans from the opening to the closing, or to `now` for an open case.

    Args:
        kind: the case's type.
        steps: rows of `case_steps` in order; the evidence of opening and of every change of class
            names the calendar that the limit runs on.

    Returns:
        Spans of equal state; a running one inside which the calendar never runs says so.
    """
    spans: list[Span] = []
    calendar = ""
    for number, step in enumerate(steps):
        evidence = msgspec.json.decode(step.evidence)
        calendar = evidence.get("set", evidence).get("calendar", calendar)
        state = kind.state(step.to_state)
        if state.final:
            continue
        end = steps[number + 1].at if number + 1 < len(steps) else max(now, step.at)
        last = spans[-1] if spans else None
        if last is not None and (last.state, last.end, last.calendar) == (
            state.name,
            step.at,
            calendar,
        ):
            last.end = end
        else:
            spans.append(
                Span(
                    start=step.at,
                    end=end,
                    state=state.name,
                    running=state.clock is Clock.RUN,
                    counted_us=0,
                    calendar=calendar,
                    reason=state.title,
                )
            )
    for span in spans:
        if span.running:
            span.counted_us = calendars.between(span.calendar, span.start, span.end)
            if not span.counted_us and span.end > span.start:
                span.running, span.reason = False, OUTSIDE
    return spans


def reading(spans: Sequence[Span]) -> int:
    """Microseconds on the clock."""
    return sum(span.counted_us for span in spans)


def sentence(spans: Sequence[Span]) -> Title:
    """What kept the clock, in words: "paused 3 h 10 min: extension asked"."""
    paused: dict[str, tuple[int, Title]] = {}
    for span in spans:
        if not span.running and span.end - span.start >= SHORTEST:
            before = paused.get(span.reason.en, (0, span.reason))[0]
            paused[span.reason.en] = (before + span.end - span.start, span.reason)
    longest = sorted(paused.values(), key=lambda each: -each[0])[:3]
    return Title(
        ";".join(f"暂停{_zh(us)}:{reason.zh}" for us, reason in longest),
        "; ".join(f"paused {_en(us)}: {reason.en.lower()}" for us, reason in longest),
    )


def _parts(us: int) -> tuple[int, int, int]:
    minutes = us // (60 * US)
    return minutes // 1440, minutes // 60 % 24, minutes % 60


def _zh(us: int) -> str:
    days, hours, minutes = _parts(us)
    text = (f"{days}天" if days else "") + (f"{hours}小时" if hours else "")
    return text + (f"{minutes}分" if minutes or not text else "")


def _en(us: int) -> str:
    days, hours, minutes = _parts(us)
    text = (f"{days} d " if days else "") + (f"{hours} h " if hours else "")
    return (text + (f"{minutes} min" if minutes or not text else "")).strip()
