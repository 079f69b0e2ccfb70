"""The sequential re-check: Wald's numbers by hand, blindness, what is never closed, audits."""

import math

import msgspec
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.stats import beta, binom

from benchmarks.recheck import Case, World, measured_rates, naive, run
from xinji.systems.platforms.operations.recheck import (
    Look,
    Policy,
    Rates,
    View,
    audit_due,
    decide,
    false_close_interval,
    learn_case,
    log_likelihood_ratio,
    wald_limits,
)

KIND = "0110"
MINUTE = 60_000_000


def well_measured(blind=0.0, cameras=("k1", "k2", "k3")):
    """Recall .85, false alarms .05, 9 of 10 really done: all from a million audits."""
    many = 1e6
    rates = Rates(
        there={KIND: [0.85 * many, 0.15 * many]},
        gone={KIND: [0.05 * many, 0.95 * many]},
        views={KIND: [(1 - blind) * many, blind * many, 0.0]},
        done={KIND: [0.9 * many, 0.1 * many]},
        strength=1e9,
    )
    assert all(rates.recall(KIND, camera)[0] > 1e5 for camera in cameras)
    return rates


def looks(pattern, camera="k1", light="", gap=30):
    """'a' absent, 'p' present, 'b' blind, half an hour apart."""
    names = {"a": "absent", "p": "present", "b": "blind"}
    return [
        Look(camera=camera, result=names[sign], time_us=at * gap * MINUTE, light=light)
        for at, sign in enumerate(pattern)
    ]


def test_walds_ratio_by_hand():
    # ln(.15/.95) = -1.84583, ln(.85/.05) = 2.83321
    assert log_likelihood_ratio([False], 0.85, 0.05) == pytest.approx(-1.84583, abs=1e-5)
    assert log_likelihood_ratio([True], 0.85, 0.05) == pytest.approx(2.83321, abs=1e-5)
    assert log_likelihood_ratio([False, True, False], 0.85, 0.05) == pytest.approx(
        -0.85844, abs=2e-5
    )
    close, reopen = wald_limits(0.01, 0.05)
    assert close == pytest.approx(math.log(0.01 / 0.95))
    assert reopen == pytest.approx(math.log(0.99 / 0.05))


def test_walds_limits_keep_their_errors_in_simulation():
    generator = np.random.default_rng(4)
    close, reopen = wald_limits(0.02, 0.05)
    wrong = 0
    for _ in range(4_000):
        ratio = 0.0
        while close < ratio < reopen:
            ratio += log_likelihood_ratio([generator.random() < 0.85], 0.85, 0.05)
        wrong += ratio <= close
    assert wrong / 4_000 <= 0.02 + 3 * math.sqrt(0.02 * 0.98 / 4_000)


@pytest.mark.parametrize(
    ("pattern", "posterior"),
    [
        # odds 1/9, times .15/.95 for absent, .85/.05 for present
        ("a", 0.017241),
        ("aa", 0.002762),
        ("aaa", 0.000437),
        ("p", 0.653846),
        ("pp", 0.969799),
        ("pa", 0.229731),
    ],
)
def test_the_posterior_by_hand(pattern, posterior):
    verdict = decide(looks(pattern), well_measured(), Policy(), class_code=KIND)
    assert verdict.posterior == pytest.approx(posterior, rel=0.01)


def test_verdicts_by_hand():
    rates = well_measured()

    def action(pattern):
        return decide(looks(pattern), rates, Policy(), class_code=KIND).action

    assert [action("a"), action("aa"), action("aaa")] == ["look", "look", "close"]
    assert action("p") == "look"
    assert action("pp") == "reopen"
    # one present and three absents: odds 1/9 * 17 * .00394 = .0074: no bound within four looks
    assert action("paaa") == "ask"
    # after present, absent the bound is out of reach of two more looks, so no look is wasted
    assert action("pa") == "ask"


