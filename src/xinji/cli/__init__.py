"""The command line: `xinji serve | demo | simulate | replay | plan | import | audit | ...`.

Each command is a file with `add(commands)`, which declares its arguments, and `run(arguments)`,
which returns the exit status.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import sys

from xinji import __version__
from xinji.cli.heap import few_arenas
from xinji.plan.reading import PlanError
from xinji.store.folder import FolderError
from xinji.store.observations import StoreError

COMMANDS = (
    "serve",
    "demo",
    "simulate",
    "replay",
    "plan",
    "things",
    "credential",
    "user",
    "audit",
    "backup",
    "restore",
    "doctor",
    "street",
    "operations",
    "models",
    "vision",
    "open311",
    "coverage",
)


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns its exit status."""
    few_arenas()
    words = sys.argv[1:] if argv is None else argv
    # what the other commands import takes longer than most commands take
    asked = [word for word in words if word in COMMANDS][:1] or COMMANDS
    parser = argparse.ArgumentParser(prog="xinji", description="Xinji (新基)")
    parser.add_argument("--version", action="version", version=f"xinji {__version__}")
    parser.add_argument("--log", default="warning", choices=["debug", "info", "warning", "error"])
    commands = parser.add_subparsers(dest="command", required=True)
    modules = {}
    for name in asked:
        modules[name] = importlib.import_module(f"xinji.cli.{name}")
        modules[name].add(commands)
    arguments = parser.parse_args(argv)
    logging.basicConfig(
        level=arguments.log.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    try:
        return int(modules[arguments.command].run(arguments))
    except BrokenPipeError:
        # Whoever read our output has seen enough.
        sys.stderr.close()
        return 0
    except (FolderError, StoreError, PlanError, OSError) as error:
        print(f"xinji: {error}", file=sys.stderr)
        return 1
