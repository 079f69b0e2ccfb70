"""What the re-check has measured: recall, false alarms, blind views, and audits of its closings."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from hashlib import blake2b

import msgspec
import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv

Floats = npt.NDArray[np.float64]

RECALL_PRIOR, ALARM_PRIOR, DONE_PRIOR = (3.0, 1.0), (0.5, 4.5), (4.0, 1.0)
VIEWS_PRIOR = (17.0, 2.4, 0.6)
"""Beta and Dirichlet counts before anything is measured: weak, and a view in seven doubtful."""
EM_STEPS = 3


class Rates(msgspec.Struct, kw_only=True):
    """Measured counts, ready to be stored; keys of cameras are "class|camera".

    Attributes:
        there: [seen, missed] in looks at what is known to be there, by clear views.
        gone: [false alarms, rightly absent] in looks at what is known to be gone.
        histories: by class, "seen/missed" of one view at one incident that is there, with counts.
        views: [clear, half blind, blind] views of known incidents, by class.
        done: [really gone, still there] of work said to be done, by class.
        strength: how many looks of its class a camera's own rate is drawn towards.
        half: recall of a half-blind view as a share of the full one.
    """

    there: dict[str, list[float]] = msgspec.field(default_factory=dict)
    gone: dict[str, list[float]] = msgspec.field(default_factory=dict)
    histories: dict[str, dict[str, int]] = msgspec.field(default_factory=dict)
    views: dict[str, list[float]] = msgspec.field(default_factory=dict)
    done: dict[str, list[float]] = msgspec.field(default_factory=dict)
    strength: float = 20.0
    half: float = 0.5

    def update(self, class_code: str, camera: str, still_there: bool, seen: Sequence[bool]) -> None:
        """Count the looks of one camera at one incident whose truth a person has stated.

        Looks at what is there are shared out between the kinds of view by their probability (EM,
        Dempster, Laird and Rubin 1977), so that a blind view does not pull recall down.
        """
        hits = float(sum(seen))
        misses = len(seen) - hits
        if not seen:
            return
        if not still_there:
            for key in (class_code, f"{class_code}|{camera}"):
                _count(self.gone, key, (hits, misses))
            return
        histories = self.histories.setdefault(class_code, {})
        key = f"{int(hits)}/{int(misses)}"
        histories[key] = histories.get(key, 0) + 1
        self._separate(class_code)
        clear = float(self._kinds(class_code, hits, misses)[0])
        _count(self.there, f"{class_code}|{camera}", (clear * hits, clear * misses))

    def _separate(self, class_code: str) -> None:
        """EM for the mixture of clear, half-blind and blind views over all histories of a class.

        Few steps: each new history starts from the last result.
        """
        for _ in range(EM_STEPS):
            views, there = np.zeros(3), np.zeros(2)
            for key, times in self.histories[class_code].items():
                hits, misses = (int(part) for part in key.split("/"))
                weights = times * self._kinds(class_code, hits, misses)
                views += weights
                there += weights[0] * np.array([hits, misses])
            self.views[class_code], self.there[class_code] = views.tolist(), there.tolist()

    def _kinds(self, class_code: str, hits: float, misses: float) -> Floats:
        """P(clear, half-blind, blind | looks of one view at what is there)."""
        recall = mean(self._beta(self.there, class_code, "", RECALL_PRIOR))
        alarm = mean(self._beta(self.gone, class_code, "", ALARM_PRIOR))
        chance = np.array([recall, recall * self.half, alarm])
        weights = self.view_shares(class_code) * chance**hits * (1 - chance) ** misses
        return np.asarray(weights / weights.sum(), np.float64)

    def update_done(self, class_code: str, still_there: bool) -> None:
        """Count one case that was said to be done and whose truth a person has stated.

        The cases counted must be a random sample of the work said to be done: see `learn_case`.
        """
        _count(self.done, class_code, (float(not still_there), float(still_there)))

    def recall(self, class_code: str, camera: str) -> tuple[float, float]:
        """Beta parameters of P(seen | there, clear view)."""
        return self._beta(self.there, class_code, camera, RECALL_PRIOR)

    def false_alarm(self, class_code: str, camera: str) -> tuple[float, float]:
        """Beta parameters of P(seen | gone)."""
        return self._beta(self.gone, class_code, camera, ALARM_PRIOR)

    def really_done(self, class_code: str) -> tuple[float, float]:
        """Beta parameters of P(gone | said to be done); before any count 4 in 5."""
        gone, there = self.done.get(class_code, (0.0, 0.0))
        return DONE_PRIOR[0] + gone, DONE_PRIOR[1] + there

    def view_shares(self, class_code: str) -> Floats:
        """Shares of clear, half-blind and blind views; before any count .85, .12 and .03 of 20."""
        counts = np.array(self.views.get(class_code, (0.0, 0.0, 0.0)))
        shares = counts + np.array(VIEWS_PRIOR)
        return np.asarray(shares / shares.sum(), np.float64)

    def measured(self, class_code: str) -> tuple[float, float]:
        """Looks at known incidents of the class: (there, gone)."""
        return (
            float(sum(self.there.get(class_code, ()))),
            float(sum(self.gone.get(class_code, ()))),
        )

    def _beta(
        self,
        counts: dict[str, list[float]],
        class_code: str,
        camera: str,
        prior: tuple[float, float],
    ) -> tuple[float, float]:
        own = counts.get(f"{class_code}|{camera}", [0.0, 0.0])
        whole = counts.get(class_code, [0.0, 0.0])
        # the class without this camera, so that its own looks are not counted twice
        yes = prior[0] + max(whole[0] - own[0], 0.0)
        no = prior[1] + max(whole[1] - own[1], 0.0)
        shrink = min(1.0, self.strength / (yes + no))
        return yes * shrink + own[0], no * shrink + own[1]


def learn_case(
    rates: Rates,
    case_id: str,
    class_code: str,
    still_there: bool,
    seen: Mapping[str, Sequence[bool]],
    share: float = 0.03,
    least_measured: int = 30,
) -> bool:
    """Count a case whose truth a person stated, and say whether it was counted.

    Counted are the cases of the audit sample, whatever the verdict was, and all cases of a class
    that is not measured yet, for those all go to people. Other cases reach people because of their
    looks: to count only audited closings would teach that nearly all work is really done, to count
    only doubtful cases that little is, and the bound would not hold.

    Args:
        rates: changed in place.
        case_id: decides by `audit_due` with `share`.
        class_code: of the case.
        still_there: what the person found.
        seen: by camera, the looks of the last round: present or not, blind ones left out.
        share: of the audit.
        least_measured: as in `Policy`.
    """
    known = min(rates.measured(class_code)) >= least_measured
    if known and not audit_due(case_id, share):
        return False
    for camera, results in seen.items():
        rates.update(class_code, camera, still_there, results)
    rates.update_done(class_code, still_there)
    return True


def audit_due(case_id: str, share: float = 0.03) -> bool:
    """Whether a person must look at this closed case: a fixed share, by the hash of its id."""
    if not 0 <= share <= 1:
        raise ValueError(f"share: {share} is not within 0 to 1")
    word = int.from_bytes(blake2b(case_id.encode(), digest_size=8).digest(), "big")
    return word < share * 2**64


class Interval(msgspec.Struct, frozen=True, kw_only=True):
    """An estimated share with its confidence limits."""

    estimate: float
    low: float
    high: float


def false_close_interval(found_there: int, audited: int, confidence: float = 0.95) -> Interval:
    """Share of closed cases that were still there, from random audits (Clopper and Pearson 1934).

    With no audit the estimate is not known (nan) and the limits are 0 and 1.
    Raises ValueError: more found than audited, or less than 0.
    """
    if not 0 <= found_there <= audited:
        raise ValueError(f"found_there: {found_there} is not within 0 to {audited}")
    if audited == 0:
        return Interval(estimate=math.nan, low=0.0, high=1.0)
    tail = (1 - confidence) / 2
    rest = audited - found_there
    low = float(betaincinv(found_there, rest + 1, tail)) if found_there else 0.0
    high = float(betaincinv(found_there + 1, rest, 1 - tail)) if rest else 1.0
    return Interval(estimate=found_there / audited, low=low, high=high)


def _count(counts: dict[str, list[float]], key: str, more: Sequence[float]) -> None:
    old = counts.get(key, [0.0] * len(more))
    counts[key] = [a + b for a, b in zip(old, more, strict=True)]


def mean(beta: tuple[float, float]) -> float:
    """Mean of a Beta distribution."""
    return beta[0] / (beta[0] + beta[1])
