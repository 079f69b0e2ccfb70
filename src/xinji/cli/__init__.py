"""The command line: `xinji serve | demo | simulate | replay | plan | import | audit | ...`.

Each command is a file with `add(commands)`, which declares its arguments, and `run(arguments)`,
which returns the exit status. Only the file of the command that is called is imported; the list of
commands shows the first line of the others.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import logging
import sys
from pathlib import Path

from xinji import __version__

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
    words = sys.argv[1:] if argv is None else argv
    parser = argparse.ArgumentParser(prog="xinji", description="Xinji (新基)")
    parser.add_argument("--version", action="version", version=f"xinji {__version__}")
    parser.add_argument("--log", default="warning", choices=["debug", "info", "warning", "error"])
    commands = parser.add_subparsers(dest="command", required=True)
    asked = next((word for word in words if word in COMMANDS), None)
    if asked is None:
        for name in COMMANDS:
            commands.add_parser(name, help=_first_line(name))
        parser.parse_args(argv)
        raise AssertionError("argparse ends without a command")
    from xinji.cli.heap import few_arenas

    # before a library of the command starts threads
    few_arenas()
    module = importlib.import_module(f"xinji.cli.{asked}")
    module.add(commands)
    arguments = parser.parse_args(argv)
    logging.basicConfig(
        level=arguments.log.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    from xinji.plan.reading import PlanError
    from xinji.store.folder import FolderError
    from xinji.store.observations import StoreError

    try:
        return int(module.run(arguments))
    except BrokenPipeError:
        # Whoever read our output has seen enough.
        sys.stderr.close()
        return 0
    except (FolderError, StoreError, PlanError, OSError) as error:
        print(f"xinji: {error}", file=sys.stderr)
        return 1


def _first_line(name: str) -> str:
    """What a command's file says of it after its words, read without importing it."""
    source = Path(__file__).with_name(f"{name}.py").read_bytes()
    first = (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]
    return first.partition(": ")[2].rstrip(".")
