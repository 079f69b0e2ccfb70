"""SQL for the commonest figure of a plan: how many things of a kind are in service on a day."""

from __future__ import annotations

IN_SERVICE = "in_service_since <= $asof AND (retired_at IS NULL OR retired_at > $asof)"
"""Condition on `things`: in service at `$asof`. A thing without a date is not counted."""


def count_in_service(kind: str, where: str = "") -> str:
    """SQL that counts the things of `kind` in service at `$asof`; NULL when there are none.

    `where` is a further condition on `things`; both come from our own declarations only.
    """
    return f"SELECT nullif(count(id), 0) AS value FROM things WHERE {_condition(kind, where)}"


def rows_in_service(kind: str, where: str = "") -> str:
    """SQL for the rows behind `count_in_service`."""
    return (
        "SELECT id, name, area, owner, in_service_since, source FROM things "
        f"WHERE {_condition(kind, where)} ORDER BY id"
    )


def share_in_service(kind: str, share_of: str, where: str = "") -> str:
    """SQL for the percentage of the things of `kind` in service that meet `share_of`."""
    return (
        f"SELECT 100.0 * count(id) FILTER (WHERE {share_of}) / nullif(count(id), 0) AS value "
        f"FROM things WHERE {_condition(kind, where)}"
    )


def mean_observed(kind: str, name: str, window: str, where: str = "", scale: str = "") -> str:
    """SQL for the mean of a property over `window` (an SQL interval) up to `$asof`.

    Bad values are left out; NULL when there is no observation. `where` is a condition on
    `things`, aliased `t`; `scale` multiplies the value (`100.0 * `).
    """
    return (
        f"SELECT {scale}avg(o.value) AS value FROM observations o JOIN things t ON t.id = o.thing "
        f"WHERE {_observed(kind, name, window, where)}"
    )


def rows_observed(kind: str, name: str, window: str, where: str = "") -> str:
    """SQL for the rows behind `mean_observed`, one per thing.

    `source` is the weakest of the thing's rows: the words' order is that of the alphabet.
    """
    return (
        "SELECT t.id, t.name, t.area, avg(o.value) AS mean, count(o.value) AS observations, "
        "max(o.time) AS last, max(o.source) AS source "
        "FROM observations o JOIN things t ON t.id = o.thing "
        f"WHERE {_observed(kind, name, window, where)} GROUP BY t.id, t.name, t.area ORDER BY t.id"
    )


def _condition(kind: str, where: str) -> str:
    return f"kind = '{kind}' AND {IN_SERVICE}" + (f" AND {where}" if where else "")


def _observed(kind: str, name: str, window: str, where: str) -> str:
    return (
        f"o.kind = '{kind}' AND o.property = '{name}' AND o.quality < 2 "
        f"AND o.time <= $asof AND o.time > $asof - INTERVAL {window}"
        + (f" AND {where}" if where else "")
    )
