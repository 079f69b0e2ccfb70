"""Sign-in, sign-out, who am I."""

from __future__ import annotations

import hashlib

import msgspec
from starlette.responses import Response

from xinji.access.allowance import Exceeded
from xinji.access.attempts import MARK_SECONDS, Caller
from xinji.access.identity import SESSION_SECONDS, Person, Role, SignInError
from xinji.access.jurisdiction import Reach
from xinji.access.policy import PolicyError
from xinji.api.call import (
    COOKIE,
    Call,
    Problem,
    Routes,
    address_of,
    iso,
    json_response,
    refused,
    token_of,
    too_many,
)

routes = Routes()

MARK_COOKIE = "xinji_known_"


class SignIn(msgspec.Struct):
    """Body of sign-in."""

    name: str
    password: str


class NewPassword(msgspec.Struct):
    """Body of a change of password."""

    old: str
    new: str


@routes.post("/api/sign-in", role=None, reach=Reach.OWN)
def sign_in(call: Call) -> Response:
    """Open a session; the answer sets its cookie."""
    given = call.json(SignIn)
    if len(given.password) > 256:
        raise Problem(401, "Wrong name or password")
    kept = _mark_cookie(given.name)
    caller = Caller(address_of(call.request), call.request.cookies.get(kept, ""))
    identity = call.house.identity
    try:
        with call.house.database.essential():
            token, person = identity.sign_in(given.name, given.password, caller)
    except (SignInError, Exceeded) as error:
        refused(call.house, call.request, given.name, "sign-in")
        if isinstance(error, Exceeded):
            raise too_many(error) from None
        raise Problem(401, "Wrong name or password") from error
    response = json_response(person, call.request)
    for name, value, seconds, path in (
        (COOKIE, token, SESSION_SECONDS, "/"),
        (kept, identity.mark(given.name), MARK_SECONDS, "/api/sign-in"),
    ):
        response.set_cookie(
            name,
            value,
            max_age=seconds,
            httponly=True,
            samesite="strict",
            secure=call.request.url.scheme == "https",
            path=path,
        )
    return response


def _mark_cookie(name: str) -> str:
    """The cookie by which a browser is known for a name; several people may share a browser."""
    return MARK_COOKIE + hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:12]


@routes.get("/api/session", role=None)
def session(call: Call) -> Person | None:
    """The signed-in person; 204 when nobody is, which for a page is an answer and not an error."""
    return call.house.identity.person(token_of(call.request))


@routes.post("/api/sign-out", role=Role.VIEWER, reach=Reach.OWN, one_time=True)
def sign_out(call: Call) -> Response:
    """End the session."""
    with call.house.database.essential():
        call.house.identity.sign_out(token_of(call.request))
    response = Response(status_code=204)
    response.delete_cookie(COOKIE, path="/")
    return response


@routes.post("/api/session/password", role=Role.VIEWER, reach=Reach.OWN, one_time=True)
def change_password(call: Call) -> None:
    """Replace one's own password; ends all of one's sessions and API tokens."""
    given = call.json(NewPassword)
    try:
        with call.house.database.essential():
            call.house.identity.change_password(call.person.name, given.old, given.new)
    except (SignInError, Exceeded) as error:
        refused(call.house, call.request, call.person.name, "password")
        if isinstance(error, Exceeded):
            raise too_many(error) from None
        raise Problem(422, "Wrong password", field="old") from error
    except PolicyError as error:
        raise Problem(422, "Password not allowed", field="new", rule=str(error)) from error


@routes.get("/api/clock", role=None)
def clock(call: Call) -> dict[str, object]:
    """The house's clock, against which a page shows ages and countdowns; and whether it keeps up.

    `behind_seconds` are real ones. `speed` is less than `wanted_speed` while the house is behind.
    """
    house = call.house
    return {
        "now": iso(house.clock.now()),
        "speed": house.clock.speed,
        "wanted_speed": house.clock.wanted,
        "behind_seconds": round(max(0.0, house.behind_seconds()), 1),
        "read_only": bool(house.ingest.read_only),
    }
