"""Sign-in, lock-out, tokens and passwords, on a clock that the test moves."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import VerifyMismatchError

from xinji.access.allowance import Exceeded
from xinji.access.attempts import (
    GUESSES,
    GUESSES_FROM_AN_ADDRESS,
    GUESSES_OF_A_NAME,
    MARK_SECONDS,
    Attempts,
    Caller,
)
from xinji.access.audit import Audit
from xinji.access.identity import (
    NOBODY,
    SESSION_SECONDS,
    Identity,
    Role,
    SignInError,
)
from xinji.access.passwords import HashingBusyError, decoy
from xinji.access.policy import PolicyError
from xinji.store.database import Database
from xinji.store.schema import audit, tokens, users

PASSWORD = "correct horse battery"
STRANGER = Caller("203.0.113.250")


class People:
    """Identity on a database of its own. `now` is the clock."""

    def __init__(self, path: Path) -> None:
        self.now = 1_800_000_000.0
        self.database = Database(f"sqlite:///{path / 'registry.sqlite3'}")
        self.audit = Audit(self.database, path / "checkpoints.jsonl")
        self.identity = Identity(self.database, self.audit, lambda: self.now)
        self.identity.attempts = Attempts(lambda: self.now)
        self.identity.add("wang", PASSWORD, Role.OPERATOR, actor="test")

    def fail(self, times: int, name: str = "wang", caller: Caller = NOBODY) -> None:
        for _ in range(times):
            with pytest.raises(SignInError, match="wrong"):
                self.identity.sign_in(name, "not the password", caller)

    def rows(self, table: sa.Table) -> list[sa.Row]:
        with self.database.reading() as connection:
            return list(connection.execute(sa.select(table)))


@pytest.fixture
def people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[People]:
    # Argon2id all the same, with a cost that a test can pay a hundred times.
    cheap = partial(PasswordHasher, time_cost=1, memory_cost=64)
    monkeypatch.setattr("xinji.access.passwords.PasswordHasher", cheap)
    made = People(tmp_path)
    yield made
    made.database.close()


def test_the_right_password_gives_a_token_of_the_person(people: People) -> None:
    token, person = people.identity.sign_in("wang", PASSWORD)
    assert (person.name, person.role, person.area) == ("wang", Role.OPERATOR, "")
    assert people.identity.person(token) == person
    assert people.identity.person(token + "x") is None
    assert people.identity.person("") is None


def test_passwords_are_kept_as_argon2id_and_tokens_as_hashes(people: People) -> None:
    token, _ = people.identity.sign_in("wang", PASSWORD)
    [user] = people.rows(users)
    assert user.password_hash.startswith("$argon2id$")
    everything = repr([people.rows(t) for t in (users, tokens, audit)])
    assert PASSWORD not in everything
    assert token not in everything


def test_five_guesses_from_an_address_are_slowed_and_the_owner_elsewhere_is_not(
    people: People,
) -> None:
    people.fail(GUESSES[0], caller=STRANGER)
    with pytest.raises(Exceeded) as refused:
        people.identity.sign_in("wang", PASSWORD, STRANGER)
    assert 0 < refused.value.retry_after <= GUESSES[1]
    people.identity.sign_in("wang", PASSWORD, Caller("192.0.2.7"))
    people.now += GUESSES[1] + 1
    people.identity.sign_in("wang", PASSWORD, STRANGER)


def test_a_name_that_nobody_has_is_slowed_alike(people: People) -> None:
    """No answer, no wait and no row tells whether a name exists."""
    before = people.rows(audit)
    told = []
    for name in ("wang", "nobody"):
        answers: list[object] = []
        for _ in range(GUESSES[0] + 1):
            with pytest.raises((SignInError, Exceeded)) as refused:
                people.identity.sign_in(name, "not the password", STRANGER)
            answers.append((str(refused.value), getattr(refused.value, "retry_after", 0)))
        told.append(answers)
    assert told[0] == told[1]
    assert people.rows(audit) == before, "a wrong password of a real name writes nothing"


def test_a_known_browser_cannot_be_locked_out(people: People) -> None:
    people.identity.sign_in("wang", PASSWORD, Caller("192.0.2.7"))
    known = Caller("192.0.2.7", people.identity.mark("wang"))
    # the attackers have many addresses, the owner's among them
    for n in range(GUESSES_OF_A_NAME[0]):
        people.fail(1, caller=Caller(f"203.0.113.{n}"))
    for caller in (Caller("192.0.2.7"), Caller("198.51.100.1")):
        with pytest.raises(Exceeded):
            people.identity.sign_in("wang", PASSWORD, caller)
    people.identity.sign_in("wang", PASSWORD, known)
    people.fail(GUESSES[0], caller=known)
    with pytest.raises(Exceeded):
        people.identity.sign_in("wang", PASSWORD, known)


def test_a_mark_is_of_one_account_its_password_and_its_time(people: People) -> None:
    people.identity.add("li", PASSWORD, Role.VIEWER, actor="test")
    mark = people.identity.mark("wang")

    def known(name: str, mark: str) -> bool:
        """Whether the mark opens an allowance beside the used up one of its address."""
        people.identity.attempts = Attempts(lambda: people.now)
        people.fail(GUESSES[0], name, STRANGER)
        try:
            people.fail(1, name, Caller(STRANGER.address, mark))
        except Exceeded:
            return False
        return True

    assert known("wang", mark)
    assert not known("li", mark)
    assert not known("nobody", mark)
    for forged in ("", ".", "..", mark[:-1], "f" + mark, mark.upper(), "\u00e4" * 300):
        assert not known("wang", forged), forged
    people.now += MARK_SECONDS + 120
    assert not known("wang", mark)
    mark = people.identity.mark("wang")
    people.identity.attempts = Attempts(lambda: people.now)
    people.identity.change_password("wang", PASSWORD, "another long one")
    assert not known("wang", mark)


def test_an_address_is_slowed_over_all_names_and_a_right_password_costs_nothing(
    people: People,
) -> None:
    for _ in range(2 * GUESSES_FROM_AN_ADDRESS[0]):
        people.identity.sign_in("wang", PASSWORD, STRANGER)
    for n in range(GUESSES_FROM_AN_ADDRESS[0]):
        people.fail(1, f"name-{n}", STRANGER)
    with pytest.raises(Exceeded):
        people.identity.sign_in("another", "not the password", STRANGER)
    with pytest.raises(SignInError):
        people.identity.sign_in("another", "not the password", Caller("192.0.2.7"))


def test_four_failures_do_not_slow_and_a_success_forgets_them(people: People) -> None:
    for _ in range(3):
        people.fail(GUESSES[0] - 1, caller=STRANGER)
        people.identity.sign_in("wang", PASSWORD, STRANGER)


def test_guesses_at_the_same_time_are_all_counted(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guessing in parallel is no way around the limit."""
    tried: list[str] = []
    real = people.identity.passwords.matches

    def watched(stored: str, password: str, *, stranger: bool = True) -> bool:
        tried.append(password)
        return real(stored, password, stranger=stranger)

    monkeypatch.setattr(people.identity.passwords, "matches", watched)
    start = threading.Barrier(10)

    def guess() -> None:
        start.wait()
        for _ in range(10):
            with pytest.raises((SignInError, HashingBusyError, Exceeded)):
                people.identity.sign_in("wang", "not the password", STRANGER)

    guesses = [threading.Thread(target=guess) for _ in range(10)]
    for each in guesses:
        each.start()
    for each in guesses:
        each.join()
    assert len(tried) <= GUESSES[0]
    people.fail(GUESSES[0] - len(tried), caller=STRANGER)
    with pytest.raises(Exceeded):
        people.identity.sign_in("wang", PASSWORD, STRANGER)


