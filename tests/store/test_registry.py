"""What may be registered, where a thing lies, and the boxes of the map."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import h3
import msgspec
import numpy as np
import pytest
import sqlalchemy as sa

from tests.conftest import EAST, SQUARE, WEST, gauge, open_house
from xinji.loop.house import House
from xinji.methods.geodesy import wgs84_to_gcj02
from xinji.model.things import Area, AreaLevel, Attribute, Kind, Property, Thing
from xinji.model.title import Title
from xinji.store.places import Places, cell_of
from xinji.store.registry import Invalid, Registry, in_box
from xinji.store.schema import things

NAMED = Title("表", "Meter")
METER = Kind(
    name="meter",
    title=NAMED,
    properties=(Property(name="power_kw", title=NAMED),),
    attributes=(
        Attribute(name="owner_class", title=NAMED, required=True),
        Attribute(name="phases", title=NAMED, type="integer"),
        Attribute(name="factor", title=NAMED, type="number"),
        Attribute(name="smart", title=NAMED, type="boolean"),
        Attribute(name="model", title=NAMED, choices=("A", "B")),
    ),
)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    house = open_house(tmp_path_factory.mktemp("registry"))
    house.registry.kinds["meter"] = METER
    yield house.registry
    house.close()


def meter(**changes: object) -> Thing:
    base = Thing(
        id="meter-1", kind="meter", name="表", longitude=121.35, latitude=31.2,
        attributes={"owner_class": "public"},
    )  # fmt: skip
    return msgspec.structs.replace(base, **changes)


def with_attribute(**more: object) -> Thing:
    return meter(attributes={"owner_class": "public"} | more)


@pytest.mark.parametrize(
    ("thing", "field"),
    [
        (meter(id=""), "id"),
        (meter(id="a/b"), "id"),
        (meter(id="a b"), "id"),
        (meter(id="a+"), "id"),
        (meter(id="-a"), "id"),
        (meter(id="x" * 129), "id"),
        (meter(id="表"), "id"),
        (meter(id="batch"), "id"),
        (meter(id="meter-1\n"), "id"),
        (meter(kind="submarine"), "kind"),
        (meter(kind=""), "kind"),
        (meter(longitude=180.1), "longitude"),
        (meter(longitude=-180.1), "longitude"),
        (meter(longitude=math.nan), "longitude"),
        (meter(longitude=math.inf), "longitude"),
        (meter(latitude=90.1), "latitude"),
        (meter(latitude=math.nan), "latitude"),
        (meter(name=""), "name"),
        (meter(name="x" * 201), "name"),
        (meter(area="999"), "area"),
        (meter(source="guessed"), "source"),
        (meter(attributes={}), "attributes.owner_class"),
        (with_attribute(colour="red"), "attributes.colour"),
        (with_attribute(phases=1.5), "attributes.phases"),
        (with_attribute(phases="3"), "attributes.phases"),
        (with_attribute(phases=True), "attributes.phases"),
        (with_attribute(phases=10**30), "attributes.phases"),
        (with_attribute(factor="0.9"), "attributes.factor"),
        (with_attribute(factor=False), "attributes.factor"),
        (with_attribute(factor=math.nan), "attributes.factor"),
        (with_attribute(factor=math.inf), "attributes.factor"),
        (with_attribute(smart=1), "attributes.smart"),
        (with_attribute(smart="true"), "attributes.smart"),
        (with_attribute(model="C"), "attributes.model"),
        (with_attribute(model=None), "attributes.model"),
        (with_attribute(owner_class=["public"]), "attributes.owner_class"),
        (meter(in_service_since=10**18), "in_service_since"),
        (meter(retired_at=-(10**18)), "retired_at"),
        (meter(in_service_since=10**40), "in_service_since"),
    ],
)
def test_every_broken_rule_names_its_field(registry: Registry, thing: Thing, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        registry.check(thing)
    assert refused.value.field == field
    assert str(refused.value).startswith(field)


@pytest.mark.parametrize(
    "thing",
    [
        meter(),
        meter(id="urn:x:1.2_3-4"),
        with_attribute(phases=3, factor=1, smart=False, model="A"),
        with_attribute(factor=0.9),
        meter(in_service_since=0, retired_at=1_700_000_000_000_000),
        meter(longitude=0.0, latitude=0.0),
    ],
)
def test_a_sound_thing_passes_and_can_be_put(registry: Registry, thing: Thing) -> None:
    first = (0, 1) if thing.id in registry.things else (1, 0)
    assert registry.put([registry.check(thing)]) == first
    assert registry.put([registry.check(thing)]) == (0, 1)


def test_a_thing_lies_in_the_smallest_area_that_holds_it(house: House) -> None:
    grid = Area(
        code="310105001007",
        level=AreaLevel.GRID,
        title=Title("格", "Cell"),
        parent=WEST.code,
        geometry={
            "type": "Polygon",
            "coordinates": [
                [[121.34, 31.19], [121.36, 31.19], [121.36, 31.21], [121.34, 31.21],
                 [121.34, 31.19]]
            ],
        },
    )  # fmt: skip
    house.registry.put_areas([grid])
    registry = house.registry
    assert registry.check(gauge(8, 121.35)).area == grid.code
    assert registry.check(gauge(8, 121.38)).area == WEST.code
    assert registry.check(gauge(8, 121.45)).area == EAST.code
    assert registry.check(gauge(8, 122.0)).area == ""
    given = msgspec.structs.replace(gauge(8, 121.35), area=EAST.code)
    assert registry.check(given).area == EAST.code, "a stated area is kept"


def test_many_points_at_once_lie_where_each_lies_alone() -> None:
    places = Places([EAST, SQUARE, WEST])
    rng = np.random.default_rng(1)
    longitudes, latitudes = rng.uniform(121.2, 121.6, 500), rng.uniform(31.0, 31.4, 500)
    together = places.areas_of(longitudes, latitudes)
    for x, y, code in zip(longitudes, latitudes, together, strict=True):
        inside = 121.3 <= x <= 121.5 and 31.1 <= y <= 31.3
        assert code == ("" if not inside else WEST.code if x < 121.4 else EAST.code)
    assert Places([]).areas_of([121.4], [31.2]) == [""]


def test_a_polygon_that_crosses_itself_is_refused_and_nothing_is_stored(house: House) -> None:
    bowtie = {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]}
    with pytest.raises(ValueError, match="310105009"):
        house.registry.put_areas([msgspec.structs.replace(WEST, code="310105009", geometry=bowtie)])
    assert "310105009" not in house.registry.areas


def test_doubt_about_the_datum() -> None:
    places = Places([SQUARE])
    assert places.datum_doubt(121.4, 31.2) is None
    assert places.datum_doubt(121.498, 31.102) is None
    shifted = [float(v) for v in wgs84_to_gcj02(121.498, 31.2)]
    assert shifted[0] > 121.5
    doubt = places.datum_doubt(*shifted)
    assert doubt is not None
    assert "GCJ-02" in doubt
    assert places.datum_doubt(120.0, 30.0) == "outside the district"
    assert Places([]).datum_doubt(0.0, 0.0) is None


def test_the_box_of_the_map_is_the_plain_comparison(tmp_path: Path) -> None:
    house = open_house(tmp_path)
    rng = np.random.default_rng(2)
    # Coordinates that a 32-bit R*Tree cannot hold exactly.
    points = np.round(
        np.column_stack([rng.uniform(121.3, 121.5, 1_000), rng.uniform(31.1, 31.3, 1_000)]), 7
    )
    made = [
        msgspec.structs.replace(gauge(n, float(x)), latitude=float(y))
        for n, (x, y) in enumerate(points)
    ]
    house.registry.put([house.registry.check(thing) for thing in made])
    moved = msgspec.structs.replace(made[0], longitude=121.3111111, latitude=31.1111111)
    house.registry.put([house.registry.check(moved)])
    made[0] = moved
    boxes = [sorted(rng.uniform(0, 0.2, 2)) + sorted(rng.uniform(0, 0.2, 2)) for _ in range(50)]
    boxes = [[121.3 + a, 31.1 + c, 121.3 + b, 31.1 + d] for a, b, c, d in boxes]
    # Boxes whose edges pass exactly through a point.
    boxes += [[t.longitude, t.latitude, t.longitude, t.latitude] for t in made[:50]]
    boxes += [[121.3, 31.1, t.longitude, t.latitude] for t in made[:50]]
    with house.database.reading() as connection:
        for west, south, east, north in boxes:
            inside = {
                t.id
                for t in made
                if west <= t.longitude <= east and south <= t.latitude <= north
            }  # fmt: skip
            for dialect in ("sqlite", "postgresql"):
                found = connection.execute(
                    sa.select(things.c.id).where(in_box(west, south, east, north, dialect))
                ).scalars()
                assert set(found) == inside, dialect
    house.close()


def test_the_cell_of_a_point() -> None:
    cell = cell_of(121.4, 31.2)
    assert h3.get_resolution(cell) == 9
    latitude, longitude = h3.cell_to_latlng(cell)
    assert abs(latitude - 31.2) < 0.005 and abs(longitude - 121.4) < 0.005
    assert cell_of(121.4, 31.2) != cell_of(31.2, 121.4 - 90)


def test_a_registry_opened_again_is_the_same(tmp_path: Path) -> None:
    house = open_house(tmp_path)
    house.registry.put([house.registry.check(gauge(n)) for n in range(5)])
    kept, areas = dict(house.registry.things), dict(house.registry.areas)
    house.close()
    house = open_house(tmp_path)
    assert house.registry.things == kept
    assert house.registry.areas == areas
    with house.database.reading() as connection:
        revision = connection.execute(sa.select(sa.func.max(things.c.revision))).scalar_one()
    assert house.database.revision >= revision
    house.close()
