"""14,106 real cases of New York go in by Open311 and come out as an independent count says.

What is compared. The house runs with New York's boroughs as five boxes, the clock of the data, the
table that maps the 19 complaint types to our classes (`CODES`), and the duplicate rule of cells
(`same_cell`: same class, same 0.001 degree cell, at most 24 h after the case's first report, case
still open), because the likelihood-ratio score cannot be recomputed from outside. A case is closed
when the data close the last of its requests, by the actions of a person. Everything is read back by
Open311 (`georeport`, a client that nobody here wrote, and paged GETs) and by SQL on the house; the
other side is pandas and a plain loop on the file (`expected`), which import nothing of ours.

Times of the file are local without an offset; both sides take them as UTC, so differences count.
"""

from __future__ import annotations

import gzip
import heapq
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import sqlalchemy as sa

from tests.conftest import TEST_SYSTEM
from tests.web.live import PASSWORD, Live
from xinji.access.audit import verify
from xinji.access.identity import Role
from xinji.loop.clock import HouseClock
from xinji.model.things import Area, AreaLevel
from xinji.model.title import Title
from xinji.store.schema import cases
from xinji.store.settings import write_setting
from xinji.store.work_schema import reports
from xinji.system.assembly import assemble
from xinji.system.discovery import discover
from xinji.systems.platforms.operations.service import Operations

FILE = Path(__file__).parents[4] / "shared/data/cases_nyc311/nyc311_nypd_2015-12-11_24.csv.gz"
pytestmark = pytest.mark.skipif(not FILE.exists(), reason="../shared/data/cases_nyc311 is absent")

CODES = {
    "Blocked Driveway": "event.0495",
    "Illegal Parking": "event.0495",
    "Noise - Commercial": "event.0408",
    "Noise - Street/Sidewalk": "event.0301",
    "Derelict Vehicle": "event.0411",
    "Noise - Vehicle": "event.0301",
    "Animal Abuse": "event.0107",
    "Traffic": "component.0206",
    "Homeless Encampment": "event.0402",
    "Vending": "event.0401",
    "Posting Advertisement": "event.0201",
    "Drinking": "event.0494",
    "Noise - Park": "event.0301",
    "Noise - House of Worship": "event.0408",
    "Urinating in Public": "event.0108",
    "Bike/Roller/Skate Chronic": "event.0410",
    "Panhandling": "event.0402",
    "Disorderly Youth": "event.0494",
    "Graffiti": "event.0201",
}
# west, south, east, north: boxes that do not overlap, only roughly the boroughs
BOXES = {
    "STATEN ISLAND": (-74.30, 40.40, -74.05, 40.66),
    "BROOKLYN": (-74.05, 40.40, -73.87, 40.70),
    "QUEENS": (-73.87, 40.40, -73.60, 40.80),
    "MANHATTAN": (-74.05, 40.70, -73.87, 40.80),
    "BRONX": (-74.05, 40.80, -73.60, 41.00),
}
CITY = "360000"
SUBDISTRICT = {name: f"{CITY}{number:03d}" for number, name in enumerate(BOXES, 1)}
LATER = 30 * 86_400


def box(west: float, south: float, east: float, north: float) -> dict[str, Any]:
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


class SetClock(HouseClock):
    """A clock that stands where it was put."""

    def __init__(self, at: float) -> None:
        super().__init__(at)
        self.at = at

    def seconds(self) -> float:
        return self.at


