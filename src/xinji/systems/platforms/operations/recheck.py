"""Is it really gone? A sequential test on camera looks after "done", with a stated error bound.

Wald's sequential probability ratio test (Wald 1945) of "still there" against "gone", with three
changes that keep its bound honest. Recall and false alarms are Beta posteriors measured per class
and camera, and the test integrates over them. A view may be half blind or blind for this incident,
so repeated absents of one camera do not multiply as if they were independent. A class that nobody
measured, or a place that no camera sees, is never closed by the machine. What is audited flows back
into the rates. Times are Unix microseconds; nothing here reads a clock.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv, betaln

from xinji.systems.platforms.operations.recheck_rates import (
    VIEWS_PRIOR,
    Interval,
    Rates,
    audit_due,
    false_close_interval,
    learn_case,
    mean,
)

__all__ = [
    "Interval", "Look", "Policy", "Rates", "Verdict", "View", "audit_due", "decide",
    "false_close_interval", "learn_case", "log_likelihood_ratio", "wald_limits",
]  # fmt: skip

Floats = npt.NDArray[np.float64]

NODES = 64
# quantiles of equal weight, to integrate over a Beta
_MIDDLES = (np.arange(NODES) + 0.5) / NODES


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """One look of a camera after the work was said to be done.

    `light` is the caller's word for how it is lit (such as "day" or "night"); "blind" means that
    the picture shows nothing of the place (dark, covered, turned away).
    """

    camera: str
    result: Literal["present", "absent", "blind"]
    time_us: int
    light: str = ""


class View(msgspec.Struct, frozen=True, kw_only=True):
    """A camera that can look, and whether it has seen this incident present before the work."""

    camera: str
    seen: bool = False


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """When to close, reopen, look again or ask.

    Attributes:
        bound: close only when P(still there) is at most this, the rates at their bad ends.
        reopen_at: reopen when P(still there) is at least this.
        least_looks, most_looks: looks that show the place, at different times.
        most_attempts: looks of any kind, blind ones included.
        least_gap_seconds: looks of one camera closer than this are one look.
        least_measured: looks at known cases, there and gone each, before a class may be closed.
        light_share: share of blindness that comes with the light and may pass with it.
        spacing_seconds: wait before the second, third ... look; `other_view_seconds` when another
            camera looks for the first time.
        confidence: of `error_bound` (the rates at their bad ends).
    """

    bound: float = 0.001
    reopen_at: float = 0.8
    least_looks: int = 2
    most_looks: int = 4
    most_attempts: int = 7
    least_gap_seconds: float = 240.0
    least_measured: int = 30
    light_share: float = 0.5
    spacing_seconds: tuple[float, ...] = (300.0, 1_200.0, 3_600.0, 7_200.0)
    other_view_seconds: float = 60.0
    confidence: float = 0.95

    def __post_init__(self) -> None:
        if not 0 < self.bound < self.reopen_at < 1:
            raise ValueError(f"bound, reopen_at: 0 < {self.bound} < {self.reopen_at} < 1 fails")
        if not 1 <= self.least_looks <= self.most_looks <= self.most_attempts <= 50:
            raise ValueError("least_looks, most_looks, most_attempts: must rise within 1 to 50")


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What follows from the looks so far.

    `posterior` is P(still there). `error_bound` is the same with recall, blindness and the share of
    work really done at the bad end of what was measured. `next_look_after_seconds` and
    `next_camera` are set for "look" only.
    """

    action: Literal["close", "reopen", "look", "ask"]
    posterior: float
    error_bound: float
    next_look_after_seconds: float | None
    next_camera: str
    explanation: str


