"""The declaration is the whole surface: what it holds is in the document for authors."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from xinji.loop.service import Service
from xinji.model.title import Title
from xinji.system.declaration import System

DOCUMENT = Path(__file__).parents[2] / "docs" / "adding-a-system.md"
HOOKS = [name for name, each in vars(Service).items() if callable(each) and name[0] != "_"]


@pytest.mark.parametrize("name", [*(f.name for f in dataclasses.fields(System)), *HOOKS])
def test_every_field_and_every_hook_is_in_the_document(name: str) -> None:
    _, _, further = DOCUMENT.read_text(encoding="utf-8").partition("## What else a system may")
    firsts = [line.split("|")[1] for line in further.splitlines() if line.startswith("| `")]
    assert any(f"`{name}`" in first for first in firsts)


def test_the_family_and_the_package_are_the_parts_of_the_name() -> None:
    system = System(name="terminals.noise", title=Title("噪声", "Noise"), tasks=(18,))
    assert (system.family, system.package) == ("terminals", "noise")


def test_reading_a_declaration_opens_neither_the_loop_nor_the_web() -> None:
    code = (
        "import sys, xinji.systems.terminals.sensing\n"
        "print([m for m in ('duckdb', 'starlette', 'uvicorn', 'xinji.loop.house') "
        "if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
