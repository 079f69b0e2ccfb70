"""`POST /api/observations`: the HTTP way in. 200 means stored.

One request is one batch: decoded whole, submitted once, answered after the commit that holds it.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Awaitable, Callable
from http import HTTPStatus

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from xinji.model.observations import Receipt
from xinji.wire.columns import MAXIMUM_BYTES, PayloadError, all_refused, resolve_columns
from xinji.wire.http_body import Bodies, BodyError
from xinji.wire.inlet import Batch, Device, Gate, Inlet
from xinji.wire.observations import DECODERS, decode, encode_refusals

FULL_SECONDS = 5.0
"""How long a request waits for room in the inlet before it is told to come back (503)."""
RETRY_SECONDS = 5
_KEY_LENGTH = 200


class Refused(Exception):
    """A request that is answered with a problem document (RFC 9457)."""

    def __init__(self, status: int, detail: str, *, field: str = "", rule: str = "") -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.field = field
        self.rule = rule

    def response(self) -> Response:
        """`application/problem+json`, with the headers that the status asks for."""
        problem: dict[str, object] = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
        }
        if self.field:
            problem["field"] = self.field
        if self.rule:
            problem["rule"] = self.rule
        headers = {}
        if self.status == HTTPStatus.UNAUTHORIZED:
            headers["WWW-Authenticate"] = 'Basic realm="xinji devices", charset="UTF-8"'
        elif self.status == HTTPStatus.SERVICE_UNAVAILABLE:
            headers["Retry-After"] = str(RETRY_SECONDS)
        elif self.status in (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.REQUEST_TIMEOUT):
            headers["Connection"] = "close"  # the rest of the body is not read
        return Response(
            msgspec.json.encode(problem),
            self.status,
            headers,
            media_type="application/problem+json",
        )


def observations_endpoint(
    inlet: Inlet, gate: Gate, bodies: Bodies
) -> Callable[[Request], Awaitable[Response]]:
    """The Starlette endpoint of `POST /api/observations` (docs/api.md, "Observations in").

    Answers 200 `{"stored", "repeated", "refused": [{"index", "reason", "detail"}]}`; 400 a body
    that cannot be decoded, with field and rule; 401 no or wrong credentials; 408, 413, 415; 503
    with `Retry-After` when nothing could be stored.
    """

    async def observations(request: Request) -> Response:
        try:
            device = _device(gate, request.headers.get("authorization", ""))
            media_type = _media_type(request)
            batch_id = _batch_id(device, request.headers.get("idempotency-key", ""))
            await _room(inlet)
            async with bodies.reading(request, MAXIMUM_BYTES) as body:
                batch = _batch(inlet, device, media_type, body, batch_id)
                answer = await _stored(inlet, batch)
            if answer.failure is not None:
                raise Refused(503, f"nothing was stored: {answer.failure}", rule="storage")
            return Response(
                msgspec.json.encode(
                    {
                        "stored": answer.stored,
                        "repeated": answer.repeated,
                        "refused": encode_refusals(all_refused(batch, answer)),
                    }
                ),
                media_type="application/json",
            )
        except Refused as refused:
            return refused.response()
        except BodyError as error:
            return Refused(error.status, error.title, rule=error.rule).response()

    return observations


def _device(gate: Gate, header: str) -> Device:
    """The device of an `Authorization: Basic` header (RFC 7617, UTF-8)."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        raise Refused(401, "device credentials are needed: Authorization: Basic name:secret")
    try:
        name, colon, secret = base64.b64decode(encoded.strip(), validate=True).partition(b":")
        username = name.decode()
    except (binascii.Error, ValueError):
        raise Refused(401, "the Authorization header is not Basic name:secret") from None
    device = gate.authenticate(username, secret) if colon and username else None
    if device is None:
        raise Refused(401, "the device name or its secret is wrong")
    return device


def _batch(inlet: Inlet, device: Device, media_type: str, body: bytes, batch_id: str) -> Batch:
    try:
        columns = decode(media_type, body)
    except PayloadError as error:
        status = 413 if error.too_large else 400
        raise Refused(status, error.detail, field=error.field, rule=error.rule) from None
    return resolve_columns(inlet, device, columns, batch_id)


async def _stored(inlet: Inlet, batch: Batch) -> Receipt:
    receipt: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()

    def done(answer: Receipt) -> None:
        if not receipt.done():  # the client may have gone in the meantime
            receipt.set_result(answer)

    inlet.submit(batch, done)
    return await receipt


def _media_type(request: Request) -> str:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in DECODERS:
        raise Refused(415, f"Content-Type is one of {', '.join(DECODERS)}", field="Content-Type")
    encoding = request.headers.get("content-encoding", "identity").lower()
    if encoding != "identity":
        raise Refused(
            415, "a compressed body is not accepted: it has no size", field="Content-Encoding"
        )
    return media_type


def _batch_id(device: Device, key: str) -> str:
    """The name of the batch: scoped to the device, so that no other can take it."""
    if len(key) > _KEY_LENGTH or not key.isprintable():
        raise Refused(
            400,
            f"at most {_KEY_LENGTH} printable characters",
            field="Idempotency-Key",
            rule="length",
        )
    return f"{device.name}:{key}" if key else ""


async def _room(inlet: Inlet) -> None:
    """Wait while the inlet is full, before the body is read: TCP then slows the sender."""
    for _ in range(int(FULL_SECONDS / 0.02)):
        if not inlet.full():
            return
        await asyncio.sleep(0.02)
    raise Refused(503, "the store is behind; try again", rule="full")
