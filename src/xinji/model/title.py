"""Names that people read, in both languages of the house."""

from __future__ import annotations

import msgspec


class Title(msgspec.Struct, frozen=True):
    """A name in Chinese and in English. Chinese comes first on every page."""

    zh: str
    en: str