def decide(
    looks: Sequence[Look],
    rates: Rates,
    policy: Policy,
    *,
    class_code: str,
    views: Sequence[View] = (),
) -> Verdict:
    """What to do after these looks.

    Args:
        looks: since the work was said to be done, in any order.
        rates: what was measured.
        policy: bounds and caps.
        class_code: of the case.
        views: cameras that can look again; those of `looks` are added by themselves.
    """
    cameras = {view.camera: view.seen for view in views}
    for look in looks:
        cameras.setdefault(look.camera, False)
    counted = _distinct(looks, policy.least_gap_seconds)
    evidence = _tally(counted)
    posterior = _posterior(evidence, cameras, rates, policy, class_code)
    # a lower recall also makes what was seen say less: the bad end may then be the likelier one
    bad_end = _posterior(evidence, cameras, rates, policy, class_code, pessimistic=True)
    worst = max(posterior, bad_end)

    def verdict(action: Any, why: str, wait: float | None = None, camera: str = "") -> Verdict:
        seen = sum(look.result == "present" for look in counted)
        text = (
            f"{len(counted)} looks by {len({look.camera for look in counted})} cameras: "
            f"{seen} present, {len(counted) - seen} absent, {len(looks) - len(counted)} not "
            f"counted; P(still there) {posterior:.2g}, at worst {worst:.2g}; {why}"
        )
        return Verdict(
            action=action, posterior=posterior, error_bound=worst,
            next_look_after_seconds=wait, next_camera=camera, explanation=text,
        )  # fmt: skip

    there, gone = rates.measured(class_code)
    if min(there, gone) < policy.least_measured:
        return verdict(
            "ask",
            f"class {class_code} is not measured: {there:.0f} looks at incidents that were there "
            f"and {gone:.0f} at cleared ones, {policy.least_measured} of each are needed",
        )
    if not cameras:
        return verdict("ask", "no camera sees the place")
    moments = {look.time_us for look in counted}
    if worst <= policy.bound and len(moments) >= policy.least_looks:
        return verdict("close", f"at or below the bound of {policy.bound:g}")
    if posterior >= policy.reopen_at:
        return verdict("reopen", f"at or above {policy.reopen_at:g}")
    if len(counted) >= policy.most_looks:
        return verdict("ask", f"undecided after {policy.most_looks} looks")
    if len(looks) >= policy.most_attempts:
        return verdict("ask", f"undecided after {policy.most_attempts} attempts")
    shut = {look.camera for look in looks} - {look.camera for look in counted}
    tries = {camera: sum(look.camera == camera for look in looks) for camera in cameras}
    open_views = [name for name in cameras if not (name in shut and tries[name] >= 2)]
    if not open_views:
        return verdict("ask", "every view of the place is blind")
    camera, best = _best_absents(
        evidence, cameras, open_views, rates, policy, class_code, policy.most_looks - len(counted)
    )
    if best > policy.bound and posterior < 0.5:
        return verdict("ask", f"even if all further looks were absent it stays at {best:.2g}")
    first = camera not in {look.camera for look in looks}
    steps = policy.spacing_seconds
    wait = policy.other_view_seconds if first else steps[min(len(looks), len(steps)) - 1]
    return verdict("look", f"look again with {camera}", wait if looks else 0.0, camera)


def log_likelihood_ratio(seen: Sequence[bool], recall: float, false_alarm: float) -> float:
    """Log P(looks | still there) / P(looks | gone) for independent looks with known rates."""
    hit = math.log(recall / false_alarm)
    miss = math.log((1 - recall) / (1 - false_alarm))
    return sum(hit if each else miss for each in seen)


def wald_limits(false_close: float, false_reopen: float) -> tuple[float, float]:
    """(close at or below, reopen at or above) for the log likelihood ratio (Wald 1945).

    `false_close` is P(close | still there), `false_reopen` is P(reopen | gone).
    """
    return (
        math.log(false_close / (1 - false_reopen)),
        math.log((1 - false_close) / false_reopen),
    )


# evidence: camera -> light -> (present, absent)
_Evidence = dict[str, dict[str, tuple[int, int]]]


def _distinct(looks: Sequence[Look], gap_seconds: float) -> list[Look]:
    """Looks that show the place; those of one camera within the gap are one, present if any is."""
    kept: dict[str, list[Look]] = {}
    for look in sorted(looks, key=lambda each: each.time_us):
        if look.result == "blind":
            continue
        mine = kept.setdefault(look.camera, [])
        if mine and look.time_us - mine[-1].time_us < gap_seconds * 1e6:
            if look.result == "present":
                mine[-1] = msgspec.structs.replace(mine[-1], result="present")
        else:
            mine.append(look)
    return [look for mine in kept.values() for look in mine]


