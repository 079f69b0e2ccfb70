import io
import json
import sqlite3
import struct
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
import shapely

from xinji.methods.geodesy import wgs84_to_gcj02
from xinji.store.tables.table import UnreadableError
from xinji.systems.network.coverage.inputs import footprint_files
from xinji.systems.network.coverage.inputs.building_import import import_buildings
from xinji.systems.network.coverage.inputs.buildings import buildings_geojson
from xinji.systems.network.coverage.inputs.projections import SYSTEMS, code_of_text, to_degrees

REAL = Path(__file__).parents[4] / "shared" / "data" / "shanghai_buildings"

# about 10 m in degrees
D = 1e-4


def square(x, y, size=2 * D):
    ring = [[x, y], [x + size, y], [x + size, y + size], [x, y + size], [x, y]]
    return {"type": "Polygon", "coordinates": [ring]}


def feature(geometry, **properties):
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def collection(*features, **more):
    return json.dumps({"type": "FeatureCollection", "features": features, **more}).encode()


def faults(report):
    return [(fault.row, fault.field, fault.rule) for fault in report.faults]


def roads_of(district):
    return np.array([shapely.LineString(line.points) for line in district.roads.values()])


def moved(buildings, function):
    shapes = shapely.transform(
        buildings.geometries, lambda xy: np.column_stack(function(xy[:, 0], xy[:, 1]))
    )
    return json.loads(buildings_geojson(buildings)) | {
        "features": [
            feature(json.loads(shapely.to_geojson(shape)), height_m=float(height))
            for shape, height in zip(shapes, buildings.height_m, strict=True)
        ]
    }


def test_the_simulated_buildings_are_read_back(district, buildings):
    found = import_buildings(
        buildings_geojson(buildings), outline=district.outline, roads=roads_of(district)
    )
    assert faults(found.report) == [] and found.report.doubts == [] and found.report.notes == []
    assert len(found.overlaps) == 0
    assert shapely.equals_exact(found.buildings.geometries, buildings.geometries, 1e-9).all()
    for name in ("height_m", "height_known", "floors", "use", "name", "id"):
        assert getattr(found.buildings, name).tolist() == getattr(buildings, name).tolist()
    assert found.report.datum.datum == "wgs84" and found.report.datum.confidence > 0.95


def test_heights_from_metres_floors_or_the_neighbours():
    body = collection(
        feature(square(121.40, 31.21), height="25 m", name="甲", use="office"),
        feature(square(121.401, 31.21), **{"building:levels": "6"}),
        feature(square(121.402, 31.21)),
        feature(square(121.403, 31.21), height_m="high"),
        feature(square(121.404, 31.21), height_m=9999),
    )
    found = import_buildings(body)
    assert found.buildings.height_m[:2].tolist() == [25.0, 18.0]
    assert found.buildings.height_known.tolist() == [True, True, False, False, False]
    assert found.buildings.height_m[2] == np.median([25.0, 18.0])
    assert [(d.row, d.field) for d in found.report.doubts] == [(4, "height_m"), (5, "height_m")]
    assert "3 of 5 buildings have neither height nor floors" in found.report.notes[0]
    law = import_buildings(body, height_law=lambda lon, lat: np.full(len(lon), 7.0))
    assert law.buildings.height_m[2:].tolist() == [7.0, 7.0, 7.0]


