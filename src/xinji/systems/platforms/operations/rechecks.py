"""The re-check by machine: asks for looks, judges them, closes, reopens or asks a person.

After "done", looks of cameras that see the place are asked for, spread over time and cameras
(`recheck.decide`). Every decision is a step of the case with the looks, the posterior and the bound
in its evidence. A fixed share of what the machine closed is looked at again by a person; what
people find keeps the rates honest.
"""

from __future__ import annotations

import datetime as dt
import logging
from typing import Any

import msgspec
import sqlalchemy as sa

from xinji.access.scope import contains
from xinji.api.call import iso
from xinji.loop.calendars import DISTRICT_TIME
from xinji.loop.case_row import CaseError, CaseRow
from xinji.loop.house import House
from xinji.methods.geodesy import METRES_PER_DEGREE, metres_between
from xinji.model.title import Title
from xinji.store.schema import case_steps, cases, things
from xinji.store.settings import read_setting, write_setting
from xinji.store.work_schema import looks, reports, spot_checks
from xinji.systems.platforms.operations.class_table import ClassTable
from xinji.systems.platforms.operations.recheck import (
    Look,
    Policy,
    Rates,
    Verdict,
    View,
    audit_due,
    decide,
    learn_case,
)

log = logging.getLogger(__name__)

US = 1_000_000
RATES = "recheck-rates"
MEASURED = "detector-rates"
"""Setting in which the vision hub's system leaves what was measured on ground truth, by problem:
`{"litter": {"there": [[seen, missed] of an incident, ...], "gone": [false, absent]}}`."""
ASSUMED_DONE = (45.0, 5.0)
"""Of fifty works said to be done, really done and not: assumed until the audits say better."""
PATIENCE_US = 900 * US
"""A look that no camera answered for so long counts as blind."""
OTHER_VIEW_M = 40.0
BOUND = 0.005
"""Chance that a problem is still there, rates at their bad ends, at which the machine closes."""
AUDIT_SHARE = 0.03
DAY_HOURS = (6, 18)


_CASE: sa.BindParameter[str] = sa.bindparam("case")
_LOOKS_OF = sa.select(looks).where(looks.c.case_id == _CASE).order_by(looks.c.id)
_DONE_COUNT = sa.select(sa.func.count().label("done")).where(
    case_steps.c.case_id == _CASE, case_steps.c.action == "done"
)
_CHECK_OF = sa.select(spot_checks).where(spot_checks.c.case_id == _CASE)


