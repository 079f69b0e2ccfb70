import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import shapely

from xinji.methods.geodesy import wgs84_to_gcj02
from xinji.store.tables.table import UnreadableError
from xinji.systems.network.coverage.inputs import drive_tests
from xinji.systems.network.coverage.inputs.drive_tests import Column, import_drive_tests
from xinji.systems.network.coverage.inputs.road_places import (
    map_to_roads,
    road_blocks,
    run_blocks,
)

REAL = Path(__file__).parents[4] / "shared" / "data" / "drive_test_5g" / "cork_5g_drive.csv.gz"

HEAD = "Timestamp,Longitude,Latitude,Speed,Operatorname,CellID,NetworkMode,RSRP,RSRQ,SNR,DL_bitrate"


def log(*rows, head=HEAD):
    return "\n".join([head, *rows]).encode()


def row(second=0, lon=121.40, lat=31.21, rsrp="-90", rsrq="-10", snr="12", rate="500"):
    moment = f"2021.06.30_08.{second // 60:02d}.{second % 60:02d}"
    return f"{moment},{lon:.6f},{lat:.6f},30,CMCC,17,5G,{rsrp},{rsrq},{snr},{rate}"


def listed(report):
    return [(fault.row, fault.field, fault.rule) for fault in report.faults]


def test_a_log_of_a_phone_becomes_columns():
    found = import_drive_tests(log(row(0), row(1, rsrp="-101.5", snr="-3")))
    tests = found.tests
    assert found.absolute and listed(found.report) == []
    moment = np.datetime64("2021-06-30T00:08:00", "us").astype(int)
    assert tests.time.tolist() == [moment - 8 * 60_000_000, moment - 8 * 60_000_000 + 1_000_000]
    assert tests.rsrp_dbm.tolist() == [-90.0, -101.5] and tests.sinr_db.tolist() == [12.0, -3.0]
    assert tests.operator[0] == "CMCC" and tests.cell[0] == "17" and tests.mode[0] == "5G"
    assert tests.run.tolist() == ["1", "1"] and not tests.nr.any()
    assert "no columns of the NR cell" in found.report.notes[0]


def test_sentinels_become_missing_and_are_counted_by_field():
    found = import_drive_tests(
        log(
            row(0, rsrp="-200"),
            row(1, rsrq="-225", snr="-"),
            row(2, rsrq="2147483647", snr=""),
            row(3, snr="NaN"),
            row(4, rsrp="-300", rate=""),
            row(5, rsrp="12"),
        )
    )
    assert found.missing == {"rsrp_dbm": 2, "rsrq_db": 2, "sinr_db": 3, "downlink_kbps": 1}
    tests = found.tests
    assert np.isnan(tests.rsrp_dbm).tolist() == [True, False, False, False, True, True]
    assert np.isnan(tests.sinr_db).tolist() == [False, True, True, True, False, False]
    # 12 dBm is no sentinel, and no RSRP
    assert [(d.row, d.field, d.value) for d in found.report.doubts] == [(7, "rsrp_dbm", 12.0)]


def test_nr_columns_are_taken_where_a_row_has_them():
    head = HEAD + ",SSRSRP,SSRSRQ,SSSINR"
    found = import_drive_tests(log(row(0) + ",-80,-11,20", row(1) + ",-,-,-", head=head))
    assert found.tests.nr.tolist() == [True, False]
    assert found.tests.rsrp_dbm.tolist() == [-80.0, -90.0]
    assert found.tests.sinr_db.tolist() == [20.0, 12.0]


def test_another_file_by_a_mapping_of_its_columns():
    body = (
        b"when,x,y,level,quality,mbps\n"
        b"2021-06-30T00:00:00Z,121.4,31.21,-905,-10,1.5\n"
        b"2021-06-30 08:00:01.5,121.4,31.21,-915,-10,2\n"
    )
    found = import_drive_tests(
        body,
        columns={
            "time": Column("when"),
            "longitude": Column("x"),
            "latitude": Column("y"),
            "rsrp_dbm": Column("level", 0.1),
            "downlink_kbps": Column("mbps", 1000),
        },
    )
    # -905 is no sentinel where the file counts tenths of a dB
    assert found.tests.rsrp_dbm.tolist() == [-90.5, -91.5]
    assert found.tests.downlink_kbps.tolist() == [1500.0, 2000.0]
    assert np.diff(found.tests.time).tolist() == [1_500_000]
    assert np.isnan(found.tests.rsrq_db).all()
    with pytest.raises(ValueError, match="columns: power: known are"):
        import_drive_tests(body, columns={"power": Column("level")})