def test_the_first_look_is_now_and_later_ones_wait():
    rates, policy = well_measured(), Policy()
    views = [View(camera="k1"), View(camera="k2")]
    first = decide([], rates, policy, class_code=KIND, views=views)
    assert (first.action, first.next_look_after_seconds) == ("look", 0.0)
    again = decide(looks("a"), rates, policy, class_code=KIND)
    assert again.next_look_after_seconds == policy.spacing_seconds[0]
    assert "look again with k1" in again.explanation


def test_absents_of_one_doubtful_view_are_worth_less_than_of_two_views():
    rates = well_measured(blind=0.15)
    one = decide(looks("aaaa"), rates, Policy(), class_code=KIND)
    two = decide([*looks("aa"), *looks("aa", "k2")], rates, Policy(least_looks=2), class_code=KIND)
    # by hand: one (.85*.15^4 + .15*.575^4)/.95^4/9; two ((.85*.15^2 + .15*.575^2)/.95^2)^2/9
    by_hand = (0.85 * 0.15**4 + 0.15 * 0.575**4) / 0.95**4 / 9
    always = Policy(light_share=0.0)
    lasting = decide(looks("aaaa"), rates, always, class_code=KIND)
    assert lasting.posterior == pytest.approx(by_hand / (1 + by_hand), rel=0.01)
    assert one.action == "ask" and two.action == "close"
    assert one.posterior > 3 * two.posterior


def test_another_light_is_worth_more_than_the_same_light():
    rates = well_measured(blind=0.15)
    same = decide(looks("aaaa", light="day"), rates, Policy(), class_code=KIND)
    mixed = looks("aa", light="day") + [
        msgspec.structs.replace(look, time_us=look.time_us + 600 * MINUTE)
        for look in looks("aa", light="night")
    ]
    both = decide(mixed, rates, Policy(), class_code=KIND)
    assert both.posterior < same.posterior


def test_a_view_that_has_seen_the_incident_weighs_more():
    rates = well_measured(blind=0.15)
    fresh, proven = (
        decide(
            looks("aaa"), rates, Policy(), class_code=KIND, views=[View(camera="k1", seen=seen)]
        ).posterior
        for seen in (False, True)
    )
    assert proven < fresh * 0.7


def test_looks_within_minutes_are_one_look_and_two_moments_are_needed():
    rates = well_measured()
    burst = looks("aaaaaa", gap=1)
    verdict = decide(burst, rates, Policy(most_attempts=9), class_code=KIND)
    # six minutes: two looks of four minutes apart count
    assert verdict.posterior == pytest.approx(0.002762, rel=0.01)
    assert verdict.action != "close"
    at_once = [look for camera in ("k1", "k2", "k3") for look in looks("a", camera)]
    verdict = decide(at_once, rates, Policy(), class_code=KIND)
    assert verdict.posterior < 0.001 and verdict.action == "look"


def test_never_measured_never_closed_and_blind_zones_go_to_people():
    verdict = decide(looks("aaaa"), Rates(), Policy(), class_code=KIND)
    assert verdict.action == "ask" and "not measured" in verdict.explanation
    rates = well_measured()
    assert decide([], rates, Policy(), class_code=KIND).explanation.endswith("sees the place")
    assert decide(looks("b"), rates, Policy(), class_code=KIND).action == "look"
    blind = decide(looks("bb"), rates, Policy(), class_code=KIND)
    assert blind.action == "ask" and "blind" in blind.explanation
    assert blind.posterior == pytest.approx(0.1, rel=0.01)
    other = decide(looks("bb"), rates, Policy(), class_code=KIND, views=[View(camera="k2")])
    assert (other.action, other.next_camera) == ("look", "k2")


