"""A served district with every system, and people of every role and post."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import EAST, SQUARE, TEST_SYSTEM, WEST, gauge
from tests.systems.operations.street import PEOPLE
from tests.web.live import PASSWORD, Live
from xinji.access.identity import Role
from xinji.system.assembly import assemble
from xinji.system.discovery import discover


class Everything(Live):
    """Live, with all systems."""

    def __init__(self, path: Path) -> None:
        self.systems = (TEST_SYSTEM, *discover(entry_points=False))
        house = assemble(path, self.systems)
        house.registry.put_areas([SQUARE, WEST, EAST])
        house.registry.put([house.registry.check(gauge(n)) for n in (1, 2, 3)])
        super().__init__(path, house)

    def people(self) -> None:
        """The posts."""
        add = self.house.identity
        for name, posts in PEOPLE.items():
            add.add(name, PASSWORD, Role.OPERATOR, actor="test", posts=posts)
            self.tokens[name] = add.issue(name, "test", 1, actor="test")