def test_bad_rows_are_named_and_the_good_ones_kept(district):
    found = import_drive_tests(
        log(
            row(0),
            row(1, lat=float("nan")).replace("nan", ""),
            row(2).replace("2021.06.30_08", "2021.02.30_08"),
            row(3).replace("2021.06.30_08.00.03", "yesterday"),
            row(4, lon=0.0, lat=0.0),
            row(5, lon=31.21, lat=121.40),
            row(6, lon=120.0),
            row(7, rsrp="strong"),
            row(8) + ",more",
            row(0),
            row(10, lat=31.2150),
        ),
        outline=district.outline,
    )
    assert found.rows.tolist() == [2, 12]
    for expected in [
        (3, "latitude", "required"),
        (4, "time", "a day and hour that exist"),
        (5, "time", "a date and time such as 2021-06-30 08:15:00"),
        (6, "longitude, latitude", "a position; 0, 0 is no fix"),
        (7, "longitude, latitude", "inside the district; longitude and latitude look swapped"),
        (8, "longitude, latitude", "inside the district"),
        (9, "rsrp_dbm", "a number"),
        (10, "row", "as many cells as the head line"),
        (11, "row", "not the same as an earlier row"),
    ]:
        assert expected in listed(found.report), expected
    # half a kilometre in ten seconds is possible, in one it is not
    assert found.report.doubts == []
    fast = import_drive_tests(log(row(0), row(1, lat=31.215)))
    assert [(d.row, d.field) for d in fast.report.doubts] == [(3, "longitude, latitude")]


def test_a_file_with_longitude_and_latitude_swapped_names_the_remedy(district):
    rows = [row(s, lon=31.21, lat=121.38 + s * 1e-4) for s in range(100)]
    found = import_drive_tests(log(*rows), outline=district.outline)
    assert len(found.tests) == 0 and found.report.refused == 100
    assert found.report.notes[-1] == (
        "100 of 100 rows have longitude and latitude in each other's column: "
        "import again with swapped=True"
    )
    again = import_drive_tests(log(*rows), outline=district.outline, swapped=True)
    assert len(again.tests) == 100 and listed(again.report) == []
    assert again.tests.longitude[0] == pytest.approx(121.38)


def test_a_drive_in_gcj_02_is_recognised_by_the_roads(district):
    lines = np.array([shapely.LineString(line.points) for line in district.roads.values()])
    lon, lat = district.along("天山路", 200, 0.0, 1.0)
    off = wgs84_to_gcj02(lon, lat)
    rows = [row(s, lon=x, lat=y) for s, (x, y) in enumerate(zip(*off, strict=True))]
    found = import_drive_tests(log(*rows), outline=district.outline, roads=lines)
    assert found.report.datum.datum == "gcj02" and found.report.datum.confidence > 0.95
    assert any("import again with datum='gcj02'" in note for note in found.report.notes)
    again = import_drive_tests(log(*rows), outline=district.outline, roads=lines, datum="gcj02")
    places = map_to_roads(again.tests.longitude, again.tests.latitude, lines)
    assert (places.offset_m < 1.0).all()


def test_roads_and_blocks_to_hold_out():
    road = shapely.LineString([(121.40, 31.21), (121.42, 31.21)])
    other = shapely.LineString([(121.40, 31.22), (121.42, 31.22)])
    lon = np.linspace(121.40, 121.42, 200)
    lat = np.full(200, 31.2101)
    lat[150:] = 31.215
    places = map_to_roads(lon, lat, [other, road], tolerance_m=30)
    assert (places.road[:150] == 1).all() and (places.road[150:] == -1).all()
    assert np.allclose(places.offset_m[:150], 11.12, atol=0.05)
    # 0.02 degrees of longitude at this latitude are 1,902 m
    assert places.along_m[149] == pytest.approx(149 / 199 * 1902, rel=2e-3)
    shared = road_blocks(places, 500)
    assert set(shared[:150]) == {0, 1, 2} and (shared[150:] == -1).all()
    run = np.array(["a"] * 100 + ["b"] * 100, dtype=object)
    time = np.arange(200) * 1_000_000
    blocks = run_blocks(run, time, lon, np.full(200, 31.21), 500)
    assert blocks.tolist() == sorted(blocks.tolist())
    assert blocks[99] != blocks[100] and len(set(blocks)) == 4
    shuffled = np.random.default_rng(1).permutation(200)
    again = run_blocks(run[shuffled], time[shuffled], lon[shuffled], np.full(200, 31.21), 500)
    assert (again == blocks[shuffled]).all()
    paused = time + np.where(np.arange(200) >= 20, 120_000_000, 0)
    assert len(set(run_blocks(run, paused, lon, np.full(200, 31.21), 500))) == 5


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "no head line"),
        (log(), "no row below the head line"),
        (log(row(), head=HEAD.replace("RSRP", "power")), "column missing: rsrp_dbm"),
        (b"\x1f\x8b broken", "not a gzip file"),
    ],
)
def test_a_file_that_is_no_log_is_refused_with_the_reason(body, message):
    with pytest.raises(UnreadableError, match=message):
        import_drive_tests(body)


