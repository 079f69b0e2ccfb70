"""A district with everything on both sides, and how to ask each route about the eastern half."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from tests.conftest import gauge
from tests.systems.coverage.town import Town
from tests.systems.operations.street import picture
from tests.systems.poles.avenue import STATION, things
from tests.web.live import EAST, EAST_THINGS, PASSWORD, WEST, WEST_THINGS
from xinji.access.identity import Role
from xinji.model.things import Thing
from xinji.store.schema import metadata
from xinji.store.settings import write_setting
from xinji.store.work_schema import looks, questions, shifts, spot_checks, workers
from xinji.systems.platforms.operations import open311
from xinji.systems.platforms.operations.service import Operations
from xinji.systems.terminals.poles.service import Poles

FAR = 4_000_000_000_000_000
"""Later than any test, Unix microseconds."""
SIDES = {"west": (WEST, 121.397), "east": (EAST, 121.403)}
SYSTEMS = ("terminals.poles", "platforms.operations", "terminals.sensing")
BESIDE = frozenset({"audit", "tokens", "checkpoints", "timers"})
"""Tables that are no item of an area: who did what, who is signed in."""


class Sides(Town):
    """The town with things, cases, photos, questions, jobs ... in the west and in the east.

    `ids["east"]` names what lies in the east: {"case": "CN...", "report": ...}.
    """

    def __init__(self, path: Path) -> None:
        self.ids: dict[str, dict[str, str]] = {"west": {}, "east": {}}
        super().__init__(path)
        self.house.service(Operations).dispatching.automatic = False
        self._things()
        self.bring()
        for side in SIDES:
            self._live(side)
        self.marks = self._marks()

    @staticmethod
    def further(known: dict[str, Any]) -> list[Any]:
        return [known[name] for name in SYSTEMS]

    def people(self) -> None:
        """A viewer, an operator and an administrator of the east beside those of the west."""
        for role in Role:
            name = f"east-{role.value}"
            self.house.identity.add(name, PASSWORD, role, area=EAST, actor="test")

    def token(self, who: str) -> str:
        """A token of an account, made for one request."""
        self.tokens[who] = self.house.identity.issue(who, "one request", 1, actor="test")
        return self.tokens[who]

    def _things(self) -> None:
        put, check = self.house.registry.put, self.house.registry.check
        for names, side in ((WEST_THINGS, "west"), (EAST_THINGS, "east")):
            area, longitude = SIDES[side]
            for name in names:
                made = msgspec.structs.replace(gauge(1, longitude), id=name, area=area)
                put([check(made)])
            put([check(each) for each in self._poles(side)])
        self.house.service(Poles).turn()

    def _poles(self, side: str) -> Iterable[Thing]:
        """A power box, an equipment box and a pole."""
        renamed = {"w-1": f"{side}-power", "b-1": f"{side}-box", "p-1": f"{side}-pole"}
        for each in things():
            if each.id not in renamed:
                continue
            text = json.dumps(each.attributes)
            for old, new in renamed.items():
                text = text.replace(old, new)
            yield msgspec.structs.replace(
                each,
                id=renamed[each.id],
                name=renamed[each.id],
                longitude=SIDES[side][1],
                area=SIDES[side][0],
                attributes=json.loads(text),
            )

    def _ok(self, method: str, path: str, **options: Any) -> Any:
        answer = self.request(method, path, **options)
        assert answer.status_code in (200, 201), f"{path}: {answer.text}"
        return answer.json()

    def _live(self, side: str) -> None:
        """What happens on a side."""
        area, longitude = SIDES[side]
        ids = self.ids[side]
        own = (WEST_THINGS if side == "west" else EAST_THINGS)[0]
        rule = next(r for r in self.get("/api/rules")["items"] if r["id"] == "gauge-silent")
        self._ok("POST", "/api/rules", json=rule | {"enabled": False})
        heavy = next(r for r in self.get("/api/rules")["items"] if r["id"] == "heavy-rain")
        self._ok(
            "POST", "/api/rules",
            json=heavy | {"id": f"{side}-rule", "area": area, "things": [own], "enabled": True},
        )  # fmt: skip
        self.send((own, 50.0))
        ids |= {"thing": own, "rule": f"{side}-rule"}
        ids["device-case"] = self.get(f"/api/cases?thing={own}")["items"][0]["id"]
        place = {"longitude": longitude, "latitude": 31.2}
        ids["photo"] = self._ok(
            "POST", f"/api/photos?thing={own}", content=picture(f"of the {side}")
        )["id"]
        for name, number in (("case", "1"), ("other-case", "2")):
            body = {
                "client_id": f"{side}-{number}", "channel": "patrol", "case_class": "event.0110",
                "text": f"{side}-text", "photos": [ids["photo"]], "latitude": 31.2,
                "longitude": longitude + (0 if number == "1" else 0.0012), "thing": own,
            }  # fmt: skip
            filed = self._ok("POST", "/api/reports", json=body)
            ids |= {name: filed["case"], f"{name}-report": filed["report"]}
            ids["code"] = filed["follow_code"]
        self.house.credentials.issue(f"{side}-credential", area=area, actor="test")
        now = self.house.clock.now()
        with self.house.database.writing() as connection:

            def add(table: sa.Table, **values: Any) -> str:
                done = connection.execute(sa.insert(table).values(**values))
                assert done.inserted_primary_key is not None
                return str(done.inserted_primary_key[0])

            ids["question"] = add(
                questions, report=ids["other-case-report"], case_id=ids["case"], score=1.0,
                reasons=[], asked_at=now,
            )  # fmt: skip
            ids["look"] = add(
                looks, case_id=ids["case"], round=1, thing=own, problem="litter", asked_at=now,
                due_at=FAR,
            )  # fmt: skip
            add(spot_checks, case_id=ids["case"], asked_at=now)
            ids["shift"] = add(
                shifts, person=f"{side}-operator", post="worker", starts_at=now, ends_at=FAR
            )
            connection.execute(
                sa.insert(workers).values(
                    person=f"{side}-operator", department="", skills=[], seen_at=now,
                    on_duty=True, **place,
                )
            )  # fmt: skip
        jobs = self.house.jobs
        plan = jobs.submit("coverage.plan", f"{side}-operator", lambda _: {"sites": [place]})
        while plan.state != "done":
            pass
        ids["job"] = plan.id
        self.tokens[f"{side}-operator"] = self.token(f"{side}-operator")
        station, sector = ("m1", "m1-2.6-120") if side == "west" else ("m2", "m2-2.6-120")
        edit = {"change": "sector", "sector": sector, "azimuth_deg": 60.0}
        answer = self.request(
            "POST", "/api/coverage/scenarios", f"{side}-operator",
            json={"name": f"{side}-scenario", "edits": [{"operator": "mobile", "edit": edit}]},
        )  # fmt: skip
        assert answer.status_code == 200, answer.text
        ids |= {"scenario": answer.json()["id"], "station": station, "sector": sector}
        mounted = self._ok("POST", f"/api/poles/{side}-pole/mounts", json=self.mount(side))
        ids["mount"] = mounted["mount"]["id"]
        known = dict(self.get("/api/open311/sent?url=http://other"))
        with self.house.database.writing():
            sent = {"http://other": known | {ids["case"]: f"{side}-sent"}}
            write_setting(self.house.database, open311.SENT_SETTING, sent)

    def mount(self, side: str) -> dict[str, Any]:
        """Body of a mount on a side's pole."""
        return STATION | {"client_id": f"{side}-mount", "name": f"{side}-station", "box": ""}

    def _marks(self) -> list[re.Pattern[str]]:
        """What tells that an answer or a row is about the east."""
        loose = {"question", "look", "shift", "station"}
        plain = {EAST, "east-", "m2-2.6", *EAST_THINGS}
        plain |= {value for name, value in self.ids["east"].items() if name not in loose}
        return [*(re.compile(re.escape(each)) for each in sorted(plain)),
                re.compile(r'"b0[5-9]\d"')]  # fmt: skip

    def mentions(self, text: str, but: str = "") -> set[str]:
        """Marks of the east in a text, but those that the asker named."""
        found = {match[0] for mark in self.marks if (match := mark.search(text))}
        return {each for each in found if each not in but}

    def rows_of_the_east(self) -> dict[str, list[str]]:
        """Every stored row that is about the east, by table."""
        found: dict[str, list[str]] = {}
        with self.house.database.reading() as connection:
            for table in metadata.sorted_tables:
                if table.name in BESIDE:
                    continue
                rows = (repr(tuple(row)) for row in connection.execute(sa.select(table)))
                found[table.name] = sorted(row for row in rows if self.mentions(row))
        return found