class NewYork(Live):
    """A served house with New York's boroughs."""

    def __init__(self, path: Path, clock: SetClock) -> None:
        self.clock = clock
        self.systems = (TEST_SYSTEM, *discover(entry_points=False))
        # the duplicate rule is read when the house opens
        first = assemble(path, self.systems, clock=clock)
        write_setting(first.database, "duplicates.rule", {"cell_degrees": 0.001, "hours": 24})
        first.close()
        house = assemble(path, self.systems, clock=clock)
        house.registry.put_areas(
            [
                Area(code=CITY, level=AreaLevel.DISTRICT, title=Title("纽约", "New York"),
                     geometry=box(-74.30, 40.40, -73.60, 41.00)),
                *(
                    Area(code=SUBDISTRICT[name], level=AreaLevel.SUBDISTRICT,
                         title=Title(name, name), parent=CITY, geometry=box(*corners))
                    for name, corners in BOXES.items()
                ),
            ]
        )  # fmt: skip
        house.service(Operations).dispatching.automatic = False
        super().__init__(path, house)
        answer = self.request("PUT", "/api/open311/codes", json=CODES)
        assert answer.status_code == 200, answer.text

    def people(self) -> None:
        self.house.identity.add("nyc", PASSWORD, Role.OPERATOR, actor="test", posts=("intake",))
        self.tokens["nyc"] = self.house.identity.issue("nyc", "test", 1, actor="test")

    def handle(self, case: str) -> None:
        """A person handles a case and another looks at it: dispatched, done, confirmed."""
        act = self.house.cases.act
        who = {"actor": "nypd", "role": ("administrator", "any")}
        with self.house.database.writing():
            act(case, "dispatch", assignee="nypd", **who)
            act(case, "accept", **who)
            act(case, "done", evidence={"after": [self.after]}, **who)
            act(case, "confirm", evidence={"closing": True}, **who)


def read(rows: int | None) -> pd.DataFrame:
    with gzip.open(FILE) as file:
        frame = pd.read_csv(file, nrows=rows, dtype={"unique_key": str})
    for name in ("created_date", "closed_date"):
        frame[name] = pd.to_datetime(frame[name]).astype("datetime64[s]")
    return frame.sort_values(["created_date", "unique_key"], kind="stable").reset_index(drop=True)


def expected(frame: pd.DataFrame) -> pd.DataFrame:
    """The placed requests with `case` (key of its first request), opened and closed Unix seconds.

    Closings come before openings of the same second, as in `replay`.
    """
    placed = frame.dropna(subset=["latitude", "longitude"]).copy()
    placed["code"] = placed.complaint_type.map(CODES)
    placed["cell"] = list(
        zip(
            placed.code,
            (placed.longitude * 1000).round().astype(int),
            (placed.latitude * 1000).round().astype(int),
            strict=True,
        )
    )
    never = 1 << 60
    placed["opened"] = placed.created_date.astype("int64")
    placed["closed"] = placed.closed_date.astype("int64").where(placed.closed_date.notna(), never)
    case_of: dict[str, str] = {}
    for _, group in placed.groupby("cell", sort=False):
        current: list[tuple[str, int, int]] = []  # (case, first opened, last closed)
        for row in group.itertuples():
            joined = None
            for at in range(len(current) - 1, -1, -1):
                case, first, last = current[at]
                if last > row.opened and row.opened - first <= 86_400:
                    joined = at
                    break
            if joined is None:
                current.append((row.unique_key, row.opened, row.closed))
                case_of[row.unique_key] = row.unique_key
            else:
                case, first, last = current[joined]
                current[joined] = (case, first, max(last, row.closed))
                case_of[row.unique_key] = case
    placed["case"] = placed.unique_key.map(case_of)
    last = placed.groupby("case").closed.max()
    placed["case_closed"] = placed.case.map(last)
    placed.loc[placed.case_closed == never, "case_closed"] = -1
    return placed


