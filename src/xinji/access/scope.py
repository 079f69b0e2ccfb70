"""Area scope as SQL: every list carries it, no row is checked one by one."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

# Codes are digits; "~" sorts after every digit and letter, so the range holds all codes below.
_AFTER = "~"


def within(column: Any, area: str) -> sa.ColumnElement[bool]:
    """True for rows whose area code lies in `area`; an empty `area` is the whole district.

    A range rather than LIKE, so that an index on the column serves it.
    """
    if not area:
        return sa.true()
    return sa.and_(column >= area, column < area + _AFTER)


def contains(area: str, code: str) -> bool:
    """The same test on one code."""
    return code.startswith(area)
