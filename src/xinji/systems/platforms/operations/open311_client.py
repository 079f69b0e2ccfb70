"""The other side of Open311 GeoReport v2: reads another server, sends to it, takes what it has.

Reading and sending speak HTTP and are for the command line; `take` runs in the house, so that a
serving house opens no connection to an address that somebody gave it.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, Self
from urllib.parse import urlsplit
from xml.etree.ElementTree import ParseError

import httpx
import msgspec
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from xinji.store.database import Database
from xinji.store.settings import read_setting
from xinji.systems.platforms.operations.intake import Intake
from xinji.systems.platforms.operations.new_report import NewReport, ReportError
from xinji.systems.platforms.operations.open311 import CODES_SETTING

LARGEST_ANSWER = 16 * 1024 * 1024
MOST_PAGES = 1_000


class Foreign(msgspec.Struct, kw_only=True):
    """A service request of another server; what it leaves out is empty."""

    service_request_id: str
    service_code: str = ""
    service_name: str = ""
    status: str = ""
    description: str = ""
    address: str = ""
    requested_datetime: str = ""
    lat: float | None = None
    long: float | None = None
    media_url: str = ""


class ServerError(OSError):
    """Another server does not answer, or not in the standard's form."""


class Open311Server:
    """Another server. `url` is the part before `/services.json`; `form` is json or xml.

    Raises ServerError from every method: no answer, an error, or not the standard's form.
    """

    def __init__(
        self, url: str, *, jurisdiction: str = "", api_key: str = "", form: str = "json"
    ) -> None:
        if urlsplit(url).scheme not in ("http", "https"):
            raise ServerError(f"url: {url!r} is not an http or https address")
        self.url, self._form, self._key = url.rstrip("/"), form, api_key
        self._always = {"jurisdiction_id": jurisdiction} if jurisdiction else {}
        self._http = httpx.Client(timeout=30)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def requests(
        self, *, start: str = "", end: str = "", status: str = "", page_size: int = 500
    ) -> Iterator[Foreign]:
        """Service requests, page by page; a server that knows no pages is asked once."""
        query = {"start_date": start, "end_date": end, "status": status}
        query = {name: value for name, value in query.items() if value}
        seen: set[str] = set()
        for page in range(1, MOST_PAGES + 1):
            items = self._read("requests", query | {"page": page, "page_size": page_size})
            fresh = [item for item in items if str(item.get("service_request_id")) not in seen]
            for item in fresh:
                seen.add(str(item.get("service_request_id")))
                yield _foreign(item)
            if not fresh or len(items) < page_size:
                return

    def services(self) -> list[dict[str, Any]]:
        """The services it offers."""
        return self._read("services", {})

    def post(self, fields: dict[str, str]) -> str:
        """Send a service request; the id (or token) it got."""
        key = {"api_key": self._key} if self._key else {}
        data = self._ask("POST", f"requests.{self._form}", data=self._always | key | fields)
        [*items] = self._parse(data)
        found = str((items[0] if items else {}).get("service_request_id") or "")
        found = found or str((items[0] if items else {}).get("token") or "")
        if not found:
            raise ServerError(f"{self.url}: answered without a service_request_id")
        return found

    def _read(self, what: str, query: dict[str, Any]) -> list[dict[str, Any]]:
        key = {"api_key": self._key} if self._key else {}
        data = self._ask("GET", f"{what}.{self._form}", params=self._always | key | query)
        return self._parse(data)

    def _ask(self, method: str, path: str, **options: Any) -> bytes:
        parts, size = [], 0
        try:
            with self._http.stream(method, f"{self.url}/{path}", **options) as response:
                for part in response.iter_bytes():
                    size += len(part)
                    if size > LARGEST_ANSWER:
                        raise ServerError(f"{self.url}: an answer above {LARGEST_ANSWER} bytes")
                    parts.append(part)
        except httpx.HTTPError as error:
            raise ServerError(f"{self.url}/{path}: {error!r}") from error
        if response.is_error:
            said = b"".join(parts)[:500].decode("utf-8", "replace")
            raise ServerError(f"{self.url}/{path}: {response.status_code} {said}")
        return b"".join(parts)

    def _parse(self, data: bytes) -> list[dict[str, Any]]:
        try:
            found = msgspec.json.decode(data) if self._form == "json" else parse_xml(data)
        except (ValueError, ParseError, RecursionError) as error:
            raise ServerError(f"{self.url}: not {self._form}: {error}") from error
        # some servers wrap the list
        if isinstance(found, dict) and len(found) == 1:
            found = next(iter(found.values()))
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            raise ServerError(f"{self.url}: not a list of the standard")
        return found


