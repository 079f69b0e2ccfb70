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
    assert code == 0, text
    mark = history["anchor"]["checkpoint"]
    said = f"{history['case']}: 7 steps, closed, whole, as of record {mark['last_id']}, 20"
    assert text.startswith(said)


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
        (
            altered(lambda h: h["anchor"]["tags"].pop(2) + h["anchor"]["digests"].pop(2)),
            "the chain does not reach",
        ),
        (altered(lambda h: _cut(h, 3)), "a step of the case is left out"),
        (altered(lambda h: _cut(h, 1)), "a step of the case is left out"),
        (altered(lambda h: h.update(case="CN20261123-000099")), "step 1 is one of case CN"),
        (altered(lambda h: h.update(state="filed")), "the case is shown as filed"),
        (
            altered(lambda h: h["steps"][2].update(at="2026-11-23T02:00:00.000000Z")),
            "step 3 is shown with another time",
        ),
        (altered(_set(3, "from_state", "filed")), "step 4 does not begin in the state"),
        (altered(lambda h: h["anchor"]["checkpoint"].update(last_id=999)), "does not reach"),
        (altered(lambda h: h["steps"].clear()), "not a history of a case"),
    ],
)
def test_what_was_tampered_with_is_named(
    script: Path,
    history: dict[str, Any],
    tamper: Callable[[dict[str, Any]], dict[str, Any]],
    said: str,
) -> None:
    code, text = check(script, tamper(history))
    assert code
    assert said in text


def _cut(history: dict[str, Any], kept: int) -> None:
    """The end cut off, and everything that counts it lowered to match."""
    del history["steps"][kept:]
    history["steps_stored"] = kept
    names = history["columns"]
    history["state"] = history["steps"][-1]["record"][names.index("to_state")]


def test_who_stops_before_the_newest_checkpoint_of_the_copy_is_told_to_go_on(
    script: Path, history: dict[str, Any], street: Street
) -> None:
    """A cut end with an anchor from before it: each link is right, and the copy knows more."""
    street.act(street.file(longitude=121.47), "dispatch", assignee="wang")
    street.house.audit.checkpoint()
    code, text = check(script, history, street.house.folder.checkpoints)
    newest = street.house.audit.steps.last_id
    assert (code, text) == (1, f"the copy goes on: ask for the history with ?anchor={newest}\n")
    again = street.get(f"/api/cases/{history['case']}/history?anchor={newest}")
    assert check(script, again, street.house.folder.checkpoints)[0] == 0


def test_without_an_anchor_the_answer_says_what_would_not_show(
    script: Path, history: dict[str, Any]
) -> None:
    code, text = check(script, {k: v for k, v in history.items() if k != "anchor"})
    assert code == 0
    assert "not tied to a checkpoint: a cut end would not show" in text


@pytest.mark.parametrize(
    "garbage",
    [b"", b"null", b"[]", b"{}", b"\xff\xfe\x00", b"[" * 100_000, b'{"steps": [1], "columns": 7}',
     b'{"case": 1, "columns": ["id"], "steps": [{"record": [1]}], "steps_stored": 1}'],
)  # fmt: skip
def test_garbage_is_answered_and_not_with_a_traceback(
    script: Path, tmp_path: Path, garbage: bytes
) -> None:
    file = tmp_path / "garbage.json"
    file.write_bytes(garbage)
    for names in ([file], [file, file], [tmp_path / "none.json"], []):
        done = subprocess.run(
            [sys.executable, "-I", "-S", str(script), *map(str, names)],
            capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (2, "")
        assert done.stdout.startswith("not a history of a case")


def test_a_history_with_every_value_made_another_kind_is_answered(
    script: Path, history: dict[str, Any]
) -> None:
    for name in history:
        for value in (None, 0, "", [], {}, [None], {"a": 1}):
            _, text = check(script, history | {name: value})
            assert text.strip()


def test_a_forged_step_with_a_new_hash_does_not_reach_the_checkpoint(
    script: Path, history: dict[str, Any]
) -> None:
    """Whoever recomputes the hashes of the case after a change still breaks the anchor."""
    from xinji.access.chain import tagged_link

    found = copy.deepcopy(history)
    names = found["columns"]
    found["steps"][-1]["record"][names.index("note")] = "forged"
    last = found["steps"][-1]
    last["hash"] = tagged_link(last["previous"], last["record"][-1], last["record"])
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
