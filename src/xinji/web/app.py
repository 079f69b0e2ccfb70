"""The application: every route, the built page, and what each answer carries."""

from __future__ import annotations

import mimetypes
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from xinji.api.call import Call, Endpoint, Problem, Routes, Site, failed, starlette_route
from xinji.api.compression import built
from xinji.web.changes import Changes
from xinji.web.openapi import document
from xinji.web.routes import (
    accounts,
    audit,
    backup,
    counters,
    credentials,
    district,
    jobs,
    overview,
    plan,
    rules,
    session,
    things,
    tokens,
    work,
)
from xinji.wire.http import observations_endpoint

SUBJECTS = (
    session,
    district,
    things,
    work,
    plan,
    overview,
    jobs,
    rules,
    accounts,
    tokens,
    credentials,
    audit,
    backup,
    counters,
)
"""Routes of the application itself; systems bring their own."""

PAGE = Path(__file__).resolve().parent / "page"

# The page is one origin: own scripts and styles, workers for the map and the phone's shell, blob:
# images of photos just taken, and the icon font that lies inside its style sheet.
SECURITY_HEADERS = [
    (
        b"content-security-policy",
        b"default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; "
        b"font-src 'self' data:; worker-src 'self' blob:; manifest-src 'self'; connect-src 'self'; "
        b"frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
]

BESIDES = {
    "phone-worker.js": {"Service-Worker-Allowed": "/phone"},
    "phone.webmanifest": {"Content-Type": "application/manifest+json"},
}
"""Headers that single files of the page need."""


class SecurityHeaders:
    """Adds `SECURITY_HEADERS` to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *SECURITY_HEADERS]
            await send(message)

        await self._app(scope, receive, with_headers if scope["type"] == "http" else send)


def application(site: Site) -> tuple[Starlette, Changes]:
    """The ASGI application of a site, and its change streams, which the house runs."""
    changes = Changes(site.house)
    endpoints: list[Endpoint] = [e for subject in SUBJECTS for e in subject.routes.endpoints]
    endpoints += changes.routes().endpoints
    endpoints += site.routes
    about = Routes()

    @about.get("/api/openapi.json", role=None)
    def openapi(_call: Call) -> dict[str, Any]:
        """This document."""
        return document(endpoints)

    endpoints += about.endpoints
    routes: list[Route] = [
        Route(
            "/api/observations",
            observations_endpoint(site.house.ingest, site.house.credentials, site.bodies),
            methods=["POST"],
        )
    ]
    routes += [starlette_route(endpoint, site) for endpoint in endpoints]
    routes += [Route("/{path:path}", page, methods=["GET"])]
    app: Any = Starlette(
        routes=routes, exception_handlers={404: _not_found, 405: _wrong_method, Exception: _failed}
    )
    app.add_middleware(SecurityHeaders)
    return app, changes


async def page(request: Request) -> Response:
    """A file of the built page; any other path is the page itself, which routes by itself."""
    path = request.path_params["path"]
    if path.startswith("api/"):
        return Problem(404, "No such path", path).response()
    file = _file_of(path)
    if file is not None:
        # Assets carry their hash in the name.
        kept = "public, max-age=31536000, immutable" if path.startswith("assets/") else "no-cache"
        return _file(request, file, {"Cache-Control": kept} | BESIDES.get(path, {}))
    if path.startswith("assets/"):
        return Problem(404, "No such file", path).response()
    phone = path == "phone" or path.startswith("phone/")
    index = PAGE / ("phone.html" if phone else "index.html")
    if not index.is_file():
        return PlainTextResponse("The page is not built yet: run `make ui`.\n", 503)
    return _file(request, index, {"Cache-Control": "no-cache"})


def _file(request: Request, file: Path, headers: dict[str, str]) -> Response:
    kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    sent, coding = built(file, request.headers.get("accept-encoding", ""))
    headers = {"Content-Type": kind, "Vary": "Accept-Encoding"} | headers
    if coding:
        headers["Content-Encoding"] = coding
    return FileResponse(sent, headers=headers)


def _file_of(path: str) -> Path | None:
    try:
        file = (PAGE / path).resolve()
        return file if file.is_relative_to(PAGE) and file.is_file() else None
    except (OSError, ValueError):  # too long a name, or a NUL in it
        return None


async def _not_found(request: Request, _error: Exception) -> Response:
    return Problem(404, "No such path", request.url.path).response()


async def _wrong_method(request: Request, _error: Exception) -> Response:
    return Problem(405, "Method not allowed", request.method).response()


async def _failed(request: Request, _error: Exception) -> Response:
    """Of what is no endpoint of ours: observations, streams, files of the page."""
    return failed(f"{request.method} {request.url.path[:100]}")
