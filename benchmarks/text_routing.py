"""Reading hotline texts: class, place, urgency; against the most frequent class and keyword rules.

Input: made-up calls (`xinji.district.hotline`), 70 classes in equal shares, with dialect, slips of
the keyboard, politeness, a second issue in 12 % and an alarm in 15 %. The reader learns from other
families of templates (`text_templates`); no phrase is shared. Two numbers of the reader (factor of
the temperature, share of doubt) were chosen on the first phrase of each class, which is not among
the test's; the word 伤 joined the urgent words after a look at such calls. Both sets were written
by one hand, so real calls are harder: an upper bound, not a promise.
Baselines: the most frequent class; and keyword rules, the class with the most characters of its
title and conditions in the text (longest common pieces of two and more characters).
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.figures import Goal, Measured, Row, Setting

INPUT = "made-up calls, 70 classes, families and words held out"


def keyword_rule(texts: Sequence[str], titles: dict[str, tuple[str, ...]]) -> list[str]:
    """The class whose title and conditions share most characters with the text."""
    pieces = {
        code: {
            word[i : i + n] for word in words for n in (2, 3, 4) for i in range(len(word) - n + 1)
        }
        for code, words in titles.items()
    }
    return [
        max(pieces, key=lambda code: (sum(len(p) for p in pieces[code] if p in text), code))
        for text in texts
    ]


def macro_f1(truth: Sequence[str], found: Sequence[str]) -> float:
    """Mean over the classes of the truth."""
    scores = []
    for code in sorted(set(truth)):
        both = sum(t == f == code for t, f in zip(truth, found, strict=True))
        scores.append(2 * both / max(1, truth.count(code) + list(found).count(code)))
    return float(np.mean(scores))


def reliability(sure: Any, right: Any) -> str:
    """Share that is right by stated confidence."""
    said = []
    for low, high in ((0, 0.4), (0.4, 0.6), (0.6, 0.8), (0.8, 0.95), (0.95, 1.01)):
        these = (sure >= low) & (sure < high)
        if these.any():
            said.append(
                f"{low:g}-{min(high, 1):g}: {right[these].mean():.2f} right at "
                f"{sure[these].mean():.2f} (n {int(these.sum())})"
            )
    return "; ".join(said)


def measure(setting: Setting) -> list[Row]:
    """Rows of the table."""
    from xinji.cli.server import Options, open_house
    from xinji.district.geography import load_district
    from xinji.district.hotline import calls
    from xinji.methods.geodesy import metres_between
    from xinji.systems.platforms.operations.service import Operations

    count = 700 if setting.quick else 5_600
    made = list(calls(load_district(), setting.seed, count))
    with tempfile.TemporaryDirectory() as folder:
        house = open_house(Options(data=Path(folder) / "data")).house
        try:
            part = house.service(Operations)
            start = time.process_time()
            part.reader.warm()
            fitting = time.process_time() - start
            start = time.process_time()
            readings = [part.reader.read(call.text) for call in made]
            cpu_us = (time.process_time() - start) / len(made) * 1e6
            titles = {
                code: (known.title.zh, *(each.title.zh for each in known.conditions))
                for code, known in part.classes.classes.items()
            }
        finally:
            house.close()
    truth = [call.case_class for call in made]
    found = [reading.classes[0][0] for reading in readings]
    sure = np.array([reading.classes[0][1] for reading in readings])
    right = np.array([t == f for t, f in zip(truth, found, strict=True)])
    three = np.mean([t in dict(r.classes[:3]) for t, r in zip(truth, readings, strict=True)])
    by_words = keyword_rule([call.text for call in made], titles)
    frequent = [truth[0]] * len(truth)
    several = np.array([call.several for call in made])
    ours, words = macro_f1(truth, found), macro_f1(truth, by_words)
    brier = float(
        np.mean(
            [
                sum(p * p for _, p in r.classes) - 2 * dict(r.classes)[t] + 1
                for t, r in zip(truth, readings, strict=True)
            ]
        )
    )
    # a forecast that always says the shares of the classes
    plain = 1 - 1 / len(set(truth))
    filed = sure >= 0.8
    rows = [
        Row(work="text", what="class, macro-F1", unit="",
            ours=Measured(system="xinji", value=ours, server_us=cpu_us, note=(
                f"accuracy {right.mean():.3f}, in the first three {three:.3f}, calls of two issues "
                f"{right[several].mean():.3f}; fitted in {fitting:.2f} s CPU")),
            peers=[Measured(system="keyword rule", value=words),
                   Measured(system="most frequent class", value=macro_f1(truth, frequent))],
            goal=Goal(ratio=1.5), input=f"{count} {INPUT}"),
        Row(work="text", what="class, Brier score of all classes", unit="", lower_is_better=True,
            ours=Measured(system="xinji", value=brier, note=(
                f"skill {1 - brier / plain:.3f}; {reliability(sure, right)}")),
            peers=[Measured(system="shares of the classes", value=plain)],
            input=f"{count} {INPUT}"),
        Row(work="text", what="filed by machine (confidence 0.8): right", unit="share",
            ours=Measured(system="xinji", value=float(right[filed].mean()), note=(
                f"{filed.mean():.3f} of the calls")), goal=Goal(least=0.9)),
    ]  # fmt: skip
    return rows + _places(made, readings, metres_between) + [_urgency(made, readings)]


def _places(made: Any, readings: Any, metres_between: Any) -> list[Row]:
    rows = []
    for kind in ("crossing", "station", "number", "road", "area"):
        pairs = [
            (call, reading.place)
            for call, reading in zip(made, readings, strict=True)
            if call.place_kind == kind
        ]
        with_place = [(call, place) for call, place in pairs if place is not None]
        away = np.array(
            [
                float(metres_between(c.longitude, c.latitude, p.longitude, p.latitude))
                for c, p in with_place
            ]
        )
        stated = np.array([place.error_m for _, place in with_place])
        rows.append(
            Row(work="text", what=f"place by {kind}: median error", unit="m", lower_is_better=True,
                ours=Measured(system="xinji", value=float(np.median(away)), note=(
                    f"found in {len(with_place) / len(pairs):.3f} of {len(pairs)}, 90 % within "
                    f"{np.quantile(away, 0.9):.0f} m, inside the stated error "
                    f"{(away <= stated).mean():.3f}, stated {np.median(stated):.0f} m")))
        )  # fmt: skip
    none = [
        reading.place
        for call, reading in zip(made, readings, strict=True)
        if call.place_kind == "none"
    ]
    invented = sum(place is not None for place in none) / max(1, len(none))
    rows[0].ours.note += f"; a place where none was named: {invented:.3f} of {len(none)}"
    return rows


def _urgency(made: Any, readings: Any) -> Row:
    said = np.array([reading.urgency == "urgent" for reading in readings])
    true = np.array([call.urgent for call in made])
    recall = float(said[true].mean())
    precision = float(true[said].mean())
    return Row(
        work="text", what="urgent calls found (alarms)", unit="share",
        ours=Measured(system="xinji", value=recall, note=(
            f"precision {precision:.3f} against the alarms alone: gas, collapse and lifts count as "
            "urgent by their words and are not labelled so")),
        goal=Goal(least=0.9),
    )  # fmt: skip
