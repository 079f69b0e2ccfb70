"""`xinji replay`: real data from a CSV file, as a client of a serving house."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

import msgspec
import uvloop

from xinji.cli.remote import Remote, remote
from xinji.wire.mqtt.client import Client
from xinji.wire.replay import Mapping, MappingError, read_mapping, read_rows, replay


def add(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser("replay", help="send a CSV file through MQTT")
    parser.add_argument("file", type=Path)
    parser.add_argument("--mapping", type=Path, required=True, help="TOML, see docs/examples")
    parser.add_argument("--speed", type=float, help="seconds of the file per second; default: all")
    parser.add_argument("--mqtt-host", default="127.0.0.1")
    parser.add_argument("--mqtt-port", type=int, default=1883)
    parser.add_argument(
        "--data",
        type=Path,
        help="folder of a house on this machine: registers things and rules, issues a credential",
    )
    parser.add_argument("--credential", default="replay", help="secret in XINJI_SECRET")


def run(arguments: argparse.Namespace) -> int:
    """Register, send, wait for the last acknowledgement."""
    try:
        mapping = read_mapping(arguments.mapping)
        secret = os.environ.get("XINJI_SECRET", "")
        if arguments.data is not None:
            house = remote(arguments.data)
            if house is None:
                print(f"xinji replay: no house serves {arguments.data}", file=sys.stderr)
                return 1
            secret = prepare(house, mapping, arguments.credential)
        return uvloop.run(_send(arguments, mapping, secret))
    except MappingError as error:
        print(f"xinji replay: {error}", file=sys.stderr)
        return 2


def prepare(house: Remote, mapping: Mapping, credential: str) -> str:
    """Register the mapping's things and rules, and issue the credential; returns its secret."""
    if mapping.things:
        features = [
            {
                "type": "Feature",
                "geometry": {"type": "Point", "coordinates": [thing.longitude, thing.latitude]},
                "properties": msgspec.to_builtins(thing) | {"source": "replayed"},
            }
            for thing in mapping.things
        ]
        report = house.post(
            "/api/things/import?dry_run=false",
            {"type": "FeatureCollection", "features": features},
        )
        if report["errors"]:
            raise MappingError(f"things: {json.dumps(report['errors'], ensure_ascii=False)}")
    for rule in mapping.rules:
        house.post("/api/rules", msgspec.to_builtins(rule))
    body = {"name": credential, "things": [thing.id for thing in mapping.things] or [""],
            "source": "replayed"}  # fmt: skip
    return str(house.post("/api/credentials", body)["secret"])


async def _send(arguments: argparse.Namespace, mapping: Mapping, secret: str) -> int:
    rows = read_rows(arguments.file, mapping)
    client = Client(
        arguments.mqtt_host,
        arguments.mqtt_port,
        arguments.credential,
        secret.encode(),
        window=20,
    )
    async with client:
        sent = await replay(client, rows, arguments.speed)
    print(json.dumps({"messages_acknowledged": sent}))
    return 0
