"""What the sensing network leaves in a house: the rates as counts, and the blurring of photos."""

from __future__ import annotations

from xinji.systems.terminals.sensing.service import LOOKS_AN_INCIDENT, MOST_LOOKS, counts


def test_measured_rates_become_counts_by_incident() -> None:
    measured = {
        "source": "drawn",
        "litter": {
            "by_incident": [[100, 0], [3, 77], [0, 0], [4, 1]],
            "false_alarm": 0.01,
            "looks_without": 10_000,
        },
    }
    assert counts(measured) == {
        "litter": {
            "there": [[LOOKS_AN_INCIDENT, 0], [2, 38], [4, 1]],
            "gone": [2.4, MOST_LOOKS - 2.4],
        }
    }
