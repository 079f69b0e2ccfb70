"""How far a person's say reaches: one check for every route, and for whatever a person makes.

A person with an area reads and changes what lies in it, and makes nobody and nothing wider than
that. A route declares its `Reach`; one that changes something and declares nothing is for the
whole district, so that a new route is closed to a person with an area until somebody has thought.
"""

from __future__ import annotations

from enum import StrEnum

from xinji.access.identity import Person, Role
from xinji.access.scope import contains


class Reach(StrEnum):
    """What a route is about.

    OWN: the caller's own session, password, tokens, position.
    AREA: what lies in areas; the route itself looks at each item by the caller's area.
    DISTRICT: what belongs to no area; a person with an area is refused.
    """

    OWN = "own"
    AREA = "area"
    DISTRICT = "district"


class Beyond(PermissionError):
    """A wish that is wider than the person; `field` names what of it, `rule` says how far."""

    def __init__(self, rule: str, field: str = "") -> None:
        super().__init__(rule)
        self.rule, self.field = rule, field


def admit(person: Person, role: Role, reach: Reach, *, one_time: bool = False) -> None:
    """Let a person through to a route, or raise Beyond.

    Args:
        role: that the route needs.
        one_time: the route is open to whoever still has a one-time password.
    """
    if person.must_change_password and not one_time:
        raise Beyond("change the one-time password first", "password")
    if not person.role.covers(role):
        raise Beyond(f"needs the role {role.value}")
    if reach is Reach.DISTRICT and person.area:
        raise Beyond("needs an account of the whole district")


def keep_inside(person: Person, area: str, field: str = "area") -> None:
    """Raises Beyond when an area is not inside the person's; the whole district is "" there."""
    if not contains(person.area, area):
        raise Beyond(f"inside {person.area}", field)


def keep_below(person: Person, role: Role, area: str) -> None:
    """Raises Beyond when somebody with this role and area would be wider than the person."""
    if not person.role.covers(role):
        raise Beyond(f"at most {person.role.value}", "role")
    keep_inside(person, area)
