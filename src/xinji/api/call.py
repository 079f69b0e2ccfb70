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
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from xinji.access.identity import Person, Role
from xinji.api.body_limits import CONTROLS, MOST_ITEMS, beyond_limits
from xinji.loop.house import House
from xinji.model.indicators import Plan
from xinji.store.observations import StoreError, StoreFull, microseconds, moment

T = TypeVar("T")

COOKIE = "xinji_session"
BODY_LIMIT = 16 * 1024 * 1024
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

    `district` is the head of `GET /api/district` (name, title, code, bounds ...), `basemap` a
    GeoJSON FeatureCollection; both are data of the district, whichever it is.
    """

    house: House
    plan: Plan
    district: dict[str, Any]
    basemap: dict[str, Any]


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
        """A time query parameter as Unix microseconds."""
        text = self.text(name)
        if not text:
            return default
        try:
            value = dt.datetime.fromisoformat(text.replace(" ", "+"))
        except ValueError:
            raise Problem(400, "Bad parameter", field=name, rule="an RFC 3339 time") from None
        if not YEARS[0] < value.year < YEARS[1]:
            rule = f"a time between the years {YEARS[0]} and {YEARS[1]}"
            raise Problem(400, "Bad parameter", field=name, rule=rule)
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


Handler = Callable[[Call], Any]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A route with what the OpenAPI document says of it."""

    method: str
    path: str
    handler: Handler
    role: Role | None
    query: tuple[str, ...] = ()
    body: str = ""

    @property
    def summary(self) -> str:
        """First line of the handler's docstring."""
        return (inspect.getdoc(self.handler) or "").split("\n", 1)[0]


@dataclass(slots=True)
class Routes:
    """Endpoints of one subject; `routes.get("/api/...", query=...)` adds one."""

    endpoints: list[Endpoint] = field(default_factory=list)

    def _add(
        self, method: str, path: str, role: Role | None, query: str, body: str
    ) -> Callable[[Handler], Handler]:
        def add(handler: Handler) -> Handler:
            names = tuple(query.split())
            self.endpoints.append(Endpoint(method, path, handler, role, names, body))
            return handler

        return add

    def get(
        self, path: str, *, role: Role | None = Role.VIEWER, query: str = ""
    ) -> Callable[[Handler], Handler]:
        """A GET endpoint for a role; None needs no sign-in."""
        return self._add("GET", path, role, query, "")

    def post(
        self, path: str, *, role: Role | None = Role.OPERATOR, query: str = "", body: str = "object"
    ) -> Callable[[Handler], Handler]:
        """A POST endpoint."""
        return self._add("POST", path, role, query, body)

    def put(
        self, path: str, *, role: Role | None = Role.ADMINISTRATOR
    ) -> Callable[[Handler], Handler]:
        """A PUT endpoint."""
        return self._add("PUT", path, role, "", "object")

    def delete(
        self, path: str, *, role: Role | None = Role.ADMINISTRATOR
    ) -> Callable[[Handler], Handler]:
        """A DELETE endpoint."""
        return self._add("DELETE", path, role, "", "")


NOBODY = Person(name="", role=Role.VIEWER)


def token_of(request: Request) -> str:
    """The caller's token: bearer header or session cookie."""
    header = request.headers.get("authorization", "")
    if header.lower().startswith("bearer "):
        return header[7:].strip()
    return request.cookies.get(COOKIE, "")


def person_of(house: House, request: Request, role: Role) -> Person:
    """The caller, who must have a role. Raises Problem 401 or 403."""
    token = token_of(request)
    person = house.identity.person(token) if token else None
    if person is None:
        raise Problem(401, "Sign in first", headers={"WWW-Authenticate": "Bearer"})
    if not person.role.covers(role):
        raise Problem(403, "Not allowed", f"needs the role {role.value}")
    return person


def _same_origin(request: Request) -> None:
    """A changing request with a cookie must come from our own page."""
    origin = request.headers.get("origin")
    if origin and COOKIE in request.cookies and origin.split("://", 1)[-1] != request.url.netloc:
        raise Problem(403, "Not allowed", "the request comes from another site")


async def read_body(request: Request, limit: int = BODY_LIMIT) -> bytes:
    """The body, never more than `limit` bytes. Raises Problem 413."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise Problem(413, "Body too large", rule=f"at most {limit} bytes")
        parts.append(part)
    return b"".join(parts)


def starlette_route(endpoint: Endpoint, site: Site) -> Route:
    """The endpoint as a Starlette route: body, person, thread, answer, ETag, problems."""
    asynchronous = inspect.iscoroutinefunction(endpoint.handler)

    async def serve(request: Request) -> Response:
        try:
            if any(CONTROLS.search(part) for part in request.path_params.values()):
                raise Problem(404, "No such path")
            body = b""
            if endpoint.method in ("POST", "PUT", "DELETE"):
                _same_origin(request)
                body = await read_body(request)

            def work() -> Any:
                person = person_of(site.house, request, endpoint.role) if endpoint.role else NOBODY
                return endpoint.handler(Call(site, request, person, body))

            answer = await run_in_threadpool(work)
            if asynchronous and isinstance(answer, Awaitable):
                answer = await answer
        except Problem as problem:
            return problem.response()
        except StoreFull as error:
            return Problem(503, "Not stored", str(error), headers={"Retry-After": "5"}).response()
        except StoreError as error:
            return Problem(500, "The store failed", str(error)).response()
        except ClientDisconnect:
            return Problem(400, "The body did not arrive").response()
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
    """JSON with an ETag; 304 when the caller has it already."""
    encoded = _encoder.encode(answer)
    if request.method not in ("GET", "HEAD"):
        return Response(encoded, media_type="application/json")
    tag = f'"{hashlib.blake2b(encoded, digest_size=12).hexdigest()}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache, private"}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(encoded, media_type="application/json", headers=headers)


def iso(microseconds_: int | None) -> str | None:
    """Unix microseconds as RFC 3339 in UTC."""
    if microseconds_ is None:
        return None
    return moment(microseconds_).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