class Rechecks:
    """Re-checks of urban cases. `turn` runs by itself; answers come from the hub."""

    def __init__(self, house: House, classes: ClassTable) -> None:
        self._house, self._classes = house, classes
        self.policy = Policy(bound=BOUND)
        self._rates: Rates | None = None

    @property
    def rates(self) -> Rates:
        """What was measured and learnt so far."""
        if self._rates is None:
            stored = read_setting(self._house.database, RATES)
            if stored is not None:
                self._rates = msgspec.convert(stored, Rates)
            else:
                self._rates = self._measured()
        return self._rates

    def _measured(self) -> Rates:
        """The rates that the detectors start with: measured on ground truth, by problem."""
        rates = Rates()
        measured = read_setting(self._house.database, MEASURED) or {}
        for problem, counts in measured.items():
            known = self._classes.by_problem.get(problem)
            if known is not None:
                rates.gone[known.code] = list(counts["gone"])
                for number, (hits, misses) in enumerate(counts["there"]):
                    # Each incident is one view: what a view misses, it misses again and again.
                    seen = [True] * hits + [False] * misses
                    rates.update(known.code, f"measured-{number}", True, seen)
                rates.done[known.code] = list(ASSUMED_DONE)
        return rates

    # -- asking ----------------------------------------------------------------------------------

    def begin(self, row: CaseRow, now: int) -> None:
        """The work is said to be done: ask for the first look, in the step's transaction."""
        views = self.views(row)
        if views:
            self._ask(row, views[0].camera, now, now)

    def _ask(self, row: CaseRow, camera: str, now: int, due: int) -> None:
        problem = self._classes.classes[row.case_class].problem
        with self._house.database.writing() as connection:
            box = connection.execute(
                sa.select(reports.c.evidence)
                .where(reports.c.case_id == row.id, reports.c.thing == camera)
                .order_by(reports.c.received_at.desc())
                .limit(1)
            ).scalar()
            connection.execute(
                sa.insert(looks).values(
                    case_id=row.id,
                    round=self._round(connection, row.id),
                    thing=camera,
                    problem=problem,
                    box=(box or {}).get("box"),
                    asked_at=now,
                    due_at=due,
                )
            )

    def _round(self, connection: sa.Connection, case: str) -> int:
        s = case_steps.c
        done = connection.execute(
            sa.select(sa.func.count()).where(s.case_id == case, s.action == "done")
        ).scalar()
        return max(1, int(done or 0))

    def views(self, row: CaseRow) -> list[View]:
        """Cameras that can see the case: those that reported it first, then those beside."""
        known = self._classes.classes.get(row.case_class)
        if known is None or not known.problem:
            return []
        with self._house.database.reading() as connection:
            seen = list(
                dict.fromkeys(
                    connection.execute(
                        sa.select(reports.c.thing)
                        .where(
                            reports.c.case_id == row.id,
                            reports.c.channel == "camera",
                            reports.c.thing != "",
                        )
                        .order_by(reports.c.received_at)
                    ).scalars()
                )
            )
            beside: list[str] = []
            if row.longitude is not None and row.latitude is not None:
                step = 2 * OTHER_VIEW_M / METRES_PER_DEGREE
                t = things.c
                for camera in connection.execute(
                    sa.select(t.id, t.longitude, t.latitude, t.attributes).where(
                        t.kind == "camera",
                        t.longitude.between(row.longitude - step, row.longitude + step),
                        t.latitude.between(row.latitude - step, row.latitude + step),
                    )
                ):
                    near = metres_between(
                        row.longitude, row.latitude, camera.longitude, camera.latitude
                    )
                    watches = str(camera.attributes.get("zones", ""))
                    if near <= OTHER_VIEW_M and f'"{known.problem}"' in watches:
                        beside.append(camera.id)
        views = [View(camera=camera, seen=True) for camera in seen]
        return views + [View(camera=camera) for camera in beside if camera not in seen]

    # -- judging -----------------------------------------------------------------------------------

    def turn(self) -> None:
        """Give up looks that nobody answers, and decide what waits for a decision."""
        house = self._house
        now = house.clock.now()
        with house.database.writing() as connection:
            connection.execute(
                sa.update(looks)
                .where(looks.c.answered_at.is_(None), looks.c.due_at < now - PATIENCE_US)
                .values(answered_at=now, verdict="expired")
            )
        c = cases.c
        waiting = ~sa.exists().where(looks.c.case_id == c.id, looks.c.answered_at.is_(None))
        with house.database.reading() as connection:
            rows = connection.execute(
                sa.select(cases)
                .where(c.type == "urban", c.state == "verifying", waiting)
                .limit(500)
            ).all()
        for found in rows:
            self._decide(CaseRow(*found))

    def answer(
        self,
        number: int,
        *,
        verdict: str,
        score: float | None,
        photo: str | None,
        model: str,
        scope: str = "",
    ) -> tuple[Verdict | None, str]:
        """Store what a camera saw and act on it; (verdict, case).

        Raises KeyError: no such look of a case inside `scope`.

        A look that was answered, or whose case moved on, keeps its first answer.
        """
        house = self._house
        with house.database.lock:
            with house.database.writing() as connection:
                found = connection.execute(sa.select(looks).where(looks.c.id == number)).first()
                row = house.cases.row(found.case_id) if found is not None else None
                if found is None or row is None or not contains(scope, row.area):
                    raise KeyError(number)
                if found.answered_at is not None:
                    return None, found.case_id
                connection.execute(
                    sa.update(looks)
                    .where(looks.c.id == number)
                    .values(
                        answered_at=house.clock.now(),
                        verdict=verdict,
                        score=score,
                        photo=photo,
                        model=model,
                    )
                )
            row = house.cases.row(found.case_id)
            if row is None or row.state != "verifying":
                return None, found.case_id
            return self._decide(row), row.id

    def judge(self, row: CaseRow) -> Verdict:
        """What follows from the looks of the case's present round."""
        given, round_ = self._looks(row.id)
        mine = [each for each in given if each.round == round_ and each.answered_at is not None]
        return decide(
            [
                Look(
                    camera=each.thing,
                    result=each.verdict if each.verdict in ("present", "absent") else "blind",
                    time_us=each.answered_at,
                    light=_light(each.answered_at),
                )
                for each in mine
            ],
            self.rates,
            self.policy,
            class_code=row.case_class,
            views=self.views(row),
        )

    def _looks(self, case: str) -> tuple[list[Any], int]:
        database = self._house.database
        done = database.rows(_DONE_COUNT, case=case)[0][0]
        return database.rows(_LOOKS_OF, case=case), max(1, int(done))

    def _decide(self, row: CaseRow) -> Verdict:
        verdict = self.judge(row)
        now = self._house.clock.now()
        given, round_ = self._looks(row.id)
        evidence = {
            "posterior": float(f"{verdict.posterior:.3g}"),
            "error_bound": float(f"{verdict.error_bound:.3g}"),
            "bound": self.policy.bound,
            "looks": [
                {"look": each.id, "thing": each.thing, "verdict": each.verdict, "score": each.score}
                for each in given
                if each.round == round_ and each.answered_at is not None
            ],
            "photos": [each.photo for each in given if each.round == round_ and each.photo],
            "explanation": verdict.explanation,
        }
        action = {"close": "verify", "reopen": "rework", "ask": "ask-person"}.get(verdict.action)
        if action == "rework" and audit_due(row.id, AUDIT_SHARE):
            # The sample must hold every verdict, or it would teach that all work is done.
            action = "ask-person"
        with self._house.database.writing() as connection:
            answered = [each for each in given if each.answered_at is not None]
            if answered:
                connection.execute(
                    sa.update(looks)
                    .where(looks.c.id == answered[-1].id)
                    .values(posterior=verdict.posterior)
                )
            if action is None:
                due = now + int((verdict.next_look_after_seconds or 0.0) * US)
                self._ask(row, verdict.next_camera, now, due)
                return verdict
            try:
                self._house.cases.act(
                    row.id, action, actor="recheck", role="rule", note=_word(verdict),
                    evidence=evidence,
                )  # fmt: skip
            except CaseError as error:
                log.info("case %s: %s: %s", row.id, action, error)
        return verdict

    # -- closed, and looked at again ---------------------------------------------------------------

    def closed(self, row: CaseRow, now: int) -> None:
        """A case closed, in its transaction: give up its looks; mark the fixed share for people."""
        with self._house.database.writing() as connection:
            connection.execute(
                sa.update(looks)
                .where(looks.c.case_id == row.id, looks.c.answered_at.is_(None))
                .values(answered_at=now, verdict="expired")
            )
            if row.outcome == "verified" and audit_due(row.id, AUDIT_SHARE):
                connection.execute(sa.delete(spot_checks).where(spot_checks.c.case_id == row.id))
                connection.execute(sa.insert(spot_checks).values(case_id=row.id, asked_at=now))

    def spot_checked(
        self,
        case: str,
        person: str,
        roles: tuple[str, ...],
        *,
        still_there: bool,
        note: str,
        photos: list[str],
        scope: str = "",
    ) -> None:
        """A person looked at a case that the machine closed.

        Raises:
            KeyError: no open spot check of that case, or it lies outside `scope`.
        """
        house = self._house
        row = house.cases.row(case)
        if row is None or not contains(scope, row.area):
            raise KeyError(case)
        s = spot_checks.c
        with house.database.writing() as connection:
            done = connection.execute(
                sa.update(spot_checks)
                .where(s.case_id == case, s.answered_at.is_(None))
                .values(
                    still_there=still_there,
                    answered_by=person,
                    answered_at=house.clock.now(),
                    note=note,
                )
            )
            if not done.rowcount:
                raise KeyError(case)
            self.learn(row, still_there=still_there)
            if still_there and row.state == "closed":
                house.cases.act(
                    case,
                    "reopen",
                    actor=person,
                    role=(*roles, "inspector"),
                    note=note or "抽查发现未解决",
                    evidence={"photos": photos} if photos else {},
                )
            else:
                house.audit.record(
                    person, "spot-check", case, {"still_there": still_there, "photos": photos}
                )

    def learn(self, row: CaseRow, *, still_there: bool) -> None:
        """Count what a person stated about a case and its last looks, in the open transaction."""
        rates = msgspec.convert(msgspec.to_builtins(self.rates), Rates)
        given, round_ = self._looks(row.id)
        by_camera: dict[str, list[bool]] = {}
        for each in given:
            if each.round == round_ and each.verdict in ("present", "absent"):
                by_camera.setdefault(each.thing, []).append(each.verdict == "present")
        if learn_case(
            rates,
            row.id,
            row.case_class,
            still_there,
            by_camera,
            share=AUDIT_SHARE,
            least_measured=self.policy.least_measured,
        ):
            write_setting(self._house.database, RATES, msgspec.to_builtins(rates))
            self._rates = rates

    # -- the page of a case ----------------------------------------------------------------------

    def card(self, row: CaseRow) -> dict[str, Any]:
        """Looks, verdict and spot check of a case."""
        given, _ = self._looks(row.id)
        names = self._house.registry.things
        checks = self._house.database.rows(_CHECK_OF, case=row.id)
        check = checks[0] if checks else None
        posterior = next(
            (each.posterior for each in reversed(given) if each.posterior is not None), None
        )
        return {
            "looks": [
                {
                    "id": each.id,
                    "round": each.round,
                    "thing": each.thing,
                    "thing_name": names[each.thing].name if each.thing in names else each.thing,
                    "asked_at": iso(each.asked_at),
                    "due_at": iso(each.due_at),
                    "answered_at": iso(each.answered_at),
                    "verdict": each.verdict,
                    "score": each.score,
                    "posterior": each.posterior,
                    "photo": each.photo,
                    "model": each.model,
                }
                for each in given
            ],
            "recheck": None
            if not given
            else {"posterior": posterior, "bound": self.policy.bound,
                  "most_looks": self.policy.most_looks},
            "spot_check": None
            if check is None
            else {
                "asked_at": iso(check.asked_at),
                "answered_at": iso(check.answered_at),
                "answered_by": check.answered_by,
                "still_there": check.still_there,
                "note": check.note,
            },
        }  # fmt: skip


def _light(at: int) -> str:
    hour = dt.datetime.fromtimestamp(at / US, DISTRICT_TIME).hour
    return "day" if DAY_HOURS[0] <= hour < DAY_HOURS[1] else "night"


_WORDS = {
    "close": Title("机器复核：问题已消除", "Gone"),
    "reopen": Title("机器复核：问题仍在，返工", "Still there: rework"),
    "ask": Title("机器不能判定，转人工核查", "Undecided: a person is asked"),
}


def _word(verdict: Verdict) -> str:
    return f"{_WORDS[verdict.action].zh}（残留概率 {verdict.posterior:.2g}）"
