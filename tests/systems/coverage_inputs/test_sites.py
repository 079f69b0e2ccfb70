import io
import resource
import subprocess
import sys
from dataclasses import fields, replace

import numpy as np
import openpyxl
import pytest
import shapely

from xinji.methods.geodesy import gcj02_to_bd09, wgs84_to_gcj02
from xinji.store.tables import table
from xinji.store.tables.table import UnreadableError
from xinji.systems.network.coverage.inputs import sites
from xinji.systems.network.coverage.inputs.carriers import (
    arfcn_to_ghz,
    eirp_per_element,
    resource_elements,
)
from xinji.systems.network.coverage.inputs.sites import import_sites, sites_csv

HEAD = "基站编号,基站名称,运营商,类型,经度,纬度,挂高（米）,方位角（°）,机械下倾角,电子下倾角,发射功率(W),天线增益(dBi),带宽(MHz),频点,PCI,入网日期"  # noqa: E501
GOOD = "S1,天山站,中国电信,宏站,121.400,31.210,32.5,120,3,4,200,24,100,633333,17,2021/6/30"


def ledger(*rows, head=HEAD):
    return "\n".join([head, *rows]).encode()


def faults(report):
    return [(fault.row, fault.field, fault.rule) for fault in report.faults]


def test_a_chinese_ledger_with_power_arfcn_and_two_tilts(district):
    found = import_sites(ledger(GOOD), outline=district.outline)
    assert faults(found.report) == []
    sectors = found.sectors
    assert len(sectors) == 1
    assert sectors.operator[0] == "telecom" and sectors.type[0] == "macro"
    assert sectors.tilt_deg[0] == 7.0 and sectors.height_m[0] == 32.5
    assert sectors.frequency_ghz[0] == pytest.approx(3.499995)
    # 53.01 dBm - 10 log10(273 x 12) + 24 dBi
    assert sectors.eirp_dbm[0] == pytest.approx(53.0103 - 35.1534 + 24, abs=1e-3)
    assert sectors.pci[0] == 17 and sectors.sector_id[0] == "S1:1"
    assert sectors.in_service_since[0] == np.datetime64("2021-06-29T16:00:00", "us").astype(int)


def test_gb18030_and_xlsx_say_the_same_as_utf_8(district):
    expected = import_sites(ledger(GOOD), outline=district.outline).sectors
    encoded = import_sites(ledger(GOOD).decode().encode("gb18030"), outline=district.outline)
    book = openpyxl.Workbook()
    book.active.append(HEAD.split(","))
    cells = GOOD.split(",")
    book.active.append([*cells[:4], *(float(cell) for cell in cells[4:15]), cells[15]])
    buffer = io.BytesIO()
    book.save(buffer)
    for found in (encoded.sectors, import_sites(buffer.getvalue()).sectors):
        for field in fields(expected):
            assert getattr(found, field.name).tolist() == getattr(expected, field.name).tolist()


def test_every_bad_row_is_named_and_the_good_ones_are_kept(district):
    def row(number, **change):
        cells = dict(zip(HEAD.split(","), GOOD.split(","), strict=True))
        cells["基站编号"] = f"S{number}"
        return ",".join((cells | change).values())

    found = import_sites(
        ledger(
            row(2),
            row(3, **{"挂高（米）": ""}),
            row(4, **{"方位角（°）": "400"}),
            row(5, 类型="铁塔"),
            row(6, 频点="3500"),
            row(7, PCI="1008"),
            row(8, 入网日期="2021年13月1日"),
            row(9, 经度="abc"),
            row(10, **{"带宽(MHz)": "33"}),
            row(11) + ",too,many",
            "",
            row(13, 经度="31.210", 纬度="121.400"),
            row(14, 经度="", 纬度="31.2"),
            row(15, 经度="120.9"),
            row(16),
            row(16),
        ),
        outline=district.outline,
    )
    assert found.rows.tolist() == [2, 16]
    listed = faults(found.report)
    for expected in [
        (3, "height_m", "required"),
        (4, "azimuth_deg", "0 to 360 degrees"),
        (5, "type", "one of macro, pole, indoor"),
        (6, "frequency_ghz", "0.41 to 7.125 or 24.25 to 71 GHz"),
        (7, "pci", "a whole number from 0 to 1007"),
        (8, "in_service_since", "a day such as 2021-06-30, 2021/6/30 or 20210630"),
        (9, "longitude", "a number"),
        (10, "bandwidth_mhz", "a bandwidth of TS 38.101-1 table 5.3.2-1 in MHz"),
        (11, "row", "as many cells as the head line"),
        (14, "longitude", "required"),
        (15, "longitude, latitude", "inside the district"),
        (17, "azimuth_deg", "one sector for a site, azimuth and frequency"),
    ]:
        assert expected in listed, expected
    # a latitude of 121 is no latitude
    assert (13, "latitude", "-90 to 90 degrees") in listed
    assert found.report.read == 15 and found.report.refused == 13
    assert next(f for f in found.report.faults if f.row == 9).value == "abc"