def test_a_sign_in_during_a_reset_opens_nothing(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A password that is replaced while it is checked is not the account's any more."""
    real = people.identity.passwords.matches

    def replaced(stored: str, password: str, *, stranger: bool = True) -> bool:
        right = real(stored, password, stranger=stranger)
        made = people.identity.hash_of("wang", "another long one")
        with people.database.writing():
            people.identity.set_password("wang", made)
        return right

    monkeypatch.setattr(people.identity.passwords, "matches", replaced)
    with pytest.raises(SignInError):
        people.identity.sign_in("wang", PASSWORD)
    assert people.rows(tokens) == []


def test_an_unknown_name_costs_a_hash_too(people: People) -> None:
    """The answer and the work are those of a wrong password, so that names cannot be probed."""
    checked: list[str] = []
    real = people.identity.passwords._hasher

    class Watched:
        def verify(self, stored: str, password: str) -> bool:
            checked.append(stored)
            return real.verify(stored, password)

    people.identity.passwords._hasher = Watched()
    with pytest.raises(SignInError) as unknown:
        people.identity.sign_in("nobody", PASSWORD)
    with pytest.raises(SignInError) as wrong:
        people.identity.sign_in("wang", "not the password")
    assert str(unknown.value) == str(wrong.value)
    decoy, stored = checked
    assert decoy.rsplit("$", 2)[0] == stored.rsplit("$", 2)[0], "the same cost parameters"
    assert decoy != stored


@pytest.mark.parametrize(
    ("name", "password", "fault"),
    [
        ("li", "short", "12 characters"),
        ("li", "x" * 257, "256"),
        ("lihua", "my name is LiHua", "name"),
        ("", PASSWORD, "name"),
        ("a b", PASSWORD, "name"),
        ("x" * 65, PASSWORD, "name"),
        ("a/b", PASSWORD, "name"),
        ("wang", PASSWORD, "exists"),
    ],
)
def test_the_policy_for_names_and_passwords(
    people: People, name: str, password: str, fault: str
) -> None:
    with pytest.raises(PolicyError, match=fault):
        people.identity.add(name, password, Role.VIEWER, actor="test")
    assert len(people.rows(users)) == 1


def test_a_change_of_password_ends_all_sessions(people: People) -> None:
    first, _ = people.identity.sign_in("wang", PASSWORD)
    second, _ = people.identity.sign_in("wang", PASSWORD)
    with pytest.raises(SignInError):
        people.identity.change_password("wang", "not the password", "another long one")
    with pytest.raises(PolicyError):
        people.identity.change_password("wang", PASSWORD, "short")
    assert people.identity.person(first) is not None
    people.identity.change_password("wang", PASSWORD, "another long one")
    assert people.identity.person(first) is None
    assert people.identity.person(second) is None
    people.fail(1)
    people.identity.sign_in("wang", "another long one")
    with pytest.raises(SignInError):
        people.identity.sign_in("wang", PASSWORD)


def test_guessing_the_old_password_is_slowed_too(people: People) -> None:
    """A stolen session is not enough to take the account, nor to keep its owner out."""
    for _ in range(GUESSES[0]):
        with pytest.raises(SignInError):
            people.identity.change_password("wang", "a guess at it", "another long one")
    with pytest.raises(Exceeded):
        people.identity.change_password("wang", PASSWORD, "another long one")
    people.identity.sign_in("wang", PASSWORD, STRANGER)
    people.identity.add("li", PASSWORD, Role.VIEWER, actor="test")
    people.identity.change_password("li", PASSWORD, "another long one")


def test_tokens_end_when_their_time_is_over(people: People) -> None:
    session, _ = people.identity.sign_in("wang", PASSWORD)
    api = people.identity.issue("wang", "script", 30, actor="wang")
    people.now += SESSION_SECONDS - 1
    assert people.identity.person(session) is not None
    people.now += 2
    assert people.identity.person(session) is None
    assert people.identity.person(api) is not None
    people.now += 30 * 86_400
    assert people.identity.person(api) is None
    people.identity.sign_in("wang", PASSWORD)
    assert len(people.rows(tokens)) == 1, "ended tokens are forgotten"


def test_sign_out_ends_this_token_only(people: People) -> None:
    first, _ = people.identity.sign_in("wang", PASSWORD)
    second, _ = people.identity.sign_in("wang", PASSWORD)
    people.identity.sign_out(first)
    assert people.identity.person(first) is None
    assert people.identity.person(second) is not None


def test_the_local_token_is_an_administrators_and_replaces_the_one_before(people: People) -> None:
    assert people.identity.local_token() is None, "nobody here is an administrator"
    people.identity.add("chen", PASSWORD, Role.ADMINISTRATOR, actor="test")
    first = people.identity.local_token()
    assert first is not None
    person = people.identity.person(first)
    assert person is not None
    assert (person.name, person.role) == ("chen", Role.ADMINISTRATOR)
    second = people.identity.local_token()
    assert second is not None
    assert people.identity.person(first) is None
    people.identity.end_local_tokens()
    assert people.identity.person(second) is None


def test_a_disabled_account_cannot_sign_in_and_its_tokens_are_dead(people: People) -> None:
    token, _ = people.identity.sign_in("wang", PASSWORD)
    with people.database.writing() as connection:
        connection.execute(sa.update(users).values(disabled=True))
    assert people.identity.person(token) is None
    with pytest.raises(SignInError, match="wrong name or password"):
        people.identity.sign_in("wang", PASSWORD)


def test_the_first_start_makes_one_administrator_who_must_change_the_password(
    tmp_path: Path,
) -> None:
    database = Database(f"sqlite:///{tmp_path / 'registry.sqlite3'}")
    identity = Identity(database, Audit(database, tmp_path / "checkpoints.jsonl"))
    password = identity.first_start()
    assert password is not None
    _, person = identity.sign_in("admin", password)
    assert person.role is Role.ADMINISTRATOR
    assert person.must_change_password
    assert identity.first_start() is None
    with database.reading() as connection:
        cost = extract_parameters(connection.execute(sa.select(users.c.password_hash)).scalar_one())
    assert (cost.memory_cost, cost.time_cost) >= (19_456, 2), "at least what OWASP asks"
    identity.change_password("admin", password, PASSWORD)
    assert not identity.sign_in("admin", PASSWORD)[1].must_change_password
    database.close()


def test_what_unknown_names_are_checked_against_costs_as_much_as_a_real_hash(
    tmp_path: Path,
) -> None:
    database = Database(f"sqlite:///{tmp_path / 'registry.sqlite3'}")
    identity = Identity(database, Audit(database, tmp_path / "checkpoints.jsonl"))
    identity.first_start()
    with database.reading() as connection:
        real = connection.execute(sa.select(users.c.password_hash)).scalar_one()
    assert extract_parameters(identity.passwords.decoy) == extract_parameters(real)
    assert len(identity.passwords.decoy) == len(real)
    other = PasswordHasher(time_cost=2, memory_cost=128, parallelism=2, hash_len=24, salt_len=8)
    assert extract_parameters(decoy(other)) == extract_parameters(other.hash("x"))
    with pytest.raises(VerifyMismatchError):  # computed to the end, and no password's
        identity.passwords._hasher.verify(identity.passwords.decoy, PASSWORD)
    with pytest.raises(SignInError, match="wrong name or password"):
        identity.sign_in("nobody", PASSWORD)
    database.close()


def test_roles_cover_those_below() -> None:
    order = [Role.VIEWER, Role.OPERATOR, Role.ADMINISTRATOR]
    for i, upper in enumerate(order):
        assert [upper.covers(lower) for lower in order] == [j <= i for j in range(3)]


def test_a_remembered_token_ends_with_the_change_that_ends_it(people: People) -> None:
    token = people.identity.issue("wang", "test", 1, actor="test")
    for _ in range(3):
        assert people.identity.person(token) is not None
    with people.database.writing() as connection:
        connection.execute(sa.update(users).where(users.c.name == "wang").values(area="310105"))
    person = people.identity.person(token)
    assert person is not None
    assert person.area == "310105"
    assert people.identity.person(token) == person
    people.identity.sign_out(token)
    assert people.identity.person(token) is None


def test_a_change_that_is_not_committed_yet_is_not_remembered(people: People) -> None:
    token = people.identity.issue("wang", "test", 1, actor="test")
    with ThreadPoolExecutor(1) as pool:
        with people.database.writing() as connection:
            connection.execute(sa.update(users).values(disabled=True))
            assert pool.submit(people.identity.person, token).result() is not None
        assert pool.submit(people.identity.person, token).result() is None


def test_nobody_signs_in_to_an_account_without_a_password(people: People) -> None:
    people.identity.add("hub", None, Role.OPERATOR, actor="test")
    token = people.identity.issue("hub", "hub", 1, actor="test")
    found = people.identity.person(token)
    assert found is not None and found.name == "hub"
    for guess in ("", "None", "hub", PASSWORD):
        with pytest.raises(SignInError):
            people.identity.sign_in("hub", guess)
