"""The service of 5G coverage: the maps in memory, their figures in the store."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import shapely
import sqlalchemy as sa

from xinji.loop.house import House
from xinji.loop.jobs import Job
from xinji.loop.service import Periodic, Service
from xinji.model.observations import Source
from xinji.model.things import Thing
from xinji.store.network_schema import buildings as buildings_table
from xinji.store.observations import moment
from xinji.store.schema import things
from xinji.store.settings import read_setting, write_setting
from xinji.systems.network.coverage.drive_tests import DriveTest, sector_residuals
from xinji.systems.network.coverage.drive_tests import read as read_test
from xinji.systems.network.coverage.drive_tests import read_all as read_tests
from xinji.systems.network.coverage.inputs.drive_tests import DriveTests
from xinji.systems.network.coverage.parameters import Parameters, own_parameters
from xinji.systems.network.coverage.prediction import Prediction, confidence, predict
from xinji.systems.network.coverage.registered import (
    SECTOR,
    digest_of,
    read_buildings,
    read_sectors,
)
from xinji.systems.network.coverage.residuals import Residuals, learn
from xinji.systems.network.coverage.scene import Floats, Scene, make_scene
from xinji.systems.network.coverage.shares import Share, shares
from xinji.systems.network.coverage.trials import OwnEdit, Trials
from xinji.wire.inlet import Device

log = logging.getLogger(__name__)

SYSTEM = "network.coverage"
AREA_KIND = "coverage-area"
GROUND = "coverage-ground"
"""The setting that holds roads and cell of the last computation."""

RESUME_SECONDS = 5.0
SURE = 0.9
"""Probability from which a place counts as surely covered."""

DISTRICT_TIME = dt.timezone(dt.timedelta(hours=8))

Stamp = tuple[int, str, int, int]
"""Count and digest of the sectors, count and newest of the outlines: what a map comes from."""


@dataclass(frozen=True, kw_only=True)
class Maps:
    """What was computed last, of all operators."""

    stamp: Stamp
    computed_at: int
    scene: Scene
    predictions: dict[str, Prediction]
    shares: dict[str, dict[str, Share]]
    source: str
    confidence: dict[str, Floats] = field(default_factory=dict)
    residuals: dict[str, Residuals] = field(default_factory=dict)

    @cached_property
    def trials(self) -> Trials:
        """What planners try out with the maps."""
        return Trials(self.predictions)


class Coverage(Service):
    """The maps of a house; computed when asked for, kept until the next time."""

    def __init__(self, house: House) -> None:
        self._house = house
        self.parameters: Parameters = own_parameters()
        self.maps: Maps | None = None
        self._jobs: list[Job] = []
        self._digest: tuple[tuple[int, int | None], str] = ((-1, None), "")
        self._resumed = False

    def periodic(self) -> Iterable[Periodic]:
        """Taking up again what a restart ended; by real time."""
        return (Periodic(run=self.resume, seconds=RESUME_SECONDS, first=RESUME_SECONDS),)

    async def resume(self) -> None:
        """After a restart, once, compute again what was computed before: maps live in memory."""
        if self._resumed:
            return
        self._resumed = True
        if self.maps is not None:
            return
        known = read_setting(self._house.database, GROUND)
        if known is not None and self.stamp()[0]:
            roads = [np.asarray(road, np.float64) for road in known["roads"]]
            cell = float(known["cell_m"])
            self.follow(
                self._house.jobs.submit(
                    "coverage.compute", "system", lambda job: self.compute(job, roads, cell)
                )
            )

    def follow(self, job: Job) -> None:
        """Remember a computation that everybody who looks at the maps should know of."""
        self._jobs = [*self.jobs(), job]

    def jobs(self) -> list[Job]:
        """What is being computed now or waits for its turn."""
        return [job for job in self._jobs if job.state in ("waiting", "running")]

    def stamp(self) -> Stamp:
        """What the registry holds now."""
        with self._house.database.reading() as connection:
            count, revision = connection.execute(
                sa.select(sa.func.count(), sa.func.max(things.c.revision)).where(
                    things.c.kind == SECTOR
                )
            ).one()
            outlines = connection.execute(
                sa.select(sa.func.count(), sa.func.max(buildings_table.c.added_at))
            ).one()
        # a sector's row also changes with its state, which no map depends on
        if self._digest[0] != (count, revision):
            self._digest = (count, revision), digest_of(read_sectors(self._house.database))
        return count, self._digest[1], outlines[0], outlines[1] or 0

    def compute(
        self, job: Job, roads: Sequence[Floats], cell: float = 10.0, *, history: bool = False
    ) -> dict[str, Any]:
        """Compute all operators anew; with `history` also the figures of each year's end.

        The figures are stored as observations of the coverage areas, where the plan reads them.

        Raises:
            ValueError: no sectors are registered.
        """
        house = self._house
        stamp, now = self.stamp(), house.clock.now()
        sectors = read_sectors(house.database)
        if not len(sectors):
            raise ValueError("sectors: none are registered; import the operators' ledgers first")
        outlines = read_buildings(house.database)
        scene = make_scene(list(house.registry.areas.values()), roads, outlines, cell)
        operators = sorted(set(sectors.operator.tolist()))
        moments = [*(_years(sectors.in_service_since.tolist(), now) if history else ()), now]
        total = len(sectors) * len(moments)
        source = self._source()
        done = 0
        found: dict[str, Prediction] = {}
        figures: dict[str, dict[str, Share]] = {}
        for at in moments:
            known = sectors if at == now else read_sectors(house.database, at)
            same = len(known) == sum(len(each.sectors) for each in found.values())
            if same and found:  # nothing was commissioned since
                self._store(figures, found, at, source)
                done += len(sectors)
                continue
            found = {}
            for operator in operators:
                before, share = done, int((known.operator == operator).sum())

                def tell(part: int, whole: int, before: int = before, share: int = share) -> None:
                    job.progress(before + share * part // max(1, whole), total)

                found[operator] = predict(operator, known, scene, self.parameters, progress=tell)
                done += share
            figures = {operator: shares(each) for operator, each in found.items()}
            self._store(figures, found, at, source)
        self.maps = Maps(
            stamp=stamp,
            computed_at=now,
            scene=scene,
            predictions=found,
            shares=figures,
            source=source,
        )
        ground = {"roads": [road.tolist() for road in roads], "cell_m": cell}
        write_setting(house.database, GROUND, ground)
        return {"operators": operators, "computed_at": moment(now).isoformat()}

    def confide(self, job: Job, operator: str, samples: int) -> dict[str, Any]:
        """Compute how sure the map of an operator is; it becomes the layer `confidence`.

        Raises:
            ValueError: no map of the operator, or too many samples.
        """
        maps = self.maps
        if maps is None or operator not in maps.predictions:
            raise ValueError(f"operator: {operator} has no map")
        found = confidence(maps.predictions[operator], samples, progress=job.progress)
        maps.confidence[operator] = found
        open_ = found[maps.scene.open_cells]
        return {
            "operator": operator,
            "samples": samples,
            "mean": round(float(open_.mean()), 4),
            "sure": round(float((open_ >= SURE).mean()), 4),
            "doubtful": round(float(((open_ > 1 - SURE) & (open_ < SURE)).mean()), 4),
        }

    def _source(self) -> str:
        words = {
            place.source for place in self._house.registry.things.values() if place.kind == SECTOR
        }
        return max(words, key=lambda word: int(Source.of(word)), default="measured")

    def _store(
        self,
        figures: dict[str, dict[str, Share]],
        predictions: dict[str, Prediction],
        at: int,
        source: str,
    ) -> None:
        house = self._house
        rows: list[tuple[str, str, int, float]] = []
        missing = []
        for operator, areas in figures.items():
            for code, share in areas.items():
                name = f"coverage:{operator}:{code or 'district'}"
                if name not in house.registry.things:
                    missing.append(self._area_thing(name, operator, code, source))
                for each, value in (
                    ("outdoor_share", share.outdoor),
                    ("road_share", share.road),
                    ("indoor_share", share.indoor),
                ):
                    if value is not None:
                        rows.append((name, each, at, 100 * value))
                if share.mean_rate_mbps is not None:
                    rows.append((name, "mean_rate_mbps", at, share.mean_rate_mbps))
                if not code:
                    rows.append((name, "sectors", at, len(predictions[operator].sectors)))
        if missing:
            house.registry.put([house.registry.check(thing) for thing in missing])
        house.ingest.put(Device(SYSTEM, source=Source.of(source)), rows)

    def _area_thing(self, name: str, operator: str, code: str, source: str) -> Thing:
        areas = self._house.registry.areas
        area = areas.get(code) or next(a for a in areas.values() if a.parent is None)
        point = shapely.geometry.shape(area.geometry).representative_point()
        return Thing(
            id=name,
            kind=AREA_KIND,
            name=f"{area.title.zh} {operator}",
            longitude=round(point.x, 6),
            latitude=round(point.y, 6),
            area=area.code,
            attributes={"operator": operator, "code": area.code},
            source=source,
        )

    # -- drive tests ---------------------------------------------------------------------------

    def observe_residuals(self, test: DriveTest, samples: DriveTests) -> int:
        """Observe how far each sector is from a drive test; how many sectors were told.

        The time is that of the comparison: an old test that is brought today says so today.
        """
        maps = self.maps
        if maps is None or test.operator not in maps.predictions:
            return 0
        _, _, medians = sector_residuals(maps.predictions[test.operator], samples)
        at = self._house.clock.now()
        rows = [
            (sector, "residual_db", at, min(100.0, max(-100.0, round(median, 2))))
            for sector, (median, _) in medians.items()
            if sector in self._house.registry.things
        ]
        if rows:
            self._house.ingest.put(Device(SYSTEM, source=Source.of(test.source)), rows)
        return len(rows)

    def learn_residuals(self, job: Job, operator: str) -> dict[str, Any]:
        """Interpolate what the operator's drive tests add to its map; it becomes three layers.

        Raises:
            ValueError: no map, no drive tests, or too few runs.
        """
        maps, database = self.maps, self._house.database
        if maps is None or operator not in maps.predictions:
            raise ValueError(f"operator: {operator} has no map")
        known = [read_test(database, each.id) for each in read_tests(database)
                 if each.operator == operator]  # fmt: skip
        tests = [(found[0].id, found[1]) for found in known if found is not None]
        if not tests:
            raise ValueError(f"operator: {operator} has no drive tests")
        found = learn(maps.predictions[operator], tests, progress=job.progress)
        maps.residuals[operator] = found
        return {"operator": operator} | found.figures

    # -- scenarios ------------------------------------------------------------------------------

    def tried(self, edits: Sequence[OwnEdit]) -> dict[str, Prediction]:
        """The maps after edits, by operator.

        Raises:
            ValueError: an edit does not fit; names its number, the field and the rule.
            LookupError: nothing was computed yet.
        """
        if self.maps is None:
            raise LookupError("no map was computed yet")
        return self.maps.trials.after(edits)


def _years(since: Sequence[int], now: int) -> list[int]:
    """The ends of the years from the first commissioning to the last full one, microseconds."""
    known = [each for each in since if each > 0]
    if not known:
        return []
    first, last = moment(min(known)).astimezone(DISTRICT_TIME).year, moment(now).year
    ends = (dt.datetime(year + 1, 1, 1, tzinfo=DISTRICT_TIME) for year in range(first, last))
    return [int(end.timestamp() * 1_000_000) - 1 for end in ends]
