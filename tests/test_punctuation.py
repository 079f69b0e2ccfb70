"""Chinese that people read has Chinese punctuation, wherever a text of the product stands."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
HALF = re.compile(r"[一-鿿][,;:!?(]|[,;:!?)][一-鿿]")
"""A half-width mark beside a Chinese character (GB/T 15834)."""

TYPED = re.compile(r"(district/|text_templates|gazetteer|text_reading|store/tables|loop/calendars)")
"""What people type and files hold, read as it is, not written by us."""


def strings(path: Path) -> Iterator[tuple[int, str]]:
    """Texts of a module that are no docstring and no regular expression."""
    tree = ast.parse(path.read_text())
    passed = {
        id(each)
        for node in ast.walk(tree)
        for each in (
            [node.value]
            if isinstance(node, ast.Expr)
            else node.args
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "compile"
            else []
        )
    }
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in passed
        ):
            yield node.lineno, node.value


def leaves(value: Any) -> Iterator[str]:
    """Every text in a parsed TOML file."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from leaves(each)


@pytest.mark.parametrize("folder", ["src/xinji", "ui/src"])
def test_half_width_marks_stand_nowhere_beside_chinese(folder: str) -> None:
    found = []
    for path in sorted((ROOT / folder).rglob("*")):
        name = str(path.relative_to(ROOT))
        if TYPED.search(name) or "node_modules" in name or "/page/" in name:
            continue
        if path.suffix == ".py":
            found += [f"{name}:{n} {text}" for n, text in strings(path) if HALF.search(text)]
        elif path.suffix == ".toml":
            document = tomllib.loads(path.read_text())
            found += [f"{name} {text}" for text in leaves(document) if HALF.search(text)]
        elif path.suffix in (".ts", ".vue", ".html"):
            lines = enumerate(path.read_text().splitlines(), 1)
            texts = (
                (n, each) for n, line in lines for each in re.findall(r"'[^']*'|>[^<]*<", line)
            )
            found += [f"{name}:{n} {text}" for n, text in texts if HALF.search(text)]
    assert found == []
