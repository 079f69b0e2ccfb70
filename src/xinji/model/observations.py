"""Observations, and why one is refused."""

from __future__ import annotations

from enum import IntEnum, StrEnum

import msgspec


class Source(IntEnum):
    """Where data come from. A page that shows anything but `MEASURED` says so."""

    MEASURED = 0
    REPLAYED = 1
    SIMULATED = 2

    @property
    def word(self) -> str:
        """The word used in the API and in SQL: `measured`, `replayed`, `simulated`."""
        return self.name.lower()

    @classmethod
    def of(cls, word: str) -> Source:
        """The source of a word. Raises KeyError for an unknown one."""
        return cls[word.upper()]


class Quality(IntEnum):
    """Quality of an observation, after OPC UA: good, uncertain, bad."""

    GOOD = 0
    UNCERTAIN = 1
    BAD = 2


class Reason(StrEnum):
    """Why an observation is refused: the words of the API, of the refusal table and of metrics."""

    UNKNOWN_THING = "unknown-thing"
    UNKNOWN_PROPERTY = "unknown-property"
    NOT_PERMITTED = "not-permitted"
    MALFORMED = "malformed"
    BAD_TIME = "bad-time"
    FUTURE = "future"
    NOT_FINITE = "not-finite"
    OUT_OF_RANGE = "out-of-range"
    WRONG_UNIT = "wrong-unit"
    TOO_MANY = "too-many"


class Refusal(msgspec.Struct, frozen=True):
    """One refused record of a batch: its index there, the reason, and a sentence for a person."""

    index: int
    reason: Reason
    detail: str


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a batch, given after the commit that holds it.

    `stored` new rows, `repeated` rows that were already there (same thing, property, time and
    source), `refused` rows with their reasons. `failure` is set when nothing of the batch was
    committed (disk full): the sender must keep its data and try again.
    """

    stored: int = 0
    repeated: int = 0
    refused: tuple[Refusal, ...] = ()
    failure: str | None = None