Ids = Callable[[Sides], str]


def of(name: str) -> Ids:
    """An id of the east by its word in `Sides.ids`."""
    return lambda sides: sides.ids["east"][name]


def fixed(value: str) -> Ids:
    """Always the same."""
    return lambda _: value


def _token_of_the_east(sides: Sides) -> str:
    sides.house.identity.issue("east-viewer", "listed", 1, actor="test")
    held = sides.get("/api/users/east-viewer/tokens")["items"]
    return str(held[0]["id"])


IDS: dict[str, Ids] = {
    "/api/things/{id}": of("thing"),
    "/api/cases/{id}": of("case"),
    "/api/plan/indicators/{id}": fixed("gauges.rain"),
    "/api/jobs/{id}": of("job"),
    "/api/rules/{id}": of("rule"),
    "/api/users/{name}": fixed("east-viewer"),
    "/api/users/{name}/tokens/{id}": _token_of_the_east,
    "/api/tokens/{id}": _token_of_the_east,
    "/api/credentials/{name}": fixed("east-credential"),
    "/api/coverage/maps/{operator}": fixed("mobile"),
    "/api/coverage/maps/{operator}/{layer}": fixed("server"),
    "/api/coverage/scenarios/{id}": of("scenario"),
    "/api/coverage/plans/{id}": of("job"),
    "/api/coverage/drive-tests/{id}": fixed("none"),
    "/api/photos/{id}": of("photo"),
    "/api/reports/{id}": of("case-report"),
    "/api/questions/{id}": of("question"),
    "/api/work/workers/{person}": fixed("east-operator"),
    "/api/work/spot-checks/{case}": of("case"),
    "/api/work/shifts/{id}": of("shift"),
    "/api/looks/{id}": of("look"),
    "/api/classes/{code}": fixed("event.0110"),
    "/api/departments/{code}": fixed("sanitation"),
    "/api/calendar/{day}": fixed("2026-10-01"),
    "/api/calendar/years/{year}": fixed("2027"),
    "/api/open311/v2/services.{form}": fixed("json"),
    "/api/open311/v2/services/{code}": fixed("event.0110"),
    "/api/open311/v2/services/{code}.{form}": fixed("json"),
    "/api/open311/v2/requests.{form}": fixed("json"),
    "/api/open311/v2/requests/{id}": of("case-report"),
    "/api/open311/v2/requests/{id}.{form}": fixed("json"),
    "/api/poles/mounts/{id}": of("mount"),
    "/api/poles/power-boxes/{id}": fixed("east-power"),
    "/api/poles/{id}": fixed("east-pole"),
}
"""What stands for a parameter of a path, by the path up to it: an id of the east."""

