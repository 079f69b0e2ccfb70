"""Photos in and out."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import msgspec
from starlette.responses import Response

from xinji.access.identity import Role
from xinji.access.jurisdiction import Reach
from xinji.access.scope import contains
from xinji.api.call import Call, Problem, Routes, iso
from xinji.store.photos import KINDS, LARGEST_BYTES, Photo, PhotoError
from xinji.systems.platforms.operations.inside import sees_photo

routes = Routes()

_ID = re.compile(r"[0-9a-f]{64}")
US = 1_000_000


def put_photo(call: Call, added_by: str) -> Photo:
    """Store the body of a call as a photo. Raises Problem 413, 422."""
    house = call.house
    if len(call.body) > LARGEST_BYTES:
        raise Problem(413, "Body too large", rule=f"at most {LARGEST_BYTES} bytes")
    kind = call.text("kind", "scene")
    if kind not in KINDS:
        raise Problem(422, "Bad photo", field="kind", rule=f"one of {', '.join(KINDS)}")
    now = house.clock.now()
    taken = call.time("taken_at", now)
    if taken > now + 300 * US:
        raise Problem(422, "Bad photo", field="taken_at", rule="not ahead of the clock")
    thing = call.text("thing")
    place = house.registry.things.get(thing)
    if thing and (place is None or not contains(call.person.area, place.area)):
        raise Problem(422, "Bad photo", field="thing", rule="a registered thing")
    try:
        return house.photos.put(
            call.body,
            kind=kind,
            taken_at=taken,
            added_by=added_by,
            now=now,
            longitude=_degrees(call, "longitude", 180),
            latitude=_degrees(call, "latitude", 90),
            thing=thing,
            screened=call.flag("screened") is True and "camera" in call.person.posts,
        )
    except PhotoError as error:
        raise Problem(422, "Bad photo", field="body", rule=error.rule) from error


def _degrees(call: Call, name: str, most: float) -> float | None:
    text = call.text(name)
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not abs(value) <= most:
        raise Problem(422, "Bad photo", field=name, rule=f"degrees from -{most:g} to {most:g}")
    return value


def photo_item(photo: Photo) -> dict[str, Any]:
    """A photo as the API shows it."""
    item = msgspec.structs.asdict(photo)
    return item | {"taken_at": iso(photo.taken_at), "added_at": iso(photo.added_at)}


@routes.post(
    "/api/photos",
    role=Role.OPERATOR,
    query="kind taken_at longitude latitude thing screened",
    body="image",
    reach=Reach.AREA,
)
def photo_add(call: Call) -> dict[str, Any]:
    """Store a picture; faces and plates are blurred before."""
    return photo_item(put_photo(call, call.person.name))


@routes.get("/api/photos/{id}", query="width")
def photo_one(call: Call) -> Response:
    """A picture, or a smaller copy of it."""
    key = call.request.path_params["id"]
    if not sees_photo(call.house.database, call.person.name, call.person.area, key):
        raise Problem(404, "No such photo", key[:64])
    return photo_response(call, key)


def check_photos(call: Call, given: Iterable[str], field: str) -> None:
    """Raises Problem 422 for a photo that is not there, or not the caller's to see."""
    for key in given if call.person.area else ():
        if not sees_photo(call.house.database, call.person.name, call.person.area, key):
            raise Problem(422, "Bad body", field=field, rule="a stored photo; send it first")


def photo_response(call: Call, key: str) -> Response:
    """The picture's bytes. Raises Problem 404."""
    width = call.number("width", 0, 0, 4_096)
    if not _ID.fullmatch(key):
        raise Problem(404, "No such photo", key[:64])
    try:
        data = call.house.photos.read(key, width or None)
    except FileNotFoundError:
        raise Problem(404, "No such photo", key) from None
    return Response(
        data,
        media_type="image/jpeg",
        headers={"Cache-Control": "private, max-age=31536000, immutable"},
    )
