"""Open311 GeoReport v2 under /api/open311/v2, and what `xinji open311` asks of a house.

Without a key: 10 requests an hour and address, and only what came by Open311 is shown. With an API
token as `api_key` (or as a bearer token): every report of the caller's area.
"""

from __future__ import annotations

import functools
import secrets
from collections.abc import Callable
from typing import Any

import msgspec
import sqlalchemy as sa
from starlette.responses import Response

from xinji.access.allowance import Allowance
from xinji.access.identity import Person, Role
from xinji.access.jurisdiction import Beyond, Reach, admit
from xinji.access.scope import contains, within
from xinji.api.call import Call, Problem, Routes, token_of
from xinji.store.schema import case_steps, cases
from xinji.store.settings import read_setting, write_setting
from xinji.store.work_schema import reports
from xinji.systems.platforms.operations import open311
from xinji.systems.platforms.operations.api.reports import operations, source_of
from xinji.systems.platforms.operations.api.residents import (
    FOLLOWS_AN_HOUR,
    REPORTS_AN_HOUR,
)
from xinji.systems.platforms.operations.inside import cases_inside
from xinji.systems.platforms.operations.new_report import Contact, NewReport, ReportError
from xinji.systems.platforms.operations.open311 import Open311Error
from xinji.systems.platforms.operations.open311_client import Foreign, take

routes = Routes()
BASE = "/api/open311/v2"
MOST_CODES = 5_000
MOST_TAKEN = 1_000

_posts, _reads = Allowance(REPORTS_AN_HOUR), Allowance(FOLLOWS_AN_HOUR)

Answer = tuple[str, Any, int]
"""Name of the XML root, the content, the HTTP status."""


def _standard(handler: Callable[[Call], Answer]) -> Callable[[Call], Response]:
    """Answer in the form that the path asks for, errors too."""

    @functools.wraps(handler)
    def serve(call: Call) -> Response:
        form = call.request.path_params["form"]
        headers: dict[str, str] = {}
        try:
            if form not in open311.FORMS:
                form = "json"
                raise Open311Error(404, "the formats are json and xml")
            wanted = call.request.query_params.get("jurisdiction_id", "")
            if wanted and wanted != call.house.locality.code:
                raise Open311Error(404, "jurisdiction_id: not the one of this server")
            root, content, status = handler(call)
        except Open311Error as error:
            root, status = "errors", error.status
            content = [{"code": status, "description": error.description}]
        except Problem as problem:
            root, status, headers = "errors", problem.status, problem.headers
            said = problem.body
            words = ": ".join(str(said[key]) for key in ("field", "rule", "detail") if key in said)
            content = [{"code": status, "description": words or str(said["title"])}]
        body = open311.to_json(content) if form == "json" else open311.to_xml(root, content)
        media = "application/json" if form == "json" else "application/xml"
        return Response(body, status, headers=headers, media_type=f"{media}; charset=utf-8")

    return serve


def _person(call: Call, key: str, role: Role) -> Person | None:
    """Whose key it is, or None without a key. Raises Open311Error 403."""
    key = key or token_of(call.request)
    if not key:
        return None
    person = call.house.identity.person(key) if len(key) <= 256 else None
    if person is None:
        raise Open311Error(403, f"api_key: a live key with the role {role.value}")
    try:
        admit(person, role, Reach.AREA)
    except Beyond as error:
        raise Open311Error(403, f"api_key: {error.rule}") from None
    return person


def _language(call: Call) -> str:
    wanted = call.text("locale") or call.request.headers.get("accept-language", "")
    return "en" if wanted.lower().startswith("en") else "zh"


def _reader(call: Call) -> Person | None:
    person = _person(call, call.text("api_key"), Role.VIEWER)
    if person is None:
        call.allow(_reads)
    return person


# -- services --------------------------------------------------------------------------------


@routes.get(BASE + "/services.{form}", role=None, query="jurisdiction_id locale")
@_standard
def service_list(call: Call) -> Answer:
    """Open311: the services, one for each class that may be reported."""
    language = _language(call)
    found = open311.offered(operations(call).classes)
    return "services", [open311.service(known, language) for known in found], 200


