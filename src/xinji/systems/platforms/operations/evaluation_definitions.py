"""Counts, rates and scores of urban work as data (GB/T 30428.4 family).

A count is a condition on the rows of `evaluation.FACTS`, one row for each duty: a report received,
a case, a decision on filing, a dispatch, a check. A rate is a count among another, over the rows
that are not exempt (a granted appeal leaves the rates; the counts show the fact). A score weighs
rates; cut-offs and weights are those of published implementations of the standard, whose own text
was not at hand: `verified` says so.

Words: 核实 here is the check before filing, 核查 the one before closing.
"""

from __future__ import annotations

import msgspec

from xinji.model.title import Title


class Count(msgspec.Struct, frozen=True):
    """A number of rows. `sql` is a condition on `FACTS`, `formula` says it in words."""

    name: str
    title: Title
    formula: str
    sql: str


class Rate(msgspec.Struct, frozen=True):
    """`part` of `whole`, two counts, over rows that are not exempt. `down`: less is better."""

    name: str
    title: Title
    part: str
    whole: str
    down: bool = False

    @property
    def formula(self) -> str:
        """The rate in words."""
        return f"{self.part} / {self.whole}, exempt cases left out"


class Score(msgspec.Struct, frozen=True):
    """Weights of rates for a post; they sum to 100."""

    post: str
    weights: dict[str, float]


COUNTS = (
    Count("reported", Title("上报数", "Reported"), "reports received", "kind = 'report'"),
    Count(
        "valid_reports",
        Title("有效上报数", "Valid reports"),
        "reports whose case was filed and not voided",
        "kind = 'report' and accurate",
    ),
    Count(
        "missed",
        Title("漏报数", "Missed"),
        "filed cases that the public reported and no inspector did",
        "kind = 'finding' and not done",
    ),
    Count(
        "to_find",
        Title("应发现数", "To be found by inspectors"),
        "filed cases that an inspector or the public reported",
        "kind = 'finding'",
    ),
    Count(
        "accepted",
        Title("受理数", "Accepted"),
        "cases on which somebody took the first decision: ask for a check, file or refuse",
        "kind = 'acceptance'",
    ),
    Count(
        "check_to_ask",
        Title("核实派发数", "Checks asked for"),
        "requests to check a report before filing",
        "kind = 'ask-check'",
    ),
    Count(
        "check_asked_in_time",
        Title("按时核实派发数", "Checks asked for in time"),
        "asked within the limit after the case began to wait",
        "kind = 'ask-check' and in_time",
    ),
    Count(
        "to_check",
        Title("应核实数", "To be checked before filing"),
        "checks before filing that were answered or are late",
        "kind = 'check'",
    ),
    Count(
        "checked_in_time",
        Title("按时核实数", "Checked in time"),
        "answered within the limit",
        "kind = 'check' and in_time",
    ),
    Count(
        "to_decide",
        Title("应立案数", "To be decided"),
        "cases decided (filed or refused), or waiting longer than the limit",
        "kind = 'filing'",
    ),
    Count("filed", Title("立案数", "Filed"), "cases filed", "kind = 'filing' and done"),
    Count(
        "decided_in_time",
        Title("按时立案数", "Decided in time"),
        "filed or refused within the limit; the time of checks does not count",
        "kind = 'filing' and in_time",
    ),
    Count(
        "filed_accurately",
        Title("准确立案数", "Filed accurately"),
        "filed and not voided afterwards",
        "kind = 'filing' and done and accurate",
    ),
    Count(
        "to_dispatch",
        Title("应派遣数", "To be dispatched"),
        "waits for dispatch that ended with one or are late; again after each return",
        "kind = 'dispatch'",
    ),
    Count(
        "dispatched",
        Title("派遣数", "Dispatched"),
        "waits for dispatch that ended with one",
        "kind = 'dispatch' and done",
    ),
    Count(
        "dispatched_in_time",
        Title("按时派遣数", "Dispatched in time"),
        "dispatched within the limit",
        "kind = 'dispatch' and in_time",
    ),
    Count(
        "dispatched_accurately",
        Title("准确派遣数", "Dispatched accurately"),
        "dispatched, and not returned, handed over or reworked before the next dispatch",
        "kind = 'dispatch' and done and accurate",
    ),
    Count(
        "to_handle",
        Title("应处置数", "To be handled"),
        "dispatched cases that are handled or whose time limit has passed",
        "kind = 'handling'",
    ),
    Count(
        "handled", Title("处置数", "Handled"), "of them handled", "kind = 'handling' and done"
    ),
    Count(
        "handled_in_time",
        Title("按时处置数", "Handled in time"),
        "handled within the case's time limit on its own calendar",
        "kind = 'handling' and done and in_time",
    ),
    Count(
        "not_handled_overdue",
        Title("超时未处置数", "Overdue, not handled"),
        "not handled and the time limit has passed",
        "kind = 'handling' and not done",
    ),
    Count(
        "reworked",
        Title("返工数", "Reworked"),
        "cases sent back after the work was said to be done, or opened again",
        "kind = 'case' and reworked",
    ),
    Count(
        "extended", Title("延期数", "Extended"), "cases with a granted extension",
        "kind = 'case' and extended",
    ),
    Count(
        "suspended", Title("挂账数", "Suspended"), "cases that were suspended",
        "kind = 'case' and suspended",
    ),
    Count(
        "verification_to_ask",
        Title("核查派发数", "Checks before closing asked for"),
        "handed to a person for the check before closing",
        "kind = 'ask-verification'",
    ),
    Count(
        "verification_asked_in_time",
        Title("按时核查派发数", "Checks before closing asked for in time"),
        "handed on within the limit after the work was done",
        "kind = 'ask-verification' and in_time",
    ),
    Count(
        "to_verify",
        Title("应核查数", "To be checked before closing"),
        "checks before closing by a person that were answered or are late",
        "kind = 'verification'",
    ),
    Count(
        "verified_in_time",
        Title("按时核查数", "Checked before closing in time"),
        "answered within the limit",
        "kind = 'verification' and in_time",
    ),
    Count(
        "to_close",
        Title("应结案数", "To be closed"),
        "filed cases that are closed, or whose time limit and time for closing have passed",
        "kind = 'closing'",
    ),
    Count(
        "closed", Title("结案数", "Closed"), "of them closed: confirmed, verified or recovered",
        "kind = 'closing' and done",
    ),
    Count(
        "closed_in_time",
        Title("按时结案数", "Closed in time"),
        "closed, the work within its limit and the check within the time for closing",
        "kind = 'closing' and done and in_time",
    ),
    Count(
        "closed_by_machine",
        Title("机器结案数", "Closed by machine"),
        "closed by the machine's re-check or a sensor's signal",
        "kind = 'closing' and done and by_machine",
    ),
    Count(
        "self_handled",
        Title("自行处置数", "Handled by the finder"),
        "closed cases that recovered by themselves or were done by who reported them",
        "kind = 'closing' and done and self_handled",
    ),
    Count("refused", Title("不予立案数", "Refused"), "cases refused", "kind = 'case' and refused"),
    Count("voided", Title("作废数", "Voided"), "cases voided", "kind = 'case' and voided"),
    Count(
        "merged", Title("并案数", "Merged"), "cases merged into another; in no other count",
        "kind = 'merged'",
    ),
    Count(
        "exempt", Title("申诉免责数", "Exempt"), "cases with a granted appeal; in no rate",
        "kind = 'case' and exempt",
    ),
    Count("cases", Title("案件数", "Cases"), "cases opened, merged ones left out", "kind = 'case'"),
)  # fmt: skip

