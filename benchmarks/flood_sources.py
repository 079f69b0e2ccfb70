"""What floods a house: a process of its own, `python -m benchmarks.flood_sources KIND JSON`.

It prints `{"ready": true}`, goes on until its standard input ends, and prints what it did.
Strangers come from many addresses of 127.0.0.0/8, as a botnet would.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import io
import json
import socket
import sys
import zipfile
from collections import Counter
from typing import Any

PAUSE_SECONDS = 0.1
"""Between an answer and the next request of a stranger."""

done: Counter[str] = Counter()


async def connect(
    port: int, number: int, buffer: int = 0
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection from the address of stranger `number`; `buffer` bytes are received ahead."""
    made = socket.socket()
    if buffer:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    made.bind((f"127.1.{number // 250}.{number % 250 + 1}", 0))
    made.setblocking(False)
    await asyncio.get_running_loop().sock_connect(made, ("127.0.0.1", port))
    return await asyncio.open_connection(sock=made, limit=max(buffer, 1 << 16))


async def again(work: Any) -> None:
    """One stranger: over and over."""
    while True:
        try:
            await work()
        except (OSError, EOFError, asyncio.IncompleteReadError):
            done["cut off"] += 1
        await asyncio.sleep(PAUSE_SECONDS)


async def request(port: int, number: int, head: str, body: bytes) -> None:
    """One request on a connection of its own."""
    reader, writer = await connect(port, number)
    try:
        length = f"Host: x\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(f"{head}\r\n{length}".encode() + body)
        status = (await reader.readuntil(b"\r\n")).split(b" ")[1].decode()
        await reader.read()
        done[status] += 1
    finally:
        writer.close()


def sign_ins(given: dict[str, Any]) -> list[Any]:
    """Guesses of names that are there and that are not, each from an address of its own."""

    def stranger(number: int) -> Any:
        count = 0

        async def guess() -> None:
            nonlocal count
            count += 1
            name = given["names"][number % 2] if count % 2 else f"nobody-{number}-{count}"
            body = json.dumps({"name": name, "password": f"a long guess {count}"}).encode()
            await request(given["port"], number * 50 + count % 50, "POST /api/sign-in HTTP/1.1",
                          body)  # fmt: skip

        return guess

    return [stranger(number) for number in range(given["strangers"])]


def slow_bodies(given: dict[str, Any]) -> list[Any]:
    """Bodies and heads that come a byte a second, of routes that anybody may use."""
    heads = (
        "POST /api/sign-in HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n",
        "POST /api/public/photos HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000\r\n\r\n",
        "POST /api/things/import HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000\r\n\r\n",
        "POST /api/observations HTTP/1.1\r\n",
    )

    def stranger(number: int) -> Any:
        async def drip() -> None:
            reader, writer = await connect(given["port"], number)
            try:
                writer.write(heads[number % 4].encode())
                while not reader.at_eof():
                    writer.write(b"x")
                    await writer.drain()
                    done["bytes"] += 1
                    await asyncio.sleep(1.0)
            finally:
                writer.close()

        return drip

    return [stranger(number) for number in range(given["strangers"])]


def bombs(given: dict[str, Any]) -> list[Any]:
    """Files that are small and unpack to much: gzipped rows, a workbook of far cells."""
    size = given["bomb_bytes"]
    head = (
        f"POST /api/things/import?dry_run=true HTTP/1.1\r\nAuthorization: Bearer {given['token']}"
    )
    rows = b"id,kind,name,longitude,latitude\n" + b"a,car-park,b,121.4,31.2\n" * (size // 24)
    files = [gzip.compress(rows, 6), workbook(size)]

    def sender(number: int) -> Any:
        async def send() -> None:
            await request(given["port"], number, f"{head}\r\nContent-Type: text/csv",
                          files[number % 2])  # fmt: skip

        return send

    return [sender(number) for number in range(given["senders"])]


def workbook(size: int) -> bytes:
    """A workbook that announces 17 thousand million cells, and whose sheet unpacks to `size`."""
    parts = {
        "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/'
        'content-types"><Override PartName="/xl/workbook.xml" ContentType="application/vnd.'
        'openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>',
        "xl/workbook.xml": '<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/'
        '2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships">'
        '<sheets><sheet name="a" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/'
        'package/2006/relationships"><Relationship Id="r1" Type="http://schemas.openxmlformats.org/'
        'officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/>'
        "</Relationships>",
        "xl/worksheets/sheet1.xml": '<worksheet xmlns="http://schemas.openxmlformats.org/'
        'spreadsheetml/2006/main"><dimension ref="A1:XFD1048576"/><sheetData>'
        + '<row r="1"><c r="A1"><v>1</v></c></row>' * (size // 41)
        + "</sheetData></worksheet>",
    }
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return made.getvalue()


def slow_readers(given: dict[str, Any]) -> list[Any]:
    """Streams of changes that are read 1 kB a second, of several accounts."""

    def reader_of(number: int) -> Any:
        token = given["tokens"][number % len(given["tokens"])]

        async def read() -> None:
            reader, writer = await connect(given["port"], number, 4096)
            try:
                writer.write(
                    f"GET /api/changes HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n"
                    .encode()
                )  # fmt: skip
                while part := await reader.read(1024):
                    done["bytes"] += len(part)
                    await asyncio.sleep(1.0)
            finally:
                writer.close()

        return read

    return [reader_of(number) for number in range(given["readers"])]


KINDS = {
    "sign-ins": sign_ins,
    "slow bodies": slow_bodies,
    "bombs": bombs,
    "slow readers": slow_readers,
}


async def flood(kind: str, given: dict[str, Any]) -> None:
    """Flood until standard input ends."""
    tasks = [asyncio.create_task(again(each)) for each in KINDS[kind](given)]
    print(json.dumps({"ready": True}), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    for task in tasks:
        task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.gather(*tasks, return_exceptions=True)
    print(json.dumps(done), flush=True)


if __name__ == "__main__":
    asyncio.run(flood(sys.argv[1], json.loads(sys.argv[2])))
