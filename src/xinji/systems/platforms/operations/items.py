"""Rows of the tables of urban work as the API shows them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from xinji.api.call import iso
from xinji.model.title import Title
from xinji.systems.platforms.operations.class_table import ClassTable

NO_TITLE = Title("", "")


def report_items(table: ClassTable, rows: Sequence[Any]) -> list[dict[str, Any]]:
    """Rows of `reports` as API items; whom to answer is not among them."""
    classes = table.classes
    return [
        {
            "id": row.id,
            "channel": row.channel,
            "case_class": row.case_class,
            "class_title": classes[row.case_class].title if row.case_class in classes else NO_TITLE,
            "class_confidence": row.class_confidence,
            "text": row.text,
            "address": row.address,
            "longitude": row.longitude,
            "latitude": row.latitude,
            "area": row.area,
            "happened_at": iso(row.happened_at),
            "received_at": iso(row.received_at),
            "photos": row.photos,
            "thing": row.thing,
            "confidence": row.confidence,
            "case": row.case_id,
            "disposition": row.disposition,
            "score": row.score,
            "rating": row.rating,
            "urgency": row.urgency,
            "external_id": row.external_id,
            "source": row.source,
        }
        for row in rows
    ]
