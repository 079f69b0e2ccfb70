"""`xinji replay`: the replayd district as a client."""

from __future__ import annotations

import argparse
from typing import Any


def add(commands: Any) -> None:
    """Declare the command."""
    commands.add_parser("replay", help="the replayd district, as a client")


def run(arguments: argparse.Namespace) -> int:
    """Run it."""
    return 1
