"""The figures of shared poles."""

from __future__ import annotations

from xinji.model.indicators import Indicator
from xinji.model.title import Title
from xinji.systems.counting import count_in_service, rows_in_service

SYSTEM = "terminals.poles"
OWNER = "区市政管理中心"
LIVE = "(attributes->>'status') = 'live'"

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
)