OF_NOBODY = frozenset(
    [
        "/api/plan/indicators/{id}",
        "/api/coverage/maps/{operator}",
        "/api/coverage/maps/{operator}/{layer}",
        "/api/classes/{code}",
        "/api/departments/{code}",
        "/api/calendar/{day}",
        "/api/calendar/years/{year}",
        "/api/open311/v2/services.{form}",
        "/api/open311/v2/services/{code}",
        "/api/open311/v2/services/{code}.{form}",
        "/api/open311/v2/requests.{form}",
        "/api/open311/v2/requests/{id}.{form}",
    ]
)
"""Keys of `IDS` that name nothing of the east: to the others nobody of the west gets through."""

QUERIES: dict[str, list[str]] = {
    "area": [EAST, "310105"],
    "thing": ["gauge-11"],
    "rule": ["east-rule"],
    "q": ["east"],
    "case": [],
    "kind": ["gauge"],
    "property": ["rain_mm_h"],
    "step": ["1d"],
    "by": ["person", "area", "subdistrict", "class"],
    "format": ["csv", "json"],
    "language": ["zh-CN"],
    "operator": ["mobile"],
    "longitude": ["121.403"],
    "latitude": ["31.2"],
    "west": ["121.39"], "south": ["31.19"], "east": ["121.41"], "north": ["31.21"],
    "scenario": [], "pole": ["east-pole"], "level": ["street"], "days": ["30"],
    "url": ["http://other"], "state": [], "class": [], "standing": ["false"],
    "dry_run": ["false"], "anchor": ["true"], "open": ["true"], "service_request_id": [],
    "channel": ["12345"], "actor": ["east-administrator"], "object": ["east"],
    "sender": ["east-credential"],
}  # fmt: skip
"""Values of query parameters that ask about the east; of the others nothing of an area hangs."""

