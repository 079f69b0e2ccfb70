"""The linear model of texts: character 1-3-grams by TF-IDF, a softmax of measured temperature.

The temperature is measured on families that the model had not seen (fitted on half of a class's
families, scored on the other half, both ways); `DOUBT` is for callers whose words are new.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy  # its parts are loaded where they are first used: some take 0.3 CPU-seconds

from xinji.systems.platforms.operations.text_templates import NOTHING, families, texts_of

Floats = npt.NDArray[np.float64]

SEED = 20_261_122
TEXTS_OF_A_FAMILY = 16
NO_CLASS = -0.5
"""Score that a class must pass for a text to be of it, whatever the others have; chosen on the half
`tune` of `tests/systems/operations/plain_sentences.csv`."""
DOUBT = 0.05
"""Share of the probability that is spread over all classes: a word can mislead. Chosen, with the
temperature's factor (1), on the tuning phrases of `xinji.district.hotline`."""
LEARNT_WEIGHT = 2.0
"""Of a text that a person classed, beside a made one."""


@dataclass(frozen=True)
class TextModel:
    """`codes` in the order of the columns; `none`: weights and bias of what is of no class."""

    codes: tuple[str, ...]
    vectorizer: Any
    weights: Floats
    bias: Floats
    temperature: float
    none: tuple[Floats, float]

    def probabilities(self, texts: Sequence[str]) -> Floats:
        """Shape (texts, classes); rows sum to 1: of each class, if the text is of one of them."""
        table = self.vectorizer.transform(texts)
        scores = (table @ self.weights.T + self.bias) / self.temperature
        chances: Floats = np.exp(scores - scipy.special.logsumexp(scores, axis=1, keepdims=True))
        return (1 - DOUBT) * chances + DOUBT / len(self.codes)

    def fits(self, texts: Sequence[str]) -> Floats:
        """Shape (texts,): the probability that a text is of one of the classes at all."""
        table = self.vectorizer.transform(texts)
        best = (table @ self.weights.T + self.bias).max(axis=1)
        weights, bias = self.none
        nothing = np.maximum(table @ weights + bias, NO_CLASS)
        return np.asarray(scipy.special.expit((best - nothing) / self.temperature), np.float64)


def fit(
    classes: Sequence[tuple[str, tuple[str, ...]]],
    learnt: Sequence[tuple[str, str]] = (),
    seed: int = SEED,
) -> TextModel:
    """A model of classes, given as (code, titles), and of texts that people classed (text, code).

    Deterministic for the same input. Raises ValueError: fewer than two classes.
    """
    if len(classes) < 2:
        raise ValueError(f"classes: {len(classes)}, at least 2")
    chance = random.Random(seed)  # noqa: S311 - texts, not secrets
    texts: list[str] = []
    labels: list[int] = []
    halves: list[int] = []
    for number, (code, titles) in enumerate(classes):
        for at, pattern in enumerate(families(code, titles)):
            for text in texts_of(pattern, TEXTS_OF_A_FAMILY, chance):
                texts.append(text)
                labels.append(number)
                halves.append(at % 2)
    none = len(classes)
    for at, pattern in enumerate(NOTHING):
        for text in texts_of(pattern, TEXTS_OF_A_FAMILY, chance):
            texts.append(text)
            labels.append(none)
            halves.append(at % 2)
    made = len(texts)
    numbers = {code: number for number, (code, _) in enumerate(classes)}
    for text, code in learnt:
        if code in numbers:
            texts.append(text)
            labels.append(numbers[code])
            halves.append(len(texts) % 2)
    weight = np.where(np.arange(len(texts)) < made, 1.0, LEARNT_WEIGHT)
    # a second to import, which only those who fit a model should pay
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(analyzer="char", ngram_range=(1, 3), sublinear_tf=True, min_df=2)
    table = vectorizer.fit_transform(texts)
    y, half = np.array(labels), np.array(halves)
    temperature = _temperature(table, y, half, weight, len(classes) + 1)
    weights, bias = _linear(table, y, weight, len(classes) + 1)
    codes = tuple(code for code, _ in classes)
    of_none = weights[none], float(bias[none])
    return TextModel(codes, vectorizer, weights[:none], bias[:none], temperature, of_none)


def _linear(table: Any, y: Any, weight: Floats, classes: int) -> tuple[Floats, Floats]:
    from sklearn.svm import LinearSVC

    model = LinearSVC(C=0.5, random_state=0)
    model.fit(table, y, sample_weight=weight)
    weights = np.zeros((classes, table.shape[1]))
    bias = np.full(classes, -2.0)
    coefficients = (
        model.coef_ if len(model.classes_) > 2 else np.vstack([-model.coef_, model.coef_])
    )
    intercepts = (
        model.intercept_
        if len(model.classes_) > 2
        else np.hstack([-model.intercept_, model.intercept_])
    )
    weights[model.classes_], bias[model.classes_] = coefficients, intercepts
    return weights, bias


def _temperature(table: Any, y: Any, half: Any, weight: Floats, classes: int) -> float:
    """That of the least log loss on families the model had not seen."""
    scores, truth = [], []
    for part in (0, 1):
        train, test = half != part, half == part
        weights, bias = _linear(table[train], y[train], weight[train], classes)
        scores.append(table[test] @ weights.T + bias)
        truth.append(y[test])
    given, wanted = np.vstack(scores), np.concatenate(truth)

    def loss(log_temperature: float) -> float:
        cool = given / np.exp(log_temperature)
        picked = cool[np.arange(len(wanted)), wanted]
        return float((scipy.special.logsumexp(cool, axis=1) - picked).mean())

    return float(
        np.exp(scipy.optimize.minimize_scalar(loss, bounds=(-4.0, 2.0), method="bounded").x)
    )
