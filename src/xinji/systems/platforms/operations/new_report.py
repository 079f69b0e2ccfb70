"""A report as sent, and what is checked of it before it is stored."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import msgspec
import sqlalchemy as sa

from xinji.loop.house import House
from xinji.store.work_schema import photos
from xinji.systems.platforms.operations.class_table import ClassTable, Condition, UrbanClass
from xinji.systems.platforms.operations.reading import Reading

US = 1_000_000
AHEAD_US = 300 * US
BEHIND_US = 30 * 86_400 * US

CHANNELS = ("camera", "sensor", "patrol", "12345", "110", "open311", "resident")
USUAL_ERROR_M = {"camera": 4.0, "sensor": 5.0, "patrol": 12.0}
CITIZEN_ERROR_M = 35.0

Read = Callable[[str], Reading]
"""Reads class, place and urgency from a text."""


class Contact(msgspec.Struct, frozen=True):
    """Whom to answer; kept no longer than the case needs it, and shown to intake only."""

    name: str = ""
    phone: str = ""


class NewReport(msgspec.Struct, kw_only=True):
    """A report as sent. Needs a place, and one of `case_class`, `problem` and `text`."""

    client_id: str
    channel: str
    longitude: float | None = None
    latitude: float | None = None
    case_class: str = ""
    condition: str = ""
    problem: str = ""
    vendor: str = ""
    vendor_code: str = ""
    text: str = ""
    address: str = ""
    place_error_m: float | None = None
    happened_at: dt.datetime | None = None
    photos: list[str] = []
    thing: str = ""
    confidence: float | None = None
    urgency: str = ""
    evidence: dict[str, Any] = {}
    external_id: str = ""
    contact: Contact | None = None


class ReportError(ValueError):
    """A report that is refused: the field and the rule it breaks."""

    def __init__(self, field: str, rule: str) -> None:
        super().__init__(f"{field}: {rule}")
        self.field, self.rule = field, rule


class Checked(msgspec.Struct, kw_only=True):
    """What the checks found out about a report."""

    urban: UrbanClass
    condition: Condition
    class_confidence: float
    longitude: float
    latitude: float
    place_error_m: float
    area: str
    address: str
    happened_at: int
    urgency: str


class ReportChecks:
    """The checks of a house's reports."""

    def __init__(self, house: House, classes: ClassTable) -> None:
        self._house, self._classes = house, classes

    def check(self, given: NewReport, read: Read | None, now: int | None = None) -> Checked:
        """Everything that is needed to store a report. Raises ReportError.

        `read` reads a text; `now` is a time that the clock has reached at least.
        """
        house = self._house
        now = max(now or 0, house.clock.now())
        if given.channel not in CHANNELS:
            raise ReportError("channel", f"one of {', '.join(CHANNELS)}")
        for name, text, longest in (
            ("text", given.text, 2_000),
            ("address", given.address, 200),
            ("external_id", given.external_id, 128),
        ):
            if len(text) > longest:
                raise ReportError(name, f"at most {longest} characters")
        if len(given.photos) > 9:
            raise ReportError("photos", "at most 9")
        if len(msgspec.json.encode(given.evidence)) > 16_384:
            raise ReportError("evidence", "at most 16 KiB")
        happened = now
        if given.happened_at is not None:
            at = given.happened_at
            happened = int((at if at.tzinfo else at.replace(tzinfo=dt.UTC)).timestamp() * US)
        if happened > now + AHEAD_US:
            raise ReportError("happened_at", "not more than five minutes ahead of the clock")
        if happened < now - BEHIND_US:
            raise ReportError("happened_at", "not more than 30 days ago")
        reading: Reading | None = None
        named = given.case_class or given.problem or given.vendor_code or given.condition
        if read is not None and given.text and (not named or given.longitude is None):
            reading = read(given.text)
        urban, condition, sure = self._class_of(given, reading)
        longitude, latitude, error, address = self._place_of(given, reading)
        area = house.registry.places.areas_of(longitude, latitude)[0]
        if not area:
            doubt = house.registry.places.datum_doubt(longitude, latitude)
            hint = f"; {doubt}" if doubt else ""
            raise ReportError("longitude", f"a place in the district{hint}")
        if reason := urban.forbids(area, happened):
            raise ReportError("case_class", reason)
        self._check_photos(given.photos)
        urgency = given.urgency or (reading.urgency if reading else "normal")
        if urgency not in ("normal", "urgent"):
            raise ReportError("urgency", "normal or urgent")
        return Checked(
            urban=urban,
            condition=condition,
            class_confidence=sure,
            longitude=longitude,
            latitude=latitude,
            place_error_m=error,
            area=area,
            address=address,
            happened_at=happened,
            urgency=urgency,
        )

    def _class_of(
        self, given: NewReport, reading: Reading | None
    ) -> tuple[UrbanClass, Condition, float]:
        table = self._classes
        if given.condition:
            found = table.condition(given.condition)
            if found is None or given.case_class not in ("", found[0].code):
                raise ReportError("condition", "a filing condition of the class")
            return *found, 1.0
        code, sure, field = given.case_class, 1.0, "case_class"
        if not code and given.vendor_code:
            code = table.vendor_codes.get((given.vendor, given.vendor_code), "")
            field = "vendor_code"
        if not code and given.problem:
            known = table.by_problem.get(given.problem)
            code, field = (known.code if known else ""), "problem"
        if not code and reading is not None and reading.classes:
            code, sure = reading.classes[0]
            field = "text"
        if not (code or given.problem or given.text or given.vendor_code):
            raise ReportError("case_class", "one of case_class, problem and text is asked")
        urban = table.classes.get(code)
        if urban is None or not urban.conditions:
            raise ReportError(field, "a class of the table")
        return urban, urban.conditions[0], sure

    def _place_of(
        self, given: NewReport, reading: Reading | None
    ) -> tuple[float, float, float, str]:
        error = given.place_error_m
        if error is not None and not 0 < error <= 5_000:
            raise ReportError("place_error_m", "more than 0 and at most 5,000 metres")
        if (given.longitude is None) != (given.latitude is None):
            raise ReportError("longitude", "longitude and latitude come together")
        if given.longitude is not None and given.latitude is not None:
            for name, value, most in (
                ("longitude", given.longitude, 180),
                ("latitude", given.latitude, 90),
            ):
                if not abs(value) <= most:
                    raise ReportError(name, f"degrees from -{most} to {most}")
            usual = USUAL_ERROR_M.get(given.channel, CITIZEN_ERROR_M)
            return given.longitude, given.latitude, error or usual, given.address
        if reading is None or reading.place is None:
            raise ReportError("longitude", "a place is asked, or a text that names one")
        place = reading.place
        return place.longitude, place.latitude, error or place.error_m, given.address or place.name

    def _check_photos(self, given: list[str]) -> None:
        if not given:
            return
        with self._house.database.reading() as connection:
            known = set(
                connection.execute(sa.select(photos.c.id).where(photos.c.id.in_(given))).scalars()
            )
        for photo in given:
            if photo not in known:
                raise ReportError("photos", f"no photo {photo[:12]}; send it first")
