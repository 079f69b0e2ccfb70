import json

import numpy as np
import pytest
import shapely

from xinji.district.radio.network import simulate_network, write_truth
from xinji.district.truth import TruthFile


def test_every_base_station_has_its_sectors_and_keeps_its_place(stations, network):
    sectors = network.sectors
    base = {t.id: t for t in stations if t.kind == "base-station"}
    assert set(sectors.station_id) == set(base)
    macro, pole = sectors.type == "macro", sectors.type == "pole"
    assert len(set(sectors.station_id[macro])) == 913
    assert len(set(sectors.station_id[pole])) == 39
    assert macro.sum() == 913 * 3
    assert 39 <= pole.sum() <= 78
    assert len(set(sectors.sector_id)) == len(sectors)
    for row in range(0, len(sectors), 97):
        thing = base[sectors.station_id[row]]
        assert sectors.longitude[row] == thing.longitude
        assert sectors.latitude[row] == thing.latitude
        assert sectors.operator[row] == thing.attributes["operator"]
        assert sectors.in_service_since[row] == thing.in_service_since


def test_heights_and_angles_are_those_of_the_field(network, buildings):
    sectors = network.sectors
    macro = sectors.type == "macro"
    roof = sectors.mounted_on != ""
    assert (sectors.height_m[~macro] == 10.0).all()
    mast = macro & ~roof
    assert sectors.height_m[mast].min() >= 25.0 and sectors.height_m[mast].max() <= 35.0
    at = {name: i for i, name in enumerate(buildings.id)}
    rows = np.flatnonzero(roof)
    under = np.array([at[name] for name in sectors.mounted_on[rows]])
    above = sectors.height_m[rows] - buildings.height_m[under]
    assert above.min() >= 2.9 and above.max() <= 6.1
    points = shapely.points(sectors.longitude[rows], sectors.latitude[rows])
    assert shapely.intersects(buildings.geometries[under], points).all()
    assert sectors.tilt_deg[macro].min() >= 3.0 and sectors.tilt_deg[macro].max() <= 10.0
    assert ((sectors.azimuth_deg >= 0) & (sectors.azimuth_deg < 360)).all()
    assert ((sectors.pci >= 0) & (sectors.pci <= 1007)).all()


def test_a_few_registered_azimuths_are_wrong_and_the_truth_says_which(network, tmp_path):
    truth, sectors = network.truth, network.sectors
    off = np.abs((sectors.azimuth_deg - truth.azimuth_deg + 180) % 360 - 180)
    assert (off[~truth.azimuth_wrong] == 0).all()
    assert off[truth.azimuth_wrong].min() >= 30
    assert 0.02 < truth.azimuth_wrong.mean() < 0.06
    assert 1.8 < truth.power_offset_db.std() < 2.2
    # what is true lies near 0, 120 and 240
    near = np.abs((truth.azimuth_deg[sectors.type == "macro"] + 60) % 120 - 60)
    assert np.median(near) < 15
    real = network.true_sectors
    assert np.allclose(real.eirp_dbm - sectors.eirp_dbm, truth.power_offset_db)
    file = TruthFile(tmp_path / "truth.jsonl")
    write_truth(file, network)
    file.close()
    lines = [json.loads(line) for line in (tmp_path / "truth.jsonl").read_text().splitlines()]
    assert len(lines) == len(sectors)
    assert sum(line["azimuth_wrong"] for line in lines) == truth.azimuth_wrong.sum()


def test_the_same_seed_gives_the_same_network(stations, buildings, network):
    again = simulate_network(stations, buildings, 1)
    assert (again.sectors.azimuth_deg == network.sectors.azimuth_deg).all()
    assert (again.sectors.height_m == network.sectors.height_m).all()
    other = simulate_network(stations, buildings, 2)
    macros = 913 * 3
    assert (other.sectors.azimuth_deg[:macros] != network.sectors.azimuth_deg[:macros]).any()


def test_without_base_stations_there_is_no_network(stations, buildings):
    with pytest.raises(ValueError, match="kind base-station"):
        simulate_network([t for t in stations if t.kind == "building"], buildings, 1)