def replay(city: NewYork, frame: pd.DataFrame) -> tuple[dict[str, str], list[str]]:
    """Everything in the order of its time; ({key: request id}, keys that were refused)."""
    ids: dict[str, str] = {}
    refused: list[str] = []
    case_of: dict[str, str] = {}
    waiting: Counter[str] = Counter()
    closings: list[tuple[int, str]] = []

    def close_until(moment: int) -> None:
        while closings and closings[0][0] <= moment:
            at, key = heapq.heappop(closings)
            case = case_of[key]
            waiting[case] -= 1
            city.clock.at = float(at)
            if not waiting[case]:
                city.handle(case)

    url = "/api/open311/v2/requests.json"
    for row in frame.itertuples():
        at = int(row.created_date.timestamp())
        close_until(at)
        city.clock.at = float(at)
        form = {
            "api_key": city.tokens["nyc"],
            "client_id": row.unique_key,
            "external_id": row.unique_key,
            "service_code": row.complaint_type,
            "description": row.descriptor if isinstance(row.descriptor, str) else "",
            "attribute[borough]": row.borough,
        }
        if not pd.isna(row.latitude):
            form |= {"lat": str(row.latitude), "long": str(row.longitude)}
        answer = city.http.post(url, data=form)
        if answer.status_code != 201:
            assert answer.status_code == 400 and "lat, long" in answer.text, answer.text
            refused.append(row.unique_key)
            continue
        [item] = answer.json()
        ids[row.unique_key] = item["service_request_id"]
        with city.house.database.reading() as connection:
            case = connection.execute(
                sa.select(reports.c.case_id).where(reports.c.id == item["service_request_id"])
            ).scalar_one()
        case_of[row.unique_key] = case
        waiting[case] += 1
        if not pd.isna(row.closed_date):
            heapq.heappush(closings, (int(row.closed_date.timestamp()), row.unique_key))
        else:
            # open in the data for good: keeps its case open
            waiting[case] += 1
    close_until(1 << 60)
    return ids, refused


def every_request(city: NewYork, **query: Any) -> Iterator[dict[str, Any]]:
    page = 0
    while True:
        page += 1
        answer = city.http.get(
            "/api/open311/v2/requests.json",
            params={"api_key": city.tokens["nyc"], "page": page, "page_size": 1000} | query,
        )
        assert answer.status_code == 200, answer.text
        items = answer.json()
        yield from items
        if len(items) < 1000:
            return


def seconds(text: str | float | None) -> float:
    return pd.Timestamp(text).timestamp() if isinstance(text, str) else -1.0


