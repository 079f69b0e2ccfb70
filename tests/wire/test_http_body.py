"""Bodies: bounded in size, in time, and all together; one reader for every route."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from starlette.requests import Request

from xinji.wire import http_body
from xinji.wire.http_body import Bodies, BodyError


def request(*parts: bytes, length: int | None = None, late: bool = False) -> Request:
    """A request whose body comes in parts; with `late` its last part never comes."""
    waiting = list(parts)

    async def receive() -> dict[str, Any]:
        if not waiting:
            if late:
                await asyncio.sleep(3600)
            return {"type": "http.disconnect"}
        part = waiting.pop(0)
        return {"type": "http.request", "body": part, "more_body": late or bool(waiting)}

    headers = [] if length is None else [(b"content-length", str(length).encode())]
    return Request({"type": "http", "method": "POST", "headers": headers}, receive)


async def read(bodies: Bodies, asked: Request, limit: int = 100, **more: Any) -> bytes:
    async with bodies.reading(asked, limit, **more) as body:
        return body


def refused(work: Callable[[], Any]) -> BodyError:
    with pytest.raises(BodyError) as error:
        asyncio.run(work())
    return error.value


def test_a_body_is_whole_and_let_go_of_at_the_end() -> None:
    bodies = Bodies()

    async def main() -> None:
        async with bodies.reading(request(b"ab", b"cd"), 4) as body:
            assert (body, bodies.held) == (b"abcd", 4)
        assert bodies.held == 0

    asyncio.run(main())


def test_one_that_is_too_large_is_refused_by_its_length_or_as_it_comes() -> None:
    bodies = Bodies()
    for asked in (request(b"a", length=101), request(b"a" * 60, b"b" * 60)):
        error = refused(lambda asked=asked: read(bodies, asked))
        assert (error.status, error.rule) == (413, "at most 100 bytes")
        assert error.headers == {"Connection": "close"}
    assert (bodies.held, bodies.refused[413]) == (0, 2)


def test_one_that_does_not_come_to_an_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_body, "BODY_SECONDS", 0.05)
    bodies = Bodies()
    assert refused(lambda: read(bodies, request(b"a", late=True))).status == 408
    assert refused(lambda: read(bodies, request())).status == 400
    assert bodies.held == 0


def test_all_together_are_bounded_and_strangers_leave_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_body, "MOST_HELD", 100)
    monkeypatch.setattr(http_body, "MOST_HELD_OF_STRANGERS", 40)

    async def main() -> None:
        bodies = Bodies()
        async with bodies.reading(request(b"a" * 40), 100, stranger=True):
            with pytest.raises(BodyError) as error:
                await read(bodies, request(b"b"), stranger=True)
            assert error.value.status == 503
            assert int(error.value.headers["Retry-After"]) > 0
            async with bodies.reading(request(b"c" * 60), 100):
                with pytest.raises(BodyError):
                    await read(bodies, request(b"d"))
        assert await read(bodies, request(b"e" * 100)) == b"e" * 100
        assert (bodies.held, bodies.held_of_strangers) == (0, 0)

    asyncio.run(main())


def test_a_fault_of_the_work_lets_the_body_go() -> None:
    async def main() -> None:
        bodies = Bodies()
        with pytest.raises(ValueError, match="unforeseen"):
            async with bodies.reading(request(b"a"), 100):
                raise ValueError("unforeseen")
        assert bodies.held == 0

    asyncio.run(main())
