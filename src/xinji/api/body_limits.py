"""What every JSON body is held to, whatever its shape: a route cannot forget it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import msgspec

MOST_ITEMS = 5_000
"""Items of one list or object."""
LONGEST_TEXT = 20_000
MOST_DEPTH = 32

CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
"""What no text holds: PostgreSQL stores no NUL, UTF-8 no lone surrogate, XML none of them."""


def beyond_limits(value: Any, most_items: int = MOST_ITEMS) -> tuple[str, str] | None:
    """(field, rule) of the first value of a decoded body that goes too far, None when none does."""
    return _beyond(value, "", most_items, 0)


def _beyond(value: Any, place: str, most: int, depth: int) -> tuple[str, str] | None:
    if isinstance(value, str):
        if len(value) > LONGEST_TEXT:
            return place, f"at most {LONGEST_TEXT:,} characters"
        return (place, "no control characters") if CONTROLS.search(value) else None
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, int):
        return None if -(1 << 63) <= value < 1 << 63 else (place, "a whole number of 64 bits")
    if isinstance(value, float):
        return None if math.isfinite(value) else (place, "a finite number")
    if depth > MOST_DEPTH:
        return place, f"at most {MOST_DEPTH} levels"
    if isinstance(value, msgspec.Struct):
        parts: list[tuple[str, Any]] = [
            (name, getattr(value, name)) for name in value.__struct_fields__
        ]
    elif isinstance(value, Mapping):
        if len(value) > most:
            return place, f"at most {most:,} members"
        for name in value:
            if broken := _beyond(name, place, most, depth + 1):
                return broken
        parts = [(str(name)[:64], each) for name, each in value.items()]
    elif isinstance(value, (list, tuple, set, frozenset)):
        if len(value) > most:
            return place, f"at most {most:,} items"
        parts = [(f"[{at}]", each) for at, each in enumerate(value)]
    else:
        return None
    for name, each in parts:
        where = f"{place}{name}" if name.startswith("[") or not place else f"{place}.{name}"
        if broken := _beyond(each, where, most, depth + 1):
            return broken
    return None
