"""An outsider's script, as docs/verify-history.md prints it, finds what was tampered with."""

from __future__ import annotations

import copy
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.systems.operations.street import Street

DOCUMENT = Path(__file__).parents[3] / "docs" / "verify-history.md"


@pytest.fixture
def script(tmp_path: Path) -> Path:
    [text] = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    path = tmp_path / "verify_history.py"
    path.write_text(text, encoding="utf-8")
    return path


def check(
    script: Path, history: dict[str, Any], checkpoints: Path | None = None
) -> tuple[int, str]:
    file = script.with_name("history.json")
    file.write_text(json.dumps(history, ensure_ascii=False), encoding="utf-8")
    # -I -S: nothing but the standard library
    command = [sys.executable, "-I", "-S", str(script), str(file)]
    done = subprocess.run(
        [*command, *([str(checkpoints)] if checkpoints else [])],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert not done.stderr, done.stderr
    return done.returncode, done.stdout


@pytest.fixture
def history(street: Street) -> dict[str, Any]:
    """A case from report to confirmation, with another case's steps between."""
    first = street.file(text="垃圾“成堆”\n第二行")
    second = street.file(longitude=121.45)
    for action, body in (
        ("dispatch", {"assignee": "wang"}),
        ("accept", {}),
        ("done", {"evidence": {"after": [street.photo()]}}),
        ("ask a person", {}),
        ("confirm", {"evidence": {"closing": True}, "note": "干净"}),
    ):
        if action == "ask a person":
            # No camera sees the place; the house's own chore may have been quicker.
            street.operations.rechecks.turn()
        else:
            street.act(first, action, **body)
        if action == "accept":
            street.act(second, "dispatch", assignee="li")
    street.house.audit.checkpoint()
    found = street.get(f"/api/cases/{first}/history?anchor=true")
    assert len(found["steps"]) == 7
    assert len(found["anchor"]["digests"]) >= 10
    return found


def test_a_whole_history_is_whole(script: Path, history: dict[str, Any], street: Street) -> None:
    kept = street.house.folder.checkpoints
    code, text = check(script, history, kept)
    assert (code, text) == (0, f"{history['case']}: 7 steps, whole\n")


def altered(change: Callable[[dict[str, Any]], None]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def make(history: dict[str, Any]) -> dict[str, Any]:
        found = copy.deepcopy(history)
        change(found)
        return found

    return make


def _set(step: int, name: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(history: dict[str, Any]) -> None:
        history["steps"][step]["record"][history["columns"].index(name)] = value

    return change


@pytest.mark.parametrize(
    ("tamper", "said"),
    [
        (altered(_set(2, "note", "另一个说法")), "step 3 was altered"),
        (altered(_set(4, "at", 1)), "step 5 was altered"),
        (altered(_set(6, "actor", "somebody")), "step 7 was altered"),
        (altered(lambda h: h["steps"].pop(3)), "step 4 is missing"),
        (altered(lambda h: h["steps"].pop()), "7 steps were stored"),
        (altered(lambda h: h["steps"].insert(1, h["steps"][0])), "step 2 is missing"),
        (altered(lambda h: h["anchor"]["digests"].pop(2)), "the chain does not reach"),
    ],
)
def test_what_was_tampered_with_is_named(
    script: Path,
    history: dict[str, Any],
    tamper: Callable[[dict[str, Any]], dict[str, Any]],
    said: str,
) -> None:
    code, text = check(script, tamper(history))
    assert code == 1
    assert said in text


def test_a_forged_step_with_a_new_hash_does_not_reach_the_checkpoint(
    script: Path, history: dict[str, Any]
) -> None:
    """Whoever recomputes the hashes of the case after a change still breaks the anchor."""
    from xinji.access.chain import link

    found = copy.deepcopy(history)
    names = found["columns"]
    found["steps"][-1]["record"][names.index("note")] = "forged"
    last = found["steps"][-1]
    last["hash"] = link(last["previous"], last["record"])
    code, text = check(script, found)
    assert code == 1
    assert "is not the one in the chain" in text


def test_a_checkpoint_that_was_not_copied_away_is_doubted(
    script: Path, history: dict[str, Any], tmp_path: Path
) -> None:
    other = tmp_path / "kept.jsonl"
    other.write_text('{"chain": "steps", "last_id": 1, "hash": "00", "at": 0}\n')
    code, text = check(script, history, other)
    assert code == 1
    assert "not among those copied away" in text
