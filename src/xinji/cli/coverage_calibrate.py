"""`xinji coverage calibrate`: wrong azimuths and offsets of sectors, from drive tests."""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from xinji.district.geography import load_district
from xinji.district.radio.drive_tests import simulate_drive_tests
from xinji.district.radio.truth import true_maps, truth_of
from xinji.methods.radio.calibration import Calibration, calibrate
from xinji.methods.radio.calibration_inputs import Registered, Samples
from xinji.methods.radio.calibration_scores import (
    Detection,
    HeldOut,
    blocks,
    detection,
    held_out,
)
from xinji.systems.network.coverage.inputs.drive_tests import DriveTests, import_drive_tests
from xinji.systems.network.coverage.links import links_of
from xinji.systems.network.coverage.prediction import Prediction, carriers_of, layer_of

if TYPE_CHECKING:
    from xinji.cli.coverage import Given

BLOCK_M = 250.0
BLOCK_FOLDS = 4


def add(actions: Any) -> argparse.ArgumentParser:
    """Declare the command; the caller adds what all coverage commands take."""
    parser: argparse.ArgumentParser = actions.add_parser(
        "calibrate", help="wrong azimuths and offsets, from drive tests"
    )
    parser.add_argument(
        "files", nargs="*", type=Path, metavar="FILE",
        help="G-NetTrack logs whose CellID names the sector",
    )  # fmt: skip
    parser.add_argument(
        "--simulate", action="store_true", help="drive tests of the simulated district"
    )
    return parser


def run(arguments: argparse.Namespace, here: Given) -> int:
    """Do it.

    Raises:
        ValueError: no file, or no sample of a file names a sector of the district.
    """
    if bool(arguments.files) == arguments.simulate:
        raise ValueError("FILE, --simulate: give one of the two")
    answer = report(_logs(arguments, here), here, arguments.operator, arguments.seed)
    if arguments.json:
        print(json.dumps(answer, ensure_ascii=False, indent=2))
        return 0
    for each in answer["sectors"]:
        if each["wrong"]:
            print(
                f"{each['sector']}: registered {each['registered_azimuth']:.0f}, "
                f"measured {each['estimate']:.0f} ± {each['error_se']:.0f} degrees, "
                f"probability {each['probability']:.3f}, {each['samples']} samples"
            )
    for name, value in answer.items():
        if name != "sectors":
            print(f"{name}: {value}")
    return 0


def _logs(arguments: argparse.Namespace, here: Given) -> list[DriveTests]:
    if not arguments.simulate:
        found = [import_drive_tests(path) for path in arguments.files]
        return [each.tests.take(each.tests.of_one_technology) for each in found]
    if here.network is None:
        raise ValueError("--simulate: is of the simulated district, not with --data")
    district = load_district()
    maps = true_maps(district, here.scene.outlines, here.network)
    truths = {name: truth_of(each) for name, each in maps.items()}
    logs = simulate_drive_tests(district, truths, seed=arguments.seed)
    return [import_drive_tests(log.csv).tests for log in logs.values()]


def report(
    logs: list[DriveTests], here: Given, operator: str | None = None, seed: int = 1
) -> dict[str, Any]:
    """What the command prints with --json; of one operator, or of all that the logs name.

    Raises:
        ValueError: no sample names a sector of the district.
    """
    begin = time.process_time()
    owners = dict(zip(here.sectors.sector_id.tolist(), here.sectors.operator.tolist(), strict=True))
    named = {owners[cell] for log in logs for cell in set(log.cell.tolist()) if cell in owners}
    named &= {operator} if operator else named
    if not named:
        raise ValueError("FILE: no CellID is a sector of the district or operator")
    sectors: list[dict[str, Any]] = []
    runs: list[HeldOut] = []
    roads: list[HeldOut] = []
    detections: list[Detection] = []
    for each in sorted(named):
        prediction, registered = _ledger(each, here)
        samples, places = _samples(logs, prediction)
        antenna = prediction.layers[0].radio.antenna
        found = calibrate(samples, registered, antenna)
        sectors += _sectors(found, prediction)
        if len(np.unique(samples.run)) > 1:
            runs.append(held_out(samples, registered, antenna, samples.run))
        block = blocks(*places, BLOCK_M, BLOCK_FOLDS, seed)
        if len(np.unique(block)) > 1:
            roads.append(held_out(samples, registered, antenna, block))
        if here.network is not None:
            ids = here.network.truth.sector_id.tolist()
            numbers = {name: at for at, name in enumerate(ids)}
            at = np.array([numbers[name] for name in prediction.sectors.sector_id.tolist()])
            truth = here.network.truth
            detections.append(detection(found, truth.azimuth_wrong[at], truth.azimuth_deg[at]))
    by_run, by_block = _errors(runs), _errors(roads)
    chosen = by_run or by_block or {}
    answer: dict[str, Any] = {
        "samples": sum(each["samples"] for each in sectors),
        "judged": sum(each["estimate"] is not None for each in sectors),
        "wrong": sum(each["wrong"] for each in sectors),
        "held_out": "run" if by_run else "block" if by_block else None,
        "rmse_before": chosen.get("registered"),
        "rmse_after": chosen.get("calibrated"),
        "baseline_rmse": chosen.get("shifted"),
        "rmse_by_run": by_run,
        "rmse_by_block": by_block,
        "cpu_seconds": round(time.process_time() - begin, 2),
        "sectors": sectors,
    }
    if detections:
        answer["truth"] = _truth(detections)
    return answer