def check(folder: Path, rows: int | None) -> dict[str, Any]:
    frame = read(rows)
    truth = expected(frame)
    clock = SetClock(float(frame.created_date.min().timestamp()))
    city = NewYork(folder / "data", clock)
    try:
        from tests.systems.operations.street import picture

        photo = city.request("POST", "/api/photos?kind=after", content=picture("after"))
        city.after = photo.json()["id"]
        ids, refused = replay(city, frame)
        clock.at = float(max(frame.created_date.max(), frame.closed_date.max()).timestamp())

        # nothing is lost: every row is a request, or was refused for having no place
        assert sorted(refused) == sorted(frame[frame.latitude.isna()].unique_key)
        assert sorted(ids) == sorted(truth.unique_key)

        items = list(every_request(city, start_date="2015-12-01", end_date="2016-01-31"))
        found = pd.DataFrame([item | item["extended_attributes"] for item in items])
        # the flattened service_code is the sender's own; ours by the mapping
        found["code"] = [item["service_code"] for item in items]
        found["borough"] = [each["borough"] for each in found.attributes]
        assert sorted(found.service_request_id) == sorted(ids.values())
        by_key = found.set_index("external_id").loc[truth.unique_key].reset_index()
        truth = truth.reset_index(drop=True)

        # counts by type (the sender's and ours), status, borough, box
        assert found.service_code.value_counts().to_dict() == (
            truth.complaint_type.value_counts().to_dict()
        )
        assert found.code.value_counts().to_dict() == truth.code.value_counts().to_dict()
        assert found.borough.value_counts().to_dict() == truth.borough.value_counts().to_dict()
        status = (truth.case_closed >= 0).map({True: "closed", False: "open"})
        assert found.status.value_counts().to_dict() == status.value_counts().to_dict()
        inside = pd.Series("", index=truth.index)
        for name, (west, south, east, north) in BOXES.items():
            inside[
                (truth.longitude > west) & (truth.longitude < east)
                & (truth.latitude > south) & (truth.latitude < north)
            ] = SUBDISTRICT[name]  # fmt: skip
        clear = inside != ""  # not on the line between two boxes
        assert clear.mean() > 0.95
        assert (by_key.area[clear] == inside[clear]).all()

        # merges: the same partition of requests into cases
        ours = by_key.groupby("case").external_id.agg(frozenset)
        theirs = truth.groupby("case").unique_key.agg(frozenset)
        assert set(ours) == set(theirs)
        merged = (by_key.disposition == "merged").sum()
        assert merged == len(truth) - truth.case.nunique()
        assert set(by_key.disposition) <= {"filed", "merged"}

        # times, to the microsecond: request, case opened, case closed
        assert by_key.requested_datetime.map(seconds).tolist() == truth.opened.tolist()
        assert by_key.closed_datetime.map(seconds).tolist() == truth.case_closed.tolist()
        assert by_key.status.tolist() == status.tolist()
        hours = (
            by_key.closed_datetime.map(seconds) - by_key.requested_datetime.map(seconds)
        ) / 3600
        done = truth.case_closed >= 0
        wanted = (truth.case_closed - truth.opened) / 3600
        assert hours[done].groupby(by_key.service_code[done]).median().to_dict() == (
            wanted[done].groupby(truth.complaint_type[done]).median().to_dict()
        )

        # the house's own tables say the same
        with city.house.database.reading() as connection:
            c = cases.c
            rows_found = connection.execute(
                sa.select(c.id, c.opened_at, c.closed_at, c.outcome, c.reports)
            ).all()
        assert len(rows_found) == truth.case.nunique()
        assert sum(row.reports for row in rows_found) == len(truth)
        per_case = {
            (int(group.opened.min()), int(group.case_closed.max()), len(group))
            for _, group in truth.groupby("case")
        }
        assert {
            (
                row.opened_at // 1_000_000,
                -1 if row.closed_at is None else row.closed_at // 1_000_000,
                row.reports,
            )
            for row in rows_found
        } == per_case
        outcomes = {row.outcome for row in rows_found}
        assert outcomes <= {"confirmed", None}

        # a client that nobody here wrote reads the same
        georeport = pytest.importorskip("georeport")
        client = georeport.GeoReport(f"{city.url}/api/open311/v2")
        day = client.get_service_requests(
            start_date="2015-12-11T00:00:00Z", end_date="2015-12-11T23:59:59Z", status="closed"
        )
        of_day = truth.created_date.dt.date == pd.Timestamp("2015-12-11").date()
        assert len(day) == min(1000, int((of_day & done).sum()))
        one = next(iter(ids))
        again = client.get_service_request(ids[one])
        assert again["service_request_id"] == ids[one]

        # sending a row again stores nothing
        row = frame[frame.latitude.notna()].iloc[0]
        answer = city.http.post(
            "/api/open311/v2/requests.json",
            data={"api_key": city.tokens["nyc"], "client_id": row.unique_key, "lat": "0",
                  "long": "0", "service_code": row.complaint_type},
        )  # fmt: skip
        assert answer.status_code == 200
        assert answer.json()[0]["service_request_id"] == ids[row.unique_key]
        # and no link of the hash chains is missing
        assert verify(city.house.database, city.house.folder.checkpoints) == []
        return {
            "requests": len(truth),
            "refused": len(refused),
            "cases": len(rows_found),
            "merged": int(merged),
            "median_hours": round(float(wanted[done].median()), 3),
        }
    finally:
        city.close()


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """In memory where there is such a file system: this counts, it does not test the disk."""
    memory = Path("/dev/shm")
    if not memory.is_dir():
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=memory, prefix="xinji-nyc-") as made:
        yield Path(made)


def test_the_first_two_thousand_rows(folder: Path) -> None:
    found = check(folder, 2_000)
    assert found["refused"] > 0
    assert found["merged"] > 100


@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_all_14106_rows(folder: Path) -> None:
    found = check(folder, None)
    assert found["requests"] == 13_976
    assert found["refused"] == 130
