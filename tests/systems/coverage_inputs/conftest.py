import pytest

from xinji.district.geography import load_district
from xinji.district.radio.buildings import simulate_buildings
from xinji.district.radio.network import simulate_network
from xinji.district.things import all_things, fleets
from xinji.systems.network import coverage


@pytest.fixture(scope="session")
def district():
    return load_district()


@pytest.fixture(scope="session")
def buildings(district):
    return simulate_buildings(district, 1)


@pytest.fixture(scope="session")
def sectors(district, buildings):
    stations = all_things(fleets(district, [coverage.SYSTEM], 1))
    return simulate_network(stations, buildings, 1).sectors
