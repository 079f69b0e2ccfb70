"""Who gets what packed: the header's words, short answers, files that were built."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from xinji.api.compression import LEAST_BYTES, accepts, built, gzipped


@pytest.mark.parametrize(
    ("header", "coding", "taken"),
    [
        ("gzip, deflate, br", "gzip", True),
        ("gzip, deflate, br", "br", True),
        ("GZIP;q=0.5", "gzip", True),
        ("*", "br", True),
        ("gzip;q=0", "gzip", False),
        ("gzip; q=0.000", "gzip", False),
        ("br", "gzip", False),
        ("xgzip", "gzip", False),
        ("", "gzip", False),
    ],
)
def test_the_header_says_what_is_taken(header: str, coding: str, taken: bool) -> None:
    assert accepts(header, coding) is taken


def test_a_short_answer_and_one_for_nobody_stay_as_they_are() -> None:
    long = b"[1, 2, 3]" * LEAST_BYTES
    assert gzipped(long[: LEAST_BYTES - 1], "gzip") is None
    assert gzipped(long, "br") is None
    packed = gzipped(long, "gzip, br")
    assert packed is not None and len(packed) < len(long) / 20
    assert gzip.decompress(packed) == long


def test_the_best_file_that_there_is(tmp_path: Path) -> None:
    file = tmp_path / "a.js"
    for name in ("a.js", "a.js.gz", "a.js.br", "b.js"):
        (tmp_path / name).write_bytes(b"x")
    assert built(file, "gzip, br") == (tmp_path / "a.js.br", "br")
    assert built(file, "gzip") == (tmp_path / "a.js.gz", "gzip")
    assert built(file, "gzip, br;q=0") == (tmp_path / "a.js.gz", "gzip")
    assert built(file, "") == (file, "")
    assert built(tmp_path / "b.js", "br") == (tmp_path / "b.js", "")
