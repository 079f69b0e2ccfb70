"""The figures of city operation: what is connected, and how cases are closed."""

from __future__ import annotations

from xinji.model.indicators import Indicator
from xinji.model.title import Title

SYSTEM = "platforms.operations"
OWNER = "区城运中心"

HEARD = """SELECT thing, max(source) AS source FROM observations
WHERE time <= $asof AND time > $asof - INTERVAL 24 HOUR GROUP BY thing"""

CLOSED = "closed_at <= $asof AND closed_at > $asof - INTERVAL 30 DAY"

OPENED = """type = 'urban' AND outcome IS DISTINCT FROM 'merged'
  AND opened_at <= $asof AND opened_at > $asof - INTERVAL 30 DAY"""

WORKED_OFF = (
    f"""type = 'urban' AND outcome IN ('verified', 'confirmed', 'recovered') AND {CLOSED}"""
)

COUNTING = f"""{CLOSED} AND NOT exempt
  AND (outcome IS NULL OR outcome NOT IN ('void', 'refused', 'merged'))"""
"""A granted appeal takes a case out of the rates; its row stays among the facts."""

CHECKED = """FROM spot_checks k JOIN case_steps s
  ON s.case_id = k.case_id AND s.action = 'verify' AND s.time = k.asked_at
JOIN cases c ON c.id = k.case_id
WHERE k.answered_at <= $asof AND k.answered_at > $asof - INTERVAL 90 DAY"""
"""Spot checks of what the machine closed: made at the moment of its step `verify`."""

DISPATCHES = """FROM case_steps s JOIN cases c ON c.id = s.case_id
WHERE c.type = 'urban' AND s.action = 'dispatch' AND s.from_state = 'filed'
  AND s.time <= $asof AND s.time > $asof - INTERVAL 30 DAY"""

