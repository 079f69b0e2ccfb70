"""Likeness of short report texts: cosine of character 2-3-gram TF-IDF, hashed, learnt online.

No vocabulary, no model file: a gram is a number below 65,536 (CRC-32), and the inverse document
frequency comes from the texts seen so far (Salton and Buckley 1988).
"""

from __future__ import annotations

import math
from zlib import crc32

Vector = dict[int, float]

BUCKETS = 65_536


def grams(text: str) -> list[int]:
    """Hashed character 2-grams and 3-grams of a text, blanks dropped."""
    plain = "".join(text.split()).lower()
    return [
        crc32(plain[at : at + size].encode()) % BUCKETS
        for size in (2, 3)
        for at in range(len(plain) - size + 1)
    ]


def cosine(one: Vector, other: Vector) -> float:
    """Of two unit vectors; 0 when either is empty."""
    if len(one) > len(other):
        one, other = other, one
    return sum(weight * other[gram] for gram, weight in one.items() if gram in other)


class ReportTexts:
    """Document frequencies of the grams seen so far."""

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self._texts = 0

    def learn(self, text: str) -> Vector:
        """Count a text and return its unit vector, empty for a text of less than two signs."""
        found = set(grams(text))
        if found:
            self._texts += 1
            for gram in found:
                self._counts[gram] = self._counts.get(gram, 0) + 1
        return self.vector(text)

    def vector(self, text: str) -> Vector:
        """The unit TF-IDF vector of a text by the present frequencies; nothing is counted."""
        tally: Vector = {}
        for gram in grams(text):
            tally[gram] = tally.get(gram, 0.0) + 1.0
        all_texts = 1 + self._texts
        for gram, times in tally.items():
            rarity = math.log(all_texts / (1 + self._counts.get(gram, 0))) + 1
            tally[gram] = (1 + math.log(times)) * rarity
        length = math.sqrt(sum(weight * weight for weight in tally.values()))
        return {gram: weight / length for gram, weight in tally.items()} if length else {}
