"""Files of things: every bad row is reported with field and rule; a dry run changes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from tests.conftest import open_house
from xinji.loop.house import House
from xinji.methods.geodesy import gcj02_to_bd09, wgs84_to_gcj02
from xinji.store import imports
from xinji.store.imports import ImportReport, import_things, read_things
from xinji.store.observations import moment
from xinji.store.schema import things
from xinji.store.tables.table import UnreadableError


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house for the many tests of what is refused."""
    made = open_house(tmp_path_factory.mktemp("imports"))
    yield made
    made.close()


HEAD = "id,kind,name,longitude,latitude"


def csv_of(*lines: str, head: str = HEAD) -> bytes:
    return "\n".join((head, *lines)).encode() + b"\n"


def feature(**changes: Any) -> dict[str, Any]:
    properties = {"kind": "gauge", "name": "雨量计"} | changes.pop("properties", {})
    return {
        "type": "Feature",
        "id": "g-1",
        "geometry": {"type": "Point", "coordinates": [121.35, 31.2]},
        "properties": properties,
    } | changes


def geojson_of(*features: Any) -> bytes:
    return json.dumps({"type": "FeatureCollection", "features": features}).encode()


def read(house: House, body: bytes, form: str = "csv", **options: Any) -> ImportReport:
    return import_things(house.registry, read_things(body, form), **options)


def stored(house: House) -> dict[str, sa.Row]:
    with house.database.reading() as connection:
        return {row.id: row for row in connection.execute(sa.select(things))}


def errors(report: ImportReport) -> list[tuple[int, str]]:
    return [(error.row, error.field) for error in report.errors]


GOOD = csv_of("g-1,gauge,One,121.35,31.2", "gauge-1,gauge,Again,121.45,31.2")


def test_a_dry_run_reports_what_an_import_then_does(house: House) -> None:
    before, revision = stored(house), house.database.revision
    dry = read(house, GOOD)
    assert (dry.read, dry.valid, dry.created, dry.updated, dry.dry_run) == (2, 2, 1, 1, True)
    assert stored(house) == before
    assert house.database.revision == revision
    assert "g-1" not in house.registry.things
    wet = read(house, GOOD, dry_run=False)
    assert (wet.read, wet.valid, wet.created, wet.updated, wet.dry_run) == (2, 2, 1, 1, False)
    after = stored(house)
    assert (after["g-1"].area, after["gauge-1"].area) == ("310105001", "310105002")
    assert after["gauge-1"].name == "Again"
    assert house.registry.things["g-1"].name == "One"


def test_every_bad_row_is_reported_and_the_good_ones_are_taken(house: House) -> None:
    body = csv_of(
        "g-1,gauge,One,121.35,31.2",
        "g/2,gauge,Two,121.35,31.2",
        "g-3,submarine,Three,121.35,31.2",
        "g-4,gauge,,121.35,31.2",
        "g-5,gauge,Five,east,31.2",
        "g-6,gauge,Six,121.35,91",
        "g-1,gauge,Once more,121.35,31.2",
        ",gauge,Nobody,121.35,31.2",
        "g-9,gauge,Nine,121.35,nan",
        "g-10,gauge,Ten,121.35,31.2",
    )
    report = read(house, body, dry_run=False)
    assert (report.read, report.valid, report.created) == (10, 2, 2)
    assert errors(report) == [
        (3, "id"),
        (4, "kind"),
        (5, "name"),
        (6, "longitude"),
        (7, "latitude"),
        (8, "id"),
        (9, "id"),
        (10, "latitude"),
    ]
    assert all(error.rule for error in report.errors)
    assert report.errors[3].value == "east"
    assert "twice" in report.errors[5].rule
    assert {"g-1", "g-10"} <= set(stored(house))
    assert stored(house)["g-1"].name == "One", "the first of two is taken"


def test_ragged_rows_are_reported_by_number(house: House) -> None:
    body = csv_of(
        "g-1,gauge,One,121.35,31.2", "g-2,gauge,Two", "g-3,gauge,Three,121.35,31.2,extra",
        "", "g-4,gauge,Four,121.35,31.2",
    )  # fmt: skip
    report = read(house, body)
    assert errors(report) == [(3, "row"), (4, "row")]
    assert report.valid == 2


def test_attributes_are_typed_by_their_kind(house: House) -> None:
    head = HEAD + ",height,model,colour"
    body = csv_of(
        "g-1,gauge,One,121.35,31.2,2.5,A,",
        "g-2,gauge,Two,121.35,31.2,tall,A,",
        "g-3,gauge,Three,121.35,31.2,,C,",
        "g-4,gauge,Four,121.35,31.2,,,red",
        "g-5,gauge,Five,121.35,31.2,nan,,",
        head=head,
    )
    report = read(house, body, dry_run=False)
    assert errors(report) == [
        (3, "attributes.height"),
        (4, "attributes.model"),
        (5, "attributes.colour"),
        (6, "attributes.height"),
    ]
    assert stored(house)["g-1"].attributes == {"height": 2.5, "model": "A"}


