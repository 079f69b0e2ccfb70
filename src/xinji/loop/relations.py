"""What things have in common, as the registry and the connections say: candidates for a cause.

A relation is made of everything that may fall with all that hangs on it: the connection that data
come over, the kind (its firmware, its platform), the owner, the area at each level, and every text
attribute whose value several things share (an operator, a site, a circuit, a gateway's id).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import sqlalchemy as sa

from xinji.methods.common_cause import MINIMUM, Relation
from xinji.model.things import AreaLevel
from xinji.model.title import Title
from xinji.store.registry import Registry
from xinji.store.schema import things
from xinji.store.series import SeriesTable

LONGEST_VALUE = 64
"""Characters of an attribute that may name a node; a longer one describes a single thing."""
MOST_RELATIONS = 40

TITLES = {
    "connection": Title("同一接入连接", "the same connection"),
    "kind": Title("同类设备", "the same kind"),
    "owner": Title("同一权属单位", "the same owner"),
    "area.subdistrict": Title("同一街镇", "the same sub-district"),
    "area.committee": Title("同一居委", "the same committee"),
    "area.grid": Title("同一单元网格", "the same grid cell"),
    "district": Title("全区", "the whole district"),
}


class Relations:
    """The relations of a house's things. Used on the keeper thread.

    Attributes:
        numbers: thing -> its number here; numbers are never given again.
        names: number -> thing.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self.numbers: dict[str, int] = {}
        self.names: list[str] = []
        self._version = -1
        self._of_series = ((0, 0), np.zeros(0, np.int64))
        self._fixed: list[Relation] = []

    def of(self, table: SeriesTable) -> list[Relation]:
        """The relations now; those of the registry are kept until it changes."""
        if self._version != self._registry.version:
            self._version = self._registry.version
            self._fixed = self._build()
        return [*self._fixed, self._connections(table)]

    def number(self, thing: str) -> int:
        """The number of a thing, new when it has none."""
        found = self.numbers.get(thing)
        if found is None:
            found = self.numbers[thing] = len(self.names)
            self.names.append(thing)
        return found

    def title(self, relation: str, key: str) -> tuple[Title, Title]:
        """What a relation and one of its nodes are called."""
        registry = self._registry
        if relation.startswith("attribute."):
            name = relation.partition(".")[2]
            known = next(
                (a.title for k in registry.kinds.values() for a in k.attributes if a.name == name),
                Title(name, name),
            )
            place = registry.things.get(key)
            value = place.name if place else key
            return known, Title(value, value)
        title = TITLES.get(relation, Title(relation, relation))
        if relation == "kind" and key in registry.kinds:
            return title, registry.kinds[key].title
        if key in registry.areas:
            return title, registry.areas[key].title
        return title, Title(key, key)

    def _build(self) -> list[Relation]:
        registry = self._registry
        for thing in list(registry.things):
            self.number(thing)
        places = [registry.things.get(thing) for thing in self.names]
        found = [_relation("kind", (p.kind if p else None for p in places))]
        for level in (AreaLevel.SUBDISTRICT, AreaLevel.COMMITTEE, AreaLevel.GRID):
            inside = self._of_level(level)
            found.append(
                _relation(f"area.{level}", (inside(p.area) if p else None for p in places))
            )
        found.append(_relation("district", ("all" if p else None for p in places)))
        values: dict[str, dict[int, str]] = {}
        with registry.database.reading() as connection:
            rows = connection.execute(
                sa.select(things.c.id, things.c.owner, things.c.attributes).where(
                    things.c.retired_at.is_(None)
                )
            )
            for thing, owner, attributes in rows:
                number = self.number(thing)
                if owner:
                    values.setdefault("owner", {})[number] = owner
                for name, value in attributes.items():
                    if isinstance(value, str) and 0 < len(value) <= LONGEST_VALUE:
                        values.setdefault(f"attribute.{name}", {})[number] = value
        for name, known in sorted(values.items()):
            found.append(_relation(name, (known.get(n) for n in range(len(self.names)))))
        # a thing registered while the rows were read takes part from the next change on
        size = len(self.names)
        useful = [each for each in found if each.nodes and len(each.codes) == size]
        return useful[:MOST_RELATIONS]

    def _of_level(self, level: AreaLevel) -> Callable[[str], str | None]:
        codes = {code for code, area in self._registry.areas.items() if area.level is level}
        lengths = sorted({len(code) for code in codes})
        known: dict[str, str | None] = {}

        def inside(area: str) -> str | None:
            if area not in known:
                known[area] = next((area[:n] for n in lengths if area[:n] in codes), None)
            return known[area]

        return inside

    def _connections(self, table: SeriesTable) -> Relation:
        count = len(table)
        if self._of_series[0] != (count, len(self.names)):
            numbers = [self.numbers.get(name[0], -1) for name in table.names[:count]]
            self._of_series = ((count, len(self.names)), np.array(numbers, np.int64))
        thing_of, connection = self._of_series[1], table.connection[:count]
        known = (thing_of >= 0) & (connection > 0)
        codes = np.full(len(self.names), -1, np.int32)
        codes[thing_of[known]] = connection[known] - 1
        return Relation("connection", codes, tuple(table.connections))


def _relation(name: str, values: Iterable[str | None]) -> Relation:
    """Values as numbers; one that fewer than `MINIMUM` things share is no node."""
    numbers: dict[str, int] = {}
    codes = np.array(
        [-1 if value is None else numbers.setdefault(value, len(numbers)) for value in values],
        np.int32,
    )
    counts = np.bincount(codes[codes >= 0], minlength=len(numbers))
    kept = np.flatnonzero(counts >= MINIMUM)
    again = np.full(len(numbers) + 1, -1, np.int32)
    again[kept] = np.arange(len(kept), dtype=np.int32)
    keys = list(numbers)
    return Relation(name, again[codes], [keys[k] for k in kept.tolist()])