def test_bad_features_are_named_and_the_good_ones_kept(district):
    x, y = 121.40, 31.21
    # a bow-tie keeps its two triangles; a line there and back encloses nothing
    bow = [[x, y], [x + 2 * D, y + 2 * D], [x + 2 * D, y], [x, y + 2 * D], [x, y]]
    flat = [[x, y], [x + D, y], [x + 2 * D, y], [x, y]]
    body = collection(
        feature(square(121.391, 31.21), height_m=10),
        feature({"type": "Polygon", "coordinates": [bow]}, height_m=10),
        feature({"type": "Polygon", "coordinates": [flat]}),
        feature({"type": "Point", "coordinates": [x, y]}),
        feature(None),
        feature({"type": "Polygon", "coordinates": [[[x, y], [x + D, y]]]}),
        feature(square(121.395, 31.21, size=1e-6)),
        feature(square(120.0, 31.21)),
        feature(square(31.21, 121.391), height_m=10),
        feature({"type": "Polygon", "coordinates": [[[1e9, y], [1, y], [1, 1], [1e9, y]]]}),
    )
    found = import_buildings(body, outline=district.outline)
    assert found.rows.tolist() == [1, 2]
    named = {(row, rule.split(";")[0].split(":")[0]) for row, _, rule in faults(found.report)}
    assert named == {
        (3, "an area"),
        (4, "a Polygon or MultiPolygon"),
        (5, "a Polygon or MultiPolygon of closed rings of 4 or more positions"),
        (6, "a Polygon or MultiPolygon of closed rings of 4 or more positions"),
        (7, "no sliver"),
        (8, "inside the district"),
        (9, "inside the district"),
        (10, "degrees of longitude and latitude"),
    }
    swapped = next(f for f in found.report.faults if f.row == 9)
    assert swapped.rule.endswith("longitude and latitude look swapped")
    (doubt,) = found.report.doubts
    assert doubt.row == 2 and "Self-intersection" in doubt.value
    assert found.buildings.geometries[1].is_valid


def test_overlapping_buildings_are_reported_and_both_stay():
    found = import_buildings(
        collection(
            feature(square(121.40, 31.21), height_m=10),
            feature(square(121.4001, 31.2101), height_m=40),
            # neighbours that share a wall do not overlap
            feature(square(121.4002, 31.21 - 2 * D), height_m=40),
        )
    )
    assert len(found.buildings) == 3
    assert found.overlaps.tolist() == [[0, 1]]
    assert [(d.row, d.value) for d in found.report.doubts] == [(2, "row 1")]


def test_polygons_in_gcj_02_are_recognised(district, buildings):
    body = json.dumps(moved(buildings, wgs84_to_gcj02)).encode()
    found = import_buildings(body, outline=district.outline, roads=roads_of(district))
    assert found.report.datum.datum == "gcj02" and found.report.datum.confidence > 0.95
    assert "import again with datum='gcj02'" in found.report.notes[0]
    assert any(rule.endswith("looks like GCJ-02") for rule in found.report.fault_counts)
    again = import_buildings(
        body, outline=district.outline, roads=roads_of(district), datum="gcj02"
    )
    assert len(again.buildings) == len(buildings) and again.report.notes == []
    assert shapely.equals_exact(again.buildings.geometries, buildings.geometries, 1e-8).all()


def test_roads_tell_the_datum_far_from_the_outline(district, buildings):
    some = buildings.take(
        shapely.contains(shapely.buffer(district.outline, -0.008), buildings.geometries)
    )
    body = json.dumps(moved(some, wgs84_to_gcj02)).encode()
    found = import_buildings(body, outline=district.outline, roads=roads_of(district))
    assert found.report.refused == 0
    assert found.report.datum.datum == "gcj02"
    assert found.report.datum.matched["gcj02"] == 1.0


def test_a_file_with_latitude_first_is_told_so(district, buildings):
    body = json.dumps(moved(buildings, lambda lon, lat: (lat, lon))).encode()
    found = import_buildings(body, outline=district.outline)
    assert len(found.buildings) == 0
    assert any("import again with swapped=True" in note for note in found.report.notes)
    again = import_buildings(body, outline=district.outline, swapped=True)
    assert len(again.buildings) == len(buildings)


def geopackage(path, shapes, heights, srs=4326, envelope=True):
    """A GeoPackage written by hand, as OGC 12-128 has it."""
    with sqlite3.connect(path) as database:
        database.executescript(
            "CREATE TABLE gpkg_spatial_ref_sys (srs_name, srs_id, organization,"
            " organization_coordsys_id, definition);"
            "CREATE TABLE gpkg_geometry_columns (table_name, column_name, geometry_type_name,"
            " srs_id, z, m);"
            'CREATE TABLE "build""ings" (fid INTEGER PRIMARY KEY, geom BLOB, height REAL, name);'
        )
        database.execute(
            "INSERT INTO gpkg_spatial_ref_sys VALUES ('x', ?, 'EPSG', ?, '')", (srs, srs)
        )
        database.execute(
            "INSERT INTO gpkg_geometry_columns VALUES ('build\"ings', 'geom', 'POLYGON', ?, 0, 0)",
            (srs,),
        )
        for shape, height in zip(shapes, heights, strict=True):
            head = b"GP\0" + bytes([3 if envelope else 1]) + struct.pack("<i", srs)
            if envelope:
                west, south, east, north = shape.bounds
                head += struct.pack("<4d", west, east, south, north)
            database.execute(
                'INSERT INTO "build""ings" (geom, height, name) VALUES (?, ?, ?)',
                (head + shape.wkb, float(height), "楼"),
            )
    database.close()


