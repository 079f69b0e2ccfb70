"""The service of the sensing network: the measured rates, and the blurring of photos."""

from __future__ import annotations

import logging
import threading
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from xinji.loop.service import Service
from xinji.store.settings import read_setting, write_setting
from xinji.store.weights import WeightsError

if TYPE_CHECKING:  # the hub is a process of its own, and no house
    from xinji.loop.house import House
    from xinji.store.photos import Screen

log = logging.getLogger(__name__)

RATES = Path(__file__).with_name("rates.toml")
SETTING = "detector-rates"
"""Where the re-check of cases finds them: counts of looks at what was there and at what was not."""
LOOKS_AN_INCIDENT = 40
MOST_LOOKS = 240.0
"""Looks at one incident, and at one empty street, are not independent: no more are counted."""

Picture = npt.NDArray[np.uint8]


class Sensing(Service):
    """Leaves the rates in the house, and blurs faces and plates when the models are installed."""

    def __init__(self, house: House) -> None:
        rates = counts(tomllib.loads(RATES.read_text(encoding="utf-8")))
        if read_setting(house.database, SETTING) != rates:
            write_setting(house.database, SETTING, rates)
        self._lock = threading.Lock()
        self._blur: Callable[[Picture], Picture] | None = None

    def photo_screen(self) -> Screen | None:
        """`screen`, when the models are installed."""
        try:
            # The extra `vision`: without it photos are stored unscreened, and say so.
            from xinji.systems.terminals.sensing import detector

            detector.installed()
        except (ImportError, WeightsError) as error:
            log.warning("photos are not screened for faces and plates: %s", error)
            return None
        return self.screen

    def screen(self, picture: Picture) -> Picture:
        """A picture (RGB) with faces, heads and plate bands blurred."""
        with self._lock:
            if self._blur is None:
                self._blur = _blurring()
            return self._blur(picture)


def _blurring() -> Callable[[Picture], Picture]:
    """Load the models; a third of a second, which only a house with photos spends."""
    from xinji.systems.terminals.sensing.detector import Detector, Faces
    from xinji.systems.terminals.sensing.hub import hidden

    detector, faces = Detector(), Faces()

    def blur(picture: Picture) -> Picture:
        image = np.ascontiguousarray(picture[:, :, ::-1])
        return np.ascontiguousarray(hidden(image, detector.detect(image), faces)[:, :, ::-1])

    return blur


def counts(measured: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Measured rates as counts by problem.

    `there` holds [seen, missed] of each incident, `gone` [false, absent] of looks without one.
    """
    found: dict[str, dict[str, Any]] = {}
    for problem, rates in measured.items():
        if not isinstance(rates, dict):
            continue
        gone = min(MOST_LOOKS, rates["looks_without"])
        alarm = rates["false_alarm"] * gone
        found[problem] = {
            "there": [_thinned(*each) for each in rates.get("by_incident", ()) if sum(each)],
            "gone": [round(alarm, 2), round(gone - alarm, 2)],
        }
    return found


def _thinned(hits: int, misses: int) -> list[int]:
    """The same share in at most `LOOKS_AN_INCIDENT` looks."""
    share = min(1.0, LOOKS_AN_INCIDENT / (hits + misses))
    return [round(hits * share), round(misses * share)]
