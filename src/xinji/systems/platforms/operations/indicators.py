"""The figures of city operation: what is connected, and how cases are closed."""

from __future__ import annotations

from xinji.model.indicators import Indicator
from xinji.model.title import Title

SYSTEM = "platforms.operations"
OWNER = "区城运中心"

HEARD = """SELECT thing, max(source) AS source FROM observations
WHERE time <= $asof AND time > $asof - INTERVAL 24 HOUR GROUP BY thing"""

CLOSED = "closed_at <= $asof AND closed_at > $asof - INTERVAL 30 DAY"

INDICATORS = (
    Indicator(
        id="platforms.operations.access_share",
        title=Title("监管要素接入率(24小时内有数据)", "Supervised things heard within 24 h"),
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
        title=Title("按时结案率(30天)", "Cases closed in time, 30 days"),
        unit="%",
        sql=f"""SELECT 100.0 * count(id) FILTER (WHERE due_at IS NULL OR closed_at <= due_at)
  / nullif(count(id), 0) AS value FROM cases WHERE {CLOSED}""",
        rows_sql=f"""SELECT id, case_class, thing, area, opened_at, due_at, closed_at,
  outcome, source FROM cases WHERE {CLOSED} ORDER BY closed_at DESC""",
        owner=OWNER,
        system=SYSTEM,
    ),
    Indicator(
        id="platforms.operations.median_minutes_to_close",
        title=Title("结案用时中位数(30天)", "Median time to close, 30 days"),
        unit="min",
        direction="down",
        sql=f"""SELECT median(date_diff('second', opened_at, closed_at)) / 60.0 AS value
FROM cases WHERE {CLOSED}""",
        rows_sql=f"""SELECT id, case_class, area, opened_at, closed_at, source
FROM cases WHERE {CLOSED} ORDER BY closed_at DESC""",
        owner=OWNER,
        system=SYSTEM,
    ),
)
