"""Devices: their secrets, their prefixes, and the source that the credential fixes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.conftest import gauge, open_house, send
from xinji.access.audit import Audit
from xinji.access.credentials import Credentials
from xinji.access.policy import PolicyError
from xinji.model.observations import Reason, Source
from xinji.store.database import Database
from xinji.store.schema import audit, credentials


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(f"sqlite:///{tmp_path / 'registry.sqlite3'}")
    yield made
    made.close()


@pytest.fixture
def gate(database: Database, tmp_path: Path) -> Credentials:
    return Credentials(database, Audit(database, tmp_path / "checkpoints.jsonl"))


def test_right_wrong_and_unknown(gate: Credentials) -> None:
    secret = gate.issue("gateway", actor="chen")
    device = gate.authenticate("gateway", secret.encode())
    assert device is not None
    assert (device.name, device.things, device.source) == ("gateway", ("",), Source.MEASURED)
    for name, password in [
        ("gateway", b""),
        ("gateway", secret.encode() + b"x"),
        ("gateway", b"\xff\xfe"),
        ("Gateway", secret.encode()),
        ("", secret.encode()),
        ("nobody", secret.encode()),
        ("nobody", b""),
    ]:
        assert gate.authenticate(name, password) is None


def test_a_revoked_credential_is_dead_and_its_listeners_are_told(gate: Credentials) -> None:
    told: list[str] = []
    gate.revoked.append(told.append)
    secret = gate.issue("gateway", actor="chen")
    assert told == []
    assert gate.revoke("gateway", actor="chen")
    assert gate.authenticate("gateway", secret.encode()) is None
    assert not gate.revoke("gateway", actor="chen")
    assert told == ["gateway"]


def test_a_renewed_credential_ends_the_old_secret_and_its_connections(gate: Credentials) -> None:
    told: list[str] = []
    gate.revoked.append(told.append)
    old = gate.issue("gateway", actor="chen")
    new = gate.issue("gateway", things=("gauge-",), actor="chen")
    assert gate.authenticate("gateway", old.encode()) is None
    device = gate.authenticate("gateway", new.encode())
    assert device is not None
    assert device.things == ("gauge-",)
    assert told == ["gateway"], "who connected with the old secret must not stay"


def test_credentials_survive_a_restart_without_their_secrets(
    gate: Credentials, database: Database, tmp_path: Path
) -> None:
    kept = gate.issue("kept", things=("a-", "b-"), source="replayed", actor="chen")
    gone = gate.issue("gone", actor="chen")
    gate.revoke("gone", actor="chen")
    again = Credentials(database, Audit(database, tmp_path / "checkpoints.jsonl"))
    device = again.authenticate("kept", kept.encode())
    assert device is not None
    assert (device.things, device.source) == (("a-", "b-"), Source.REPLAYED)
    assert again.authenticate("gone", gone.encode()) is None
    assert [each.name for each in again.list()] == ["kept"]
    with database.reading() as connection:
        stored = repr(connection.execute(sa.select(credentials)).all())
        stored += repr(connection.execute(sa.select(audit)).all())
    assert kept not in stored
    assert gone not in stored


def test_prefixes_limit_what_a_device_writes(gate: Credentials) -> None:
    gate.issue("gateway", things=("gauge-1", "meter-"), actor="chen")
    device = gate._known["gateway"][2]
    assert device.may_write("gauge-1")
    assert device.may_write("gauge-12")
    assert device.may_write("meter-7")
    assert not device.may_write("gauge-2")
    assert not device.may_write("x-gauge-1")


def test_a_credential_without_things_writes_nothing(gate: Credentials) -> None:
    secret = gate.issue("mute", things=(), actor="chen")
    device = gate.authenticate("mute", secret.encode())
    assert device is not None
    assert not device.may_write("gauge-1")


@pytest.mark.parametrize(
    ("name", "source", "fault"),
    [("a b", "measured", "name"), ("", "measured", "name"), ("x", "guessed", "source")],
)
def test_bad_names_and_sources_are_refused(
    gate: Credentials, name: str, source: str, fault: str
) -> None:
    with pytest.raises(PolicyError, match=fault):
        gate.issue(name, source=source, actor="chen")
    assert gate.list() == []


def test_the_source_of_a_row_is_the_credentials(tmp_path: Path) -> None:
    house = open_house(tmp_path)
    house.registry.put([house.registry.check(gauge())])
    secret = house.credentials.issue(
        "simulator", things=("gauge-",), source="simulated", actor="chen"
    )
    device = house.credentials.authenticate("simulator", secret.encode())
    assert device is not None
    send(house, [("gauge-1", "rain_mm_h", 0, 1.0)], device)
    table = house.store.sql("select source from observations", {})
    assert table.column(0).to_pylist() == ["simulated"]
    assert house.ingest.resolve(device, "meter-1", "rain_mm_h") is Reason.NOT_PERMITTED
    assert house.ingest.resolve(device, "gauge-9", "rain_mm_h") is Reason.UNKNOWN_THING
    assert house.ingest.resolve(device, "gauge-1", "snow") is Reason.UNKNOWN_PROPERTY
    house.close()