def test_a_site_in_gcj_02_just_outside_is_told_so(district):
    # 100 m inside the east edge; the offset datum puts it outside
    longitude, latitude = 121.4310, 31.208
    assert shapely.contains_xy(district.outline, longitude, latitude)
    lon, lat = (float(v) for v in wgs84_to_gcj02(longitude, latitude))
    row = GOOD.replace("121.400", f"{lon:.6f}").replace("31.210", f"{lat:.6f}")
    found = import_sites(ledger(GOOD.replace("S1", "S0"), row), outline=district.outline)
    assert faults(found.report) == [
        (3, "longitude, latitude", "inside the district; looks like GCJ-02")
    ]
    right = import_sites(ledger(row), outline=district.outline, datum="gcj02")
    assert right.sectors.longitude[0] == pytest.approx(longitude, abs=1e-6)
    assert right.sectors.latitude[0] == pytest.approx(latitude, abs=1e-6)


@pytest.mark.parametrize("datum", ["wgs84", "gcj02", "bd09"])
def test_the_datum_of_a_whole_file_is_recognised(district, sectors, datum):
    lon, lat = sectors.longitude, sectors.latitude
    if datum != "wgs84":
        lon, lat = wgs84_to_gcj02(lon, lat)
    if datum == "bd09":
        lon, lat = gcj02_to_bd09(lon, lat)
    body = sites_csv(replace(sectors, longitude=lon, latitude=lat))
    found = import_sites(body, outline=district.outline)
    assert found.report.datum.datum == datum
    assert found.report.datum.confidence > 0.95
    assert bool(found.report.notes) == (datum != "wgs84")
    again = import_sites(body, outline=district.outline, datum=datum)
    assert again.report.notes == [] and len(again.sectors) == len(sectors)
    assert np.allclose(again.sectors.longitude, sectors.longitude, atol=1e-6)


def test_sites_on_roofs_tell_the_datum_when_the_outline_does_not(district, buildings, sectors):
    inner = shapely.buffer(district.outline, -0.01)
    points = shapely.centroid(buildings.geometries)
    rows = np.flatnonzero(shapely.contains(inner, points))[: len(sectors)]
    lon, lat = wgs84_to_gcj02(shapely.get_x(points[rows]), shapely.get_y(points[rows]))
    body = sites_csv(replace(sectors.take(np.arange(len(rows))), longitude=lon, latitude=lat))
    found = import_sites(body, outline=district.outline, footprints=buildings.geometries)
    assert found.report.datum.datum == "gcj02"
    assert found.report.datum.matched["gcj02"] > 0.9 > 0.5 > found.report.datum.matched["wgs84"]


def test_a_network_written_is_read_back_as_it_was(district, sectors):
    found = import_sites(sites_csv(sectors), outline=district.outline)
    assert faults(found.report) == [] and len(found.sectors) == len(sectors)
    for field in fields(sectors):
        assert getattr(found.sectors, field.name).tolist() == getattr(sectors, field.name).tolist()


def test_a_ledger_with_longitude_and_latitude_swapped_names_the_remedy(district, sectors):
    body = sites_csv(replace(sectors, longitude=sectors.latitude, latitude=sectors.longitude))
    found = import_sites(body, outline=district.outline)
    assert len(found.sectors) == 0
    assert "2794 of 2794" in found.report.notes[0] and "swapped=True" in found.report.notes[0]
    again = import_sites(body, outline=district.outline, swapped=True)
    assert len(again.sectors) == len(sectors) and again.report.notes == []


