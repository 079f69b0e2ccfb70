"""Every body is held to the same limits, and the first fault is named."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from xinji.api.body_limits import beyond_limits


class Body(msgspec.Struct):
    facts: Any


def deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("facts", "field", "rule"),
    [
        ("x" * 20_001, "facts", "at most 20,000 characters"),
        ({"a": ["ok", "nul\x00"]}, "facts.a[1]", "no control characters"),
        ({"nul\x00": 1}, "facts", "no control characters"),
        ("\ud800", "facts", "no control characters"),
        (list(range(5_001)), "facts", "at most 5,000 items"),
        (1 << 63, "facts", "a whole number of 64 bits"),
        (float("inf"), "facts", "a finite number"),
        (deep(40), None, "at most 32 levels"),
    ],
)
def test_what_goes_too_far_is_named(facts: Any, field: str | None, rule: str) -> None:
    found = beyond_limits(Body(facts))
    assert found is not None and found[1] == rule
    assert field is None or found[0] == field


def test_what_people_send_is_within() -> None:
    assert (
        beyond_limits(Body({"text": "两行\n\t一格", "n": [1, 2.5, None, True], "d": deep(20)}))
        is None
    )