def _tally(looks: Sequence[Look]) -> _Evidence:
    evidence: _Evidence = {}
    for look in looks:
        lights = evidence.setdefault(look.camera, {})
        present, absent = lights.get(look.light, (0, 0))
        seen = look.result == "present"
        lights[look.light] = (present + seen, absent + (not seen))
    return evidence


def _posterior(
    evidence: _Evidence,
    cameras: dict[str, bool],
    rates: Rates,
    policy: Policy,
    class_code: str,
    pessimistic: bool = False,
) -> float:
    """P(still there); `pessimistic` takes the rates at the bad end of their posteriors."""
    done = rates.really_done(class_code)
    tail = 1 - policy.confidence
    gone = float(betaincinv(*done, tail)) if pessimistic else mean(done)
    odds = math.log((1 - gone) / gone)
    for camera, lights in evidence.items():
        recall = rates.recall(class_code, camera)
        alarm = rates.false_alarm(class_code, camera)
        nodes = np.asarray(betaincinv(*recall, tail if pessimistic else _MIDDLES), np.float64)
        shares = rates.view_shares(class_code)
        if pessimistic:
            total = sum(VIEWS_PRIOR) + sum(rates.views.get(class_code, ()))
            doubtful = float(
                betaincinv(total * (1 - shares[0]), total * shares[0], policy.confidence)
            )
            rest = shares[1:] / shares[1:].sum()
            shares = np.append(1 - doubtful, doubtful * rest)
        if cameras.get(camera):
            # it has seen this incident once: a blind view would not have
            usual = mean(recall)
            shares = shares * np.array([usual, usual * rates.half, mean(alarm)])
            shares = shares / shares.sum()
        there = _there(lights, nodes, rates.half, mean(alarm), shares, policy.light_share)
        hits = sum(present for present, _ in lights.values())
        misses = sum(absent for _, absent in lights.values())
        odds += math.log(there) - float(betaln(alarm[0] + hits, alarm[1] + misses) - betaln(*alarm))
    return 1 / (1 + math.exp(-max(min(odds, 700.0), -700.0)))


def _there(
    lights: dict[str, tuple[int, int]],
    recall: Floats,
    half: float,
    alarm: float,
    shares: Floats,
    light_share: float,
) -> float:
    """P(looks of one camera | still there): a mixture over what the view can see, and when."""
    lasting = shares.copy()
    lasting[1:] *= 1 - light_share
    lasting[0] = 1 - lasting[1:].sum()
    # of views without lasting blindness, the share that is blind in one light
    passing = np.append(0.0, shares[1:] * light_share / lasting[0])
    passing[0] = 1 - passing[1:].sum()
    clear, halves, none = np.ones_like(recall), np.ones_like(recall), 1.0
    for present, absent in lights.values():
        sees = recall**present * (1 - recall) ** absent
        partly = (half * recall) ** present * (1 - half * recall) ** absent
        never = alarm**present * (1 - alarm) ** absent
        clear = clear * (passing[0] * sees + passing[1] * partly + passing[2] * never)
        halves, none = halves * partly, none * never
    mixed = lasting[0] * clear + lasting[1] * halves + lasting[2] * none
    return max(float(np.mean(mixed)), 1e-300)


def _best_absents(
    evidence: _Evidence,
    cameras: dict[str, bool],
    names: Sequence[str],
    rates: Rates,
    policy: Policy,
    class_code: str,
    left: int,
) -> tuple[str, float]:
    """(camera to look with next, lowest posterior that `left` more absents can reach)."""
    state = {camera: dict(lights) for camera, lights in evidence.items()}
    first, best = "", 1.0
    for _ in range(left):
        tried: list[tuple[float, str]] = []
        for name in names:
            lights = dict(state.get(name, {}))
            # in the light it had: another light may not come in time
            light = next(iter(lights), "")
            present, absent = lights.get(light, (0, 0))
            lights[light] = (present, absent + 1)
            after = _posterior(
                state | {name: lights}, cameras, rates, policy, class_code, pessimistic=True
            )
            tried.append((after, name))
        best, name = min(tried)
        first = first or name
        lights = dict(state.get(name, {}))
        light = next(iter(lights), "")
        present, absent = lights.get(light, (0, 0))
        lights[light] = (present, absent + 1)
        state[name] = lights
    return first or names[0], best
