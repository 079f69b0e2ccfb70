"""The district that runs: its names, its time, its extent and its base map, as data."""

from __future__ import annotations

from typing import Any

import msgspec

from xinji.model.title import Title


class Locality(msgspec.Struct, frozen=True, kw_only=True):
    """What pages and texts need to know of the district, whichever it is.

    Attributes:
        name: its name in its own language.
        code: official code of 6 digits; the codes of its areas begin with it.
        illustrative: True when the geometry is a drawing and not a survey.
        time_zone: IANA name of its civil time.
        center: longitude and latitude in degrees (WGS-84). bounds: west, south, east, north.
        basemap: a GeoJSON FeatureCollection with the properties `layer`, `name` and `title`.
    """

    name: str = ""
    title: Title = Title("", "")
    code: str = ""
    illustrative: bool = False
    time_zone: str = "Asia/Shanghai"
    center: tuple[float, float] | None = None
    bounds: tuple[float, float, float, float] | None = None
    basemap: dict[str, Any] = msgspec.field(default_factory=dict)
