"""How well a house found, merged, closed: measured against the truth of a simulated district.

Without a truth file only what the house itself knows is given, and the rest is null. A case is
true when one of its reports is about a real incident; a report of a camera is about the incident
that its camera had in view, the others say so in the truth file (`report` records).

Shares are of counts that are given beside them; every key is in `MEANING`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

import msgspec
import sqlalchemy as sa

from xinji.loop.house import House
from xinji.store.schema import cases
from xinji.store.work_schema import looks, questions, reports, spot_checks
from xinji.systems.platforms.operations.recheck import false_close_interval

US = 1_000_000
VIEW_SLACK_US = 1_800 * US
"""A camera's report follows what it saw by at most this."""

MEANING = {
    "incidents": "real incidents that began in the period and lasted at least 15 minutes",
    "discovered": "those that a report of any channel is about",
    "precision": "cases (merged ones left out) that are about a real incident, of all cases",
    "recall": "discovered of incidents",
    "camera_precision": "camera reports about a real incident, of all camera reports",
    "camera_recall": "incidents in view of a camera that a camera reported, of those in view",
    "camera_recall_of_looked_at": "the same, of those looked at often enough for a vote",
    "camera_by_class": "by class: in view, found, recall, and why the others were lost: never "
    "looked at (not_looked_at), fewer looks than a vote takes (too_few_looks), looked at and not "
    "recognised (not_recognised)",
    "duplicate_f1": "F1 of pairs of reports in one case, against pairs about one incident",
    "auto_merge_precision": "reports merged by machine that joined their own incident",
    "cases": "urban cases opened in the period",
    "closed": "of them closed",
    "closed_by_machine": "closed by the machine's re-check",
    "false_close_rate": "closed by machine while the incident was still there, of those",
    "false_closes": "their number",
    "false_close_audited": "the same as people found it in spot checks, with its 95 % interval",
    "looks_per_close": "looks asked for a case that the machine closed",
    "reworked": "cases that the re-check or a person sent back",
    "on_time_rate": "closed cases whose limit was kept, of closed cases that count",
    "median_minutes_to_close": "minutes from opening to closing",
    "reports": "by channel",
    "merged_by_machine": "reports that joined a case by themselves",
    "asked": "duplicate questions put to people",
}

SHORTEST_US = 900 * US
LOOKS_OF_A_VOTE = 3
LOST = ("not_looked_at", "too_few_looks", "not_recognised")


class Truth(msgspec.Struct):
    """What really happened: incidents by id, and what each report of a person is about."""

    incidents: dict[str, dict[str, Any]]
    reports: dict[tuple[str, str], str | None]
    end: int | None = None


def read_truth(lines: Iterable[bytes]) -> Truth:
    """The truth of `street.jsonl`; a line that was cut short at the end is left out.

    Raises ValueError: a line that is JSON but no record of such a file.
    """
    truth = Truth({}, {})
    for number, line in enumerate(lines, 1):
        try:
            record = msgspec.json.decode(line)
        except msgspec.DecodeError:
            continue
        try:
            _take(truth, record)
        except (AttributeError, KeyError, TypeError):
            raise ValueError(f"line {number}: a record of a truth file") from None
    return truth


def _take(truth: Truth, record: Any) -> None:
    match record.get("record"):
        case "incident":
            truth.incidents[record["id"]] = record
        case "cleared" if record["incident"] in truth.incidents:
            truth.incidents[record["incident"]]["end"] = record["at"]
        case "report":
            truth.reports[record["sender"], record["client_id"]] = record["incident"]
        case "looked" if record["incident"] in truth.incidents:
            truth.incidents[record["incident"]]["looks"] = record["looks"]
        case "end":
            truth.end = record["at"]


