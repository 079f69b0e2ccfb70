"""Rules: what turns observations into events.

A rule applies to one property of one kind, in the whole district or in an area or for named
things. An event is an episode: it starts when the condition begins to hold, and ends when the
signal is good again. Persistence and hysteresis are in the condition.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from xinji.model.title import Title


class Severity(StrEnum):
    """Perceived severity, the words of ITU-T X.733."""

    CRITICAL = "critical"
    MAJOR = "major"
    MINOR = "minor"
    WARNING = "warning"


class Threshold(msgspec.Struct, frozen=True, kw_only=True, tag="threshold"):
    """The value is `op` `limit` for `hold_seconds`; over when it is no longer `op` `clear`.

    `op` is one of `>=`, `>`, `<=`, `<`. `clear` defaults to `limit` (no hysteresis).
    """

    op: str
    limit: float
    clear: float | None = None
    hold_seconds: float = 0.0
    clear_hold_seconds: float = 0.0


class OutOfRange(msgspec.Struct, frozen=True, kw_only=True, tag="out-of-range"):
    """The value leaves [low, high] for `hold_seconds`."""

    low: float
    high: float
    hold_seconds: float = 0.0
    clear_hold_seconds: float = 0.0


class RateOfChange(msgspec.Struct, frozen=True, kw_only=True, tag="rate-of-change"):
    """|value - previous value| / time between is at least `limit_per_minute`."""

    limit_per_minute: float
    hold_seconds: float = 0.0
    clear_hold_seconds: float = 0.0


class Stuck(msgspec.Struct, frozen=True, kw_only=True, tag="stuck"):
    """The value stays within `tolerance` of itself for `seconds`."""

    seconds: float
    tolerance: float = 0.0


class Silence(msgspec.Struct, frozen=True, kw_only=True, tag="silence"):
    """Nothing arrived for `seconds`, by the server's clock. Over with the next arrival."""

    seconds: float


class CountInArea(msgspec.Struct, frozen=True, kw_only=True, tag="count-in-area"):
    """At least `least` things of one area of `level` have a value that is `op` `limit`."""

    op: str
    limit: float
    least: int
    level: str = "subdistrict"


class Deviation(msgspec.Struct, frozen=True, kw_only=True, tag="deviation"):
    """The value is far from the same series at the same hour of last week.

    Far is more than `factor` times the running mean absolute difference from last week, and more
    than `least` in absolute terms, for `hold_seconds`.
    """

    factor: float = 4.0
    least: float = 0.0
    hold_seconds: float = 0.0
    clear_hold_seconds: float = 0.0


Condition = Threshold | OutOfRange | RateOfChange | Stuck | Silence | CountInArea | Deviation


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """A condition on a property, and what becomes of the event.

    Attributes:
        case_class: class of the case that the event opens or attaches to; empty for none.
        area: code prefix that limits the rule; empty for the whole district.
        things: ids that limit the rule; empty for every thing of the kind.
        system: name of the declaring system, or `operator` when stored as data.
    """

    id: str
    title: Title
    kind: str
    property: str
    condition: Condition
    severity: Severity = Severity.MINOR
    case_class: str = ""
    area: str = ""
    things: tuple[str, ...] = ()
    system: str = "operator"
    enabled: bool = True


class Event(msgspec.Struct, kw_only=True):
    """An episode found by a rule, at a time and a place, with evidence. Times: Unix microseconds.

    `evidence` holds the value at the start, the extreme value so far and the limit. A rule over an
    area leaves `thing` empty.
    """

    id: str
    rule: str
    thing: str
    area: str
    started_at: int
    detected_at: int
    ended_at: int | None = None
    severity: Severity = Severity.MINOR
    value: float | None = None
    extreme: float | None = None
    limit: float | None = None
    source: str = "measured"
    case: str | None = None
