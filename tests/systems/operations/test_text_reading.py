"""What the machine reads in a hotline text: class, place, urgency."""

from __future__ import annotations

import csv
import time
from pathlib import Path

import msgspec
import numpy as np
import pytest

from benchmarks.text_routing import keyword_rule
from tests.conftest import gauge
from tests.systems.operations.street import Street
from tests.web.live import LOCALITY
from xinji.district.geography import load_district
from xinji.methods.geodesy import metres_between
from xinji.systems.platforms.operations.class_table import SEED
from xinji.systems.platforms.operations.gazetteer import Gazetteer
from xinji.systems.platforms.operations.text_features import DOUBT, fit
from xinji.systems.platforms.operations.text_reading import _first_issue, _urgency
from xinji.systems.platforms.operations.text_templates import PHRASES

CLASSES = tuple((each.code, (each.title.zh,)) for each in SEED)
TITLES = {each.title.zh: each.code for each in SEED}


@pytest.fixture(scope="module")
def gazetteer() -> Gazetteer:
    made = Gazetteer()
    made.add_basemap(load_district().basemap)
    return made


def test_the_model_is_the_same_each_time_and_quick() -> None:
    start = time.process_time()
    one = fit(CLASSES)
    assert time.process_time() - start < 30
    other = fit(CLASSES)
    texts = ["路灯不亮", "", "🚲" * 50, "\x00"]
    found = one.probabilities(texts)
    np.testing.assert_array_equal(found, other.probabilities(texts))
    np.testing.assert_allclose(found.sum(axis=1), 1)
    # what says nothing is not sure of anything
    assert found[1].max() < 0.6
    assert found.max() <= 1 - DOUBT + DOUBT / len(CLASSES)


def test_every_class_of_the_seed_has_phrases_and_is_learnt() -> None:
    assert set(PHRASES) == {code for code, _ in CLASSES}
    model = fit(CLASSES)
    found = model.probabilities(list(TITLES)).argmax(axis=1)
    right = [model.codes[at] == code for at, code in zip(found, TITLES.values(), strict=True)]
    assert np.mean(right) > 0.9


