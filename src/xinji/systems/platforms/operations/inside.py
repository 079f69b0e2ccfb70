"""What of urban work lies inside the caller's area: photos, people on the street, cases by id."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from xinji.access.scope import within
from xinji.store.database import Database
from xinji.store.schema import case_steps, cases, users
from xinji.store.work_schema import looks, photos, reports


def sees_photo(database: Database, person: str, area: str, key: str) -> bool:
    """Whether a photo is a person's to see: their own, or of a report or a case in their area."""
    if not area:
        return True
    r, c, s = reports.c, cases.c, case_steps.c
    inside = within(c.area, area)
    with database.reading() as connection:
        photo = connection.execute(sa.select(photos).where(photos.c.id == key)).first()
        if photo is None or photo.added_by == person:
            return photo is not None
        # A picture is stored before what it belongs to.
        since = photo.added_at
        named = f"%{key}%"
        uses = (
            sa.select(sa.literal(1))
            .select_from(looks.join(cases, c.id == looks.c.case_id))
            .where(looks.c.photo == key, inside),
            sa.select(sa.literal(1))
            .select_from(reports.outerjoin(cases, c.id == r.case_id))
            .where(
                r.received_at >= since,
                sa.or_(within(r.area, area), inside),
                sa.cast(r.photos, sa.Text).like(named),
            ),
            sa.select(sa.literal(1))
            .select_from(cases.join(case_steps, s.case_id == c.id))
            .where(
                inside,
                sa.or_(c.closed_at.is_(None), c.closed_at >= since),
                s.at >= since,
                s.evidence.like(named),
            ),
        )
        return any(connection.execute(use.limit(1)).first() is not None for use in uses)


def cases_inside(database: Database, area: str, ids: Iterable[str]) -> set[str]:
    """Those of some cases that lie in an area."""
    wanted = list(ids)
    if not area or not wanted:
        return set(wanted)
    found: set[str] = set()
    with database.reading() as connection:
        for at in range(0, len(wanted), 500):
            some = cases.c.id.in_(wanted[at : at + 500])
            query = sa.select(cases.c.id).where(some, within(cases.c.area, area))
            found.update(connection.execute(query).scalars())
    return found


def of_area(column: sa.ColumnElement[str], area: str) -> sa.ColumnElement[bool]:
    """True where a column names an account inside an area."""
    if not area:
        return sa.true()
    return column.in_(sa.select(users.c.name).where(within(users.c.area, area)))