@routes.get(BASE + "/services/{code}.{form}", role=None, query="jurisdiction_id locale")
@_standard
def service_definition(call: Call) -> Answer:
    """Open311: what a service asks besides."""
    known = operations(call).classes.classes.get(call.request.path_params["code"])
    if known is None or not known.enabled:
        raise Open311Error(404, "service_code: not found")
    return "service_definition", open311.definition(known, _language(call)), 200


# -- requests --------------------------------------------------------------------------------


@routes.post(BASE + "/requests.{form}", role=None, query="jurisdiction_id locale", body="form")
@_standard
def request_post(call: Call) -> Answer:
    """Open311: report a problem; answered when it is stored."""
    posted = open311.parse_form(call.body, call.request.headers.get("content-type", ""))
    wanted = posted.fields.get("jurisdiction_id", "")
    if wanted and wanted != call.house.locality.code:
        raise Open311Error(404, "jurisdiction_id: not the one of this server")
    person = _person(call, posted.fields.get("api_key", call.text("api_key")), Role.OPERATOR)
    given = _report_of(call, posted, trusted=person is not None)
    sender = person.name if person else f"open311:{given.client_id}"
    intake = operations(call).intake
    filed = intake.answer(sender, given.client_id)
    if filed is None:
        if person is None:
            call.allow(_posts)
        elif "simulated" in person.posts:
            call.person = person
        try:
            scope = person.area if person else ""
            filed = intake.receive(given, sender, source_of(call), scope=scope)
        except ReportError as error:
            raise Open311Error(400, f"{_FIELD.get(error.field, error.field)}: {error.rule}") from (
                error
            )
    notice = {"merged": "同一问题已在处理，已并入", "asked": "可能与处理中的问题相同，待人工确认"}
    item = {
        "service_request_id": filed.report,
        "service_notice": notice.get(filed.disposition, ""),
        "account_id": posted.fields.get("account_id", ""),
    }
    return "service_requests", [item], 200 if filed.repeated else 201


_FIELD = {
    "longitude": "lat, long",
    "latitude": "lat, long",
    "case_class": "service_code",
    "text": "description",
    "address": "address_string",
}


def _report_of(call: Call, posted: open311.Posted, *, trusted: bool) -> NewReport:
    """The report that a form means. Raises Open311Error 400, 404."""
    part, fields = operations(call), posted.fields
    code = fields.get("service_code", "")
    if not code:
        raise Open311Error(400, "service_code: is asked")
    foreign = read_setting(call.house.database, open311.CODES_SETTING) or {}
    known = part.classes.classes.get(foreign.get(code, code))
    if known is None or not known.enabled or not known.conditions:
        raise Open311Error(404, "service_code: not found")
    longitude, latitude, error_m = _place(call, fields)
    condition = posted.attributes.get("condition", "") if trusted else ""
    if isinstance(condition, list):
        raise Open311Error(400, "attribute[condition]: one value")
    name = " ".join(fields[key] for key in ("first_name", "last_name") if fields.get(key))
    phone = fields.get("phone", "")
    if len(name) > 100 or len(phone) > 40:
        raise Open311Error(400, "first_name, last_name, phone: at most 100, 40 characters")
    said = {
        "service_code": code,
        "address_id": fields.get("address_id", ""),
        "media_url": fields.get("media_url", ""),
        "email": fields.get("email", ""),
        "account_id": fields.get("account_id", ""),
        "device_id": fields.get("device_id", ""),
        "attributes": posted.attributes,
    }
    if said["media_url"] and not str(said["media_url"]).startswith(("https://", "http://")):
        raise Open311Error(400, "media_url: an http or https address")
    return NewReport(
        client_id=fields.get("client_id") or f"open311-{secrets.token_hex(16)}",
        channel="open311",
        case_class="" if condition else known.code,
        condition=condition,
        longitude=longitude,
        latitude=latitude,
        place_error_m=error_m,
        text=fields.get("description", ""),
        address=fields.get("address_string", ""),
        external_id=fields.get("external_id", "") if trusted else "",
        evidence={"open311": {name: value for name, value in said.items() if value}},
        contact=Contact(name=name, phone=phone) if name or phone else None,
    )


