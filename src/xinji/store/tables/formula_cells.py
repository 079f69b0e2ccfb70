"""Text that a spreadsheet would run: made harmless on the way out, as it was on the way in.

Source: OWASP, CSV Injection. A spreadsheet runs a cell that begins with = + - @ (their full-width
forms too), tab or carriage return. Such a text is written with an apostrophe in front; a plain
number keeps its sign. The apostrophe is taken away again by the one reader of tables, and so that
this is exact, a text that already looks escaped is escaped once more.
"""

from __future__ import annotations

import re

_RUN = re.compile("'*[=+\\-@\t\r\n＝＋－＠]")
_ESCAPED = re.compile("'+[=+\\-@\t\r\n＝＋－＠]")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def harmless(text: str) -> str:
    """The text as a cell that no spreadsheet runs; `taken_back` is its inverse."""
    if _RUN.match(text) and not _NUMBER.fullmatch(text):
        return "'" + text
    return text


def taken_back(cell: str) -> str:
    """The text that `harmless` was given."""
    return cell[1:] if cell[:1] == "'" and _ESCAPED.match(cell) else cell
