"""SM3 against its standard, and links that cover everything."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xinji.access.chain import GENESIS, link, sm3


@pytest.mark.parametrize(
    ("message", "digest"),
    [
        (b"abc", "66c7f0f4 62eeedd9 d1f2d46b dc10e4e2 4167c487 5cf2f7a2 297da02b 8f4ba8e0"),
        (
            b"abcd" * 16,
            "debe9ff9 2275b8a1 38604889 c18e5a4d 6fdb70e5 387e5765 293dcba3 9c0c5732",
        ),
    ],
)
def test_vectors_of_gb_t_32905_2016(message: bytes, digest: str) -> None:
    assert sm3(message) == digest.replace(" ", "")


FIELDS = st.lists(st.one_of(st.integers(-(2**63), 2**63 - 1), st.text(), st.none()), max_size=5)


@given(FIELDS, FIELDS)
def test_two_records_share_a_link_only_when_they_are_equal(left: list, right: list) -> None:
    assert (link(GENESIS, left) == link(GENESIS, right)) == (left == right)


def test_a_link_covers_the_hash_before_and_where_one_field_ends() -> None:
    assert link("0" * 64, ["a", "b"]) != link("1" * 64, ["a", "b"])
    assert link(GENESIS, ["ab", ""]) != link(GENESIS, ["a", "b"])