def test_few_measurements_do_not_close_what_many_close():
    few = Rates(
        there={KIND: [34.0, 6.0]}, gone={KIND: [2.0, 38.0]},
        views={KIND: [40.0, 0.0, 0.0]}, done={KIND: [36.0, 4.0]},
    )  # fmt: skip
    views = [View(camera="k1"), View(camera="k2")]
    shown = [*looks("aa"), *looks("a", "k2")]
    sure = decide(shown, well_measured(), Policy(), class_code=KIND, views=views)
    unsure = decide(shown, few, Policy(), class_code=KIND, views=views)
    assert sure.action == "close" and unsure.action != "close"
    assert unsure.error_bound > 3 * unsure.posterior


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("apb"), st.integers(1, 3), st.integers(0, 1)), max_size=6),
    st.floats(0, 0.5),
)
@example(steps=[("p", 1, 0)] * 3 + [("p", 1, 1)] * 2, blind=0.5)
def test_any_history_gives_a_sane_verdict_and_one_more_absent_never_raises_it(steps, blind):
    rates, policy = well_measured(blind), Policy()
    names = {"a": "absent", "p": "present", "b": "blind"}
    history = [
        Look(camera=f"k{camera}", result=names[sign], time_us=at * 30 * MINUTE, light=f"l{light}")
        for at, (sign, camera, light) in enumerate(steps)
    ]
    verdict = decide(history, rates, policy, class_code=KIND)
    assert 0 <= verdict.posterior <= verdict.error_bound + 1e-9 <= 1 + 1e-9
    assert decide(history[::-1], rates, policy, class_code=KIND) == verdict
    if verdict.action == "close":
        assert verdict.error_bound <= policy.bound
    if verdict.action == "look":
        assert verdict.next_camera or not history
        assert verdict.next_look_after_seconds >= 0
    else:
        assert verdict.next_look_after_seconds is None
    absent = Look(camera="k1", result="absent", time_us=10_000 * MINUTE, light="l0")
    # with a false-alarm rate below recall an absent look speaks for gone
    after = decide([*history, absent], rates, policy, class_code=KIND)
    assert after.posterior <= verdict.posterior + 1e-9


def test_rates_learn_recall_per_camera_with_shrinkage_and_find_half_blind_views():
    generator = np.random.default_rng(5)
    rates = Rates()
    for number in range(1_500):
        good, bad = generator.random(3) < 0.85, generator.random(3) < 0.55
        rates.update(KIND, "good", True, good.tolist())
        if number < 40:
            rates.update(KIND, "bad", True, bad.tolist())
        rates.update(KIND, "good", False, (generator.random(2) < 0.05).tolist())

    def mean(pair):
        return pair[0] / sum(pair)

    assert mean(rates.recall(KIND, "good")) == pytest.approx(0.86, abs=0.03)
    assert 0.5 < mean(rates.recall(KIND, "bad")) < 0.82
    assert mean(rates.recall(KIND, "new")) == pytest.approx(0.86, abs=0.04)
    assert sum(rates.recall(KIND, "new")) <= rates.strength + 1e-9
    assert mean(rates.false_alarm(KIND, "good")) == pytest.approx(0.05, abs=0.01)
    half = measured_rates(World(half_blind=0.15), 6, 1_500).view_shares(KIND)
    none = measured_rates(World(), 6, 1_500).view_shares(KIND)
    assert half[1] == pytest.approx(0.15, abs=0.06) and none[1] < 0.06


def test_rates_survive_storage():
    rates = measured_rates(World(), 7, 50)
    again = msgspec.json.decode(msgspec.json.encode(rates), type=Rates)
    assert again == rates
    assert again.measured(KIND)[0] > 0


