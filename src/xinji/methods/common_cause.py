"""One cause behind many signals: which circuit, gateway or adapter fell, and which things with it.

Every value of every relation ("on circuit 12", "of operator A", "in committee 3") is a node that
may have fallen. A node is judged by a likelihood ratio: its things that are gone, against its
things that were heard after the moment at which it should have fallen. The best node takes its
things, and the rest is explained again without them, so that what one cause explains is no evidence
for a second (explaining away; Kliger et al., "A coding approach to event correlation", 1995, and
Steinder and Sethi, "A survey of fault localization techniques", 2004, name the family).

The moment is not when an alarm came: a thing that reports hourly is missed hours later. A thing
last heard at `a` with period `p` fell between `a` and `a + p`; the moment is where most of these
intervals meet. All times are microseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import repeat

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]
Booleans = npt.NDArray[np.bool_]

MINIMUM = 4
"""Fewer things that are silent together are told one by one."""
MINIMUM_OF_VALUES = 8
"""The same for values that alarm: more often than silence, they are work of their own."""
ODDS = 9.0
"""Log of the odds that a node must have, after the number of nodes that were asked."""
PERIODS = 1.5
"""Periods of a thing in which it is heard when it is well, with jitter."""
LATE_BY_CHANCE = 0.05
"""Probability that a well thing is later than that, but not yet missed."""
LEAST_DOWN = 0.5
"""Share of its things that a fallen node takes with it, at least."""
MOST_CHANCE = 0.3
SAMPLE = 2_000
"""Things of a node that are asked whether it may be about to fall."""


class Relation:
    """Which things have which value of something in common.

    Args:
        name: of the relation, for whoever shows it.
        codes: shape (n,), the value of each thing as its number in `keys`, -1 for none.
        keys: the values.
    """

    def __init__(self, name: str, codes: Codes, keys: Sequence[str]) -> None:
        self.name, self.codes, self.keys = name, codes, keys
        self._numbers = {key: number for number, key in enumerate(keys)}
        self._order = np.argsort(codes, kind="stable")
        self._start = np.searchsorted(codes[self._order], np.arange(len(keys) + 1))
        sizes = np.diff(self._start)
        self.sizes: Ints = sizes
        self.nodes = int(np.count_nonzero(sizes >= MINIMUM))

    def node(self, key: str) -> int:
        """The number of a value; -1 when no thing has it any more."""
        return self._numbers.get(key, -1)

    def members(self, node: int) -> Ints:
        """The things of a node."""
        return self._order[self._start[node] : self._start[node + 1]]


@dataclass(frozen=True, slots=True)
class Observed:
    """What is known of all things at a moment; arrays of shape (n,).

    Attributes:
        now: the moment.
        heard: when each thing was last heard and well; 0 for one that takes no part.
        period: how often it is heard when it is well.
        slack: what clocks and lines add to a time, one number for all.
        rate: how often a thing fails by itself, per microsecond.
        misses: a thing that is overdue counts against its node before it is missed; False for
            signals that are values, where being late says nothing.
    """

    now: int
    heard: Ints
    period: Ints
    slack: int
    rate: float
    misses: bool = True

    @property
    def minimum(self) -> int:
        """How many things one cause must explain."""
        return MINIMUM if self.misses else MINIMUM_OF_VALUES


@dataclass(frozen=True, slots=True)
class Cause:
    """A node that fell.

    Attributes:
        relation, node: which.
        onset: the moment at which it fell.
        taken: positions in the pool of the things that it explains.
        score: log odds.
    """

    relation: int
    node: int
    onset: int
    taken: Ints
    score: float


def fits(onset: int, last: Ints, period: Ints, slack: int) -> Booleans:
    """Whether things last heard at `last` can have fallen at `onset`."""
    return (last <= onset + slack) & (last + (PERIODS * period).astype(np.int64) + slack >= onset)


def common_onset(last: Ints, period: Ints, slack: int) -> int:
    """The moment at which most of some things can have fallen; the latest of several."""
    begin = np.sort(last - slack)
    end = np.sort(last + (PERIODS * period).astype(np.int64) + slack)
    together = np.arange(1, len(begin) + 1) - np.searchsorted(end, begin, side="left")
    return int(begin[len(begin) - 1 - int(np.argmax(together[::-1]))])


def explain(
    pool: Ints, last: Ints, relations: Sequence[Relation], observed: Observed
) -> list[Cause]:
    """The nodes whose fall explains signals of the pool, best first; each signal at most once.

    Args:
        pool: shape (k,), the things that gave a signal, each once.
        last: shape (k,), when each was last heard and well.
        relations: over all things.
        observed: of all things.
    """
    causes: list[Cause] = []
    free = np.arange(len(pool))
    while len(free) >= observed.minimum:
        best = _best(pool[free], last[free], relations, observed)
        if best is None:
            break
        causes.append(Cause(best.relation, best.node, best.onset, free[best.taken], best.score))
        free = np.delete(free, best.taken)
    return causes


def _best(
    pool: Ints, last: Ints, relations: Sequence[Relation], observed: Observed
) -> Cause | None:
    by_chance = _chance(observed, observed.period[pool])
    # the most that a signal can say for its node
    weight = np.log(1.0 / by_chance)
    candidates: list[tuple[float, int, int]] = []
    late = np.log(1.0 / LATE_BY_CHANCE) if observed.misses else 0.0
    for number, relation in enumerate(relations):
        codes = relation.codes[pool]
        # -1, of no node, is counted at 0
        counts = np.bincount(codes + 1, minlength=1)[1:]
        nodes = np.flatnonzero(counts >= observed.minimum)
        if not len(nodes):
            continue
        most = np.bincount(codes + 1, weights=weight)[1:]
        others = relation.sizes[nodes] - counts[nodes]
        bounds = most[nodes] + late * others - np.log(max(relation.nodes, 1))
        worth = bounds > ODDS
        candidates += zip(
            bounds[worth].tolist(), repeat(number), nodes[worth].tolist(), strict=False
        )
    candidates.sort(reverse=True)
    best: Cause | None = None
    least = ODDS
    for bound, number, node in candidates:
        if bound <= least:
            break
        found = _judge(pool, last, weight, relations, number, node, observed)
        if found is not None and found.score > least:
            best, least = found, found.score
    return best


def _judge(
    pool: Ints,
    last: Ints,
    weight: npt.NDArray[np.float64],
    relations: Sequence[Relation],
    number: int,
    node: int,
    observed: Observed,
) -> Cause | None:
    relation, slack = relations[number], observed.slack
    inside = np.flatnonzero(relation.codes[pool] == node)
    onset = common_onset(last[inside], observed.period[pool[inside]], slack)
    taken = inside[fits(onset, last[inside], observed.period[pool[inside]], slack)]
    if len(taken) < observed.minimum:
        return None
    members = relation.members(node)
    heard, period = observed.heard[members], observed.period[members]
    fell = np.zeros(len(observed.heard), np.bool_)
    fell[pool[inside]] = True
    gone = fell[members]
    others = ~gone & (heard > 0)
    if observed.misses:
        well = others & (heard > onset + slack)
    else:
        # a value that is not stale by then says that the thing was well
        well = others & (heard + (PERIODS * period).astype(np.int64) + slack >= onset)
    alive = int(np.count_nonzero(well))
    late = 0
    if observed.misses:
        missed = others & ~well & fits(onset, heard, period, slack)
        due = heard + (PERIODS * period).astype(np.int64) + slack < observed.now
        late = int(np.count_nonzero(missed & due))
    down = len(taken) + late
    share = (down + 0.5) / (down + alive + 1.0)
    if share < LEAST_DOWN:
        return None
    score = float(weight[taken].sum()) + down * np.log(share) + alive * np.log(1.0 - share)
    score += late * np.log(1.0 / LATE_BY_CHANCE)
    score -= np.log(max(relation.nodes, 1))
    return Cause(number, node, onset, taken, float(score))


def _chance(observed: Observed, period: Ints) -> npt.NDArray[np.float64]:
    """Probability that a thing fails by itself in just the time in which it would fit a cause."""
    window = PERIODS * period + 2.0 * observed.slack
    return np.clip(observed.rate * window, 1e-9, MOST_CHANCE)


def suspicious(thing: int, last: int, relations: Sequence[Relation], observed: Observed) -> bool:
    """Whether a signal of one thing looks like the first of many.

    True when in some node of the thing at least half of those that should have been heard since it
    may have fallen were not, and they are enough to be told as one.
    """
    slack = observed.slack
    until = last + int(PERIODS * observed.period[thing]) + slack
    for relation in relations:
        node = int(relation.codes[thing])
        if node < 0:
            continue
        members = relation.members(node)
        if len(members) < MINIMUM:
            continue
        if len(members) > SAMPLE:
            members = members[:: len(members) // SAMPLE + 1]
        heard = observed.heard[members]
        reach = heard + (PERIODS * observed.period[members]).astype(np.int64) + slack
        alive = np.count_nonzero(heard > until)
        missing = np.count_nonzero(
            (heard > 0) & (heard <= until) & (reach >= last) & (reach < observed.now)
        )
        if missing >= MINIMUM and missing >= LEAST_DOWN * (missing + alive):
            return True
    return False