def test_a_site_scattered_over_the_district_is_doubted(district):
    far = GOOD.replace("121.400", "121.410").replace(",120,", ",240,")
    found = import_sites(ledger(GOOD, far), outline=district.outline)
    assert len(found.sectors) == 2
    assert [(d.row, d.field) for d in found.report.doubts] == [(3, "longitude, latitude")]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "no head line"),
        (b"\x00\x01\x02", "control characters in the head line"),
        (b"\xff\xff,a\n", "neither UTF-8"),
        (b"PK\x03\x04 broken", "not an XLSX table"),
        (ledger(GOOD, head=HEAD.replace("挂高（米）", "层数")), "column missing: height_m"),
        (ledger(GOOD, head=HEAD.replace("(W)", "")), r"the unit, \(W\) or \(dBm\)"),
        (ledger(GOOD, head=HEAD.replace("基站名称", "经度")), "two columns for longitude"),
        (ledger(), "no row below the head line"),
    ],
)
def test_a_file_that_is_no_ledger_is_refused_with_the_reason(body, message):
    with pytest.raises(UnreadableError, match=message):
        import_sites(body)


def test_the_caps_are_named(monkeypatch):
    monkeypatch.setattr(sites, "MAXIMUM_SECTORS", 2)
    with pytest.raises(UnreadableError, match=r"more than 2 rows.*MAXIMUM_SECTORS"):
        import_sites(ledger(GOOD, GOOD, GOOD))
    monkeypatch.setattr(table, "LARGEST_BYTES", 10)
    with pytest.raises(UnreadableError, match=r"the cap is 10 \(LARGEST_BYTES\)"):
        import_sites(ledger(GOOD))


_MILLION = """
import resource, sys
from pathlib import Path
from xinji.district.geography import load_district
from xinji.systems.network.coverage.inputs.sites import import_sites
outline = load_district().outline
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
found = import_sites(Path(sys.argv[1]), outline=outline)
print(len(found.sectors), found.report.refused,
      resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.slow
def test_a_million_sectors_in_bounded_memory(tmp_path):
    path = tmp_path / "sites.csv"
    generator = np.random.default_rng(1)
    lon = generator.uniform(121.36, 121.40, 1_000_000)
    with path.open("w", encoding="utf-8") as file:
        file.write(HEAD + "\n")
        for i, x in enumerate(lon):
            height = "" if i % 1000 == 0 else "30"
            file.write(
                f"S{i // 3},站{i // 3},移动,宏站,{x:.6f},31.205,{height},{i % 3 * 120},3,4,"
                f"200,24,100,633333,{i % 1008},2021-06-30\n"
            )
    done = subprocess.run(
        [sys.executable, "-c", _MILLION, str(path)], capture_output=True, text=True, check=True
    )
    kept, refused, kilobytes = (int(number) for number in done.stdout.split())
    assert (kept, refused) == (999_000, 1_000)
    assert kilobytes < 1.5 * 1024 * 1024
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss > 0


def test_arfcn_follows_ts_38_104():
    # corners of the raster, and n78 and n41 by hand
    numbers = np.array([0, 599_999, 600_000, 633_334, 504_990, 2_016_667, 3_279_165, -1, 3_279_166])
    expected = [0, 2.999995, 3.0, 3.50001, 2.52495, 24.25008, 99.99996, np.nan, np.nan]
    assert np.allclose(arfcn_to_ghz(numbers), expected, equal_nan=True, atol=1e-9)


def test_power_is_spread_over_the_carrier():
    elements = resource_elements(np.array([100.0, 20.0, 7.0]), np.array([30.0, 15.0, 15.0]))
    assert np.allclose(elements, [3276, 1272, np.nan], equal_nan=True)
    # 1 W per element is 30 dBm
    assert eirp_per_element(
        np.array(30 + 10 * np.log10(3276)), np.array(0.0), np.array(3276.0)
    ) == (pytest.approx(30.0))
