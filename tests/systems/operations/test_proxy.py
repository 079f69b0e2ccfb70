"""Residents' limits behind a proxy, on real sockets."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import httpx
import pytest

from tests.systems.operations.street import Street
from xinji.cli.serve import add_options, options_of
from xinji.systems.platforms.operations.api import residents


class Proxied(Street):
    """Behind a proxy on 127.0.0.2; 127.0.0.1 is a client like any other."""

    proxies = ("127.0.0.2", "10.0.0.0/8")


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    made = Street(tmp_path_factory.mktemp("street") / "data")
    yield made
    made.close()


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    made = Proxied(tmp_path_factory.mktemp("proxied") / "data")
    yield made
    made.close()


def follow(street: Street, peer: str, *forwarded: str) -> int:
    transport = httpx.HTTPTransport(local_address=peer)
    headers = [("X-Forwarded-For", each) for each in forwarded]
    with httpx.Client(base_url=street.url, transport=transport, timeout=30) as http:
        return http.get("/api/public/reports/NONE", headers=headers).status_code


def test_residents_limits_hold_behind_a_proxy_and_a_header_forges_nothing(
    proxied: Proxied, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(residents, "_follows", residents.Allowance(2))
    # each resident behind the proxy has an allowance, whatever the resident's own header said
    for number, status in enumerate([404, 404, 429]):
        assert follow(proxied, "127.0.0.2", f"192.0.2.{number}, 198.51.100.7") == status
    assert follow(proxied, "127.0.0.2", "198.51.100.8") == 404
    # a chain of proxies, and the headers one after the other
    assert follow(proxied, "127.0.0.2", "198.51.100.7, 10.1.2.3") == 429
    assert follow(proxied, "127.0.0.2", "198.51.100.9", "198.51.100.7") == 429
    # who is no proxy is believed nothing
    for number, status in enumerate([404, 404, 429]):
        assert follow(proxied, "127.0.0.3", f"198.51.100.{100 + number}") == status


@pytest.mark.parametrize("given", ["nginx", "10.0.0.1/8", "*", ""])
def test_a_proxy_is_an_address_or_a_network(given: str, capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    add_options(parser)
    right = parser.parse_args(["--proxy", "127.0.0.1", "--proxy", "2001:db8::/32"])
    assert options_of(right).proxies == ("127.0.0.1/32", "2001:db8::/32")
    with pytest.raises(SystemExit):
        parser.parse_args(["--proxy", given])
    assert "--proxy: not an address or a network" in capsys.readouterr().err


def test_without_a_proxy_no_header_is_believed(
    street: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(residents, "_follows", residents.Allowance(2))
    for number, status in enumerate([404, 404, 429]):
        assert follow(street, "127.0.0.1", f"198.51.100.{number}") == status
