"""What the simulated network really gives: the radio map on the true azimuths and powers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from xinji.district.geography import District, Floats
from xinji.district.radio.drive_tests import Truth
from xinji.district.radio.network import Network
from xinji.systems.network.coverage.drive_tests import at_places
from xinji.systems.network.coverage.inputs.buildings import Buildings
from xinji.systems.network.coverage.parameters import own_parameters
from xinji.systems.network.coverage.prediction import Prediction, predict
from xinji.systems.network.coverage.scene import make_scene, roads_of

NOTHING_DBM = -150.0


def true_maps(district: District, buildings: Buildings, network: Network) -> dict[str, Prediction]:
    """The real map of each operator; about 4 CPU seconds for Changning."""
    scene = make_scene(district.areas, roads_of(district.basemap), buildings)
    sectors = network.true_sectors
    operators = sorted(set(sectors.operator.tolist()))
    return {each: predict(each, sectors, scene, own_parameters()) for each in operators}


def truth_of(prediction: Prediction) -> Truth:
    """The map as a vehicle meets it: level, serving sector and SINR at places."""
    scene, sectors = prediction.scene, prediction.sectors

    def look(longitude: Floats, latitude: Floats) -> tuple[Floats, npt.NDArray[np.object_], Floats]:
        level = at_places(prediction, longitude, latitude)
        cells = scene.cells_of(longitude, latitude)
        names = np.append(sectors.sector_id, "").astype(object)
        sinr = np.where(np.isfinite(level), prediction.sinr.ravel()[cells], -20.0)
        served = np.where(np.isfinite(level), prediction.server.ravel()[cells], -1)
        return np.where(np.isfinite(level), level, NOTHING_DBM), names[served], sinr

    return look