def _place(call: Call, fields: dict[str, str]) -> tuple[float, float, float | None]:
    """Longitude, latitude, error: as given, or read from `address_string`."""
    if fields.get("lat") or fields.get("long"):
        try:
            return float(fields.get("long", "")), float(fields.get("lat", "")), None
        except ValueError:
            raise Open311Error(400, "lat, long: both, in degrees (WGS-84)") from None
    read = operations(call).intake.read
    address = fields.get("address_string", "")
    place = read(address).place if read is not None and address else None
    if place is None:
        raise Open311Error(400, "lat, long: are asked, or an address_string that names a place")
    return place.longitude, place.latitude, place.error_m


@routes.get(
    BASE + "/requests.{form}",
    role=None,
    query="service_request_id service_code start_date end_date status page page_size api_key "
    "jurisdiction_id locale",
)
@_standard
def request_list(call: Call) -> Answer:
    """Open311: service requests, newest first; 90 days and 1,000 at most."""
    person = _reader(call)
    r, c = reports.c, cases.c
    query = sa.select(reports).outerjoin(cases, c.id == r.case_id).where(_visible(person))
    ids = [each for each in call.text("service_request_id").split(",") if each]
    if ids:
        # the standard: overrides all other arguments
        query = query.where(r.id.in_(ids))
    else:
        start, end = open311.window(
            call.text("start_date"), call.text("end_date"), call.house.clock.now()
        )
        query = query.where(r.received_at >= start, r.received_at <= end)
        if codes := [each for each in call.text("service_code").split(",") if each]:
            query = query.where(r.case_class.in_(codes))
        statuses = {each for each in call.text("status").split(",") if each}
        if statuses - set(open311.STATUSES):
            raise Open311Error(400, "status: open or closed")
        if len(statuses) == 1:
            closed = c.closed_at.is_not(None)
            query = query.where(closed if "closed" in statuses else sa.not_(closed))
    size = call.number("page_size", open311.MOST_REQUESTS, 1, open311.MOST_REQUESTS)
    page = call.number("page", 1, 1, 1_000_000)
    query = query.order_by(r.received_at.desc(), r.id.desc())
    with call.house.database.reading() as connection:
        rows = connection.execute(query.limit(size).offset((page - 1) * size)).all()
    return "service_requests", _items(call, rows, person), 200


@routes.get(BASE + "/requests/{id}.{form}", role=None, query="api_key jurisdiction_id locale")
@_standard
def request_one(call: Call) -> Answer:
    """Open311: one service request."""
    person = _reader(call)
    with call.house.database.reading() as connection:
        row = connection.execute(
            sa.select(reports).where(
                reports.c.id == call.request.path_params["id"], _visible(person)
            )
        ).first()
    if row is None:
        raise Open311Error(404, "service_request_id: not found")
    return "service_requests", _items(call, [row], person), 200


@routes.get(BASE + "/tokens/{token}.{form}", role=None, query="jurisdiction_id")
@_standard
def token(call: Call) -> Answer:
    """Open311: the service request of a token; ours is the code that a resident follows by."""
    call.allow(_reads)
    code = call.request.path_params["token"].upper()[:16]
    with call.house.database.reading() as connection:
        found = connection.execute(
            sa.select(reports.c.id).where(reports.c.follow_code == code)
        ).scalar()
    if found is None:
        raise Open311Error(404, "token: not found")
    return "service_requests", [{"token": code, "service_request_id": found}], 200


def _visible(person: Person | None) -> sa.ColumnElement[bool]:
    if person is None:
        return reports.c.channel == "open311"
    return within(reports.c.area, person.area)


