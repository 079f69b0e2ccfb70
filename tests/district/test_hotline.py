"""Made-up calls: the same for a seed, in words that the reader has not learnt."""

from __future__ import annotations

from collections import Counter

from xinji.district.geography import load_district
from xinji.district.hotline import PHRASES, calls
from xinji.systems.platforms.operations.class_table import SEED
from xinji.systems.platforms.operations.text_templates import PHRASES as LEARNT


def test_calls_are_the_same_for_a_seed_and_cover_the_classes() -> None:
    district = load_district()
    one = list(calls(district, 1, 280))
    assert one == list(calls(district, 1, 280))
    assert one != list(calls(district, 2, 280))
    assert set(Counter(call.case_class for call in one).values()) == {4}
    assert {call.case_class for call in one} == {each.code for each in SEED}
    kinds = Counter(call.place_kind for call in one)
    assert set(kinds) == {"crossing", "station", "number", "road", "area", "none"}
    assert 0.05 < sum(call.urgent for call in one) / len(one) < 0.3
    for call in one:
        assert (call.longitude is None) == (call.place_kind == "none")
        assert 3 < len(call.text) < 200


def test_no_phrase_is_shared_with_what_the_reader_learns() -> None:
    assert set(PHRASES) == set(LEARNT)
    assert min(len(each) for each in PHRASES.values()) >= 2
    learnt = {pattern for patterns in LEARNT.values() for pattern in patterns}
    assert learnt.isdisjoint(phrase for own in PHRASES.values() for phrase in own)


def test_tuning_and_test_share_no_phrase() -> None:
    district = load_district()
    tuning = [call.text for call in calls(district, 1, 140, tuning=True) if not call.several]
    for own in PHRASES.values():
        assert not any(phrase in text for phrase in own[1:] for text in tuning)