@pytest.fixture(scope="module")
def plain() -> dict[str, list[tuple[str, str]]]:
    """Plain sentences (text, code; "" for none) by part; `test` has tuned nothing."""
    found: dict[str, list[tuple[str, str]]] = {"tune": [], "test": []}
    with Path(__file__).with_name("plain_sentences.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            found[row["part"]].append((row["text"], row["code"]))
    return found


def test_on_plain_sentences_it_is_right_or_does_not_know(
    street: Street, plain: dict[str, list[tuple[str, str]]]
) -> None:
    """Beside the naive reader, which names the class whose title has most characters in common."""
    reader, classes = street.operations.reader, street.operations.classes.classes
    titles = {
        code: (each.title.zh, *(each.title.zh for each in each.conditions))
        for code, each in classes.items()
    }
    texts, truth = zip(*plain["test"], strict=True)
    said = [reading.classes[0][0] if reading.known else "" for reading in map(reader.read, texts)]
    named = [(own, true) for own, true in zip(said, truth, strict=True) if own]
    right = sum(own == true for own, true in named)
    naive = keyword_rule(texts, titles)
    naive_right = sum(own == true for own, true in zip(naive, truth, strict=True))
    assert right / len(named) >= 0.9
    assert right / sum(map(bool, truth)) >= 0.85
    assert sum(not true for _, true in named) <= 1
    assert naive_right / len(truth) < 0.4


def test_what_is_of_no_class_gets_no_suggestion(street: Street) -> None:
    def classes(text: str) -> list[str]:
        answer = street.request("POST", "/api/reports/read", "intake", json={"text": text})
        return [each["case_class"] for each in answer.json()["classes"]]

    assert classes("人行道上有一大堆装修垃圾")[0] == "event.0116"
    for text in ("今天天气真好", "你好", "房东不退押金"):
        assert classes(text) == []


def test_what_people_filed_is_learnt() -> None:
    # a word of this house that no template knows
    text, code = "哐啷哐啷的怪声", "component.0108"
    before = fit(CLASSES)
    after = fit(CLASSES, [(text, code)] * 10)
    at = before.codes.index(code)
    chances = [float(model.probabilities([text])[0, at]) for model in (before, after)]
    assert chances[1] > max(0.5, chances[0])
    with pytest.raises(ValueError, match="at least 2"):
        fit(CLASSES[:1])


@pytest.mark.parametrize(
    ("text", "name", "longest"),
    [
        ("愚园路江苏路路口有垃圾", "愚园路江苏路路口", 100),
        ("在江苏路近愚园路那里", "江苏路愚园路路口", 100),
        ("地铁中山公园站3号口共享单车", "中山公园", 200),
        ("娄山关路站出来", "娄山关路", 200),
        ("愚园路垃圾没人管", "愚园路", 2_000),
    ],
)
def test_places(gazetteer: Gazetteer, text: str, name: str, longest: float) -> None:
    place = gazetteer.find(text)
    assert place is not None
    assert place.name == name
    assert 0 < place.error_m <= longest
    assert 0 < place.confidence < 1


def test_no_place_is_invented(gazetteer: Gazetteer) -> None:
    for text in ("路边有垃圾", "马路上坑坑洼洼", "", "某某路垃圾", "x" * 2_000):
        assert gazetteer.find(text) is None


def test_a_direction_moves_the_place_and_near_widens_it(gazetteer: Gazetteer) -> None:
    crossing = gazetteer.find("愚园路江苏路路口")
    east = gazetteer.find("愚园路江苏路路口以东200米")
    near = gazetteer.find("愚园路江苏路路口附近")
    assert crossing and east and near
    away = metres_between(crossing.longitude, crossing.latitude, east.longitude, east.latitude)
    assert 195 < float(away) < 205
    assert east.longitude > crossing.longitude
    assert near.error_m > crossing.error_m
    assert near.confidence < crossing.confidence


def test_house_numbers_are_learnt_from_reports_with_a_place(gazetteer: Gazetteer) -> None:
    road = gazetteer.roads["愚园路"]
    first, last = road[10], road[30]
    gazetteer.add_addresses(
        [("愚园路1300号", *map(float, first)), ("愚园路1340号门口", *map(float, last)),
         ("不知名路3号", 121.4, 31.2)]
    )  # fmt: skip
    place = gazetteer.find("愚园路1320号对面")
    assert place is not None
    assert abs(place.longitude - (first[0] + last[0]) / 2) < 1e-5
    assert place.error_m < 200
    far = gazetteer.find("愚园路20号")
    assert far is not None
    assert far.error_m > 300


def test_names_that_several_things_share_mean_none() -> None:
    made = Gazetteer()
    made.add_things([("天山停车场", 121.4, 31.2), ("天山停车场", 121.42, 31.2),
                     ("仙霞停车场", 121.39, 31.2), ("camera-1", 121.4, 31.2)])  # fmt: skip
    assert list(made.things) == ["仙霞停车场"]


@pytest.mark.parametrize(
    ("text", "urgency"),
    [
        ("电梯里有人被困", "urgent"),
        ("闻到煤气味", "urgent"),
        ("路面塌陷,有人受伤", "urgent"),
        ("没有人受伤,路面有垃圾", "normal"),
        ("垃圾没人收", "normal"),
        ("不是燃气的问题,是油烟", "normal"),
    ],
)
def test_urgency(text: str, urgency: str) -> None:
    found, sure = _urgency(text)
    assert found == urgency
    assert 0.5 <= sure <= 1


def test_the_first_of_two_issues_counts() -> None:
    assert _first_issue("路灯坏了一个星期,另外垃圾没收") == "路灯坏了一个星期,"
    assert _first_issue("另外垃圾没收") == "另外垃圾没收"


def test_a_text_alone_becomes_a_case_with_class_and_place(street: Street) -> None:
    line = {
        "type": "Feature",
        "properties": {"layer": "road", "name": "东西路"},
        "geometry": {"type": "LineString", "coordinates": [[121.32, 31.2], [121.48, 31.2]]},
    }
    cross = {
        "type": "Feature",
        "properties": {"layer": "road", "name": "南北路"},
        "geometry": {"type": "LineString", "coordinates": [[121.35, 31.15], [121.35, 31.25]]},
    }
    house = street.house
    house.locality = msgspec.structs.replace(LOCALITY, basemap={"features": [line, cross]})
    # a new thing, and the names of places are gathered anew
    house.registry.put([house.registry.check(gauge(4))])
    text = "市民反映东西路南北路路口路灯不亮,希望处理"
    read = street.request("POST", "/api/reports/read", "intake", json={"text": text}).json()
    assert read["classes"][0]["case_class"] == "component.0106"
    assert len(read["classes"]) == 5
    assert abs(read["place"]["longitude"] - 121.35) < 0.001
    assert read["urgency"] == "normal"
    answer = street.report(
        "intake", channel="12345", text=text, case_class=None, longitude=None, latitude=None
    )
    assert answer.status_code == 201, answer.text
    filed = answer.json()
    assert filed["case_class"] == "component.0106"
    assert filed["address"] == "东西路南北路路口"
    # a text that names no place is refused, and says why
    answer = street.report(
        "intake", channel="12345", text="路灯不亮", case_class=None, longitude=None, latitude=None
    )
    assert (answer.status_code, answer.json()["field"]) == (422, "longitude")


def test_a_class_that_is_switched_off_is_not_read(street: Street) -> None:
    import msgspec

    reader, part = street.operations.reader, street.operations
    assert reader.read("路灯不亮").classes[0][0] == "component.0106"
    off = msgspec.structs.replace(part.classes.classes["component.0106"], enabled=False)
    part.classes.put([off])
    part.classes.load()
    codes = [code for code, _ in reader.read("路灯不亮").classes]
    assert "component.0106" not in codes
    assert len(codes) == len(CLASSES) - 1
