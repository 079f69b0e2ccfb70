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


def digest(record: Iterable[Any]) -> str:
    """SM3 of a record (numbers and texts, in the column order of its table)."""
    return sm3(_encoder.encode(tuple(record)))


def link(previous: str, record: Iterable[Any]) -> str:
    """Hash of a record after `previous`.

    Only the record's digest enters, so that a stretch of the chain can be shown to an outsider as
    digests, without the records of others.
    """
    return sm3(f"{previous}\n{digest(record)}".encode())


def tagged_link(previous: str, tag: str, record: Iterable[Any]) -> str:
    """Hash of a step after `previous`, with the tag of its case beside the digest.

    An outsider who is shown tags and digests sees that no step of a case was left out.
    """
    return sm3(f"{previous}\n{tag}\n{digest(record)}".encode())


def first_link(previous: str, record: Iterable[Any]) -> str:
    """The link of the first version, still found in chains that began with it."""
    return sm3(previous.encode() + b"\n" + _encoder.encode(tuple(record)))
