"""Waiting by area: classes are compared with themselves; a difference must be more than luck."""

from __future__ import annotations

import numpy as np

from xinji.systems.platforms.operations.waiting import compared


def cases(seed: int, slow: float = 1.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Area b has more of the long class; `slow` makes it slower besides."""
    generator = np.random.default_rng(seed)
    areas = np.array(["a"] * 300 + ["b"] * 300, dtype=object)
    long = np.concatenate([generator.random(300) < 0.1, generator.random(300) < 0.8])
    hours = generator.exponential(1.0, 600) * np.where(long, 40.0, 4.0)
    hours *= np.where(areas == "b", slow, 1.0)
    return areas, np.where(long, "long", "short").astype(object), hours


def test_an_area_with_harder_classes_is_not_called_slow() -> None:
    rows, p = compared(*cases(1))
    by = {row["area"]: row for row in rows}
    assert by["b"]["plain_ratio"] > 1.5, "the plain figure says that it is"
    assert by["b"]["lower"] < 1 < by["b"]["upper"]
    assert p is not None
    assert p > 0.05


def test_an_area_that_is_slow_is_found() -> None:
    rows, p = compared(*cases(2, slow=2.5))
    by = {row["area"]: row for row in rows}
    assert rows[0]["area"] == "b"
    assert by["b"]["lower"] > by["a"]["upper"]
    assert p is not None
    assert p < 1e-6


def test_alike_areas_are_told_apart_as_rarely_as_the_test_says() -> None:
    wrong = sum((compared(*cases(seed))[1] or 1.0) < 0.05 for seed in range(60))
    assert wrong <= 8


def test_open_cases_and_small_areas_are_said_not_guessed() -> None:
    rows, p = compared(
        np.array(["a", "a", "b"], dtype=object), np.array(["x"] * 3, dtype=object),
        np.array([2.0, np.nan, np.nan]),
    )  # fmt: skip
    assert (rows[0]["cases"], rows[0]["open"], rows[0]["median_hours"]) == (2, 1, 2.0)
    assert rows[1]["median_hours"] is None
    assert rows[0]["lower"] is None
    assert p is None
    assert compared(np.zeros(0, object), np.zeros(0, object), np.zeros(0)) == ([], None)
