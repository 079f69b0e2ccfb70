"""The SM3 hash chain (GB/T 32905-2016): each record's hash covers the record and the hash before.

An altered record breaks its own link; a removed or moved one breaks the next. Records cut from the
end are found by the checkpoints, which are also written outside the database.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import msgspec

GENESIS = "0" * 64

_encoder = msgspec.json.Encoder()


def sm3(data: bytes) -> str:
    """SM3 of bytes, 64 hexadecimal digits."""
    return hashlib.new("sm3", data).hexdigest()


def link(previous: str, record: Iterable[Any]) -> str:
    """Hash of a record (numbers and texts, in the column order of its table) after `previous`."""
    return sm3(previous.encode() + b"\n" + _encoder.encode(tuple(record)))