@pytest.mark.parametrize("envelope", [True, False])
def test_a_geopackage_is_read(tmp_path, buildings, envelope):
    fifty = buildings.take(np.arange(50))
    geopackage(tmp_path / "a.gpkg", fifty.geometries, fifty.height_m, envelope=envelope)
    found = import_buildings(tmp_path / "a.gpkg")
    assert shapely.equals(found.buildings.geometries, buildings.geometries[:50]).all()
    assert found.buildings.height_m.tolist() == buildings.height_m[:50].tolist()
    assert found.buildings.name[0] == "楼" and found.buildings.id[0] == "1"


def test_a_geopackage_in_another_system(tmp_path, buildings):
    pyproj = pytest.importorskip("pyproj")
    for code in (32651, 4549):
        forward = pyproj.Transformer.from_crs(4326, code, always_xy=True)
        shapes = shapely.transform(
            buildings.geometries[:20],
            lambda xy, way=forward: np.column_stack(way.transform(xy[:, 0], xy[:, 1])),
        )
        path = tmp_path / f"{code}.gpkg"
        geopackage(path, shapes, buildings.height_m[:20], srs=code)
        found = import_buildings(path)
        assert shapely.equals_exact(
            found.buildings.geometries, buildings.geometries[:20], 1e-8
        ).all()
    geopackage(tmp_path / "mercator.gpkg", buildings.geometries[:2], [1, 1], srs=3857)
    with pytest.raises(UnreadableError, match="EPSG:3857: known are 4326"):
        import_buildings(tmp_path / "mercator.gpkg")


def test_transverse_mercator_agrees_with_proj():
    pyproj = pytest.importorskip("pyproj")
    generator = np.random.default_rng(1)
    lon, lat = generator.uniform(120.5, 122.0, 1000), generator.uniform(30.6, 31.9, 1000)
    for code, system in SYSTEMS.items():
        base = 4326 if code > 30000 else 4490
        way = pyproj.Transformer.from_crs(base, code, always_xy=True)
        x, y = system.degrees(*(np.array(v) for v in way.transform(lon, lat)))
        # a billionth of a degree is 0.1 mm
        assert np.abs(x - lon).max() < 1e-9 and np.abs(y - lat).max() < 1e-9, code


def shapefile(tmp_path, shapes, heights, prj=""):
    writer_of = pytest.importorskip("shapefile")
    with writer_of.Writer(str(tmp_path / "b"), shapeType=5) as writer:
        writer.field("HEIGHT", "N", size=10, decimal=1)
        writer.field("名称", "C", size=40)
        for shape, height in zip(shapes, heights, strict=True):
            oriented = shapely.geometry.mapping(shape)
            writer.shape(oriented)
            writer.record(float(height), "楼")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for end in ("shp", "dbf", "shx"):
            archive.write(tmp_path / f"b.{end}", f"b.{end}")
        if prj:
            archive.writestr("b.prj", prj)
    return buffer.getvalue()


