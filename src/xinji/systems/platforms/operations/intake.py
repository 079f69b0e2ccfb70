"""The one door: whatever finds a problem (camera, sensor, patrol, hotline, resident) reports here.

A report is checked, compared with the cases that are open or just closed, and stored with its case
in one transaction: it opens a case, joins one, or opens one and asks a person whether the two are
the same. A report never vanishes, and the same `client_id` of a sender is stored once.
"""

from __future__ import annotations

import datetime as dt
import secrets
from typing import Any

import msgspec
import sqlalchemy as sa

from xinji.access.scope import contains
from xinji.loop.calendars import DISTRICT_TIME
from xinji.loop.case_row import CaseError, CaseRow
from xinji.loop.house import House
from xinji.loop.rules import Found
from xinji.model.title import Title
from xinji.store.schema import cases
from xinji.store.work_schema import questions, reports
from xinji.systems.platforms.operations.class_table import ClassTable
from xinji.systems.platforms.operations.duplicates import Decision, Sighting
from xinji.systems.platforms.operations.new_report import (
    Checked,
    NewReport,
    Read,
    ReportChecks,
    ReportError,
)
from xinji.systems.platforms.operations.same_cell import index_of

US = 1_000_000
RECENT_US = 4 * 86_400 * US
"""Closed cases that a late report may still belong to."""

FILED_BY_RULE = ("camera", "sensor", "patrol")
"""Channels whose class is known, so that the machine files the case (自动立案)."""
SURE_CLASS = 0.95
"""Confidence of a class read from text from which the machine files by itself."""

CODE_ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
LEVEL_OF_CODE = {6: "district", 9: "street", 12: "committee"}


_SENT = sa.select(reports).where(
    reports.c.sender == sa.bindparam("sender"), reports.c.client_id == sa.bindparam("client_id")
)
_FOLLOWED = sa.select(reports.c.id).where(reports.c.follow_code == sa.bindparam("code"))


class Filed(msgspec.Struct, kw_only=True):
    """The answer to a report; `repeated` when its `client_id` was stored before."""

    report: str
    case: str
    disposition: str
    score: float | None
    case_class: str
    class_title: Title
    class_confidence: float
    address: str
    follow_code: str
    state: str
    repeated: bool = False