def test_only_a_random_sample_teaches_how_much_is_really_done():
    """Closed loop: the machine decides, people state truths, rates are updated as it runs."""
    world = World(cameras=(2,))

    def loop(sampled):
        generator, policy = np.random.default_rng(11), Policy(bound=0.005)
        rates = measured_rates(world, 12, 60)
        wrong = closed = 0
        for number in range(800):
            case, history = Case(world, generator), []
            views = [View(camera=f"k{at}") for at in range(2)]
            while True:
                verdict = decide(history, rates, policy, class_code=KIND, views=views)
                if verdict.action != "look":
                    break
                camera = int(verdict.next_camera[1:])
                result = "present" if case.look(camera) else "absent"
                moment = len(history) * 30 * MINUTE
                history.append(Look(camera=f"k{camera}", result=result, time_us=moment))
            wrong += verdict.action == "close" and case.there
            closed += verdict.action == "close"
            seen = {}
            for look in history:
                seen.setdefault(look.camera, []).append(look.result == "present")
            if sampled:
                learn_case(rates, f"c{number}", KIND, case.there, seen, share=0.3)
            elif verdict.action == "close":
                rates.update_done(KIND, case.there)
        done = rates.really_done(KIND)
        return done[0] / sum(done), wrong, closed

    share, wrong, closed = loop(sampled=True)
    assert share == pytest.approx(0.9, abs=0.05)
    assert closed > 400 and wrong / closed < 0.01
    # the trap: audits of closings alone
    assert loop(sampled=False)[0] > 0.96


def test_a_class_without_measurements_learns_from_every_case():
    rates = Rates()
    assert learn_case(rates, "c1", KIND, True, {"k1": [True]}, share=0.0)
    for number in range(40):
        learn_case(rates, f"d{number}", KIND, number % 2 == 0, {"k1": [number % 2 == 0] * 2})
    assert not learn_case(rates, "c2", KIND, True, {"k1": [True]}, share=0.0)


def test_audits_are_a_fixed_share_of_cases():
    due = [audit_due(f"case-{number}") for number in range(20_000)]
    assert due == [audit_due(f"case-{number}") for number in range(20_000)]
    assert abs(sum(due) / 20_000 - 0.03) < 0.004
    assert not audit_due("x", 0.0) and audit_due("x", 1.0)
    with pytest.raises(ValueError, match="share"):
        audit_due("x", 1.5)


@given(st.integers(0, 60), st.integers(0, 60))
def test_the_interval_is_clopper_and_pearsons(found, rest):
    interval = false_close_interval(found, found + rest)
    if found + rest == 0:
        assert math.isnan(interval.estimate) and (interval.low, interval.high) == (0, 1)
        return
    low = beta.ppf(0.025, found, rest + 1) if found else 0.0
    high = beta.ppf(0.975, found + 1, rest) if rest else 1.0
    assert (interval.low, interval.high) == pytest.approx((low, high))
    if found:
        # the definition: at the lower limit, so many or more have chance 2.5 %
        assert binom.sf(found - 1, found + rest, interval.low) == pytest.approx(0.025, rel=1e-4)


def test_bad_policies_are_named():
    with pytest.raises(ValueError, match="bound, reopen_at"):
        Policy(bound=0.9)
    with pytest.raises(ValueError, match="most_looks"):
        Policy(most_looks=0)
    with pytest.raises(ValueError, match="found_there"):
        false_close_interval(3, 2)


def test_in_simulation_the_bound_holds_and_one_look_does_not_keep_it():
    world = World()
    rates = measured_rates(world, 8, 1_000)
    tally = run(world, rates, Policy(), 8, 20_000)
    assert tally["close"] > 0.5 * 20_000
    assert tally["false"] / tally["close"] <= 0.001
    assert tally["looks"] / tally["close"] <= 4
    assert naive(world, 8, 20_000, 1)[0] > 0.01


def test_with_half_blind_views_it_asks_rather_than_closes():
    world = World(half_blind=0.15, cameras=(1, 2, 3))
    tally = run(world, measured_rates(world, 9, 1_000), Policy(), 9, 20_000)
    assert tally["false"] / max(tally["close"], 1) <= 0.001
    assert tally["close"] > 0.2 * 20_000
