"""The area test in SQL and the one on a single code are the same test."""

from __future__ import annotations

import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from xinji.access.scope import contains, within

DIGITS = st.text("0123456789", max_size=15)
TREE = st.sampled_from(
    ["", "3", "310105", "310105001", "310105001003", "310105002", "31010500", "310106", "4"]
)
CODE = st.one_of(TREE, DIGITS)


@given(CODE, st.lists(CODE, max_size=20))
def test_within_as_sql_is_contains_on_each_code(area: str, codes: list[str]) -> None:
    with sa.create_engine("sqlite://").connect() as connection:
        for code in codes:
            inside = connection.execute(sa.select(within(sa.literal(code), area))).scalar()
            assert bool(inside) == contains(area, code), (area, code)


@given(CODE, CODE, DIGITS)
def test_a_part_of_an_inside_area_is_inside_too(area: str, code: str, rest: str) -> None:
    if contains(area, code):
        assert contains(area, code + rest)


def test_a_sub_district_does_not_hold_its_district_or_its_sibling() -> None:
    assert contains("310105001", "310105001003")
    assert not contains("310105001", "310105")
    assert not contains("310105001", "310105002")
    assert not contains("310105001", "")
    assert contains("", "")
