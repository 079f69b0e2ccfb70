"""The declarations fit together, and discovery says so when they do not."""

import dataclasses
import importlib.metadata

import duckdb
import msgspec
import pytest

from xinji.loop.indicators import check as check_indicator
from xinji.loop.indicators import lineage
from xinji.model.rules import Rule, Silence
from xinji.model.title import Title
from xinji.store.duck_sql import HOUSE
from xinji.system.declaration import System
from xinji.system.discovery import DeclarationError, check, discover

SYSTEMS = discover()
INDICATORS = [i for s in SYSTEMS for i in s.indicators]

# The tables that figures read, as the house makes them, and observations as a table of its own.
SCHEMA = (
    HOUSE.split("create view")[0].replace("house.", "")
    + """
CREATE TABLE observations (thing VARCHAR, kind VARCHAR, area VARCHAR, property VARCHAR,
  time TIMESTAMP, value DOUBLE, quality UTINYINT, source VARCHAR);
"""
)


def _run(database, sql, asof="2026-01-01"):
    return database.execute(
        sql, {"asof": duckdb.execute(f"SELECT TIMESTAMP '{asof}'").fetchone()[0]}
    )


@pytest.fixture
def database():
    connection = duckdb.connect()
    connection.execute(SCHEMA)
    return connection


def test_the_systems_of_the_first_issue_are_there():
    names = {s.name for s in SYSTEMS}
    assert {
        "network.coverage", "network.quality", "platforms.energy", "platforms.operations",
        "terminals.sensing", "terminals.parking", "terminals.cycling", "terminals.guidance",
        "terminals.traffic", "terminals.charging", "terminals.environment", "terminals.flooding",
        "terminals.lockers", "terminals.warehouses",
    } <= names  # fmt: skip
    assert check(SYSTEMS) == []


@pytest.mark.parametrize("indicator", INDICATORS, ids=lambda i: i.id)
def test_indicator_has_no_value_without_rows(database, indicator):
    rows = _run(database, indicator.sql).fetchall()
    assert len(rows) == 1 and rows[0][0] is None
    if indicator.rows_sql:
        rows = _run(database, indicator.rows_sql)
        assert "source" in [column[0] for column in rows.description]
        assert rows.fetchall() == []
    check_indicator(indicator)
    assert lineage(indicator).tables


def test_count_follows_the_date(database):
    database.execute(
        """INSERT INTO things (id, kind, name, longitude, latitude, area, owner, attributes,
      source, in_service_since, retired_at) VALUES
        ('a', 'charging-site', '', 0, 0, '', '', '{"programme": "taxi-station"}', 'simulated',
         '2022-06-01', NULL),
        ('b', 'charging-site', '', 0, 0, '', '', '{"programme": "taxi-station"}', 'simulated',
         '2023-06-01', '2024-01-01'),
        ('c', 'charging-site', '', 0, 0, '', '', '{"programme": "community"}', 'simulated',
         '2022-06-01', NULL)"""
    )
    sql = next(i.sql for i in INDICATORS if i.id == "terminals.charging.taxi_stations")
    values = [
        _run(database, sql, day).fetchone()[0]
        for day in ("2021-01-01", "2022-12-31", "2023-12-31", "2024-12-31")
    ]
    assert values == [None, 1, 2, 1]


def test_observed_share_does_not_look_beyond_the_date(database):
    database.execute(
        """INSERT INTO things (id, kind, name, longitude, latitude, area, owner, attributes,
      source, in_service_since, retired_at) VALUES
        ('p', 'coverage-probe', '', 0, 0, '', '', '{}', 'simulated', '2021-06-01', NULL);
        INSERT INTO observations VALUES
        ('p', 'coverage-probe', '', 'covered', '2022-01-01', 1, 0, 'simulated'),
        ('p', 'coverage-probe', '', 'covered', '2022-01-02', 0, 0, 'simulated'),
        ('p', 'coverage-probe', '', 'covered', '2022-01-02', 0, 2, 'simulated'),
        ('p', 'coverage-probe', '', 'covered', '2022-01-09', 1, 0, 'simulated')"""
    )
    sql = next(i.sql for i in INDICATORS if i.id == "network.coverage.outdoor_5g_share")
    assert _run(database, sql, "2022-01-01 12:00:00").fetchone()[0] == 100
    assert _run(database, sql, "2022-01-03").fetchone()[0] == 50


def _broken(**changes):
    parking = next(s for s in SYSTEMS if s.name == "terminals.parking")
    others = tuple(s for s in SYSTEMS if s is not parking)
    return (*others, dataclasses.replace(parking, **changes))


def _rule(**changes):
    rule = Rule(
        id="terminals.parking.new",
        title=Title("新", "new"),
        kind="car-park",
        property="occupancy",
        condition=Silence(seconds=600),
        system="terminals.parking",
    )
    return msgspec.structs.replace(rule, **changes)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": "terminals.cycling"}, "system terminals.cycling is declared 2 times"),
        ({"name": "roads.parking"}, "a name is family.package, of the families network"),
        ({"tasks": (24,)}, "task 24"),
        ({"tasks": ()}, "answers no task"),
        ({"indicators": ()}, "asks for an indicator"),
        ({"rules": (_rule(kind="no-such"),)}, "unknown kind no-such"),
        ({"rules": (_rule(property="height"),)}, "has no property height"),
        ({"rules": (_rule(case_class="none"),)}, "unknown case class none"),
        ({"rules": (_rule(condition=Silence(seconds=5)),)}, "silent before the next report"),
        ({"rules": (_rule(), _rule())}, "rule terminals.parking.new is declared 2 times"),
        ({"case_types": (), "case_classes": ()}, "unknown case class car-park-data-fault"),
    ],
)
def test_each_fault_is_named(changes, words):
    assert any(words in fault for fault in check(_broken(**changes)))


def test_an_outside_package_adds_a_system(monkeypatch):
    class Point:
        name = "noise"
        value = "outside:SYSTEM"

        def load(self):
            parking = next(s for s in SYSTEMS if s.name == "terminals.parking")
            return System(
                name="terminals.noise",
                title=Title("噪声", "Noise"),
                tasks=(18,),
                indicators=tuple(
                    msgspec.structs.replace(i, id=f"{i.id}.noise", system="terminals.noise")
                    for i in parking.indicators
                ),
            )

    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: [Point()])
    assert "terminals.noise" in {s.name for s in discover()}
    assert "terminals.noise" not in {s.name for s in discover(entry_points=False)}
    monkeypatch.setattr(Point, "load", lambda self: "not a system")
    with pytest.raises(DeclarationError, match="noise"):
        discover()