PLAIN_QUERIES = frozenset(
    [
        "action",
        "reason",
        "datum",
        "from",
        "to",
        "limit",
        "cursor",
        "as_of",
        "type",
        "stage",
        "overdue",
        "indicator",
        "state",
        "brief",
        "bbox",
        "source",
        "disposition",
        "case_class",
        "height",
        "weight",
        "wind_area",
        "power",
        "device",
        "interface",
        "road",
        "status",
        "conflicts",
        "station",
        "reached",
        "samples",
        "name",
        "swapped",
        "kind",
        "taken_at",
        "screened",
        "width",
        "enabled",
        "year",
        "locale",
        "jurisdiction_id",
        "service_code",
        "start_date",
        "end_date",
        "page",
        "page_size",
        "api_key",
        "owner",
        "system",
    ]
)
"""Query parameters that name no item of an area."""

Body = Callable[[Sides], Any]


def _rule_of_the_east(sides: Sides) -> Any:
    known = {rule["id"]: rule for rule in sides.get("/api/rules")["items"]}
    return known["east-rule"] | {"severity": "critical"}


def _new_rule(**more: Any) -> Body:
    return lambda sides: _rule_of_the_east(sides) | {"id": "made", "things": []} | more


def _edits_of_the_east(sides: Sides) -> Any:
    edit = {"change": "sector", "sector": "m2-2.6-0", "azimuth_deg": 10.0}
    return {"name": "mine", "edits": [{"operator": "mobile", "edit": edit}], "revision": 1}


def _report_in_the_east(sides: Sides) -> Any:
    return {
        "client_id": "mine", "channel": "patrol", "case_class": "event.0110",
        "longitude": 121.403, "latitude": 31.2,
    }  # fmt: skip


def _with_the_photo(sides: Sides) -> Any:
    east = sides.ids["east"]
    return _report_in_the_east(sides) | {"longitude": 121.397, "photos": [east["photo"]]}


def _at_the_thing(sides: Sides) -> Any:
    return _report_in_the_east(sides) | {"longitude": 121.397, "thing": "gauge-11"}


def _json(value: Any) -> Body:
    return lambda _: value


def _things_of_the_east(_: Sides) -> bytes:
    return (
        b"id,kind,name,longitude,latitude\n"
        b"gauge-11,gauge,Taken,121.397,31.2\neast-new,gauge,New,121.403,31.2\n"
    )


def _form(sides: Sides) -> bytes:
    return b"service_code=event.0110&lat=31.2&long=121.403&description=east-form"