def _items(call: Call, rows: Any, person: Person | None) -> list[dict[str, Any]]:
    house, table, language = call.house, operations(call).classes, _language(call)
    wanted = {row.case_id for row in rows if row.case_id}
    with house.database.reading() as connection:
        known = {
            row.id: row
            for row in connection.execute(sa.select(cases).where(cases.c.id.in_(wanted)))
        }
        newest = sa.func.max(case_steps.c.at).label("newest")
        updated = {
            row.case_id: row.newest
            for row in connection.execute(
                sa.select(case_steps.c.case_id, newest)
                .where(case_steps.c.case_id.in_(wanted))
                .group_by(case_steps.c.case_id)
            )
        }
    base = str(call.request.base_url).rstrip("/")
    items = []
    for row in rows:
        # pictures are for people who may sign in
        shown = f"{base}/api/photos/{row.photos[0]}" if person is not None and row.photos else ""
        items.append(
            open311.request_item(
                row,
                known.get(row.case_id),
                house.cases.types["urban"],
                table,
                updated.get(row.case_id),
                shown,
                language,
            )
        )
    return items


# -- for the administrator and for `xinji open311` -----------------------------------------------


@routes.get("/api/open311/codes")
def codes(call: Call) -> dict[str, str]:
    """Service codes of other servers and the classes they mean here."""
    return dict(read_setting(call.house.database, open311.CODES_SETTING) or {})


@routes.put("/api/open311/codes")
def codes_put(call: Call) -> dict[str, str]:
    """Store the table of other servers' service codes (administrator)."""
    given = call.json(dict[str, str])
    table = operations(call).classes.classes
    if len(given) > MOST_CODES:
        raise Problem(422, "Bad body", field="codes", rule=f"at most {MOST_CODES}")
    for foreign, ours in given.items():
        if ours not in table:
            raise Problem(422, "Bad body", field=foreign[:128], rule="a class of the table")
    house = call.house
    with house.database.writing():
        write_setting(house.database, open311.CODES_SETTING, given)
        house.audit.record(call.person.name, "open311.codes", str(len(given)), given)
    return given


class Taken(msgspec.Struct):
    """Body of what was read from another server."""

    url: str
    requests: list[Foreign]


@routes.post("/api/open311/take", role=Role.OPERATOR)
def taken(call: Call) -> dict[str, Any]:
    """Service requests of another server, as reports; each of them once."""
    given = call.json(Taken)
    if len(given.requests) > MOST_TAKEN:
        raise Problem(422, "Bad body", field="requests", rule=f"at most {MOST_TAKEN}")
    if not {"intake", "shift-leader", "any", "administrator"}.intersection(call.person.roles):
        raise Problem(403, "Not allowed", "needs the post intake")
    return take(operations(call).intake, call.house.database, given.url, given.requests)


class Sent(msgspec.Struct):
    """Body: a case is at another server under an id."""

    url: str
    case: str
    service_request_id: str


@routes.get("/api/open311/sent", query="url")
def sent(call: Call) -> dict[str, Any]:
    """Cases that were sent to another server: {case: its service_request_id}."""
    known = read_setting(call.house.database, open311.SENT_SETTING) or {}
    there = dict(known.get(call.text("url"), {}))
    mine = cases_inside(call.house.database, call.person.area, there)
    return {case: at for case, at in there.items() if case in mine}


@routes.post("/api/open311/sent", role=Role.OPERATOR, reach=Reach.AREA)
def sent_add(call: Call) -> Sent:
    """Remember under which id another server has a case."""
    given = call.json(Sent)
    house = call.house
    row = house.cases.row(given.case)
    if row is None or not contains(call.person.area, row.area):
        raise Problem(404, "No such case", given.case[:64])
    if not 0 < len(given.service_request_id) <= 128 or not 0 < len(given.url) <= 200:
        raise Problem(422, "Bad body", field="service_request_id", rule="1 to 128 characters")
    with house.database.writing():
        known = dict(read_setting(house.database, open311.SENT_SETTING) or {})
        known[given.url] = known.get(given.url, {}) | {given.case: given.service_request_id}
        write_setting(house.database, open311.SENT_SETTING, known)
        house.audit.record(call.person.name, "open311.sent", given.case, msgspec.to_builtins(given))
    return given
