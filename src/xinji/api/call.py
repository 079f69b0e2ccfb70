"""What a route gets: who asks and what was asked; and how it answers."""

from __future__ import annotations

import datetime as dt
import hashlib
import inspect
import logging
import re
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from xinji.access.allowance import Allowance, Exceeded, network_of
from xinji.access.identity import Person, Role
from xinji.access.jurisdiction import Beyond, Reach, admit
from xinji.access.passwords import RETRY_SECONDS, HashingBusyError
from xinji.api.body_limits import CONTROLS, MOST_ITEMS, beyond_limits
from xinji.api.compression import gzipped
from xinji.loop.house import House
from xinji.model.indicators import Plan
from xinji.store.observations import StoreError, StoreFull, microseconds, moment
from xinji.wire.http_body import Bodies, BodyError

T = TypeVar("T")

COOKIE = "xinji_session"
BODY_LIMIT = 16 * 1024 * 1024
STRANGERS_LIMIT = 256 * 1024
"""Bytes of a body, and of one that needs no sign-in and is no file."""
YEARS = (1900, 2200)
"""Times of parameters lie between; beyond are no days of a district, and no clock can hold some."""

log = logging.getLogger(__name__)

failures: Counter[str] = Counter()
"""Requests that failed by a fault of the program, by method and path of their route."""

_encoder = msgspec.json.Encoder()


