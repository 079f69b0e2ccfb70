"""Cases: work with an owner and a clock, as data.

A case type is a table: from a state, by an action, by a role, to a state. The engine
(`xinji.loop.cases`) interprets it; a new kind of work is a new table, never a new engine.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from xinji.model.title import Title


class Clock(StrEnum):
    """What a state does to the case's clock."""

    RUN = "run"
    PAUSE = "pause"
    STOP = "stop"


class State(msgspec.Struct, frozen=True, kw_only=True):
    """A state of a case type.

    `stage` is the public word of GB/T 30428: 受理, 立案, 派遣, 处置, 核查, 结案.
    """

    name: str
    title: Title
    stage: str
    clock: Clock = Clock.RUN
    final: bool = False


class Effect(StrEnum):
    """What an action does to the case besides its state."""

    EXTEND = "extend"
    """延期: the limit grows by the original limit."""
    EXEMPT = "exempt"
    """申诉 granted: statistics leave the case out; the fact stays."""
    SUPERVISE = "supervise"
    """督办: the case is marked."""
    REOPEN = "reopen"
    """A closed case is open again."""


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the table.

    Attributes:
        roles: who may: roles of people, their posts (岗位); `rule` is the rule engine, `timer` the
            clock.
        requires: fields that must come with the action, of `note`, `assignee`, `evidence`; any
            other name is a field of the evidence (`after`: photos after the work).
        sets: fields of the case that may come with the action (`department`, `level`, ...).
        effect: what else it does.
        at_most: how often a case may have it; 0 for no limit.
        guard: `signal-good` (the case has events and none is open), `signal-bad` (one is open),
            `signal-none` (it has no event), `outcome-` and the outcome that a closed case must
            have, or empty.
        target: the next state; empty stays where it is.
        outcome: what a closed case is recorded as (`verified`, `recovered`, `void`).
    """

    name: str
    title: Title
    source: tuple[str, ...]
    roles: tuple[str, ...]
    target: str = ""
    outcome: str = ""
    requires: tuple[str, ...] = ()
    guard: str = ""
    sets: tuple[str, ...] = ()
    effect: Effect | None = None
    at_most: int = 0


class Timer(msgspec.Struct, frozen=True, kw_only=True):
    """After a while in one of `states`, the engine does `action` as role `timer`.

    Attributes:
        starts: `state` on entering the state; `signal-good` when the signal turns good there (and
            stopped when it turns bad); `limit` when the case's clock reaches its time limit.
        seconds: the while; not used by `limit`.
    """

    name: str
    states: tuple[str, ...]
    action: str
    starts: str = "state"
    seconds: float = 0.0


class CaseType(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of work: its states, its table of actions, its timers and its time limit."""

    name: str
    title: Title
    initial: str
    states: tuple[State, ...]
    actions: tuple[Action, ...]
    timers: tuple[Timer, ...] = ()
    limit_seconds: float | None = None

    def state(self, name: str) -> State:
        """The state of that name. Raises KeyError."""
        for state in self.states:
            if state.name == name:
                return state
        raise KeyError(name)


class CaseClass(msgspec.Struct, frozen=True, kw_only=True):
    """What a case is about, and the case type that handles it.

    `department` receives the case when it is dispatched by rule.
    """

    name: str
    title: Title
    type: str
    department: str = ""
    limit_seconds: float | None = None