class Intake:
    """Receives reports. Safe from any thread: the database's lock is the order of arrival.

    Attributes:
        index: open and recent cases with their reports, as the duplicate test sees them.
        read: reads class, place and urgency from a text; None when there is no reader.
    """

    def __init__(self, house: House, classes: ClassTable) -> None:
        self._house, self._classes = house, classes
        self._checks = ReportChecks(house, classes)
        self.index = index_of(house.database)
        self.read: Read | None = None
        self._count = 0
        self.load()

    def load(self) -> None:
        """Rebuild the index from open and recent cases, oldest first."""
        self.index = index_of(self._house.database, self.index.parameters)
        self._recount()
        recent = self._house.clock.now() - RECENT_US
        c = cases.c
        open_or_recent = sa.or_(c.closed_at.is_(None), c.closed_at > recent)
        with self._house.database.reading() as connection:
            closed = [
                (row.id, row.done_at)
                for row in connection.execute(
                    sa.select(c.id, c.done_at).where(c.type == "urban", c.closed_at > recent)
                )
            ]
            rows = connection.execute(
                sa.select(reports)
                .join(cases, c.id == reports.c.case_id)
                .where(c.type == "urban", open_or_recent)
                .order_by(reports.c.received_at, reports.c.id)
            ).all()
        for row in rows:
            self.index.add(_sighting(row), row.case_id)
        for case, done_at in closed:
            self.closed(case, done_at)

    def _recount(self) -> None:
        with self._house.database.reading() as connection:
            newest = connection.execute(
                sa.select(reports.c.id).order_by(reports.c.received_at.desc()).limit(1_000)
            ).scalars()
            self._count = max((int(each[10:]) for each in newest), default=0)

    def closed(self, case: str, done_at: int | None) -> None:
        """Tell the duplicate test that a case's problem is gone."""
        try:
            self.index.close(case, done_at or self._house.clock.now())
        except KeyError:
            return

    def moved(self, report: str, case: str) -> None:
        """A report belongs to another case now."""
        try:
            self.index.move(report, case)
        except KeyError:
            return

    # -- receiving --------------------------------------------------------------------------

    def receive(
        self, given: NewReport, sender: str, source: str = "measured", *, scope: str = ""
    ) -> Filed:
        """Store a report with its case; answered when both are on disk.

        `scope` is the sender's area: the place, and the thing that is named, lie in it.

        Raises:
            ReportError: a field breaks a rule; nothing is stored.
            StoreFull: the disk is full; nothing is stored.
        """
        if not 0 < len(given.client_id) <= 64:
            raise ReportError("client_id", "1 to 64 characters")
        known = self.answer(sender, given.client_id)
        if known is not None:
            return known
        checked = self._checks.check(given, self.read)
        if not contains(scope, checked.area):
            raise ReportError("longitude", f"inside {scope}")
        place = self._house.registry.things.get(given.thing)
        if place is not None and not contains(scope, place.area):
            raise ReportError("thing", "a registered thing")
        return self._store(given, checked, sender, source)

    def check(self, given: NewReport) -> None:
        """Whether `receive` would take it; nothing is stored. Raises ReportError."""
        if not 0 < len(given.client_id) <= 64:
            raise ReportError("client_id", "1 to 64 characters")
        self._checks.check(given, self.read)

    def answer(self, sender: str, client_id: str) -> Filed | None:
        """The first answer to a `client_id`, or None."""
        rows = self._house.database.rows(_SENT, sender=sender, client_id=client_id)
        return self._filed(rows[0], repeated=True) if rows else None

    def _filed(self, row: Any, *, repeated: bool = False) -> Filed:
        case = self._house.cases.row(row.case_id)
        known = self._classes.classes.get(row.case_class)
        return Filed(
            report=row.id,
            case=row.case_id or "",
            disposition=row.disposition,
            score=row.score,
            case_class=row.case_class,
            class_title=known.title if known else Title(row.case_class, row.case_class),
            class_confidence=row.class_confidence,
            address=row.address,
            follow_code=row.follow_code,
            state=case.state if case else "",
            repeated=repeated,
        )

    def from_event(self, found: Found, event: str, source: str) -> str:
        """A sensor's event as a report; returns its case. On the keeper thread."""
        place = self._house.registry.things.get(found.thing)
        known = self._classes.classes[found.rule.case_class]
        if place is None or known.forbids(found.area, found.detected):
            raise CaseError(422, f"event: {event} has no place or its class is switched off")
        given = NewReport(
            client_id=event,
            channel="sensor",
            longitude=place.longitude,
            latitude=place.latitude,
            case_class=known.code,
            text=f"{place.name} {found.rule.title.zh}",
            thing=found.thing,
            happened_at=dt.datetime.fromtimestamp(found.onset / US, dt.UTC),
            evidence={"event": event, "rule": found.rule.id, "value": found.value,
                      "limit": found.bound},
        )  # fmt: skip
        known_answer = self.answer("rules", event)
        if known_answer is not None:
            return known_answer.case
        return self._store(
            given, self._checks.check(given, self.read, found.detected), "rules", source
        ).case

    # -- storing ----------------------------------------------------------------------------

    def _store(self, given: NewReport, known: Checked, sender: str, source: str) -> Filed:
        house = self._house
        return house.database.together(lambda: self._stored(given, known, sender, source))

    def _stored(self, given: NewReport, known: Checked, sender: str, source: str) -> Filed:
        """Compare and store, alone with the writer."""
        house = self._house
        with house.database.lock:
            with house.database.writing() as connection:
                repeated = self.answer(sender, given.client_id)
                if repeated is not None:
                    return repeated
                now = house.clock.now()
                day = dt.datetime.fromtimestamp(now / US, DISTRICT_TIME)
                self._count += 1
                number = f"R{day:%Y%m%d}-{self._count:06d}"
                sighting = Sighting(
                    report=number,
                    channel=given.channel,
                    class_code=plain_code(known.urban.code),
                    longitude=known.longitude,
                    latitude=known.latitude,
                    time_us=known.happened_at,
                    place_error_m=known.place_error_m,
                    text=given.text,
                )
                candidates = self.index.candidates(sighting)
                decision = self.index.decide(candidates)
                best = _case(connection, decision.case)
                if (
                    best is None
                    or best.closed_at is not None
                    or self._told_apart(connection, best, sender, known.urban.code)
                ):
                    decision = Decision(action="new", case="", log_odds=decision.log_odds)
                row = {
                    "id": number,
                    "sender": sender,
                    "client_id": given.client_id,
                    "channel": given.channel,
                    "case_class": known.urban.code,
                    "condition": known.condition.id,
                    "class_confidence": known.class_confidence,
                    "text": given.text,
                    "address": known.address,
                    "longitude": known.longitude,
                    "latitude": known.latitude,
                    "place_error_m": known.place_error_m,
                    "area": known.area,
                    "happened_at": known.happened_at,
                    "received_at": now,
                    "photos": given.photos,
                    "thing": given.thing,
                    "event": given.evidence.get("event", ""),
                    "confidence": given.confidence,
                    "evidence": given.evidence,
                    "urgency": known.urgency,
                    "follow_code": self._follow_code(),
                    "contact": msgspec.to_builtins(given.contact) if given.contact else None,
                    "rating": None,
                    "rating_note": None,
                    "external_id": given.external_id,
                    "source": source,
                    "score": decision.log_odds if candidates else None,
                    "revision": house.database.changed("reports", number),
                }
                if decision.action == "merge" and best is not None:
                    case, row["disposition"] = best.id, "merged"
                    self.attach(best, number, candidates[0].reasons, decision.log_odds)
                    self._contradict(best, number, known.happened_at)
                else:
                    case = self._open(given, known, row, source)
                    row["disposition"] = "asked" if decision.action == "ask" else "filed"
                row["case_id"] = case
                connection.execute(sa.insert(reports).values(row))
                house.audit.bind_report(sender, "report.file", row)
                if decision.action == "ask":
                    connection.execute(
                        sa.insert(questions).values(
                            report=number,
                            case_id=decision.case,
                            score=decision.log_odds,
                            reasons=candidates[0].reasons,
                            asked_at=now,
                        )
                    )
            # In order of arrival; when the commit fails the index is made anew.
            self.index.add(sighting, case)
        return self._filed(_Row(**{name: row[name] for name in _Row.__struct_fields__}))

    def _open(self, given: NewReport, known: Checked, row: dict[str, Any], source: str) -> str:
        house, urban = self._house, known.urban
        place = known.address or given.thing or known.area
        area = house.registry.areas.get(known.area)
        where = known.address or (area.title.zh if area else place)
        where_en = known.address or (area.title.en if area else place)
        severity = "major" if known.urgency == "urgent" else urban.severity
        case = house.cases.open(
            urban.code,
            title=Title(f"{urban.title.zh} · {where}", f"{urban.title.en} · {where_en}"),
            thing=given.thing if given.channel == "sensor" else "",
            area=known.area,
            severity=severity,
            source=source,
            actor=row["sender"],
            role=given.channel,
            evidence={
                "report": row["id"],
                "photos": given.photos,
                "channel": given.channel,
                "condition": known.condition.id,
                "calendar": known.condition.calendar,
            },
            note=given.text[:400],
            fields={
                "condition": known.condition.id,
                "calendar": known.condition.calendar,
                "limit_us": house.calendars.limit_us(
                    known.condition.amount, known.condition.calendar
                ),
                "department": urban.department,
                "level": LEVEL_OF_CODE.get(len(known.area), "grid"),
                "longitude": known.longitude,
                "latitude": known.latitude,
                "channel": given.channel,
                "reports": 1,
            },
        )
        if given.channel in FILED_BY_RULE or known.class_confidence >= SURE_CLASS:
            reason = (
                f"自动立案：{given.channel}"
                if given.channel in FILED_BY_RULE
                else f"自动立案：类别把握 {known.class_confidence:.0%}"
            )
            house.cases.act(case, "file", actor="intake", role="rule", note=reason)
        return case

    def _told_apart(self, connection: sa.Connection, case: CaseRow, sender: str, code: str) -> bool:
        """Whether the same sender has reported this case as something else: two things, then."""
        if case.case_class == code:
            return False
        r = reports.c
        said = connection.execute(
            sa.select(r.case_class).where(r.case_id == case.id, r.sender == sender)
        ).scalars()
        return any(each != code for each in said)

    def attach(
        self, case: CaseRow, report: str, reasons: dict[str, float], log_odds: float
    ) -> None:
        """Record on a case that a report joined it, in the open transaction."""
        shown = {name: round(value, 2) for name, value in reasons.items()}
        self._house.cases.act(
            case.id,
            "attach",
            actor="duplicates",
            role="rule",
            evidence={"report": report, "reasons": shown, "log_odds": round(log_odds, 2)},
            fields={"reports": case.reports + 1},
        )

    def _contradict(self, case: CaseRow, report: str, happened_at: int) -> None:
        """A new sighting of what was said to be done sends the work back."""
        if case.state not in ("verifying", "reviewing") or happened_at <= (case.done_at or 0):
            return
        self._house.cases.act(
            case.id,
            "rework",
            actor="intake",
            role="rule",
            note="处置完成后又有上报",
            evidence={"report": report},
        )

    def _follow_code(self) -> str:
        while True:
            code = "".join(secrets.choice(CODE_ALPHABET) for _ in range(8))
            if not self._house.database.rows(_FOLLOWED, code=code):
                return code


class _Row(msgspec.Struct):
    """The columns of a report that its answer shows."""

    id: str
    case_id: str
    disposition: str
    score: float | None
    case_class: str
    class_confidence: float
    address: str
    follow_code: str


def _case(connection: sa.Connection, case: str) -> CaseRow | None:
    """A case as the open transaction sees it."""
    found = connection.execute(sa.select(cases).where(cases.c.id == case)).first() if case else None
    return None if found is None else CaseRow(*found)


def plain_code(code: str) -> str:
    """The code as the duplicate test knows it: events by their four digits."""
    return code.removeprefix("event.")


def _sighting(row: Any) -> Sighting:
    return Sighting(
        report=row.id,
        channel=row.channel,
        class_code=plain_code(row.case_class),
        longitude=row.longitude,
        latitude=row.latitude,
        time_us=row.happened_at,
        place_error_m=row.place_error_m,
        text=row.text,
    )