def test_a_shapefile_of_another_writer_is_read(tmp_path, buildings):
    courts = shapely.get_num_interior_rings(buildings.geometries) == 1
    rows = np.concatenate([np.flatnonzero(courts)[:5], np.arange(30)])
    shapes = buildings.geometries[rows].copy()
    shapes[0] = shapely.MultiPolygon([shapes[0], shapes[20]])
    body = shapefile(
        tmp_path,
        shapes,
        buildings.height_m[rows],
        prj='GEOGCS["GCS_China_Geodetic_Coordinate_System_2000",DATUM["D"]]',
    )
    found = import_buildings(body)
    assert shapely.equals(found.buildings.geometries, shapes).all()
    assert found.buildings.height_m.tolist() == buildings.height_m[rows].tolist()
    assert found.buildings.name[0] == "楼"
    assert "less than a metre" in found.report.notes[0]
    cut = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(body)) as old, zipfile.ZipFile(cut, "w") as new:
        new.writestr("b.shp", old.read("b.shp")[:-40])
    with pytest.raises(UnreadableError, match="cut short"):
        import_buildings(cut.getvalue())


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("urn:ogc:def:crs:OGC:1.3:CRS84", 4326),
        ("urn:ogc:def:crs:EPSG::4490", 4490),
        ('PROJCS["WGS_1984_UTM_Zone_51N",GEOGCS["GCS_WGS_1984"]]', 32651),
        ('PROJCS["CGCS2000_3_Degree_GK_CM_120E",GEOGCS["x"]]', 4549),
        ('PROJCS["CGCS2000_3_Degree_GK_Zone_40",GEOGCS["x"]]', 4528),
        ('PROJCS["CGCS2000_GK_Zone_21",GEOGCS["x"]]', 4499),
        ('GEOGCS["WGS 84",AUTHORITY["EPSG","7030"],AUTHORITY["EPSG","4326"]]', 4326),
    ],
)
def test_names_of_systems(text, code):
    assert code_of_text(text) == code
    to_degrees(code)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "not a GeoJSON"),
        (b'{"type": "Feature"}', "not a GeoJSON FeatureCollection"),
        (collection(), "no feature in the file"),
        (b"SQLite format 3\0 and then nothing", "not a GeoPackage"),
        (b"PK\x03\x04 no archive", "not a zipped Shapefile"),
        (
            collection(crs={"properties": {"name": "urn:ogc:def:crs:EPSG::3857"}}),
            "EPSG:3857: known are",
        ),
    ],
)
def test_a_file_without_footprints_is_refused_with_the_reason(body, message):
    with pytest.raises(UnreadableError, match=message):
        import_buildings(body)


@pytest.mark.parametrize(
    "change",
    [
        # a column that is computed when read: two gigabytes from a file of 12 kB
        'ALTER TABLE "build""ings" ADD COLUMN geometry AS (zeroblob(2000000000))',
        # a view that has no end
        'DROP TABLE "build""ings"; CREATE VIEW "build""ings" AS WITH RECURSIVE n(i) AS '
        "(SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS fid, zeroblob(9) AS geom FROM n",
    ],
    ids=["computed column", "endless view"],
)
def test_a_geopackage_bomb_is_refused_and_costs_nothing(tmp_path, buildings, change):
    path = tmp_path / "bomb.gpkg"
    geopackage(path, buildings.geometries[:2], [1, 1])
    with sqlite3.connect(path) as database:
        database.executescript(change)
        if "geometry AS" in change:
            database.execute("UPDATE gpkg_geometry_columns SET column_name = 'geometry'")
    database.close()
    assert path.stat().st_size < 100_000
    tracemalloc.start()
    with pytest.raises(UnreadableError):
        import_buildings(path)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 20_000_000


def test_the_caps_are_named(monkeypatch):
    body = collection(feature(square(121.4, 31.2)), feature(square(121.4, 31.3)))
    monkeypatch.setattr(footprint_files, "MAXIMUM_FEATURES", 1)
    with pytest.raises(UnreadableError, match=r"2 features; the cap is 1 \(MAXIMUM_FEATURES\)"):
        import_buildings(body)
    monkeypatch.setattr(footprint_files, "LARGEST_BYTES", 10)
    with pytest.raises(UnreadableError, match=r"the cap is 10 \(LARGEST_BYTES\)"):
        import_buildings(body)


@pytest.mark.skipif(not REAL.exists(), reason="the real buildings of Shanghai are not here")
def test_real_buildings_of_shanghai():
    path = REAL / "buildings_west.geojson"
    rows = json.loads(path.read_text())["features"]
    found = import_buildings(path)
    assert found.report.read == len(rows) == 1153
    assert found.report.refused < 0.02 * len(rows)
    given = {n: r["properties"].get("height_m") for n, r in enumerate(rows, 1)}
    for row, height, known in zip(
        found.rows, found.buildings.height_m, found.buildings.height_known, strict=True
    ):
        assert known == (given[row] is not None)
        if known:
            assert height == given[row]
    # building parts overlap their building, says the data's description
    assert len(found.overlaps) > 10
    assert shapely.is_valid(found.buildings.geometries).all()
