"""CSV and TSV as programs write them: encoding and separator found or named, never guessed."""

from __future__ import annotations

import gzip

import pytest

from xinji.store.tables import table
from xinji.store.tables.reading import read_table
from xinji.store.tables.table import UnreadableError

HEAD, ROW = ["编号", "名称"], ["1", '甲 "x", 乙']


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("named", [True, False])
def test_every_encoding_separator_and_line_end_is_read_alike(
    encoding: str, separator: str, end: str, named: bool
) -> None:
    quoted = '"甲 ""x"", 乙"'
    lines = ([f"sep={separator}"] if named else []) + [
        separator.join(HEAD), separator.join(("1", quoted)), "",
    ]  # fmt: skip
    found = read_table(end.join(lines).encode(encoding), 10)
    assert found.head == HEAD
    assert [(row.number, row.cells, row.faults) for row in found.rows] == [(2, ROW, {})]


def test_a_separator_that_could_be_two_is_asked_for() -> None:
    with pytest.raises(UnreadableError, match=r"comma or semicolon .* sep=;"):
        read_table(b"a,b;c\n1,2;3\n", 10)
    assert read_table(b"sep=;\na,b;c\n1,2;3\n", 10).rows[0].cells == ["1,2", "3"]
    # in quotes it separates nothing
    assert read_table(b'"a;x","b;y;z"\n1,2\n', 10).head == ["a;x", "b;y;z"]


def test_a_row_with_a_control_character_or_of_another_width_is_named() -> None:
    found = read_table(b"a,b\n1\x00,2\n1\n1,2,\n1,2,3\n\n1,\x1b[2J\n", 10)
    assert [(row.number, row.faults) for row in found.rows] == [
        (2, {0: "no control characters"}),
        (3, {-1: "as many cells as the head line"}),
        (4, {}),
        (5, {-1: "as many cells as the head line"}),
        (7, {1: "no control characters"}),
    ]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "a head line"),
        (b"\n \n", "a head line"),
        (b"\xff\xff", "neither UTF-8 nor GB 18030"),
        (b"\xff\xfea\x00b", "not utf-16 text"),
        (b'a,b\n"1,2\n', "line 2"),
        (b"a,b\n1,2\n" * 6, "more than 10 rows"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "before 2007"),
        (",".join("abc" * 400).encode(), "1,200 columns"),
        (gzip.compress(b"a,b\n1,2", mtime=0)[:-4], "not a gzip file"),
    ],
)
def test_what_is_no_table_is_refused_with_the_reason(body: bytes, words: str) -> None:
    with pytest.raises(UnreadableError, match=words):
        read_table(body, 10)


def test_a_gzipped_table_is_unpacked_up_to_the_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    packed = gzip.compress(b"a,b\n" + b"1,2\n" * 100_000, mtime=0)
    assert len(read_table(packed, 100_000).rows) == 100_000
    monkeypatch.setattr(table, "LARGEST_BYTES", 10_000)
    with pytest.raises(UnreadableError, match="unpacks to more than 10,000 bytes"):
        read_table(packed, 100_000)


def test_lines_across_the_pieces_of_a_file_stay_whole() -> None:
    rows = [f'{n},"{"长" * (n % 700)}\r\n x"' for n in range(2_000)]
    found = read_table("\r\n".join(["a,b", *rows]).encode(), 5_000)
    assert [row.cells[0] for row in found.rows] == [str(n) for n in range(2_000)]
    assert all(len(row.cells[1]) == n % 700 + 4 for n, row in enumerate(found.rows))
