"""The service of 一网统管: its tables, its door, its re-checks, its dispatch, put together."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import sqlalchemy as sa

from xinji.access.identity import Person
from xinji.access.scope import contains
from xinji.api.call import Problem, iso
from xinji.loop.case_row import CaseError, CaseRow, Change
from xinji.loop.house import House
from xinji.loop.service import CaseHooks, Periodic, Service
from xinji.model.cases import Action
from xinji.model.title import Title
from xinji.store.schema import case_steps, cases
from xinji.store.work_schema import looks, photos, questions, reports
from xinji.systems.platforms.operations.case_type import DEPARTMENT
from xinji.systems.platforms.operations.class_table import ClassTable, Condition, UrbanClass
from xinji.systems.platforms.operations.clock_story import CALENDAR_TITLES, replay, sentence
from xinji.systems.platforms.operations.dispatching import Dispatching
from xinji.systems.platforms.operations.inside import sees_photo
from xinji.systems.platforms.operations.intake import Intake
from xinji.systems.platforms.operations.items import report_items
from xinji.systems.platforms.operations.rechecks import Rechecks
from xinji.systems.platforms.operations.text_reading import Reader
from xinji.wire.kept_running import watched

log = logging.getLogger(__name__)

URBAN = "urban"
DISPATCH_SECONDS = 20.0
PLAN_SECONDS = 300.0
RECHECK_SECONDS = 5.0


_CASE: sa.BindParameter[str] = sa.bindparam("case")
_REPORTS_OF = sa.select(reports).where(reports.c.case_id == _CASE).order_by(reports.c.received_at)
_STEPS_OF = sa.select(case_steps).where(case_steps.c.case_id == _CASE).order_by(case_steps.c.number)
_MERGED_INTO = sa.select(cases.c.id).where(cases.c.parent == _CASE)


class Operations(Service):
    """What of 一网统管 runs in a house.

    Attributes:
        classes, intake, reader, rechecks, dispatching: its parts, each with its own module.
    """

    def __init__(self, house: House) -> None:
        self._house = house
        self.classes = ClassTable(house.database)
        self.declare()
        self.intake = Intake(house, self.classes)
        self.reader = Reader(house, self.classes)
        self.intake.read = self.reader.read
        self.rechecks = Rechecks(house, self.classes)
        self.dispatching = Dispatching(house, self.classes)

    async def start(self) -> None:
        """Fit the reading of texts meanwhile, so that the first report need not wait."""
        loop = asyncio.get_running_loop()
        loop.run_in_executor(None, self.reader.warm).add_done_callback(watched("texts.warm"))

    def periodic(self) -> Iterable[Periodic]:
        """Re-checks, dispatch, and the plans of the routes."""
        return (
            Periodic(run=self._recheck, seconds=RECHECK_SECONDS, first=2.0, shortest=0.5),
            Periodic(run=self._dispatch, seconds=DISPATCH_SECONDS, first=3.0, shortest=0.5),
            Periodic(run=self._plan, seconds=PLAN_SECONDS, first=10.0, shortest=10.0),
        )

    def case_hooks(self) -> Mapping[str, CaseHooks]:
        """An event comes in through the intake; every step is completed and followed."""
        return {
            URBAN: CaseHooks(
                from_event=self.intake.from_event, prepare=self.prepare, after=self.after
            )
        }

    def rolled_back(self) -> None:
        """The index of what may be the same is read again."""
        self.intake.load()

    def declare(self) -> None:
        """Tell the case engine the classes as they are now."""
        for known in self.classes.classes.values():
            self._house.cases.put_class(known.case_class())

    async def _recheck(self) -> None:
        await asyncio.to_thread(self.rechecks.turn)

    async def _dispatch(self) -> None:
        await asyncio.to_thread(self.dispatching.turn)

    async def _plan(self) -> None:
        await asyncio.to_thread(self.dispatching.replan)

    # -- steps of urban cases -----------------------------------------------------------------

    def prepare(self, row: CaseRow, action: Action, change: Change) -> Change:
        """Complete what comes with an action; in its transaction, before it is applied.

        Raises CaseError 422: a field that the class, the department or the photos do not allow.
        """
        own = {"department", "any", "administrator", "rule"}.isdisjoint(change.roles)
        if action.roles == DEPARTMENT and own and row.assignee != change.actor:
            raise CaseError(403, f"action: {action.name} is for {row.assignee or 'nobody yet'}")
        fields = dict(change.fields)
        evidence = dict(change.evidence)
        classed = "condition" in fields or "case_class" in fields
        if action.name in ("file", "reclassify") and classed:
            urban, condition = self._condition(fields)
            fields |= {
                "case_class": urban.code,
                "condition": condition.id,
                "calendar": condition.calendar,
                "limit_us": self._house.calendars.limit_us(condition.amount, condition.calendar),
                "department": fields.get("department", urban.department),
            }
        elif set(fields) & {"limit_us", "calendar"}:
            raise CaseError(422, "limit_us: follows from the condition", "limit_us")
        if department := fields.get("department"):
            known = self.classes.departments.get(department)
            if known is None or not known.enabled:
                rule = f"department: {department} does not exist any more"
                raise CaseError(422, rule, "department")
        if (area := fields.get("area")) and area not in self._house.registry.areas:
            raise CaseError(422, f"area: unknown code {area}", "area")
        if area is not None and not contains(change.scope, area):
            raise CaseError(403, f"area: inside {change.scope}", "area")
        if action.name == "unmerge":
            # The reports come back from the case that took them: it is changed too.
            self._check_inside(row.parent, change)
        if action.name == "merge":
            self._check_inside(fields.get("parent") or evidence.get("parent"), change)
            self._check_parent(row, fields.get("parent") or evidence.get("parent"))
            fields["parent"] = fields.get("parent") or evidence.pop("parent")
        if action.name == "split":
            fields["reports"] = row.reports - len(self._to_split(row, evidence.get("reports")))
        if action.name == "confirm" and evidence.get("closing") is not True:
            raise CaseError(422, "closing: the closing condition must be ticked", "closing")
        self._check_photos(evidence, change)
        if action.name == "dispatch" and change.actor != "dispatch":
            proposed = self.dispatching.proposed.get(row.id)
            if proposed and proposed.worker != change.assignee and not change.note.strip():
                raise CaseError(422, f"note: why not {proposed.worker}, who is proposed?", "note")
        return msgspec.structs.replace(change, fields=fields, evidence=evidence)

    def _condition(self, fields: dict[str, Any]) -> tuple[UrbanClass, Condition]:
        found = self.classes.condition(str(fields.get("condition", "")))
        if found is None:
            known = self.classes.classes.get(str(fields.get("case_class", "")))
            if known is None or not known.conditions:
                raise CaseError(422, "condition: a filing condition of the table", "condition")
            found = known, known.conditions[0]
        if fields.get("case_class", found[0].code) != found[0].code:
            raise CaseError(422, "condition: a filing condition of the class", "condition")
        if not found[0].enabled:
            raise CaseError(422, f"case_class: {found[0].code} is switched off", "case_class")
        return found

    def _check_parent(self, row: CaseRow, parent: Any) -> None:
        known = self._house.cases.row(str(parent))
        if known is None or known.type != URBAN or known.id == row.id or known.closed_at:
            raise CaseError(422, "parent: another urban case that is open", "parent")

    def _check_inside(self, parent: Any, change: Change) -> None:
        """A merge reaches as far as who merges: the other case of it is theirs too."""
        known = self._house.cases.row(str(parent))
        if change.scope and (known is None or not contains(change.scope, known.area)):
            raise CaseError(422, "parent: another urban case that is open", "parent")

    def _to_split(self, row: CaseRow, wanted: Any) -> list[str]:
        with self._house.database.reading() as connection:
            own = set(
                connection.execute(
                    sa.select(reports.c.id).where(reports.c.case_id == row.id)
                ).scalars()
            )
        if not isinstance(wanted, list) or not wanted or not own.issuperset(wanted):
            raise CaseError(422, "reports: ids of reports of this case", "reports")
        if len(set(wanted)) >= len(own):
            raise CaseError(422, "reports: at least one stays with the case", "reports")
        return sorted(set(wanted))

    def _check_photos(self, evidence: dict[str, Any], change: Change) -> None:
        given = [
            photo for name in ("photos", "before", "after") for photo in (evidence.get(name) or ())
        ]
        if not given:
            return
        if len(given) > 20 or not all(isinstance(photo, str) for photo in given):
            raise CaseError(422, "photos: at most 20 photo ids", "photos")
        with self._house.database.reading() as connection:
            known = set(
                connection.execute(sa.select(photos.c.id).where(photos.c.id.in_(given))).scalars()
            )
        seen = (
            sees_photo(self._house.database, change.actor, change.scope, photo) for photo in given
        )
        missing = [
            photo for photo, ours in zip(given, seen, strict=True) if photo not in known or not ours
        ]
        if missing:
            raise CaseError(422, f"photos: no photo {missing[0][:12]}; send it first", "photos")

    def after(self, row: CaseRow, action: Action, change: Change, now: int) -> None:
        """What a step of an urban case brings with it, in its transaction."""
        if action.name == "done":
            self.rechecks.begin(row, now)
        elif action.name == "merge":
            self._join(row.id, str(row.parent), change)
        elif action.name == "unmerge":
            self._rejoin(row.id, change.actor)
        elif action.name == "split":
            self._split(row, change)
        elif action.name == "dispatch":
            self.dispatching.dispatched(row, change, now)
        elif action.name in ("confirm", "rework") and "rule" not in change.roles:
            self.rechecks.learn(row, still_there=action.name == "rework")
        if row.closed_at is not None and row.closed_at == now:
            self.intake.closed(row.id, row.done_at)
            self.rechecks.closed(row, now)

    def _join(self, case: str, parent: str, change: Change) -> None:
        """Move the reports of a merged case to its parent; they remember where they were."""
        house = self._house
        known = house.cases.row(parent)
        assert known is not None
        with house.database.writing() as connection:
            moved = (
                connection.execute(sa.select(reports.c.id).where(reports.c.case_id == case))
                .scalars()
                .all()
            )
            self._point(moved, parent, "attached", actor=change.actor, merged_from=case)
        house.cases.act(
            parent,
            "attach",
            actor=change.actor,
            role="rule",
            evidence={"merged": case, "reports": list(moved)},
            fields={"reports": known.reports + len(moved)},
        )

    def _rejoin(self, case: str, actor: str) -> None:
        """Give a case back the reports that its merge took."""
        house = self._house
        with house.database.writing() as connection:
            found = connection.execute(
                sa.select(reports.c.id, reports.c.case_id).where(
                    sa.func.json_extract(reports.c.evidence, "$.merged_from") == case
                )
            ).all()
            self._point([row.id for row in found], case, "split", actor=actor)
            if not found:
                return
            parent = house.cases.row(found[0].case_id)
        if parent is not None and parent.closed_at is None:
            house.cases.act(
                parent.id,
                "attach",
                actor="unmerge",
                role="rule",
                evidence={"unmerged": case},
                fields={"reports": max(0, parent.reports - len(found))},
            )

    def _split(self, row: CaseRow, change: Change) -> None:
        """Open a case of its own for the reports taken out."""
        house = self._house
        wanted = self._to_split(row, change.evidence.get("reports"))
        with house.database.reading() as connection:
            first = connection.execute(sa.select(reports).where(reports.c.id == wanted[0])).one()
        urban = self.classes.classes[first.case_class]
        case = house.cases.open(
            first.case_class,
            title=Title(
                f"{urban.title.zh} · {first.address or row.title}",
                f"{urban.title.en} · {first.address or row.title_en}",
            ),
            area=first.area,
            severity=urban.severity,
            source=row.source,
            actor=change.actor,
            role="split",
            evidence={
                "split_from": row.id,
                "reports": wanted,
                "condition": first.condition,
                "calendar": row.calendar,
            },
            fields={
                "condition": first.condition,
                "calendar": row.calendar,
                "limit_us": row.limit_us,
                "department": urban.department,
                "level": row.level,
                "longitude": first.longitude,
                "latitude": first.latitude,
                "channel": first.channel,
                "reports": len(wanted),
            },
        )
        self._point(wanted, case, "split", actor=change.actor)
        house.cases.act(case, "file", actor=change.actor, role="rule", note=f"拆分自 {row.id}")

    def _point(
        self, wanted: Any, case: str, disposition: str, *, actor: str, merged_from: str = ""
    ) -> None:
        """Let reports belong to another case."""
        with self._house.database.writing() as connection:
            for report in wanted:
                evidence = connection.execute(
                    sa.select(reports.c.evidence).where(reports.c.id == report)
                ).scalar_one()
                evidence = {k: v for k, v in evidence.items() if k != "merged_from"}
                if merged_from:
                    evidence["merged_from"] = merged_from
                connection.execute(
                    sa.update(reports)
                    .where(reports.c.id == report)
                    .values(
                        case_id=case,
                        disposition=disposition,
                        evidence=evidence,
                        revision=self._house.database.changed("reports", report),
                    )
                )
                row = connection.execute(sa.select(reports).where(reports.c.id == report)).one()
                self._house.audit.bind_report(actor, "report.move", row._mapping)
                self.intake.moved(report, case)

    # -- duplicate questions -------------------------------------------------------------------

    def answer_question(self, person: Person, number: int, *, same: bool) -> dict[str, Any]:
        """A person says whether a report is about a case. Raises Problem 404, 409."""
        house = self._house
        with house.database.writing() as connection:
            row = connection.execute(sa.select(questions).where(questions.c.id == number)).first()
            if row is None:
                raise Problem(404, "No such question", str(number))
            report = connection.execute(sa.select(reports).where(reports.c.id == row.report)).one()
            kept = house.cases.row(row.case_id)
            area = kept.area if kept else ""
            if not contains(person.area, report.area) or not contains(person.area, area):
                raise Problem(404, "No such question", str(number))
            if row.answered_at is not None:
                raise Problem(409, "Answered already", f"by {row.answered_by}")
            connection.execute(
                sa.update(questions)
                .where(questions.c.id == number)
                .values(answer=same, answered_by=person.name, answered_at=house.clock.now())
            )
            if same:
                try:
                    house.cases.act(
                        report.case_id,
                        "merge",
                        actor=person.name,
                        role=(*person.roles, "intake"),
                        fields={"parent": row.case_id},
                        scope=person.area,
                    )
                except CaseError as error:
                    rule = str(error)
                    raise Problem(error.status, "Not done", rule, field=error.field) from error
            house.audit.record(person.name, "question.answer", str(number), {"same": same})
        return {"id": number, "same": same, "case": row.case_id if same else report.case_id}

    # -- the page of a case ----------------------------------------------------------------------

    def case_details(self, row: CaseRow) -> dict[str, Any]:
        """What an urban case shows besides what every case has."""
        if row.type != URBAN:
            return {}
        house = self._house
        own = house.database.rows(_REPORTS_OF, case=row.id)
        steps = house.database.rows(_STEPS_OF, case=row.id)
        merged = [each.id for each in house.database.rows(_MERGED_INTO, case=row.id)]
        with house.database.reading() as connection:
            looked = connection.execute(
                sa.select(looks.c.photo).where(
                    looks.c.case_id == row.id, looks.c.photo.is_not(None)
                )
            ).scalars()
            shown = self._photos(connection, own, steps, looked.all())
        spans = replay(house.cases.types[URBAN], steps, house.calendars, house.clock.now())
        urban = self.classes.classes.get(row.case_class)
        found = self.classes.condition(row.condition)
        return {
            "address": own[0].address if own else "",
            "class": _class_card(urban, found[1] if found else None, self.classes),
            "reports_list": report_items(self.classes, own),
            "photos": shown,
            "clock_story": [
                {
                    "from": iso(span.start),
                    "to": iso(span.end),
                    "running": span.running,
                    "seconds": (span.end - span.start) / 1e6,
                    "counted_seconds": span.counted_us / 1e6,
                    "reason": span.reason,
                }
                for span in spans
            ],
            "clock_sentence": sentence(spans),
            "calendar_title": CALENDAR_TITLES.get(row.calendar, CALENDAR_TITLES[""]),
            "dispatch": self.dispatching.card(row),
            "merged": merged,
        } | self.rechecks.card(row)

    def _photos(
        self, connection: sa.Connection, own: Any, steps: Any, looked: Any
    ) -> list[dict[str, Any]]:
        where: dict[str, dict[str, Any]] = {}
        for report in own:
            for photo in report.photos:
                where.setdefault(photo, {"report": report.id, "step": 1, "as": "scene"})
        for step in steps:
            evidence = msgspec.json.decode(step.evidence)
            for name, kind in (("photos", "near"), ("before", "before"), ("after", "after")):
                for photo in evidence.get(name) or ():
                    where.setdefault(photo, {"report": None, "step": step.number, "as": kind})
        for look in looked:
            where.setdefault(look, {"report": None, "step": None, "as": "look"})
        if not where:
            return []
        rows = connection.execute(sa.select(photos).where(photos.c.id.in_(where))).all()
        found = [
            {
                "id": row.id,
                "kind": where[row.id]["as"] if row.kind == "scene" else row.kind,
                "taken_at": iso(row.taken_at),
                "step": where[row.id]["step"],
                "report": where[row.id]["report"],
                "thing": row.thing,
                "screened": row.screened,
                "longitude": row.longitude,
                "latitude": row.latitude,
                "width": row.width,
                "height": row.height,
            }
            for row in rows
        ]
        return sorted(found, key=lambda item: str(item["taken_at"]))


def _class_card(
    urban: UrbanClass | None, condition: Condition | None, classes: ClassTable
) -> dict[str, Any] | None:
    if urban is None:
        return None
    department = classes.departments.get(urban.department)
    return {
        "code": urban.code,
        "title": urban.title,
        "big": urban.big,
        "department": department.title if department else Title(urban.department, urban.department),
        "skill": urban.skill,
        "closing": condition.closing if condition else None,
        "condition_title": condition.title if condition else None,
        "limit": {"amount": condition.amount, "calendar": condition.calendar}
        if condition
        else None,
        "evidence": urban.evidence,
        "verified": bool(condition and condition.verified),
    }