class Problem(Exception):
    """An answer of RFC 9457; `field` names what was wrong and `rule` what it broke."""

    def __init__(
        self,
        status: int,
        title: str,
        detail: str = "",
        *,
        field: str = "",
        rule: str = "",
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(title)
        self.status, self.headers = status, headers or {}
        self.body = {"type": "about:blank", "title": title, "status": status}
        for name, value in (("detail", detail), ("field", field), ("rule", rule)):
            if value:
                self.body[name] = value

    def response(self) -> Response:
        """The answer."""
        return Response(
            _encoder.encode(self.body),
            self.status,
            headers=self.headers,
            media_type="application/problem+json",
        )


@dataclass(frozen=True, slots=True)
class Site:
    """What the application serves.

    `routes` are the endpoints of the systems.
    """

    house: House
    plan: Plan
    routes: tuple[Endpoint, ...] = ()
    bodies: Bodies = field(default_factory=Bodies)


@dataclass(slots=True)
class Call:
    """One request to one route."""

    site: Site
    request: Request
    person: Person
    body: bytes = b""

    @property
    def house(self) -> House:
        """The running house."""
        return self.site.house

    @property
    def plan(self) -> Plan:
        """The district's plan."""
        return self.site.plan

    def text(self, name: str, default: str = "") -> str:
        """A query parameter."""
        value = self.request.query_params.get(name, default)
        if len(value) > 500:
            raise Problem(400, "Bad parameter", field=name, rule="at most 500 characters")
        if CONTROLS.search(value):
            raise Problem(400, "Bad parameter", field=name, rule="no control characters")
        return value

    def number(self, name: str, default: int, low: int, high: int) -> int:
        """A whole-number query parameter inside [low, high]."""
        text = self.text(name)
        if not text:
            return default
        if not re.fullmatch(r"-?[0-9]{1,18}", text) or not low <= int(text) <= high:
            raise Problem(
                400, "Bad parameter", field=name, rule=f"a whole number from {low} to {high}"
            )
        return int(text)

    def flag(self, name: str) -> bool | None:
        """A query parameter that is `true` or `false`, or None when it is not given."""
        text = self.text(name)
        if text not in ("", "true", "false"):
            raise Problem(400, "Bad parameter", field=name, rule="true or false")
        return None if not text else text == "true"

    def time(self, name: str, default: int) -> int:
        """A time query parameter as Unix microseconds; the ends of time are those of `YEARS`.

        Nothing is stored outside them, so a window asked beyond them is the same window.
        """
        text = self.text(name)
        if not text:
            return default
        try:
            value = dt.datetime.fromisoformat(text.replace(" ", "+"))
        except ValueError:
            raise Problem(400, "Bad parameter", field=name, rule="an RFC 3339 time") from None
        if not YEARS[0] < value.year < YEARS[1]:
            end = YEARS[0] if value.year <= YEARS[0] else YEARS[1]
            value = dt.datetime(end, 1, 1, tzinfo=dt.UTC)
        return microseconds(value if value.tzinfo else value.replace(tzinfo=dt.UTC))

    def day(self, name: str, default: dt.date) -> dt.date:
        """A day query parameter."""
        text = self.text(name)
        if not text:
            return default
        try:
            value = dt.date.fromisoformat(text)
        except ValueError:
            raise Problem(400, "Bad parameter", field=name, rule="a day, 2024-06-30") from None
        if not YEARS[0] < value.year < YEARS[1]:
            rule = f"a day between the years {YEARS[0]} and {YEARS[1]}"
            raise Problem(400, "Bad parameter", field=name, rule=rule)
        return value

    def allow(self, allowance: Allowance) -> None:
        """Count the call of the caller's address. Raises Problem 429."""
        try:
            allowance.take(network_of(address_of(self.request)))
        except Exceeded as error:
            raise too_many(error) from None

    def json(self, shape: type[T], most_items: int = MOST_ITEMS) -> T:
        """The body as a shape, within the limits of every body (`body_limits`).

        The problem names the field and the rule.
        """
        try:
            value = msgspec.json.decode(self.body, type=shape)
        except msgspec.ValidationError as error:
            rule, _, place = str(error).partition(" - at `$")
            raise Problem(
                422, "Bad body", field=place.rstrip("`").lstrip(".") or "body", rule=rule
            ) from error
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Problem(400, "Body is not JSON", str(error)) from error
        if broken := beyond_limits(value, most_items):
            raise Problem(422, "Bad body", field=broken[0] or "body", rule=broken[1])
        return value


class Download(Response):
    """A list as a file. Who took it is in the audit chain before it is given."""

    def __init__(self, content: bytes, media_type: str, name: str, rows: int) -> None:
        super().__init__(content, media_type=media_type)
        self.headers["Content-Disposition"] = f'attachment; filename="{name}"'
        self.name, self.rows = name, rows


Handler = Callable[[Call], Any]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A route with what the OpenAPI document says of it.

    `one_time` is true for the few routes that a person with a one-time password may use.
    """

    method: str
    path: str
    handler: Handler
    role: Role | None
    query: tuple[str, ...] = ()
    body: str = ""
    reach: Reach = Reach.DISTRICT
    one_time: bool = False

    @property
    def most_bytes(self) -> int:
        """The largest body: what anybody may send without a sign-in is small, but for files."""
        return STRANGERS_LIMIT if self.role is None and self.body == "object" else BODY_LIMIT

    @property
    def summary(self) -> str:
        """First line of the handler's docstring."""
        return (inspect.getdoc(self.handler) or "").split("\n", 1)[0]


@dataclass(slots=True)
class Routes:
    """Endpoints of one subject; `routes.get("/api/...", query=...)` adds one.

    What changes something is for the whole district unless it declares another `reach`: its handler
    then looks at each item by the caller's area. What reads is by area: every list carries it.
    """

    endpoints: list[Endpoint] = field(default_factory=list)

    def _add(
        self,
        method: str,
        path: str,
        role: Role | None,
        query: str,
        body: str,
        reach: Reach,
        *,
        one_time: bool = False,
    ) -> Callable[[Handler], Handler]:
        def add(handler: Handler) -> Handler:
            names = tuple(query.split())
            self.endpoints.append(
                Endpoint(method, path, handler, role, names, body, reach, one_time)
            )
            return handler

        return add

    def get(
        self,
        path: str,
        *,
        role: Role | None = Role.VIEWER,
        query: str = "",
        reach: Reach = Reach.AREA,
    ) -> Callable[[Handler], Handler]:
        """A GET endpoint for a role; None needs no sign-in."""
        return self._add("GET", path, role, query, "", reach)

    def post(
        self,
        path: str,
        *,
        role: Role | None = Role.OPERATOR,
        query: str = "",
        body: str = "object",
        reach: Reach = Reach.DISTRICT,
        one_time: bool = False,
    ) -> Callable[[Handler], Handler]:
        """A POST endpoint."""
        return self._add("POST", path, role, query, body, reach, one_time=one_time)

    def put(
        self,
        path: str,
        *,
        role: Role | None = Role.ADMINISTRATOR,
        reach: Reach = Reach.DISTRICT,
    ) -> Callable[[Handler], Handler]:
        """A PUT endpoint."""
        return self._add("PUT", path, role, "", "object", reach)

    def delete(
        self,
        path: str,
        *,
        role: Role | None = Role.ADMINISTRATOR,
        reach: Reach = Reach.DISTRICT,
    ) -> Callable[[Handler], Handler]:
        """A DELETE endpoint."""
        return self._add("DELETE", path, role, "", "", reach)


NOBODY = Person(name="", role=Role.VIEWER)


def token_of(request: Request) -> str:
    """The caller's token: bearer header or session cookie."""
    header = request.headers.get("authorization", "")
    if header.lower().startswith("bearer "):
        return header[7:].strip()
    return request.cookies.get(COOKIE, "")


def person_of(house: House, request: Request, endpoint: Endpoint) -> Person:
    """The caller, whom the endpoint is for. Raises Problem 401 or 403."""
    if endpoint.role is None:
        return NOBODY
    token = token_of(request)
    person = house.identity.person(token) if token else None
    if person is None:
        raise Problem(401, "Sign in first", headers={"WWW-Authenticate": "Bearer"})
    try:
        admit(person, endpoint.role, endpoint.reach, one_time=endpoint.one_time)
    except Beyond as error:
        refused(house, request, person.name)
        raise beyond(error) from None
    return person


def beyond(error: Beyond) -> Problem:
    """The answer to a wish that is wider than the person."""
    if error.field:
        return Problem(403, "Not allowed", field=error.field, rule=error.rule)
    return Problem(403, "Not allowed", error.rule)


def address_of(request: Request) -> str:
    """Who calls: the peer, or what a proxy that is believed says of it."""
    return request.client.host if request.client else ""


def too_many(error: Exceeded) -> Problem:
    """The answer to more than is allowed."""
    headers = {"Retry-After": str(error.retry_after)}
    return Problem(429, "Too many", rule=error.rule, headers=headers)


def refused(house: House, request: Request, name: str, what: str = "") -> None:
    """Count a refusal for the audit chain; see `Denials`. By default of this method and path."""
    address = address_of(request)
    house.audit.denials.note(what or f"{request.method} {request.url.path}", name, address)


def _export(call: Call, file: Download) -> None:
    """Write down who takes which list with which filter. Raises StoreFull."""
    query = {name: value[:200] for name, value in call.request.query_params.items()}
    detail = {"file": file.name, "filter": query, "rows": file.rows}
    with call.house.database.writing():
        call.house.audit.record(call.person.name, "list.export", call.request.url.path, detail)


def _same_origin(request: Request) -> None:
    """A changing request with a cookie must come from our own page."""
    origin = request.headers.get("origin")
    if origin and COOKIE in request.cookies and origin.split("://", 1)[-1] != request.url.netloc:
        raise Problem(403, "Not allowed", "the request comes from another site")


def starlette_route(endpoint: Endpoint, site: Site) -> Route:
    """The endpoint as a Starlette route: body, person, thread, answer, ETag, problems."""
    asynchronous = inspect.iscoroutinefunction(endpoint.handler)

    def answered(request: Request, person: Person, body: bytes) -> Any:
        call = Call(site, request, person, body)
        try:
            answer = endpoint.handler(call)
        except (Problem, Beyond) as error:
            if isinstance(error, Beyond) or error.status == 403:
                refused(site.house, request, person.name)
            raise
        if isinstance(answer, Download):
            _export(call, answer)
        if asynchronous or answer is None or isinstance(answer, Response):
            return answer
        # here, not in the loop that ingests: an answer may have megabytes
        return json_response(answer, request)

    def read(request: Request) -> Any:
        return answered(request, person_of(site.house, request, endpoint), b"")

    async def changed(request: Request) -> Any:
        _same_origin(request)
        # who asks is looked at first: of a stranger not a byte of the body is read
        person = NOBODY
        if endpoint.role is not None:
            person = await run_in_threadpool(person_of, site.house, request, endpoint)
        limit, stranger = endpoint.most_bytes, endpoint.role is None
        async with site.bodies.reading(request, limit, stranger=stranger) as body:
            return await run_in_threadpool(answered, request, person, body)

    async def serve(request: Request) -> Response:
        try:
            if any(CONTROLS.search(part) for part in request.path_params.values()):
                raise Problem(404, "No such path")
            if endpoint.method in ("POST", "PUT", "DELETE"):
                answer = await changed(request)
            else:
                answer = await run_in_threadpool(read, request)
            if asynchronous and isinstance(answer, Awaitable):
                answer = await answer
        except Problem as problem:
            return problem.response()
        except Beyond as error:
            return beyond(error).response()
        except HashingBusyError as error:
            headers = {"Retry-After": str(RETRY_SECONDS)}
            return Problem(503, "Busy", str(error), headers=headers).response()
        except StoreFull as error:
            return Problem(503, "Not stored", str(error), headers={"Retry-After": "5"}).response()
        except StoreError as error:
            return Problem(500, "The store failed", str(error)).response()
        except BodyError as error:
            return Problem(
                error.status, error.title, rule=error.rule, headers=error.headers
            ).response()
        except Exception:
            return failed(f"{endpoint.method} {endpoint.path}")
        if isinstance(answer, Response):
            return answer
        if answer is None:
            return Response(status_code=204)
        return json_response(answer, request)

    return Route(endpoint.path, serve, methods=[endpoint.method])


def failed(route: str) -> Response:
    """The answer to a fault of the program, from its `except`: logged and counted, nothing told."""
    failures[route] += 1
    log.exception("%s failed", route)
    return Problem(500, "The server failed", "it is in the log of the server").response()


def json_response(answer: Any, request: Request) -> Response:
    """JSON, by gzip for who takes it, with an ETag; 304 when the caller has it already."""
    encoded = _encoder.encode(answer)
    headers = {"Vary": "Accept-Encoding"}
    if request.method in ("GET", "HEAD"):
        # weak: one tag for the answer, however it is packed
        tag = f'"{hashlib.blake2b(encoded, digest_size=12).hexdigest()}"'
        headers |= {"ETag": f"W/{tag}", "Cache-Control": "no-cache, private"}
        if tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
    packed = gzipped(encoded, request.headers.get("accept-encoding", ""))
    if packed is not None:
        headers["Content-Encoding"] = "gzip"
    return Response(packed or encoded, media_type="application/json", headers=headers)


def iso(microseconds_: int | None) -> str | None:
    """Unix microseconds as RFC 3339 in UTC."""
    if microseconds_ is None:
        return None
    return moment(microseconds_).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
