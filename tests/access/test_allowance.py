"""So many in any window, for each of a bounded number of keys."""

from __future__ import annotations

import pytest

from xinji.access import allowance as allowance_module
from xinji.access.allowance import Allowance, Exceeded, network_of


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def test_so_many_in_any_window() -> None:
    clock = Clock()
    allowance = Allowance(10, 3600, clock)
    for _ in range(10):
        allowance.take("a")
        clock.now += 10
    with pytest.raises(Exceeded, match="at most 10 an hour") as refused:
        allowance.take("a")
    assert refused.value.retry_after == 3500
    allowance.take("b")
    clock.now += 3500
    allowance.take("a")
    with pytest.raises(Exceeded) as refused:
        allowance.take("a")
    assert refused.value.retry_after == 10


def test_what_is_given_back_or_forgotten_is_allowed_again() -> None:
    allowance = Allowance(1, 3600, Clock())
    allowance.take("a")
    allowance.give_back("a")
    allowance.take("a")
    allowance.forget("a")
    allowance.take("a")
    assert allowance.wait("a") > 0
    assert allowance.wait("b") == 0


def test_the_table_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allowance_module, "MOST_KEYS", 100)
    allowance = Allowance(1, 3600, Clock())
    for n in range(1_000):
        allowance.take(str(n))
    assert len(allowance._seen) == 100
    assert allowance.wait("999") > 0


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("no address " * 100, ("no address " * 100)[:64]),
    ],
)
def test_an_ipv6_customer_is_one(address: str, network: str) -> None:
    assert network_of(address) == network
