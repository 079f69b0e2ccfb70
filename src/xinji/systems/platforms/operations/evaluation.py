"""Evaluation of urban work: counts, rates, scores and grades of a period, by SQL over the copies.

The period holds the cases opened in it and the reports received in it; they are judged as they
stand at `now`, so the figures of a period settle as its cases do. Duties (to decide, to dispatch,
to check ...) are counted when they are done or late, never while there is still time.

One query reads every step once: `FACTS` has a row for each duty, with who did it, and what is
counted and how it is grouped is data (`evaluation_definitions`).
"""

from __future__ import annotations

import datetime as dt
import tomllib
from pathlib import Path

import msgspec

from xinji.loop.house import House
from xinji.model.title import Title
from xinji.store.observations import moment
from xinji.systems.platforms.operations.case_type import POSTS
from xinji.systems.platforms.operations.evaluation_definitions import (
    COUNTS,
    RATES,
    SCORES,
    VOLUMES,
    grade,
    score,
)
from xinji.systems.platforms.operations.service import Operations

BY = ("post", "person", "department", "area", "class", "channel")
AREA_DIGITS = {"district": 6, "street": 9, "committee": 12, "grid": 32}
"""Digits of the area codes of a level: areas are compared street by street by default."""

LIMITS_FILE = Path(__file__).with_name("stage_limits.toml")

PUBLIC = ("12345", "110", "resident", "open311")
"""Channels by which the public reports."""

MACHINE = Title("机器", "Machine")

_PERIOD = """
    type = 'urban' and opened_at >= $from and opened_at < $to and starts_with(area, $scope)
"""

