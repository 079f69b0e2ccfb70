import numpy as np
import pytest
import shapely

from xinji.district.radio.drive_tests import Driving, shadowing, simulate_drive_tests
from xinji.systems.network.coverage.inputs.drive_tests import import_drive_tests
from xinji.systems.network.coverage.inputs.road_places import map_to_roads


def truth(longitude, latitude):
    """Weaker to the west; two sectors."""
    level = -70 - (121.43 - longitude) * 400
    sector = np.where(longitude > 121.39, "east:1", "west:1").astype(object)
    return level, sector, 15 + (level + 85) / 3


@pytest.fixture(scope="module")
def log(district):
    return simulate_drive_tests(district, {"mobile": truth}, seed=1)["mobile"]


def test_the_importer_reads_a_simulated_log(district, log):
    lines = np.array([shapely.LineString(line.points) for line in district.roads.values()])
    found = import_drive_tests(log.csv, outline=district.outline, roads=lines)
    tests, report = found.tests, found.report
    assert 8_000 < len(log) < 60_000
    # only places that the position error carries over the border are refused
    assert set(report.fault_counts) <= {
        f"longitude, latitude: inside the district{hint}"
        for hint in ("", "; looks like GCJ-02", "; looks like BD-09")
    }
    assert report.refused < 0.01 * len(log)
    assert report.datum.datum == "wgs84" and report.datum.confidence > 0.95
    assert report.notes == []
    row = found.rows - 2
    assert (tests.time == log.time[row]).all()
    assert (tests.run == log.run[row]).all() and len(set(tests.run)) == 2
    known = ~np.isnan(tests.rsrp_dbm)
    assert 0.003 < 1 - known.mean() < 0.03
    assert set(found.missing) >= {"nr_rsrp_dbm", "nr_sinr_db"}
    error = tests.rsrp_dbm[known] - (log.level_dbm + log.shadow_db)[row][known]
    assert abs(error.mean()) < 0.1 and 1.3 < error.std() < 1.8
    assert (tests.cell[known] == log.sector[row][known]).all()
    places = map_to_roads(tests.longitude, tests.latitude, lines, 15)
    assert (places.road >= 0).mean() > 0.99
    assert tests.nr[known].all()


def test_shadowing_has_gudmundsons_correlation():
    drawn = shadowing(400_000.0, 5.0, 50.0, np.random.default_rng(1))
    assert drawn.std() == pytest.approx(5.0, rel=0.03)
    for metres, expected in ((10, 0.819), (50, 0.368), (100, 0.135)):
        lag = metres // 2
        assert np.corrcoef(drawn[:-lag], drawn[lag:])[0, 1] == pytest.approx(expected, abs=0.04)


def test_every_pass_meets_the_same_shadow(log):
    first, second = (log.run == name for name in sorted(set(log.run)))
    for road in ("虹桥路", "天山路"):
        here = log.road == road
        a, b = here & first, here & second
        order = np.argsort(log.along_m[a], kind="stable")
        met = np.interp(log.along_m[b], log.along_m[a][order], log.shadow_db[a][order])
        assert np.corrcoef(met, log.shadow_db[b])[0, 1] > 0.9


def test_logs_by_seed_operator_and_day(district, log):
    again = simulate_drive_tests(district, {"mobile": truth}, seed=1)["mobile"]
    assert again.csv == log.csv
    both = simulate_drive_tests(
        district, {"unicom": truth, "mobile": truth}, seed=1, driving=Driving(passes=1)
    )
    assert both["unicom"].csv != both["mobile"].csv
    assert set(both["unicom"].run) == {"unicom-20210705"}
    other = simulate_drive_tests(district, {"mobile": truth}, seed=2)["mobile"]
    assert other.csv != log.csv


def test_where_there_is_no_service_nothing_is_measured(district):
    def dead(longitude, latitude):
        level, sector, sinr = truth(longitude, latitude)
        return level - 100, sector, sinr

    log = simulate_drive_tests(
        district, {"mobile": dead}, seed=1, driving=Driving(passes=1, missing=0.0)
    )["mobile"]
    found = import_drive_tests(log.csv)
    assert np.isnan(found.tests.rsrp_dbm).all() and (found.tests.cell == "").all()


def test_a_truth_of_another_shape_is_refused(district):
    with pytest.raises(ValueError, match="truth of mobile"):
        simulate_drive_tests(
            district, {"mobile": lambda x, y: (x[:1], np.array(["a"], object), x[:1])}, seed=1
        )
