"""What the machine reads in the text of a report; made by `text_reading`, used by the intake."""

from __future__ import annotations

import msgspec


class ReadPlace(msgspec.Struct, frozen=True, kw_only=True):
    """A place named in a text, WGS-84 degrees; `error_m` is how exact the name is."""

    name: str
    longitude: float
    latitude: float
    error_m: float
    confidence: float


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """Classes by falling confidence (code, probability), the place and the urgency.

    `known` is false when the text is of no class, or of none more likely than not: then the first
    class is no suggestion.
    """

    classes: tuple[tuple[str, float], ...]
    known: bool = True
    place: ReadPlace | None = None
    urgency: str = "normal"
    urgency_confidence: float = 0.0