# Spans: a step that changes the state begins one, the next such step ends it. What follows a
# dispatch is looked for among the steps that say whether it was right.
FACTS = f"""
with own as materialized (
    select *, coalesce(outcome in ('confirmed', 'verified', 'recovered', 'closed'), false)
            as worked_off,
        overdue or (closed_at is null and due_at is not null and due_at <= $now) as late
    from cases where {_PERIOD} and outcome is distinct from 'merged'
),
spans as materialized (
    select s.case_id, s.number, s.action, s.to_state as state, s.time, s.actor, s.role,
        lead(s.number) over steps as next_number,
        lead(s.action) over steps as next_action,
        lead(s.actor) over steps as next_actor,
        lead(s.role) over steps in ('rule', 'timer') as next_machine,
        lead(s.time) over steps is not null as ended,
        epoch_us(coalesce(lead(s.time) over steps, $now)) - epoch_us(s.time) as us
    from case_steps s semi join own on own.id = s.case_id
    where s.from_state <> s.to_state
    window steps as (partition by s.case_id order by s.number)
),
judged as (
    select s.case_id, s.number,
        lead(s.action) over (partition by s.case_id order by s.number) as follows
    from case_steps s semi join own on own.id = s.case_id
    where s.action in ('dispatch', 'return', 'hand-over', 'rework')
),
stories as materialized (
    select case_id,
        coalesce(sum(us) filter (state = 'reported'
            and number < coalesce(first_decision, 2147483647)), 0) as undecided_us,
        coalesce(sum(us) filter (state in ('verifying', 'reviewing') and number > last_work), 0)
            as closing_us,
        arg_min(actor, number) filter (action in ('file', 'refuse')) as decider,
        arg_min(role, number) filter (action in ('file', 'refuse')) in ('rule', 'timer')
            as decided_by_machine,
        bool_or(action in ('file', 'refuse')) as decided,
        bool_or(action = 'file') as filed,
        arg_min(actor, number) filter (action in ('ask-check', 'file', 'refuse')) as acceptor,
        arg_min(role, number) filter (action in ('ask-check', 'file', 'refuse'))
            in ('rule', 'timer') as accepted_by_machine,
        bool_or(action = 'dispatch') as dispatched,
        bool_or(action in ('rework', 'reopen')) as reworked,
        bool_or(action = 'grant-suspension') as suspended,
        arg_min(actor, number) as opener,
        arg_max(actor, number) filter (action = 'done') as doer,
        arg_max(role, number) filter (state = 'closed') in ('rule', 'timer') as closed_by_machine
    from (
        select *,
            min(number) filter (action in ('file', 'refuse')) over (partition by case_id)
                as first_decision,
            coalesce(max(number) filter (state in ('filed', 'dispatched', 'handling'))
                over (partition by case_id), 0) as last_work
        from spans
    ) group by case_id
),
found as (
    select r.case_id, bool_or(r.channel = 'patrol') as patrolled,
        bool_or(r.channel in {PUBLIC!r}) as by_public
    from reports r semi join own on own.id = r.case_id group by r.case_id
),
known as materialized (
    select own.*, stories.* exclude (case_id), found.patrolled, found.by_public
    from own join stories on stories.case_id = own.id left join found on found.case_id = own.id
),
duties as (
    select 'case' as kind, id as case_id, '' as post, '' as actor, true as done, true as in_time,
        true as accurate
    from known
    union all
    select 'finding', id, 'inspector', '', coalesce(patrolled, false), true, true
    from known where filed and outcome is distinct from 'void' and (patrolled or by_public)
    union all
    select 'acceptance', id, if(accepted_by_machine, 'machine', 'intake'), acceptor, true, true,
        true
    from known where acceptor is not null
    union all
    select 'ask-check', case_id, if(next_machine, 'machine', 'intake'), next_actor, true,
        us <= $ask_check, true
    from spans where state = 'reported' and next_action = 'ask-check'
    union all
    select 'check', case_id, 'inspector', coalesce(next_actor, ''), ended, us <= $check, true
    from spans where state = 'checking' and (ended or us > $check)
        and coalesce(next_action, '') not in ('merge', 'void')
    union all
    select 'filing', id, if(decided_by_machine, 'machine', 'shift-leader'), coalesce(decider, ''),
        filed, decided and undecided_us <= $file, outcome is distinct from 'void'
    from known where decided or (closed_at is null and undecided_us > $file)
    union all
    select 'dispatch', spans.case_id, if(next_machine, 'machine', 'dispatcher'),
        coalesce(next_actor, ''), ended, ended and us <= $dispatch,
        coalesce(judged.follows, 'dispatch') = 'dispatch'
    from spans left join judged
        on judged.case_id = spans.case_id and judged.number = spans.next_number
    where state = 'filed' and (next_action = 'dispatch' or (not ended and us > $dispatch))
    union all
    select 'handling', id, 'department', department, done_at is not null or worked_off, not late,
        true
    from known where dispatched and (closed_at is null or worked_off)
        and (done_at is not null or worked_off or late)
    union all
    select 'ask-verification', case_id, if(next_machine, 'machine', 'intake'), next_actor, true,
        us <= $ask_verification, true
    from spans where state = 'verifying' and next_action = 'ask-person'
    union all
    select 'verification', case_id, 'inspector', coalesce(next_actor, ''), ended, us <= $verify,
        true
    from spans where state = 'reviewing' and (ended or us > $verify)
        and not coalesce(next_machine, false)
        and coalesce(next_action, '') not in ('merge', 'void')
    union all
    select 'closing', id, if(decided_by_machine, 'machine', 'shift-leader'), coalesce(decider, ''),
        worked_off, not late and closing_us <= $close, true
    from known where filed and (closed_at is null or worked_off)
        and (worked_off or late or closing_us > $close)
),
facts as (
    select d.kind, d.post, d.actor, d.done, d.in_time, d.accurate, k.department, k.area,
        k.case_class, k.channel, k.exempt, k.reworked or k.reopened > 0 as reworked,
        k.extensions > 0 as extended, k.suspended,
        coalesce(k.outcome = 'refused', false) as refused,
        coalesce(k.outcome = 'void', false) as voided,
        k.closed_by_machine as by_machine,
        coalesce(k.outcome = 'recovered' or k.opener = k.doer, false) as self_handled
    from duties d join known k on k.id = d.case_id
    union all by name
    select 'merged' as kind, '' as post, '' as actor, department, area, case_class, channel,
        exempt
    from cases where {_PERIOD} and outcome = 'merged'
    union all by name
    select 'report' as kind, if(r.channel = 'patrol', 'inspector', '') as post, r.sender as actor,
        coalesce(f.case_id is not null and c.outcome is distinct from 'void', false) as accurate,
        coalesce(c.department, '') as department, r.area, r.case_class, r.channel,
        coalesce(c.exempt, false) as exempt
    from reports r left join cases c on c.id = r.case_id
    left join (select distinct case_id from case_steps where action = 'file') f
        on f.case_id = r.case_id
    where r.received_at >= $from and r.received_at < $to and starts_with(r.area, $scope)
)
"""


class StageLimits(msgspec.Struct):
    """Minutes allowed for the stages; `verified` when the district's own rule was read."""

    verified: bool
    source: str
    minutes: dict[str, float]


class Row(msgspec.Struct, kw_only=True):
    """Figures of one post, person, department, area, class or channel."""

    key: str
    title: Title
    counts: dict[str, int]
    rates: dict[str, float | None]
    score: float | None = None
    grade: str | None = None


