import numpy as np
import pytest

from xinji.store.tables.table import UnreadableError
from xinji.systems.network.coverage.inputs.terrain import read_terrain

GRID = b"""ncols 3
nrows 2
xllcorner 121.0
yllcorner 31.0
cellsize 0.1
NODATA_value -9999
1 2 3
4 5 -9999
"""


def test_a_grid_is_read_north_row_first_and_interpolated():
    terrain = read_terrain(GRID)
    assert terrain.west == pytest.approx(121.05) and terrain.south == pytest.approx(31.05)
    lon = np.array([121.05, 121.15, 121.05, 121.10, 121.10, 121.01, 120.9, 121.25])
    lat = np.array([31.05, 31.15, 31.15, 31.10, 31.05, 31.05, 31.05, 31.05])
    expected = [4, 2, 1, 3, 4.5, 4, np.nan, np.nan]
    assert np.allclose(terrain.at(lon, lat), expected, equal_nan=True)


def test_a_single_cell():
    terrain = read_terrain(b"ncols 1\nnrows 1\nxllcenter 121\nyllcenter 31\ncellsize 0.1\n7\n")
    assert terrain.at(np.array([121.04]), np.array([31.0])).tolist() == [7.0]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b"ncols 3", b"", "ncols missing"),
        (b"ncols 3", b"ncols 2.5", "ncols: a whole number"),
        (b"ncols 3", b"ncols 4", "6 heights, but nrows x ncols is 8"),
        (b"ncols 3", b"ncols 99999999", "the cap is"),
        (b"cellsize 0.1", b"cellsize 30", "in metres"),
        (b"cellsize 0.1", b"cellsize x", "cellsize: a number"),
        (b"xllcorner 121.0", b"xllcorner 350000", "in metres"),
        (b"xllcorner 121.0", b"xllcenter 1210", "in metres"),
        (b"1 2 3", b"1 two 3", "below the head"),
        (b"1 2 3", b"1 2 30000", "heights: -500 to 9000 m"),
    ],
)
def test_a_broken_grid_is_refused_with_the_reason(old, new, message):
    with pytest.raises(UnreadableError, match=message):
        read_terrain(GRID.replace(old, new))