BODIES: dict[str, list[Body]] = {
    "POST /api/things/import": [_things_of_the_east],
    "POST /api/cases/{id}/actions": [
        _json({"action": "ask-check", "note": "x"}),
        _json({"action": "refuse", "note": "x"}),
    ],
    "POST /api/jobs/{id}/cancel": [_json(None)],
    "POST /api/rules": [
        _rule_of_the_east, _new_rule(), _new_rule(area=""),
        _new_rule(area=WEST, things=["gauge-11"]),
    ],
    "PUT /api/rules/{id}": [_rule_of_the_east],
    "POST /api/rules/preview": [_rule_of_the_east, _new_rule(area="")],
    "POST /api/users": [
        _json({"name": "east-made", "role": "viewer", "area": EAST}),
        _json({"name": "east-made", "role": "viewer"}),
    ],
    "PUT /api/users/{name}": [_json({"area": WEST}), _json({"disabled": True})],
    "POST /api/users/{name}/password": [_json(None)],
    "DELETE /api/users/{name}/tokens": [_json(None)],
    "DELETE /api/users/{name}/tokens/{id}": [_json(None)],
    "DELETE /api/tokens/{id}": [_json(None)],
    "POST /api/tokens": [_json({"label": "mine"})],
    "POST /api/credentials": [
        _json({"name": "mine", "area": EAST}),
        _json({"name": "mine", "things": ["gauge-11"]}),
        _json({"name": "east-credential", "area": WEST}),
    ],
    "DELETE /api/credentials/{name}": [_json(None)],
    "POST /api/coverage/scenarios": [_edits_of_the_east],
    "PUT /api/coverage/scenarios/{id}": [_edits_of_the_east],
    "DELETE /api/coverage/scenarios/{id}": [_json(None)],
    "POST /api/photos": [lambda _: picture("mine")],
    "POST /api/reports": [_report_in_the_east, _with_the_photo, _at_the_thing],
    "POST /api/reports/read": [_json({"text": "east"})],
    "POST /api/questions/{id}": [_json({"same": False}), _json({"same": True})],
    "PUT /api/work/position": [_json({"longitude": 121.397, "latitude": 31.2})],
    "PUT /api/work/workers/{person}": [_json({"skills": ["drainage"]})],
    "POST /api/work/dispatch": [_json({})],
    "POST /api/work/spot-checks/{case}": [_json({"still_there": False, "note": "x"})],
    "PUT /api/work/shifts": [
        _json({
            "person": "east-operator", "post": "worker", "starts_at": "2026-11-30T00:00:00Z",
            "ends_at": "2026-12-01T00:00:00Z",
        })
    ],
    "DELETE /api/work/shifts/{id}": [_json(None)],
    "POST /api/looks/{id}": [_json({"verdict": "absent"})],
    "POST /api/open311/v2/requests.{form}": [_form],
    "POST /api/open311/sent": [
        lambda sides: {
            "url": "http://other", "case": sides.ids["east"]["case"], "service_request_id": "9",
        }
    ],
    "POST /api/poles/{id}/mounts": [
        lambda sides: sides.mount("east") | {"client_id": "mine", "slot": "T2"}
    ],
    "POST /api/poles/mounts/{id}/move": [
        _json({"client_id": "mine", "pole": "west-pole", "slot": "T1"}), _json({"slot": "T2"}),
    ],
    "DELETE /api/poles/mounts/{id}": [_json(None)],
    "PUT /api/poles/power-boxes/{id}/circuits": [_json({"circuits": [], "feeds": []})],
}  # fmt: skip
"""Bodies of requests that change something and reach into areas: what would touch the east."""

OPEN = {
    "/api/sign-in": "nobody is signed in yet",
    "/api/sign-out": "the caller's own session",
    "/api/session": "the caller's own session",
    "/api/session/password": "the caller's own password",
    "/api/clock": "the district's clock",
    "/api/basemap": "public geography",
    "/api/areas": "public geography",
    "/api/status": "of the whole house",
    "/api/changes": "a stream; test_scope_api.py listens to it",
    "/api/openapi.json": "this document",
    "/api/public/classes": "for residents",
    "/api/public/photos": "for residents: they report anywhere",
    "/api/public/reports": "for residents: they report anywhere",
    "/api/public/reports/{code}": "to whoever has the code",
    "/api/public/reports/{code}/photos/{id}": "to whoever has the code",
    "/api/public/reports/{code}/rating": "to whoever has the code",
    "/api/open311/v2/tokens/{token}.{form}": "to whoever has the code",
}
"""Paths that are the same for everybody, and why."""
