"""What environment sensing registers and observes."""

from __future__ import annotations

from xinji.model.things import Attribute, Kind, Property
from xinji.model.title import Title

ENVIRONMENT_STATION = Kind(
    name="environment-station",
    title=Title("环境监测站", "Environment station"),
    icon="station-air",
    attributes=(Attribute(name="site", title=Title("站址", "Site")),),
    properties=(
        Property(
            name="pm2_5",
            title=Title("PM2.5浓度", "PM2.5"),
            unit="ug/m3",
            minimum=0,
            maximum=1_000,
            expected_seconds=20,
        ),
        Property(
            name="temperature",
            title=Title("气温", "Temperature"),
            unit="Cel",
            minimum=-40,
            maximum=60,
            expected_seconds=20,
        ),
        Property(
            name="humidity",
            title=Title("相对湿度", "Relative humidity"),
            unit="%",
            minimum=0,
            maximum=100,
            expected_seconds=60,
        ),
        Property(
            name="rain_mm_h",
            title=Title("雨强", "Rain intensity"),
            unit="mm/h",
            minimum=0,
            maximum=500,
            expected_seconds=20,
        ),
    ),
)

KINDS = (ENVIRONMENT_STATION,)