def measure(
    house: House, truth: Truth | None = None, start: int = 0, end: int | None = None
) -> dict[str, Any]:
    """The figures of a period, by the keys of `MEANING`; null where nothing can be said."""
    until = end if end is not None else house.clock.now()
    c, r = cases.c, reports.c
    with house.database.reading() as connection:
        found = connection.execute(
            sa.select(
                c.id, c.state, c.outcome, c.opened_at, c.closed_at, c.overdue, c.exempt, c.parent,
                c.reopened,
            ).where(c.type == "urban", c.opened_at >= start, c.opened_at < until)
        ).all()  # fmt: skip
        said = connection.execute(
            sa.select(
                r.id, r.sender, r.client_id, r.channel, r.case_id, r.case_class, r.disposition,
                r.happened_at, r.received_at, r.thing,
            ).where(r.received_at >= start, r.received_at < until)
        ).all()  # fmt: skip
        looked = connection.execute(sa.select(looks.c.case_id, looks.c.verdict)).all()
        asked = connection.execute(
            sa.select(sa.func.count()).select_from(questions).where(questions.c.asked_at >= start)
        ).scalar()
        checked = connection.execute(
            sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(spot_checks.c.still_there), 0))
            .where(spot_checks.c.answered_at.is_not(None))
        ).one()  # fmt: skip
    own = [row for row in found if row.outcome != "merged"]
    closed = [row for row in own if row.closed_at is not None]
    by_machine = [row for row in closed if row.outcome == "verified"]
    counting = [row for row in closed if not row.exempt and row.outcome not in ("void", "refused")]
    seen = Counter(row.case_id for row in looked if row.verdict != "expired")
    minutes = sorted((row.closed_at - row.opened_at) / US / 60 for row in counting)
    audited, there = int(checked[0]), int(checked[1])
    interval = false_close_interval(there, audited)
    figures: dict[str, Any] = dict.fromkeys(MEANING)
    figures |= {
        "cases": len(own),
        "closed": len(closed),
        "closed_by_machine": len(by_machine),
        "looks_per_close": _mean([seen[row.id] for row in by_machine]),
        "reworked": sum(row.reopened > 0 for row in own),
        "on_time_rate": _share(sum(not row.overdue for row in counting), len(counting)),
        "median_minutes_to_close": round(minutes[len(minutes) // 2], 1) if minutes else None,
        "reports": dict(Counter(row.channel for row in said)),
        "merged_by_machine": sum(row.disposition == "merged" for row in said),
        "asked": int(asked or 0),
        "false_close_audited": {
            "audited": audited,
            "still_there": there,
            "low": round(interval.low, 4),
            "high": round(interval.high, 4),
        },
    }
    if truth is not None:
        figures |= _against(truth, own, by_machine, list(said), start, until)
    return figures


def _against(
    truth: Truth, own: list[Any], by_machine: list[Any], said: list[Any], start: int, until: int
) -> dict[str, Any]:
    about = {row.id: _incident_of(truth, row) for row in said}
    counted = {
        key: each
        for key, each in truth.incidents.items()
        if start <= each["start"] < until and min(each["end"], until) - each["start"] >= SHORTEST_US
    }
    discovered = {incident for incident in about.values() if incident} & counted.keys()
    of_case: dict[str, list[str | None]] = defaultdict(list)
    for row in said:
        of_case[row.case_id].append(about[row.id])
    judged = [row for row in own if row.id in of_case]
    right = [row for row in judged if any(of_case[row.id])]
    by_camera = [row for row in said if row.channel == "camera"]
    in_view = {key for key, each in counted.items() if each["camera"]}
    camera_found = {about[row.id] for row in by_camera} & in_view
    merged = [row for row in said if row.disposition == "merged"]
    false_closes = sum(
        any(_there(truth, incident, row.closed_at) for incident in of_case[row.id] if incident)
        for row in by_machine
    )
    return {
        "incidents": len(counted),
        "discovered": len(discovered),
        "precision": _share(len(right), len(judged)),
        "recall": _share(len(discovered), len(counted)),
        "camera_precision": _share(sum(about[row.id] is not None for row in by_camera),
                                   len(by_camera)),
        "camera_recall": _share(len(camera_found), len(in_view)),
        **_by_class(truth, in_view, camera_found),
        "duplicate_f1": pair_f1([(about[row.id], row.case_id) for row in said if about[row.id]]),
        "auto_merge_precision": _share(
            sum(_joined_own(row, about, of_case) for row in merged), len(merged)
        ),
        "false_closes": false_closes,
        "false_close_rate": _share(false_closes, len(by_machine)),
    }  # fmt: skip


def _by_class(truth: Truth, in_view: set[str], found: set[str | None]) -> dict[str, Any]:
    """Recall of the cameras by class, and where the rest was lost."""
    rows: dict[str, dict[str, Any]] = {}
    enough = 0
    for key in sorted(in_view):
        each = truth.incidents[key]
        row = rows.setdefault(
            each["problem"] or each["case_class"],
            {"in_view": 0, "found": 0} | dict.fromkeys(LOST, 0),
        )
        looked = each.get("looks", 0)
        row["in_view"] += 1
        enough += key in found or looked >= LOOKS_OF_A_VOTE
        if key in found:
            row["found"] += 1
        elif looked >= LOOKS_OF_A_VOTE:
            row["not_recognised"] += 1
        else:
            row["too_few_looks" if looked else "not_looked_at"] += 1
    for row in rows.values():
        row["recall"] = _share(row["found"], row["in_view"])
    return {
        "camera_recall_of_looked_at": _share(len(found & in_view), enough),
        "camera_by_class": rows,
    }


def pair_f1(rows: list[tuple[Any, Any]]) -> float | None:
    """F1 of pairs in one cluster against pairs of one truth; rows are (truth, cluster).

    Example: truths a a a b in clusters 1 1 2 2 have 3 true pairs, 2 found pairs, 1 of them true:
    precision 1/2, recall 1/3, F1 2/5.
    """
    both = _pairs(Counter(rows).values())
    true = _pairs(Counter(truth for truth, _ in rows).values())
    found = _pairs(Counter(cluster for _, cluster in rows).values())
    if not true + found:
        return None
    return round(2 * both / (true + found), 4)


def _pairs(counts: Iterable[int]) -> int:
    return sum(n * (n - 1) // 2 for n in counts)


def _incident_of(truth: Truth, row: Any) -> str | None:
    """What a report is about; a camera's by camera, class and time."""
    if row.channel != "camera":
        return truth.reports.get((row.sender, row.client_id))
    best = None
    for key, each in truth.incidents.items():
        if each["camera"] != row.thing or each["case_class"] != row.case_class:
            continue
        if each["start"] <= row.happened_at <= each["end"] + VIEW_SLACK_US:
            best = key if best is None or each["start"] > truth.incidents[best]["start"] else best
    return best


def _there(truth: Truth, incident: str, at: int) -> bool:
    each = truth.incidents[incident]
    return bool(each["start"] <= at < each["end"])


def _joined_own(row: Any, about: dict[str, str | None], of_case: dict[str, list[Any]]) -> bool:
    """Whether a merged report is about what most others of its case are about."""
    others = Counter(each for each in of_case[row.case_id] if each is not None)
    mine = about[row.id]
    if mine is not None:
        others[mine] -= 1
    return mine is not None and bool(others) and others[mine] == max(others.values()) > 0


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _mean(values: list[int]) -> float | None:
    return round(sum(values) / len(values), 2) if values else None