def stage_limits(file: Path = LIMITS_FILE) -> StageLimits:
    """The time allowed for each stage. Raises msgspec.ValidationError."""
    return msgspec.convert(tomllib.loads(file.read_text()), StageLimits)


def evaluate(
    house: House, start: int, end: int, by: str, *, scope: str = "", level: str = "street"
) -> list[Row]:
    """The rows of a period.

    Args:
        start, end: Unix microseconds; cases opened and reports received in [start, end).
        by: one of `BY`; with `post` and `person` a score and a grade where the post has one.
        scope: only areas whose code begins so.
        level: how far area codes are kept apart, a key of `AREA_DIGITS`.
    """
    house.mirror.refresh()
    keys = {
        "post": "post || '/' || actor",
        "person": "post || '/' || actor",
        "department": "department",
        "area": f"left(area, {AREA_DIGITS[level]})",
        "class": "case_class",
        "channel": "channel",
    }
    where = "post <> ''" if by in ("post", "person") else "true"
    sums = ", ".join(
        f"count(*) filter ({each.sql}) as {each.name}, "
        f"count(*) filter (({each.sql}) and not exempt) as {each.name}_counting"
        for each in COUNTS
    )
    query = (
        f"{FACTS} select {keys[by]} as key, {sums} from facts where {where} group by 1 order by 1"
    )
    minutes = stage_limits().minutes
    table = house.store.sql(
        query,
        {name: int(value * 60e6) for name, value in minutes.items()}
        | {"from": _naive(start), "to": _naive(end), "now": _naive(house.clock.now())}
        | {"scope": scope},
    )
    found = {row.pop("key"): row for row in table.to_pylist()}
    if by not in ("post", "person"):
        return [_row(key, _title(house, by, key), sums_) for key, sums_ in found.items()]
    people = {tuple(key.split("/", 1)): sums_ for key, sums_ in found.items()}
    return _scored(people, by)


def _naive(at: int) -> dt.datetime:
    return moment(at).replace(tzinfo=None)


def _row(key: str, title: Title, sums: dict[str, int]) -> Row:
    return Row(
        key=key,
        title=title,
        counts={each.name: sums[each.name] for each in COUNTS},
        rates={
            each.name: _share(sums[f"{each.part}_counting"], sums[f"{each.whole}_counting"])
            for each in RATES
        },
    )


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 6) if whole else None


def _scored(people: dict[tuple[str, ...], dict[str, int]], by: str) -> list[Row]:
    """Rows of posts or of people in posts; a volume is compared inside the post."""
    weights = {each.post: each.weights for each in SCORES}
    groups: dict[str, list[dict[str, int]]] = {}
    for (post, actor), sums in people.items():
        groups.setdefault(post if by == "post" else f"{post}/{actor}", []).append(sums)
    rows = []
    for key, members in groups.items():
        post, _, actor = key.partition("/")
        if by == "person" and not actor:
            continue
        total = {name: sum(each[name] for each in members) for name in members[0]}
        known = MACHINE if post == "machine" else POSTS.get(post, Title(post, post))
        title = Title(f"{known.zh} {actor}".strip(), f"{known.en} {actor}".strip())
        row = _row(key, title, total)
        for name, (count, _, _) in VOLUMES.items():
            most = max(s[count] for (p, _), s in people.items() if p == post)
            officers = [each[count] for each in members if each[count]]
            mean = sum(officers) / len(officers) if officers else 0.0
            row.rates[name] = round(mean / most, 6) if most else None
        if post in weights:
            row.score = score(row.rates, weights[post])
            row.grade = grade(row.score)
        rows.append(row)
    order = {post: at for at, post in enumerate((*POSTS, "machine"))}
    return sorted(rows, key=lambda row: (order.get(row.key.partition("/")[0], 99), row.key))


def _title(house: House, by: str, key: str) -> Title:
    if by == "area" and key in house.registry.areas:
        return house.registry.areas[key].title
    if by == "class" and key in house.cases.classes:
        return house.cases.classes[key].title
    if by == "department":
        departments = house.service(Operations).classes.departments
        if key in departments:
            return departments[key].title
    return CHANNEL_TITLES.get(key, Title(key, key)) if by == "channel" else Title(key, key)


CHANNEL_TITLES = {
    "camera": Title("视频", "Camera"),
    "sensor": Title("传感器", "Sensor"),
    "patrol": Title("巡查上报", "Patrol"),
    "12345": Title("12345 热线", "Hotline 12345"),
    "110": Title("110 转办", "Police 110"),
    "open311": Title("Open311", "Open311"),
    "resident": Title("市民上报", "Resident"),
}