RATES = (
    Rate("valid_rate", Title("有效上报率", "Valid reports"), "valid_reports", "reported"),
    Rate("missed_rate", Title("漏报率", "Missed"), "missed", "to_find", down=True),
    Rate(
        "check_asked_in_time_rate",
        Title("按时核实派发率", "Checks asked for in time"),
        "check_asked_in_time",
        "check_to_ask",
    ),
    Rate(
        "checked_in_time_rate",
        Title("按时核实率", "Checked in time"),
        "checked_in_time",
        "to_check",
    ),
    Rate(
        "decided_in_time_rate",
        Title("按时立案率", "Decided in time"),
        "decided_in_time",
        "to_decide",
    ),
    Rate(
        "filed_accurately_rate",
        Title("准确立案率", "Filed accurately"),
        "filed_accurately",
        "filed",
    ),
    Rate(
        "dispatched_in_time_rate",
        Title("按时派遣率", "Dispatched in time"),
        "dispatched_in_time",
        "to_dispatch",
    ),
    Rate(
        "dispatched_accurately_rate",
        Title("准确派遣率", "Dispatched accurately"),
        "dispatched_accurately",
        "dispatched",
    ),
    Rate("handled_rate", Title("处置率", "Handled"), "handled", "to_handle"),
    Rate(
        "handled_in_time_rate",
        Title("按时处置率", "Handled in time"),
        "handled_in_time",
        "to_handle",
    ),
    Rate("reworked_rate", Title("返工率", "Reworked"), "reworked", "cases", down=True),
    Rate("extended_rate", Title("延期率", "Extended"), "extended", "cases", down=True),
    Rate("suspended_rate", Title("挂账率", "Suspended"), "suspended", "cases", down=True),
    Rate(
        "verification_asked_in_time_rate",
        Title("按时核查派发率", "Checks before closing asked for in time"),
        "verification_asked_in_time",
        "verification_to_ask",
    ),
    Rate(
        "verified_in_time_rate",
        Title("按时核查率", "Checked before closing in time"),
        "verified_in_time",
        "to_verify",
    ),
    Rate("closed_rate", Title("结案率", "Closed"), "closed", "to_close"),
    Rate(
        "closed_in_time_rate", Title("按时结案率", "Closed in time"), "closed_in_time", "to_close"
    ),
    Rate(
        "closed_by_machine_rate",
        Title("机器结案率", "Closed by machine"),
        "closed_by_machine",
        "closed",
    ),
    Rate(
        "self_handled_rate", Title("自行处置率", "Handled by the finder"), "self_handled", "closed"
    ),
)

