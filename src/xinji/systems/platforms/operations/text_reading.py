"""Reads class, place and urgency in the text of a hotline. A machine's reading is a proposal.

The model is fitted on first use (about a second), from made texts (`text_templates`) and from what
people of this house have filed. A house's first readings are therefore only as good as the made
texts; see `benchmarks/text_routing.py` for what that is worth.
"""

from __future__ import annotations

import functools
import re
import threading
from typing import Any

import numpy as np
import sqlalchemy as sa
from shapely.geometry import shape

from xinji.loop.house import House
from xinji.methods.geodesy import METRES_PER_DEGREE
from xinji.model.things import AreaLevel
from xinji.store.schema import cases
from xinji.store.work_schema import reports
from xinji.systems.platforms.operations.class_table import ClassTable
from xinji.systems.platforms.operations.gazetteer import Gazetteer
from xinji.systems.platforms.operations.reading import Reading
from xinji.systems.platforms.operations.text_features import TextModel, fit
from xinji.systems.platforms.operations.text_templates import NEGATIONS, URGENT

MOST_TEXT = 2_000
MOST_LEARNT = 5_000
USUALLY_URGENT = 0.03
SHORTEST_ISSUE = 8
KNOWN = 0.5
"""Probability of fitting any class, and of the first one, below which the reader does not know."""
_FURTHER = re.compile(r"顺便|另外|此外|还有(?:个|件|就是|一)|其次|除此之外|再有")

Classes = tuple[tuple[str, tuple[str, ...]], ...]


class Reader:
    """Reads texts; safe from any thread. Fits itself again when the table of classes changes."""

    def __init__(self, house: House, table: ClassTable) -> None:
        self._house, self._table = house, table
        self._lock = threading.Lock()
        self._model: TextModel | None = None
        self._fitted: Classes = ()
        self._gazetteer: Gazetteer | None = None
        self._known: tuple[int, int] = (-1, -1)

    def warm(self) -> None:
        """Fit and gather now, so that the first text need not wait."""
        self.read("路灯不亮")

    def learn(self) -> int:
        """Fit again with what people have filed since; the number of their texts."""
        with self._lock:
            learnt = self._filed()
            self._fitted = self._classes()
            self._model = fit(self._fitted, learnt) if len(self._fitted) > 1 else None
        return len(learnt)

    def read(self, text: str) -> Reading:
        """Classes by falling probability, the place and the urgency of a text."""
        text = text[:MOST_TEXT]
        model, gazetteer = self._ready()
        classes: tuple[tuple[str, float], ...] = ()
        known = False
        plain = _without_names(_first_issue(text), gazetteer)
        if model is not None:
            chances = model.probabilities([plain])[0]
            order = np.argsort(-chances, kind="stable")
            fits = float(model.fits([plain])[0])
            known = bool(fits >= KNOWN and chances[order[0]] >= KNOWN)
            if not known:
                chances = chances * fits
            classes = tuple((model.codes[at], round(float(chances[at]), 4)) for at in order)
        urgency, sure = _urgency(text)
        return Reading(
            classes=classes,
            known=known,
            place=gazetteer.find(text),
            urgency=urgency,
            urgency_confidence=round(sure, 3),
        )

    # -- getting ready -----------------------------------------------------------------------

    def _classes(self) -> Classes:
        return tuple(
            (known.code, (known.title.zh, *(each.title.zh for each in known.conditions)))
            for known in self._table.classes.values()
            if known.enabled and known.conditions
        )

    def _ready(self) -> tuple[TextModel | None, Gazetteer]:
        registry = self._house.registry
        with self._lock:
            classes = self._classes()
            if self._model is None or classes != self._fitted:
                learnt = tuple(self._filed())
                self._model = _fit_once(classes, learnt) if len(classes) > 1 else None
                self._fitted = classes
            known = (len(registry.things), len(registry.areas))
            if self._gazetteer is None or known != self._known:
                self._gazetteer, self._known = self._gather(), known
            return self._model, self._gazetteer

    def _filed(self) -> list[tuple[str, str]]:
        """Texts with the class that a person gave or left, of cases that a person closed."""
        with self._house.database.reading() as connection:
            rows = connection.execute(
                sa.select(reports.c.text, cases.c.case_class)
                .join(cases, cases.c.id == reports.c.case_id)
                .where(
                    cases.c.outcome == "confirmed",
                    reports.c.channel.in_(("12345", "110", "open311", "resident")),
                    sa.func.length(reports.c.text) >= 4,
                )
                .order_by(cases.c.closed_at.desc())
                .limit(MOST_LEARNT)
            ).all()
        return [(row.text, row.case_class) for row in rows]

    def _gather(self) -> Gazetteer:
        house = self._house
        registry = house.registry
        places = registry.places

        def inside(points: Any) -> Any:
            return np.array([bool(area) for area in places.areas_of(points[:, 0], points[:, 1])])

        found = Gazetteer(inside=inside)
        for area in registry.areas.values():
            # the whole district is no place
            if area.level is AreaLevel.DISTRICT or area.geometry is None or len(area.title.zh) < 2:
                continue
            polygon = shape(area.geometry)
            centre = polygon.representative_point()
            squash = float(np.cos(np.radians(centre.y)))
            radius = (polygon.area * squash / np.pi) ** 0.5 * METRES_PER_DEGREE
            place = (float(centre.x), float(centre.y), float(radius))
            names = {area.title.zh, area.title.zh.removesuffix("街道")}
            for name in names:
                if len(name) >= 2:
                    found.areas[name] = place
        found.add_basemap(self._house.locality.basemap)
        found.add_things(
            (thing.name, thing.longitude, thing.latitude) for thing in registry.things.values()
        )
        with house.database.reading() as connection:
            r = reports.c
            rows = connection.execute(
                sa.select(r.address, r.longitude, r.latitude)
                .where(r.address != "", r.place_error_m <= 50)
                .order_by(r.received_at.desc())
                .limit(MOST_LEARNT)
            ).all()
        found.add_addresses((row.address, row.longitude, row.latitude) for row in rows)
        return found


@functools.lru_cache(maxsize=4)
def _fit_once(classes: Classes, learnt: tuple[tuple[str, str], ...]) -> TextModel:
    """Houses of one process that know the same share a model."""
    return fit(classes, learnt)


def _urgency(text: str) -> tuple[str, float]:
    """By words, each on its own evidence (noisy or); a word that is denied says nothing."""
    calm = 1 - USUALLY_URGENT
    for word, chance in URGENT.items():
        at = text.find(word)
        if at >= 0 and not text[:at].endswith(NEGATIONS):
            calm *= 1 - chance
    return ("urgent", 1 - calm) if calm < 0.5 else ("normal", calm)


def _first_issue(text: str) -> str:
    """Callers add other things; the first is what they call for."""
    found = _FURTHER.search(text, SHORTEST_ISSUE)
    return text[: found.start()] if found else text


def _without_names(text: str, gazetteer: Gazetteer) -> str:
    """Names of places say nothing about the class."""
    for hit in reversed(gazetteer.hits(text)):
        text = text[: hit.start] + text[hit.end :]
    return text
