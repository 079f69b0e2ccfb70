"""`xinji serve`: run a district."""

from __future__ import annotations

import argparse
import ipaddress
from pathlib import Path
from typing import Any

import uvloop

from xinji.cli.heap import end_at_once
from xinji.cli.server import Options, announce, running
from xinji.loop.house import Policy


def add(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser("serve", help="run a district on a data folder")
    add_options(parser)


def add_options(parser: argparse.ArgumentParser, port: int = 8080, mqtt_port: int = 1883) -> None:
    """Options that `serve` and `demo` share."""
    parser.add_argument("--data", type=Path, default=Path("data"), help="data folder")
    parser.add_argument("--host", default="127.0.0.1", help="address of HTTP and MQTT")
    parser.add_argument("--port", type=int, default=port, help="HTTP port, 0 for a free one")
    parser.add_argument("--mqtt-port", type=int, default=mqtt_port)
    parser.add_argument("--mqtts-port", type=int, help="MQTT over TLS; needs --certificate")
    parser.add_argument("--certificate", type=Path, help="PEM chain for HTTPS and MQTT over TLS")
    parser.add_argument("--key", type=Path, help="PEM private key of the certificate")
    parser.add_argument("--plan", type=Path, help="plan file (TOML), default Changning's")
    parser.add_argument("--district", type=Path, help="geography file (TOML)")
    parser.add_argument(
        "--proxy",
        action="append",
        default=[],
        type=_network,
        metavar="ADDRESS/CIDR",
        help="a proxy whose X-Forwarded-For and X-Forwarded-Proto are believed; may be repeated",
    )
    parser.add_argument("--raw-days", type=int, default=400, help="days that raw rows are kept")


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"not an address or a network: {error}") from None


def options_of(arguments: argparse.Namespace) -> Options:
    """Parsed arguments as options."""
    return Options(
        data=arguments.data,
        host=arguments.host,
        port=arguments.port,
        mqtt_host=arguments.host,
        mqtt_port=arguments.mqtt_port,
        mqtts_port=arguments.mqtts_port,
        certificate=arguments.certificate,
        key=arguments.key,
        plan=arguments.plan,
        district=arguments.district,
        policy=Policy(raw_days=arguments.raw_days),
        proxies=tuple(arguments.proxy),
    )


def run(arguments: argparse.Namespace) -> int:
    """Serve until a signal."""

    async def serve() -> None:
        async with running(options_of(arguments)) as here:
            announce(here)
            await here.stopping.wait()

    uvloop.run(serve())
    end_at_once(0)
