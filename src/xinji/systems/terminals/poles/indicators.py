"""The figures of shared poles.

Mounts are not in the tables that figures read; what is counted of them is observed by the part
(`service.py`) and so keeps its history.
"""

from __future__ import annotations

from xinji.model.indicators import Indicator
from xinji.model.title import Title
from xinji.system.counting import IN_SERVICE, count_in_service, rows_in_service

SYSTEM = "terminals.poles"
OWNER = "区市政管理中心"
LIVE = "(attributes->>'status') = 'live'"
CONFLICT_RULES = """rule IN ('terminals.poles.conflict_pole',
  'terminals.poles.conflict_equipment_box', 'terminals.poles.conflict_power_box')"""


def _newest(kind: str, *names: str) -> str:
    """The newest figures of each thing of a kind in service at `$asof`, a column for each."""
    columns = ", ".join(
        f"arg_max(o.value, o.time) FILTER (WHERE o.property = '{name}') AS {name}" for name in names
    )
    wanted = ", ".join(f"'{name}'" for name in names)
    service = IN_SERVICE.replace("in_service_since", "t.in_service_since").replace(
        "retired_at", "t.retired_at"
    )
    live = f" AND {LIVE.replace('attributes', 't.attributes')}" if kind == "pole" else ""
    return (
        f"SELECT t.id, t.name, t.area, {columns}, max(o.time) AS last, max(o.source) AS source "
        "FROM observations o JOIN things t ON t.id = o.thing "
        f"WHERE o.kind = '{kind}' AND o.property IN ({wanted}) AND o.time <= $asof "
        f"AND {service}{live} GROUP BY t.id, t.name, t.area"
    )


SLOTS = _newest("pole", "slots", "slots_used")
STATIONS = _newest("pole", "stations")
DEVICES = _newest("pole", "devices")
POWER = _newest("power-box", "power_used")
OPEN_CONFLICTS = f"""{CONFLICT_RULES} AND started_at <= $asof
  AND (ended_at IS NULL OR ended_at > $asof)"""

INDICATORS = (
    Indicator(
        id="terminals.poles.in_service",
        title=Title("在用综合杆", "Shared poles in service"),
        unit="1",
        sql=count_in_service("pole", LIVE),
        rows_sql=rows_in_service("pole", LIVE),
        owner=OWNER,
        system=SYSTEM,
        decimals=0,
    ),
    Indicator(
        id="terminals.poles.slots_used",
        title=Title("综合杆搭载位利用率", "Slots in use"),
        unit="%",
        sql=f"SELECT 100.0 * sum(slots_used) / nullif(sum(slots), 0) AS value FROM ({SLOTS})",
        rows_sql=f"{SLOTS} ORDER BY t.id",
        owner=OWNER,
        system=SYSTEM,
    ),
    Indicator(
        id="terminals.poles.with_station",
        title=Title("搭载5G微基站的综合杆", "Poles with a 5G station"),
        unit="1",
        sql=f"""SELECT CASE WHEN count(id) = 0 THEN NULL
  ELSE count(id) FILTER (WHERE stations > 0) END AS value FROM ({STATIONS})""",
        rows_sql=f"{STATIONS} ORDER BY stations DESC, t.id",
        owner=OWNER,
        system=SYSTEM,
        decimals=0,
    ),
    Indicator(
        id="terminals.poles.devices_per_pole",
        title=Title("杆均搭载设备数", "Devices a pole"),
        unit="1",
        sql=f"SELECT avg(devices) AS value FROM ({DEVICES})",
        rows_sql=f"{DEVICES} ORDER BY t.id",
        owner=OWNER,
        system=SYSTEM,
        decimals=2,
    ),
    Indicator(
        id="terminals.poles.power_headroom",
        title=Title("综合电源箱余量", "Power headroom"),
        unit="%",
        sql=f"SELECT avg(greatest(0, 100.0 - power_used)) AS value FROM ({POWER})",
        rows_sql=f"{POWER} ORDER BY power_used DESC",
        owner=OWNER,
        system=SYSTEM,
    ),
    Indicator(
        id="terminals.poles.conflicts_open",
        title=Title("未消除的搭载冲突", "Open conflicts"),
        unit="1",
        direction="down",
        sql=f"""SELECT CASE WHEN (SELECT count(id) FROM things WHERE kind = 'pole'
  AND {IN_SERVICE}) > 0 THEN count(id) END AS value FROM events WHERE {OPEN_CONFLICTS}""",
        rows_sql=f"""SELECT id, rule, thing, area, started_at, value, source FROM events
WHERE {OPEN_CONFLICTS} ORDER BY started_at""",
        owner=OWNER,
        system=SYSTEM,
        decimals=0,
    ),
)
