"""Random damage: whatever a file holds, each row is kept or named, and nothing else is raised."""

import json
import random
import struct

import numpy as np
import pytest

from xinji.store.tables.table import UnreadableError
from xinji.systems.network.coverage.inputs.building_import import import_buildings
from xinji.systems.network.coverage.inputs.drive_tests import import_drive_tests
from xinji.systems.network.coverage.inputs.shapefile import _records
from xinji.systems.network.coverage.inputs.sites import import_sites

CELLS = ["", "-", "121.4", "31.21", "1e308", "-1e308", "nan", "inf", "1e-300", "９", "x", "0",
         "99999999999999999999", "2147483647", "-200", "移动", "宏站", "2021-06-30", "0x10",
         "2021.13.40_25.61.61", "1_000", "+5", ".5", "5.", "2021-06-30T00:00:00+99:99", '""',
         "1" * 300]  # fmt: skip
LEDGER = "基站编号,运营商,类型,经度,纬度,挂高,方位角,下倾角,eirp,频率,pci,入网日期"
SECTOR = "S,移动,宏站,121.4,31.21,30,10,5,30,3.5,5,2021-06-30"
LOG = "Timestamp,Longitude,Latitude,CellID,NetworkMode,RSRP,RSRQ,SNR,DL_bitrate"
SAMPLE = "2021.06.30_08.00.00,121.4,31.21,1,5G,-90,-10,5,100"


def damaged(chance, head, good):
    rows = [
        ",".join(
            cell if chance.random() < 0.85 else chance.choice(CELLS) for cell in good.split(",")
        )
        for _ in range(chance.randrange(1, 8))
    ]
    return "\n".join([head, *rows]).encode()


def check(report):
    assert len({fault.row for fault in report.faults}) == report.refused
    assert sum(report.fault_counts.values()) == len(report.faults)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("seed", range(20))
def test_damaged_tables(district, buildings, seed):
    chance = random.Random(seed)
    for outline in (None, district.outline):
        sites = import_sites(
            damaged(chance, LEDGER, SECTOR), outline=outline, footprints=buildings.geometries
        )
        check(sites.report)
        assert len(sites.sectors) == sites.report.kept
        assert np.isfinite(sites.sectors.eirp_dbm + sites.sectors.frequency_ghz).all()
        drive = import_drive_tests(damaged(chance, LOG, SAMPLE), outline=outline)
        check(drive.report)
        assert len(drive.tests) == drive.report.kept


def position(chance):
    if chance.random() < 0.97:
        return [121.4 + chance.randrange(5) * 1e-4, 31.21 + chance.randrange(5) * 1e-4]
    return [chance.choice([0, 1e308, -1e308, 1e-300, None, "x", 200]) for _ in range(2)]


def geometry(chance):
    kind = chance.choice(["Polygon"] * 6 + ["MultiPolygon", "Point", "LineString", None, 5])
    rings = []
    for _ in range(chance.randrange(3)):
        ring = [position(chance) for _ in range(chance.randrange(8))]
        rings.append(ring + ring[:1] if chance.random() < 0.9 else ring)
    return {"type": kind, "coordinates": [rings] if kind == "MultiPolygon" else rings}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("seed", range(20))
def test_damaged_footprints(district, seed):
    chance = random.Random(seed)
    values = [None, True, [], {}, "25m", "abc", "", 0, -5, 1e300, 10**30, "nan", "inf", "①"]
    features = [
        {
            "type": "Feature",
            "geometry": geometry(chance),
            "properties": {name: chance.choice(values) for name in ("height", "levels", "id")},
        }
        for _ in range(30)
    ]
    body = json.dumps({"type": "FeatureCollection", "features": features}).encode()
    found = import_buildings(body, outline=chance.choice([None, district.outline]))
    check(found.report)
    assert (found.buildings.height_m > 0).all()
    for cut in (10, 1000, len(body) - 1):
        with pytest.raises(UnreadableError):
            import_buildings(body[:cut])


def test_attribute_rows_of_no_width_are_no_bomb():
    # 33 bytes of .dbf that announce four thousand million rows
    head = struct.pack("<BBBBIHH", 3, 0, 0, 0, 0xFFFF_FFFF, 33, 0).ljust(32, b"\0") + b"\r"
    for shapes in (3, 0xFFFF_FFFF):
        with pytest.raises(ValueError, match=r"attribute rows|no width"):
            _records(head, "", shapes)
