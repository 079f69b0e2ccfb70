"""Every rule that an import may name is in the page's catalogue, in both languages."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

import xinji.systems.network.coverage.inputs as inputs
from xinji.store import reading_process, tables
from xinji.store.tables.table import CONTROL, UNEVEN
from xinji.store.tables.workbook import FAULT, NO_VALUE, TOO_LONG
from xinji.systems.network.coverage.inputs import site_columns

ROOT = Path(__file__).parents[3]
CATALOGUE = json.loads(
    (ROOT / "ui/src/desk/coverage/imports/rules.json").read_text(encoding="utf-8")
)
RULES_AT = {"fault": 2, "doubt": 2, "fault_rows": 3, "doubt_rows": 3, "refuse": 2}
"""Where each method that puts down a fault takes its rule."""


def texts(node: ast.expr, names: dict[str, list[ast.expr]]) -> list[str]:
    """What an expression may say; what varies is a hole, written as in the catalogue."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.JoinedStr):
        return ["".join(v.value if isinstance(v, ast.Constant) else "{}" for v in node.values)]  # type: ignore[misc]
    if isinstance(node, ast.Name):
        return [text for value in names.get(node.id, []) for text in texts(value, {})]
    return []


def rules() -> set[str]:
    """The rules in the sources of the readers."""
    found = {rule for *_, rule in site_columns.LIMITS.values()}
    found |= {UNEVEN, CONTROL, NO_VALUE, TOO_LONG, FAULT}
    for file in Path(inputs.__path__[0]).glob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        names: dict[str, list[ast.expr]] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                names.setdefault(node.targets[0].id, []).append(node.value)
            elif isinstance(node, ast.For) and isinstance(node.target, ast.Tuple):
                for row in node.iter.elts if isinstance(node.iter, ast.Tuple) else ():
                    if isinstance(row, ast.Tuple):
                        for name, value in zip(node.target.elts, row.elts, strict=True):
                            names.setdefault(ast.unparse(name), []).append(value)
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                at = RULES_AT.get(node.func.attr)
                if at is not None and len(node.args) > at:
                    found.update(texts(node.args[at], names))
    return found


def raised() -> set[str]:
    """What is said of a file as a whole: notes, and why it cannot be read."""
    found = set()
    readers = [*Path(inputs.__path__[0]).glob("*.py"), *Path(tables.__path__[0]).glob("*.py")]
    for file in (*readers, Path(reading_process.__file__)):
        # no file of the page's
        if file.name in ("terrain.py", "points.py"):
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            of = node.func
            note = isinstance(of, ast.Attribute) and of.attr == "append"
            note = note and "notes" in ast.unparse(of)
            if note or (isinstance(of, ast.Name) and of.id == "UnreadableError"):
                found.update(texts(node.args[0], {}))
    return found


def known(text: str, subject: str) -> bool:
    """Whether the catalogue has it, whatever fills its holes."""
    filled = text.replace("{}", "7")
    return any(
        re.fullmatch(re.sub(r"\\\{\w+\\\}", "(.+?)", re.escape(rule)), filled, re.S)
        for rule in CATALOGUE[subject]
    )


def test_the_sources_are_read() -> None:
    assert {"required", "unique in the file", "at most {} characters", "-10 to 40 dBi"} <= rules()
    assert {"no head line", "column missing: {}"} <= raised()


@pytest.mark.parametrize("rule", sorted(rules()))
def test_a_rule_is_in_the_catalogue(rule: str) -> None:
    assert known(rule.replace("district{}", "district; looks like {}"), "rules")


@pytest.mark.parametrize("text", sorted(raised()))
def test_what_is_said_of_a_file_is_in_the_catalogue(text: str) -> None:
    # a text that is somebody else's as a whole cannot be known
    assert text == "{}" or known(text, "notes")


@pytest.mark.parametrize("subject", sorted(CATALOGUE))
def test_a_translation_has_the_holes_of_its_rule_and_no_others(subject: str) -> None:
    for rule, chinese in CATALOGUE[subject].items():
        assert set(re.findall(r"\{\w+\}", chinese)) <= set(re.findall(r"\{\w+\}", rule)), rule
        assert re.search(r"[一-鿿]", chinese), rule