def test_the_cap_is_named(monkeypatch):
    monkeypatch.setattr(drive_tests, "MAXIMUM_ROWS", 2)
    with pytest.raises(UnreadableError, match=r"more than 2 rows.*MAXIMUM_ROWS"):
        import_drive_tests(log(row(0), row(1), row(2)))


@pytest.mark.skipif(not REAL.exists(), reason="the real drive tests are not here")
def test_a_real_drive_test_gives_the_figures_that_pandas_gives():
    found = import_drive_tests(REAL)
    tests = found.tests
    table = pd.read_csv(REAL)
    used = ["run", "t_s", "Longitude", "Latitude", "Speed", "CellID", "NetworkMode", "RSRP",
            "RSRQ", "SNR", "DL_bitrate"]  # fmt: skip
    assert len(table) == found.report.read == 73_239
    plain = table[used].copy()
    for name in ("RSRP", "RSRQ", "SNR"):
        plain[name] = plain[name].where(plain[name] > -200)
    # what 3G and 2G phones call their level is no RSRP
    other = ~plain.NetworkMode.isin(["5G", "LTE"])
    assert (
        found.report.doubt_counts[
            "rsrp_dbm: a level of NR or LTE; of 2G or 3G it is no RSRP; taken for missing"
        ]
        == int(other.sum())
        == 9_482
    )
    plain.loc[other, ["RSRP", "RSRQ", "SNR"]] = np.nan
    assert found.missing == {
        "rsrp_dbm": int(table.RSRP.le(-200).sum()),
        "rsrq_db": int(table.RSRQ.isna().sum() + table.RSRQ.le(-200).sum()),
        "sinr_db": int(table.SNR.isna().sum() + table.SNR.le(-200).sum()),
    }
    plain = plain.drop_duplicates()
    assert len(tests) == len(plain)
    assert found.report.fault_counts == {
        "row: not the same as an earlier row": len(table) - len(plain)
    }
    assert not found.absolute
    assert np.allclose(tests.time / 1e6, plain.t_s)
    assert np.array_equal(tests.rsrp_dbm, plain.RSRP, equal_nan=True)
    assert np.array_equal(tests.sinr_db, plain.SNR, equal_nan=True)
    assert tests.cell.tolist() == plain.CellID.astype(str).tolist()
    assert len(set(tests.run)) == plain.run.nunique() == 45
    # the operators' usual rule, on what both columns hold
    both = ~np.isnan(tests.rsrp_dbm) & ~np.isnan(tests.sinr_db)
    ours = ((tests.rsrp_dbm >= -105) & (tests.sinr_db >= -3))[both].mean()
    theirs = plain.dropna(subset=["RSRP", "SNR"])
    assert ours == ((theirs.RSRP >= -105) & (theirs.SNR >= -3)).mean()
    for mode in ("5G", "LTE"):
        mine = tests.rsrp_dbm[tests.mode == mode]
        assert np.nanmean(mine >= -105) == (plain[plain.NetworkMode == mode].RSRP >= -105).mean()


def test_a_gzipped_log_reads_like_the_plain_one():
    plain, packed = (import_drive_tests(b) for b in (log(row()), gzip.compress(log(row()))))
    assert plain.tests.rsrp_dbm.tolist() == packed.tests.rsrp_dbm.tolist()


def test_a_tab_separated_log_with_two_operator_and_mode_columns_is_read():
    head = HEAD.replace("Operatorname,", "Operatorname,Operator,").replace(
        "NetworkMode", "NetworkTech,NetworkMode"
    )
    cells = row().replace("CMCC,", "CMCC,46000,").replace("5G,", "5G,NR NSA,")
    body = log(cells, head=head).replace(b",", b"\t")
    tests = import_drive_tests(body).tests
    assert (tests.operator[0], tests.mode[0], tests.rsrp_dbm[0]) == ("CMCC", "NR NSA", -90.0)


def test_a_level_of_3g_is_no_rsrp_and_is_not_compared_with_a_map_of_5g():
    strong = row(1, rsrp="-24").replace("5G", "HSPA+")
    found = import_drive_tests(log(row(0), strong, row(2).replace("5G", "LTE")))
    tests = found.tests
    assert tests.technology.tolist() == ["nr", "3g", "lte"]
    assert np.isnan(tests.rsrp_dbm).tolist() == [False, True, False]
    assert tests.of_one_technology.tolist() == [True, False, False]
    assert [(d.row, d.value) for d in found.report.doubts] == [(3, -24.0)]