INDICATORS = (
    Indicator(
        id="platforms.operations.access_share",
        title=Title("监管要素接入率（24小时内有数据）", "Supervised things heard within 24 h"),
        unit="%",
        sql=f"""SELECT 100.0 * nullif(count(heard.thing), 0) / nullif(count(t.id), 0) AS value
FROM things t LEFT JOIN ({HEARD}) heard ON heard.thing = t.id
WHERE t.in_service_since <= $asof AND (t.retired_at IS NULL OR t.retired_at > $asof)""",
        rows_sql=f"""SELECT t.kind, count(t.id) AS things, count(heard.thing) AS heard,
  max(coalesce(heard.source, t.source)) AS source
FROM things t LEFT JOIN ({HEARD}) heard ON heard.thing = t.id
WHERE t.in_service_since <= $asof AND (t.retired_at IS NULL OR t.retired_at > $asof)
GROUP BY t.kind ORDER BY t.kind""",
        owner=OWNER,
        system=SYSTEM,
    ),
    Indicator(
        id="platforms.operations.closed_in_time_share",
        title=Title("按时结案率（30天）", "Cases closed in time, 30 days"),
        unit="%",
        sql=f"""SELECT 100.0 * count(id) FILTER (WHERE NOT overdue)
  / nullif(count(id), 0) AS value FROM cases WHERE {COUNTING}""",
        rows_sql=f"""SELECT id, case_class, calendar, area, opened_at, closed_at, overdue,
  extensions, outcome, source FROM cases WHERE {COUNTING} ORDER BY closed_at DESC""",
        owner=OWNER,
        system=SYSTEM,
    ),
    Indicator(
        id="platforms.operations.median_minutes_to_close",
        title=Title("结案用时中位数（30天）", "Median time to close, 30 days"),
        unit="min",
        direction="down",
        sql=f"""SELECT median(date_diff('second', opened_at, closed_at)) / 60.0 AS value
FROM cases WHERE {CLOSED}""",
        rows_sql=f"""SELECT id, case_class, area, opened_at, closed_at, source
FROM cases WHERE {CLOSED} ORDER BY closed_at DESC""",
        owner=OWNER,
        system=SYSTEM,
    ),
    Indicator(
        id="platforms.operations.false_close_rate",
        title=Title(
            "机器误结案率（抽查，90天）", "False closes of the machine (spot checks, 90 days)"
        ),
        unit="%",
        direction="down",
        decimals=2,
        sql=f"""SELECT 100.0 * count(*) FILTER (WHERE k.still_there) / nullif(count(*), 0) AS value
{CHECKED}""",
        rows_sql=f"""SELECT k.case_id, c.case_class, c.area, k.asked_at, k.answered_at,
  k.answered_by, k.still_there, c.source
{CHECKED} ORDER BY k.answered_at DESC""",
        owner=OWNER,
        system=SYSTEM,
    ),
    Indicator(
        id="platforms.operations.found_by_machine_share",
        title=Title("主动发现率（30天）", "Cases that a machine reported first, 30 days"),
        unit="%",
        sql=f"""SELECT 100.0 * count(id) FILTER (WHERE channel IN ('camera', 'sensor'))
  / nullif(count(id), 0) AS value FROM cases WHERE {OPENED}""",
        rows_sql=f"""SELECT channel, count(id) AS cases, max(source) AS source
FROM cases WHERE {OPENED} GROUP BY channel ORDER BY channel""",
        owner=OWNER,
        system=SYSTEM,
    ),
    Indicator(
        id="platforms.operations.dispatched_by_machine_share",
        title=Title("智能派单率（30天）", "Dispatched by the machine, 30 days"),
        unit="%",
        sql=f"""SELECT 100.0 * count(s.id) FILTER (WHERE s.role = 'rule')
  / nullif(count(s.id), 0) AS value {DISPATCHES}""",
        rows_sql=f"""SELECT s.case_id, s.time, s.actor, s.role, c.area, c.source
{DISPATCHES} ORDER BY s.time DESC""",
        owner=OWNER,
        system=SYSTEM,
    ),
    Indicator(
        id="platforms.operations.closed_loop_share",
        title=Title("闭环率（30天）", "Cases closed of those opened, 30 days"),
        unit="%",
        sql=f"""SELECT 100.0 * count(id) FILTER (WHERE closed_at <= $asof)
  / nullif(count(id), 0) AS value FROM cases WHERE {OPENED}""",
        rows_sql=f"""SELECT id, case_class, state, area, opened_at, closed_at, outcome, source
FROM cases WHERE {OPENED} ORDER BY opened_at DESC""",
        owner=OWNER,
        system=SYSTEM,
    ),
    Indicator(
        id="platforms.operations.closed_by_machine_share",
        title=Title("机器结案率（30天）", "Closed by the machine's re-check, 30 days"),
        unit="%",
        sql=f"""SELECT 100.0 * count(id) FILTER (WHERE outcome = 'verified')
  / nullif(count(id), 0) AS value FROM cases WHERE {WORKED_OFF}""",
        rows_sql=f"""SELECT id, case_class, area, closed_at, outcome, source
FROM cases WHERE {WORKED_OFF} ORDER BY closed_at DESC""",
        owner=OWNER,
        system=SYSTEM,
    ),
    Indicator(
        id="platforms.operations.median_hours_to_close",
        title=Title(
            "城市案件结案用时中位数（30天）", "Median time to close an urban case, 30 days"
        ),
        unit="h",
        direction="down",
        sql=f"""SELECT median(date_diff('second', opened_at, closed_at)) / 3600.0 AS value
FROM cases WHERE {WORKED_OFF} AND NOT exempt""",
        rows_sql=f"""SELECT id, case_class, area, opened_at, closed_at, source
FROM cases WHERE {WORKED_OFF} AND NOT exempt ORDER BY closed_at DESC""",
        owner=OWNER,
        system=SYSTEM,
    ),
)