def _ledger(operator: str, here: Given) -> tuple[Prediction, Registered]:
    """The operator's sectors as the map takes them, with no map computed."""
    sectors = here.sectors
    own = sectors.take(np.flatnonzero((sectors.operator == operator) & (sectors.type != "indoor")))
    layers = tuple(layer_of(own, rows, here.scene, here.parameters) for rows in carriers_of(own))
    prediction = Prediction(
        operator=operator, scene=here.scene, parameters=here.parameters, sectors=own, layers=layers
    )
    site, sites = np.zeros(len(own), np.int64), 0
    azimuth, tilt, power = np.zeros((3, len(own)))
    for layer in layers:
        network = layer.network
        site[layer.rows] = network.site + sites
        azimuth[layer.rows], tilt[layer.rows] = network.azimuth, network.tilt
        power[layer.rows] = network.power_dbm
        sites += len(layer.stations)
    return prediction, Registered(site=site, azimuth_deg=azimuth, tilt_deg=tilt, power_dbm=power)


def _samples(
    logs: list[DriveTests], prediction: Prediction
) -> tuple[Samples, tuple[np.ndarray, np.ndarray]]:
    """Those that name a sector in reach of it, and where they are in metres."""
    cell = np.concatenate([log.cell for log in logs])
    longitude = np.concatenate([log.longitude for log in logs])
    latitude = np.concatenate([log.latitude for log in logs])
    links = links_of(prediction, cell, longitude, latitude)
    run = np.concatenate([[f"{n}/{name}" for name in log.run] for n, log in enumerate(logs)])
    samples = Samples(
        sector=links.row, bearing_deg=links.bearing_deg, distance_m=links.distance_m,
        below_deg=links.below_deg, hidden=links.hidden, depth_m=links.depth_m,
        loss_db=links.loss_db, run=np.unique(run, return_inverse=True)[1],
        measured_dbm=np.concatenate([log.rsrp_dbm for log in logs]),
    )  # fmt: skip
    known = links.row >= 0
    x, y = prediction.scene.plane.metres(longitude[known], latitude[known])
    return samples.take(known), (x, y)


def _sectors(found: Calibration, prediction: Prediction) -> list[dict[str, Any]]:
    """A line for each sector with samples, those called wrong first."""
    rows = np.flatnonzero(found.samples > 0)
    rows = rows[np.lexsort((-found.samples[rows], ~found.wrong[rows]))]
    lines = []
    for row in rows.tolist():
        judged = not found.reason[row]
        lines.append({
            "sector": str(prediction.sectors.sector_id[row]),
            "registered_azimuth": float(found.registered.azimuth_deg[row]),
            "estimate": round(float(found.azimuth_deg[row]), 1) if judged else None,
            "error_se": _rounded(found.azimuth_se_deg[row]),
            "samples": int(found.samples[row]),
            "wrong": bool(found.wrong[row]),
            "probability": _rounded(found.probability[row], 4),
            "evidence": _rounded(found.loss_before[row] - found.loss_after[row]),
            "offset_db": _rounded(found.offset_db[row]),
            "offset_se_db": _rounded(found.offset_se_db[row]),
            "reason": found.reason[row] or None,
        })  # fmt: skip
    return lines


def _rounded(value: float, digits: int = 2) -> float | None:
    return round(float(value), digits) if math.isfinite(value) else None


def _errors(parts: list[HeldOut]) -> dict[str, float] | None:
    """RMSE in dB of every prediction, over all operators."""
    if not parts:
        return None
    names = ("measured", "registered", "shifted", "constant", "calibrated")
    columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    together = HeldOut(**columns)
    return {name: round(together.rmse(name), 3) for name in names[1:]}


def _truth(found: list[Detection]) -> dict[str, Any]:
    total = Detection(
        **{
            name: sum(getattr(each, name) for each in found)
            for name in ("planted", "measured", "judged", "called", "found")
        },
        error_deg=np.concatenate([each.error_deg for each in found]),
    )
    return {
        "planted": total.planted,
        "planted_measured": total.measured,
        "planted_judged": total.judged,
        "called": total.called,
        "found": total.found,
        "precision": None if total.precision is None else round(total.precision, 3),
        "recall": None if total.recall is None else round(total.recall, 3),
        "median_error_deg": _rounded(np.median(total.error_deg)) if total.found else None,
    }