def test_a_day_without_an_offset_is_the_districts(house: House) -> None:
    head = HEAD + ",in_service_since,retired_at"
    body = csv_of(
        "g-1,gauge,One,121.35,31.2,2021-11-05,",
        "g-2,gauge,Two,121.35,31.2,2021-11-05T12:00:00Z,2025-01-01T00:00:00+00:00",
        "g-3,gauge,Three,121.35,31.2,last year,",
        "g-4,gauge,Four,121.35,31.2,0001-01-01,",
        head=head,
    )
    report = read(house, body, dry_run=False)
    assert errors(report) == [(4, "in_service_since"), (5, "in_service_since")]
    rows = stored(house)
    assert moment(rows["g-1"].in_service_since).isoformat() == "2021-11-04T16:00:00+00:00"
    assert moment(rows["g-2"].in_service_since).isoformat() == "2021-11-05T12:00:00+00:00"


def test_a_byte_order_mark_and_foreign_line_ends_do_not_matter(house: House) -> None:
    for body in (b"\xef\xbb\xbf" + GOOD, GOOD.replace(b"\n", b"\r\n")):
        assert read(house, body).valid == 2
    quoted = csv_of('g-1,gauge,"A ""large"" one,\nin two lines",121.35,31.2')
    read(house, quoted, dry_run=False)
    assert stored(house)["g-1"].name == 'A "large" one,\nin two lines'


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "a head line"),
        (b"\xef\xbb\xbf", "a head line"),
        (b"id,kind,name\n", "longitude, latitude"),
        (b"\xff\xfei\x00d\x00", "column missing"),
        (b"\xff\xfei\x00d", "not utf-16 text"),
        (b"id,kind\xff\xff,name\n", "neither UTF-8 nor GB 18030"),
        (csv_of('g-1,gauge,"open,121.35,31.2'), "line"),
        (csv_of("g-1,gauge," + "x" * 140_000 + ",121.35,31.2"), "larger than field limit"),
    ],
)
def test_a_file_that_cannot_be_read_says_where(shared: House, body: bytes, words: str) -> None:
    before = stored(shared)
    with pytest.raises(UnreadableError, match=words):
        read(shared, body, dry_run=False)
    assert stored(shared) == before


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b"null", b'{"features": {}}', b"{", b"[" * 100_000, b"\xff", b"1e999"],
)
def test_what_is_no_feature_collection(shared: House, body: bytes) -> None:
    with pytest.raises(UnreadableError):
        read(shared, body, "geojson")


def test_geojson_features(house: House) -> None:
    body = geojson_of(
        feature(),
        feature(id="g-2", properties={"height": 3, "model": "B"}),
        feature(id="g-3", properties={"attributes": {"height": 3.5}}),
        feature(id="g-4", geometry={"type": "Point", "coordinates": [121.35, 31.2, 4.0]}),
    )
    report = read(house, body, "geojson", dry_run=False)
    assert (report.created, report.errors) == (4, [])
    assert stored(house)["g-2"].attributes == {"height": 3, "model": "B"}
    assert stored(house)["g-3"].attributes == {"height": 3.5}


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        (None, "row"),
        ([], "row"),
        (feature(geometry=None), "row"),
        (feature(geometry={"type": "Polygon", "coordinates": []}), "row"),
        (feature(geometry={"type": "Point", "coordinates": [121.35]}), "row"),
        (feature(geometry={"type": "Point", "coordinates": "121,31"}), "row"),
        (feature(geometry={"type": "Point", "coordinates": [None, None]}), "longitude"),
        (feature(geometry={"type": "Point", "coordinates": [[1], {}]}), "longitude"),
        (feature(geometry={"type": "Point", "coordinates": [10**400, 31.2]}), "longitude"),
        (feature() | {"properties": [1, 2]}, "row"),
        (feature() | {"properties": "text"}, "row"),
        (feature() | {"properties": 5}, "row"),
        (feature(properties={"attributes": 5}), "row"),
        (feature(properties={"attributes": ["a"]}), "row"),
        (feature(id=5), "id"),
        (feature(id=["x"]), "id"),
        (feature(properties={"kind": ["gauge"]}), "kind"),
        (feature(properties={"name": 5}), "name"),
        (feature(properties={"owner": {}}), "owner"),
        (feature(properties={"height": 10**30}), "attributes.height"),
        (feature(properties={"in_service_since": 10**30}), "in_service_since"),
        (feature(properties={"in_service_since": 10**18}), "in_service_since"),
        (feature(properties={"in_service_since": True}), "in_service_since"),
        (feature(properties={"retired_at": [2021]}), "retired_at"),
    ],
)
def test_a_bad_feature_is_reported_beside_a_good_one(shared: House, bad: Any, field: str) -> None:
    report = read(shared, geojson_of(bad, feature(id="g-2")), "geojson", dry_run=False)
    assert errors(report) == [(1, field)]
    assert report.created + report.updated == 1
    assert len(msgspec.json.encode(report)) < 1_000
    shared.mirror.refresh()
    assert shared.store.sql("select id from things where id = 'g-2'", {}).num_rows == 1


