"""What is installed: by hash and from no address written down here, and under which licences."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

COPYLEFT = re.compile(r"(?<!L)(AGPL|GPL|GNU (Affero )?General Public|SSPL|EUPL)", re.IGNORECASE)
GPL_LIBRARIES = re.compile(r"^lib(x264|x265|xvidcore|postproc|rubberband)\b", re.IGNORECASE)

EXCEPTIONS = {"av": "the wheel brings FFmpeg with libx264 and libx265 (README, SECURITY)"}
"""Packages of the lock that hold code under the GPL, each said plainly."""


def entries() -> list[tuple[Requirement, list[str]]]:
    """Each requirement of the lock with its hashes."""
    lines = [line for line in LOCK.replace("\\\n", " ").splitlines() if line.strip()]
    found = []
    for line in lines:
        if line.lstrip().startswith("#"):
            continue
        text, *hashes = line.split(" --hash=")
        found.append((Requirement(text.strip()), [each.strip() for each in hashes]))
    return found


def test_every_requirement_is_one_version_with_hashes() -> None:
    assert len(entries()) > 100
    for requirement, hashes in entries():
        assert re.fullmatch(r"==[^*,]+", str(requirement.specifier)), requirement
        assert hashes, f"{requirement.name} has no hash"
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", each) for each in hashes)


def test_no_address_is_in_the_lock_nor_in_what_installs_it() -> None:
    for name in ("requirements.lock", "requirements-oracles.txt", "pyproject.toml", "Makefile"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert not re.search(r"https?://(?!127\.0\.0\.1)", text), name
        assert not re.search(r"--(extra-)?index-url|--find-links|--trusted-host", text), name


def test_the_lock_holds_what_the_project_asks_for() -> None:
    locked = {requirement.name.lower(): requirement for requirement, _ in entries()}
    wanted = [
        *PROJECT["dependencies"],
        *(r for e in PROJECT["optional-dependencies"].values() for r in e),
    ]
    for text in wanted:
        requirement = Requirement(text)
        version = str(locked[requirement.name.lower()].specifier).removeprefix("==")
        assert requirement.specifier.contains(version), f"{text}: run `make lock`"


def test_make_installs_by_hash_only() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    installs = [line for line in makefile.splitlines() if "pip install" in line]
    [lock] = [line for line in installs if "requirements.lock" in line]
    assert "--require-hashes" in lock
    [own] = [line for line in installs if "-e ." in line]
    assert "--no-deps" in own
    assert "--no-build-isolation" in own, "what builds us is in the lock too"


def test_no_installed_dependency_is_under_the_gpl_but_the_named() -> None:
    seen, found = 0, {}
    for requirement, _ in entries():
        try:
            package = metadata.distribution(requirement.name)
        except metadata.PackageNotFoundError:
            continue  # of another platform, by its marker
        seen += 1
        about = package.metadata
        words = [about.get("License-Expression") or "", (about.get("License") or "")[:200]]
        words += [each for each in about.get_all("Classifier") or [] if each.startswith("License")]
        assert any(words), f"{requirement.name} names no licence"
        # of a choice ("MIT OR GPL-2.0") the permissive one is taken
        if any(COPYLEFT.search(word) for word in words if " OR " not in word):
            found[requirement.name] = "; ".join(words)
        for file in package.files or ():
            if GPL_LIBRARIES.match(file.name):
                found[requirement.name] = f"brings {file.name}"
    assert seen > 80
    assert set(found) <= set(EXCEPTIONS), found


@pytest.mark.parametrize("document", ["README.md", "README.zh-CN.md", "SECURITY.md"])
def test_the_exception_is_said_plainly(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    assert "libx264" in text
    assert "GPL" in text


def test_xinji_without_the_vision_hub_needs_no_gpl_code() -> None:
    names = {Requirement(text).name for text in PROJECT["dependencies"]}
    assert not names & set(EXCEPTIONS)
