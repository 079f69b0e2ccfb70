"""The figures of the sensing network."""

from __future__ import annotations

from xinji.model.indicators import Indicator
from xinji.model.title import Title
from xinji.system.counting import (
    count_in_service,
    mean_observed,
    rows_in_service,
    rows_observed,
)

SYSTEM = "terminals.sensing"
OWNER = "区城运中心"

PROGRAMMES = (
    ("ai_streams", "ai-stream", Title("AI视觉中枢视频路数", "AI vision streams")),
    ("new_terminals_2021", "new-2021", Title("2021年新建视频终端", "New video terminals of 2021")),
    ("high_point_cameras", "high-point", Title("高空瞭望摄像机", "High-point lookout cameras")),
    ("smart_upgraded_cameras", "smart-upgrade", Title("智能化改造摄像机", "Upgraded cameras")),
    ("new_hd_cameras", "new-hd", Title("新建及改造高清智能摄像机", "New smart HD cameras")),
)


def _programme(name: str) -> str:
    return f"(attributes->>'programme') = '{name}'"


INDICATORS = (
    *(
        Indicator(
            id=f"terminals.sensing.{name}",
            title=title,
            unit="1",
            sql=count_in_service("camera", _programme(programme)),
            rows_sql=rows_in_service("camera", _programme(programme)),
            owner=OWNER,
            system=SYSTEM,
            decimals=0,
        )
        for name, programme, title in PROGRAMMES
    ),
    Indicator(
        id="terminals.sensing.stream_availability",
        title=Title("视频在线率（24小时）", "Stream availability, 24 h"),
        unit="%",
        sql=mean_observed("camera", "stream", "24 HOUR", scale="100.0 * "),
        rows_sql=rows_observed("camera", "stream", "24 HOUR"),
        owner=OWNER,
        system=SYSTEM,
        decimals=2,
    ),
)