VOLUMES = {
    "accepted_volume": (
        "accepted",
        Title("受理量", "Volume accepted"),
        "accepted per officer / accepted by the officer with most",
    ),
    "dispatched_volume": (
        "dispatched",
        Title("派遣量", "Volume dispatched"),
        "dispatched per officer / dispatched by the officer with most",
    ),
}
"""Shares of a volume: the mean of the post's officers against the one with most; 1 for the best."""

SCORES = (
    Score(
        "inspector",
        {
            "valid_rate": 40,
            "missed_rate": 20,
            "checked_in_time_rate": 20,
            "verified_in_time_rate": 20,
        },
    ),
    Score(
        "intake",
        {
            "accepted_volume": 25,
            "check_asked_in_time_rate": 40,
            "verification_asked_in_time_rate": 35,
        },
    ),
    Score(
        "shift-leader",
        {"decided_in_time_rate": 25, "filed_accurately_rate": 40, "closed_in_time_rate": 35},
    ),
    Score(
        "dispatcher",
        {
            "dispatched_volume": 20,
            "dispatched_in_time_rate": 40,
            "dispatched_accurately_rate": 40,
        },
    ),
)

GRADES = ((90.0, "A"), (75.0, "B"), (60.0, "C"))
"""At least this score has the grade; below all of them it is D."""

LEAST_KNOWN = 50.0
"""Weight that must be known for a score; what is not known shares its weight among the rest."""

VERIFIED = False
"""Weights and cut-offs were not read in the text of GB/T 30428.4 itself."""


def grade(score: float | None) -> str | None:
    """The grade of a score, both ends right: 90 is A, 89.99 is B.

    A score above 100 or below 0 is a fault of the caller: ValueError.
    """
    if score is None:
        return None
    if not 0 <= score <= 100:
        raise ValueError(f"score: {score} is not within 0 and 100")
    return next((name for least, name in GRADES if score >= least), "D")


def score(known: dict[str, float | None], weights: dict[str, float]) -> float | None:
    """Points of 100, two decimals; None when less than `LEAST_KNOWN` of the weight is known.

    Example: rates 0.9 (weight 40) and 0.5 (weight 20), the others unknown:
    (36 + 10) / 60 * 100 = 76.67.
    """
    falling = {rate.name for rate in RATES if rate.down}
    found = {name: known[name] for name in weights if known.get(name) is not None}
    weight = sum(weights[name] for name in found)
    if weight < LEAST_KNOWN:
        return None
    points = sum(
        weights[name] * (1 - value if name in falling else value)
        for name, value in found.items()
        if value is not None
    )
    return round(100 * points / weight, 2)


def definitions() -> list[dict[str, object]]:
    """What a page shows beside the figures: name, title, formula."""
    listed: list[dict[str, object]] = [
        {"name": each.name, "title": each.title, "formula": each.formula}
        for each in (*COUNTS, *RATES)
    ]
    listed += [
        {"name": name, "title": title, "formula": formula}
        for name, (_, title, formula) in VOLUMES.items()
    ]
    falling = {rate.name for rate in RATES if rate.down}
    parts = "; ".join(
        f"{each.post}: "
        + " + ".join(
            f"{weight:g} × {f'(1 - {name})' if name in falling else name}"
            for name, weight in each.weights.items()
        )
        for each in SCORES
    )
    least = ", ".join(f"{name} >= {limit:g}" for limit, name in GRADES)
    listed += [
        {
            "name": "score",
            "title": Title("得分", "Score"),
            "formula": f"{parts}; what is not known shares its weight among the rest",
        },
        {"name": "grade", "title": Title("等级", "Grade"), "formula": f"{least}, D below"},
    ]
    return listed