def parse_xml(data: bytes) -> list[dict[str, Any]]:
    """Items of a list of the standard; deeper elements are left out.

    Raises ValueError: a document type (entities could grow without bound), ParseError: not XML.
    """
    try:
        root = fromstring(data, forbid_dtd=True)
    except DefusedXmlException as error:
        raise ValueError("a document type is not taken") from error
    return [{each.tag: (each.text or "").strip() for each in item} for item in root]


def _foreign(item: dict[str, Any]) -> Foreign:
    """Tolerant of what servers differ in; a bad place is no place, and refused at the door."""

    def number(name: str) -> float | None:
        try:
            return float(item[name])
        except (KeyError, TypeError, ValueError):
            return None

    def text(name: str) -> str:
        value = item.get(name)
        return "" if value is None else str(value)

    return Foreign(
        service_request_id=text("service_request_id"),
        service_code=text("service_code"),
        service_name=text("service_name"),
        status=text("status"),
        description=text("description")[:2_000],
        address=text("address")[:200],
        requested_datetime=text("requested_datetime"),
        lat=number("lat"),
        long=number("long"),
        media_url=text("media_url")[:500],
    )


def take(
    intake: Intake, database: Database, url: str, requests: Sequence[Foreign]
) -> dict[str, Any]:
    """Another server's requests through the one door; the same request again is `repeated`.

    Returns `accepted`, `merged` (of those accepted), `repeated`, and `errors` with
    `service_request_id`, `field` and `rule`: nothing is left out without saying so.
    """
    host = urlsplit(url).netloc or url
    known = read_setting(database, CODES_SETTING) or {}
    counts = {"accepted": 0, "merged": 0, "repeated": 0}
    errors: list[dict[str, str]] = []
    for each in requests:
        try:
            filed = intake.receive(_report(each, host, known), f"open311:{host}"[:128])
        except ReportError as error:
            errors.append(
                {
                    "service_request_id": each.service_request_id[:128],
                    "field": error.field,
                    "rule": error.rule,
                }
            )
            continue
        if filed.repeated:
            counts["repeated"] += 1
            continue
        counts["accepted"] += 1
        counts["merged"] += filed.disposition == "merged"
    return counts | {"errors": errors}


def _report(each: Foreign, host: str, known: dict[str, str]) -> NewReport:
    if not each.service_request_id:
        raise ReportError("service_request_id", "is asked")
    code = known.get(each.service_code) or known.get(each.service_name) or each.service_code
    happened = None
    if each.requested_datetime:
        try:
            happened = dt.datetime.fromisoformat(each.requested_datetime)
        except ValueError:
            raise ReportError("requested_datetime", "a date and time with an offset") from None
    outside = f"{host}:{each.service_request_id}"
    return NewReport(
        client_id=hashlib.sha256(outside.encode()).hexdigest(),
        channel="open311",
        case_class=code,
        longitude=each.long,
        latitude=each.lat,
        text=each.description,
        address=each.address,
        happened_at=happened,
        external_id=outside[:128],
        evidence={
            "open311": {
                "service_code": each.service_code,
                "service_name": each.service_name,
                "media_url": each.media_url,
                "server": host,
            }
        },
    )
