"""Open311 GeoReport v2: what it calls things, in JSON and in XML.

Source: GeoReport v2 (open311.org): services, service definitions, service requests, tokens, errors.
A service is an urban class, a service request is a report. The standard knows two states, open and
closed; `extended_attributes` carry the case's own state beside them.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

import msgspec

from xinji.api.call import iso
from xinji.model.cases import CaseType
from xinji.systems.platforms.operations.class_table import ClassTable, UrbanClass

US = 1_000_000
CODES_SETTING = "open311.codes"
SENT_SETTING = "open311.sent"
"""Settings: {foreign service code: our class}, {server: {case: its service_request_id}}."""

LARGEST_FORM = 1_048_576
MOST_FIELDS = 100
SPAN_US = 90 * 86_400 * US
MOST_REQUESTS = 1_000
STATUSES = ("open", "closed")
FORMS = ("json", "xml")

# what XML 1.0 cannot hold
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ATTRIBUTE = re.compile(r"attribute\[([A-Za-z0-9_.-]{1,64})\](\[\])?")


class Open311Error(Exception):
    """An error of the standard: `status` is its code, `description` says what is wrong."""

    def __init__(self, status: int, description: str) -> None:
        super().__init__(description)
        self.status, self.description = status, description


class Posted(msgspec.Struct, kw_only=True):
    """A POSTed service request: the plain arguments, and those of `attribute[...]`."""

    fields: dict[str, str]
    attributes: dict[str, str | list[str]]


def parse_form(body: bytes, media_type: str) -> Posted:
    """The arguments of a POST service request.

    Raises Open311Error 400: not a UTF-8 form; 413: too large.
    """
    kind = media_type.split(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise Open311Error(400, f"the body is application/x-www-form-urlencoded, not {kind or '-'}")
    if len(body) > LARGEST_FORM:
        raise Open311Error(413, f"the form has at most {LARGEST_FORM} bytes")
    try:
        text = body.decode("ascii")
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError as error:
        raise Open311Error(400, f"the body is not a form in UTF-8: {error}") from error
    posted = Posted(fields={}, attributes={})
    for name, value in pairs:
        match = _ATTRIBUTE.fullmatch(name)
        if match is None:
            if name in posted.fields:
                raise Open311Error(400, f"{name[:64]}: given twice")
            posted.fields[name] = value
        elif match[2]:
            several = posted.attributes.setdefault(match[1], [])
            if isinstance(several, list):
                several.append(value)
        else:
            posted.attributes[match[1]] = value
    return posted


def moment_of(text: str, name: str) -> int:
    """A W3C date and time (or a day) as Unix microseconds; without an offset it is UTC.

    Raises Open311Error 400.
    """
    try:
        value = dt.datetime.fromisoformat(text.replace(" ", "+"))
        return round((value if value.tzinfo else value.replace(tzinfo=dt.UTC)).timestamp() * US)
    except (ValueError, OverflowError):
        raise Open311Error(400, f"{name}: a date and time, 2026-11-23T09:00:00Z") from None


def window(start: str, end: str, now: int) -> tuple[int, int]:
    """The times asked for: at most 90 days, the last 90 when nothing is said.

    Raises Open311Error 400: not a time, the end before the start, or a wider span.
    """
    first = moment_of(start, "start_date") if start else None
    last = moment_of(end, "end_date") if end else None
    if first is None:
        last = now if last is None else last
        return last - SPAN_US, last
    if last is None:
        return first, min(first + SPAN_US, max(now, first))
    if last < first:
        raise Open311Error(400, "end_date: not before start_date")
    if last - first > SPAN_US:
        raise Open311Error(400, "start_date, end_date: a span of at most 90 days")
    return first, last


# -- services --------------------------------------------------------------------------------


def offered(table: ClassTable) -> list[UrbanClass]:
    """Classes that may be reported, by code."""
    return [known for known in table.classes.values() if known.enabled and known.conditions]


def service(known: UrbanClass, language: str) -> dict[str, Any]:
    """An item of the service list."""
    return {
        "service_code": known.code,
        "service_name": getattr(known.title, language),
        "description": "; ".join(getattr(each.title, language) for each in known.conditions),
        "metadata": len(known.conditions) > 1,
        "type": "realtime",
        "keywords": ",".join(word for word in (known.title.zh, known.title.en) if word),
        "group": getattr(known.big, language),
    }


def definition(known: UrbanClass, language: str) -> dict[str, Any]:
    """Attributes of a service: its filing condition, where there is a choice."""
    asked = {
        "variable": True,
        "code": "condition",
        "datatype": "singlevaluelist",
        "required": False,
        "datatype_description": "",
        "order": 1,
        "description": {"zh": "立案条件", "en": "Filing condition"}[language],
        "values": [
            {"key": each.id, "name": getattr(each.title, language)} for each in known.conditions
        ],
    }
    attributes = [asked] if len(known.conditions) > 1 else []
    return {"service_code": known.code, "attributes": attributes}


# -- service requests ------------------------------------------------------------------------


def request_item(
    report: Any,
    case: Any,
    kind: CaseType,
    table: ClassTable,
    updated_at: int | None,
    media_url: str,
    language: str,
) -> dict[str, Any]:
    """A report and its case (rows; no case is None) as a service request, without contacts."""
    known = table.classes.get(report.case_class)
    state = kind.state(case.state) if case else None
    department = table.departments.get(case.department) if case else None
    given = report.evidence.get("open311") or {}
    closed = case is not None and case.closed_at is not None
    return {
        "service_request_id": report.id,
        "status": "closed" if closed else "open",
        "status_notes": getattr(state.title, language) if state else "",
        "service_name": getattr(known.title, language) if known else report.case_class,
        "service_code": report.case_class,
        "description": report.text,
        "agency_responsible": getattr(department.title, language) if department else "",
        "service_notice": "",
        "requested_datetime": iso(report.received_at),
        "updated_datetime": iso(updated_at or report.received_at),
        "expected_datetime": iso(case.due_at) if case else None,
        "address": report.address,
        "address_id": given.get("address_id", ""),
        "zipcode": "",
        "lat": report.latitude,
        "long": report.longitude,
        "media_url": media_url or given.get("media_url", ""),
        "extended_attributes": {
            "state": case.state if case else "",
            "stage": case.stage if case else "",
            "outcome": case.outcome if case else None,
            "case": report.case_id,
            "disposition": report.disposition,
            "area": report.area,
            "channel": report.channel,
            "happened_datetime": iso(report.happened_at),
            "case_opened_datetime": iso(case.opened_at) if case else None,
            "closed_datetime": iso(case.closed_at) if case else None,
            "external_id": report.external_id,
            "service_code": given.get("service_code", report.case_class),
            "attributes": given.get("attributes", {}),
        },
    }


# -- the two forms -----------------------------------------------------------------------------

_ITEM = {
    "services": "service",
    "service_requests": "request",
    "errors": "error",
    "attributes": "attribute",
    "values": "value",
}


def to_json(value: Any) -> bytes:
    """JSON of an answer."""
    return msgspec.json.encode(value)


def to_xml(root: str, value: Any) -> bytes:
    """XML of an answer; items of a list are named as the standard names them.

    A character that XML cannot hold becomes U+FFFD.
    """
    return f'<?xml version="1.0" encoding="utf-8"?>\n{_element(root, value)}\n'.encode()


def _element(name: str, value: Any) -> str:
    if isinstance(value, Mapping):
        inner = "".join(_member(key, each) for key, each in value.items())
    elif isinstance(value, Sequence) and not isinstance(value, str):
        item = _ITEM.get(name, "item")
        inner = "".join(_element(item, each) for each in value)
    elif value is None:
        inner = ""
    elif isinstance(value, bool):
        inner = str(value).lower()
    else:
        inner = escape(_NOT_XML.sub("\ufffd", str(value)))
    return f"<{name}>{inner}</{name}>"


def _member(key: str, value: Any) -> str:
    # free names, as of posted attributes, need not be names in XML
    if _NAME.fullmatch(key):
        return _element(key, value)
    label = escape(_NOT_XML.sub("\ufffd", key), {'"': "&quot;"})
    return f'<item key="{label}">' + _element("value", value) + "</item>"
