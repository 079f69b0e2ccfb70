"""Path loss by Sionna's own code: cases on standard input, their losses on standard output.

Run by the Python of `.venv-oracles` (`make oracles`): PyTorch is too large for `.venv`. It imports
nothing of Xinji.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np
import sionna.phy.channel.tr38901.uma_scenario as uma
import sionna.phy.channel.tr38901.umi_scenario as umi
import torch
from sionna.phy.channel.tr38901 import InH, PanelArray, UMa, UMi

CHANNELS = {"UMa": UMa, "UMi": UMi, "InH": InH}
# The breakpoint of the standard is written with 3.0e8 m/s, not with the exact speed of light.
uma.SPEED_OF_LIGHT = umi.SPEED_OF_LIGHT = 3e8


def losses(
    model: str, ghz: float, station: float, receiver: float, seen: bool, distances: list[float]
) -> list[float]:
    """Basic path loss in dB at each horizontal distance in metres."""
    count = len(distances)
    array = PanelArray(1, 1, "single", "V", "omni", ghz * 1e9, precision="double")
    options: dict[str, Any] = {} if model == "InH" else {"o2i_model": "low"}
    channel = CHANNELS[model](
        carrier_frequency=ghz * 1e9,
        ut_array=array,
        bs_array=array,
        direction="downlink",
        precision="double",
        **options,
    )

    def batch(values: np.ndarray) -> torch.Tensor:
        return torch.tensor(values[None], dtype=torch.float64)

    still = np.zeros((count, 3))
    channel.set_topology(
        batch(np.column_stack([distances, np.zeros(count), np.full(count, receiver)])),
        batch(np.array([[0.0, 0.0, station]])),
        batch(still),
        batch(np.zeros((1, 3))),
        batch(still),
        torch.full((1, count), model == "InH"),
        los=seen,
    )
    return channel._scenario.basic_pathloss.numpy().reshape(-1).tolist()


if __name__ == "__main__":
    json.dump([losses(**case) for case in json.load(sys.stdin)], sys.stdout)