def test_coordinates_of_other_datums_are_stored_as_wgs84(house: House) -> None:
    gcj02 = wgs84_to_gcj02(121.35, 31.2)
    points = {"wgs84": (121.35, 31.2), "gcj02": gcj02, "bd09": gcj02_to_bd09(*gcj02)}
    for datum, (longitude, latitude) in points.items():
        body = csv_of(f"g-{datum},gauge,One,{float(longitude)!r},{float(latitude)!r}")
        report = read(house, body, datum=datum, dry_run=False)
        assert report.warnings == []
        row = stored(house)[f"g-{datum}"]
        assert row.longitude == pytest.approx(121.35, abs=1e-6)
        assert row.latitude == pytest.approx(31.2, abs=1e-6)


def test_a_wrong_datum_is_doubted_but_not_refused(house: House) -> None:
    longitude, latitude = (float(v) for v in wgs84_to_gcj02(121.499, 31.2))
    body = csv_of(f"g-1,gauge,One,{longitude},{latitude}", "g-2,gauge,Two,116.4,39.9")
    report = read(house, body)
    assert report.valid == 2
    shifted, far = report.warnings
    assert (shifted.row, shifted.field) == (2, "longitude, latitude")
    assert "GCJ-02" in shifted.rule
    assert (far.row, far.rule) == (3, "outside the district")


def test_a_file_above_the_cap_is_refused_whole(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "MAXIMUM_ROWS", 3)
    lines = [f"g-{n},gauge,One,121.35,31.2" for n in range(4)]
    assert read(house, csv_of(*lines[:3])).valid == 3
    with pytest.raises(UnreadableError, match="more than 3 rows"):
        read(house, csv_of(*lines), dry_run=False)
    assert "g-0" not in stored(house)
    assert imports.MAXIMUM_ROWS == 3


def test_errors_shown_are_capped_and_rows_still_counted(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "ERRORS_SHOWN", 5)
    report = read(house, csv_of(*["g/1,gauge,One,121.35,31.2"] * 9))
    assert (report.read, report.valid, len(report.errors)) == (9, 0, 5)


def test_an_export_of_things_is_imported_as_it_was(house: House) -> None:
    from xinji.store.exports import encode, table_of

    head = HEAD + ",height,model,in_service_since"
    read(house, csv_of("g-1,gauge,=cmd(),121.35,31.2,2.5,A,2021-11-05", head=head), dry_run=False)
    before = stored(house)["g-1"]._mapping
    names = ("id", "kind", "name", "longitude", "latitude", "area", "owner", "attributes",
             "source", "state")  # fmt: skip
    item = {name: before[name] for name in names} | {
        "in_service_since": moment(before["in_service_since"]).isoformat(), "open_cases": 0,
    }  # fmt: skip
    body = encode(table_of([item]), "csv")
    assert b"'=cmd()" in body
    report = read(house, body, dry_run=False)
    assert (report.updated, report.errors) == (1, [])
    after = stored(house)["g-1"]._mapping
    assert {k: v for k, v in after.items() if k != "revision"} == {
        k: v for k, v in before.items() if k != "revision"
    }


def test_a_thing_that_cannot_be_is_refused(house: House) -> None:
    head = HEAD + ",in_service_since,retired_at"
    body = csv_of(
        "g-1,gauge,One,121.35,31.2,2021-11-05,2020-01-01",
        "g-2,gauge,Two,121.35,31.2,2900-01-01,",
        "g-3,gauge,Th\x07ree,121.35,31.2,,",
        "g-4,gauge,Four,121.35,31.2,44505,",
        head=head,
    )
    report = read(house, body, dry_run=False)
    assert errors(report) == [(2, "retired_at"), (3, "in_service_since"), (4, "name")]
    assert moment(stored(house)["g-4"].in_service_since).isoformat() == "2021-11-04T16:00:00+00:00"
