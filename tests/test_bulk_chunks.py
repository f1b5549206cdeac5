"""A run cut into chunks: values that any process issues, any number of times, with the same result."""

import copy
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import property_profiles  # noqa: F401  # sets how long properties search
import pytest
from chain_parts import Remote, code, kms, pair_of
from hypothesis import given
from hypothesis import strategies as st

from natscreds import Account, KeyPair, KeyType, Operator, UserTemplate, issue_users, verify_chain
from natscreds.bulk import Chunk, Issued, Plan, plan, run
from natscreds.errors import InvalidClaimsError, MissingKeyError, NkeyError, RevokedError, WrongKeyTypeError

OPERATOR = Operator.create("acme")
ACCOUNT = OPERATOR.add_role(OPERATOR.create_account("orders"), "device", publish=["d.{{name()}}.>"], private_inbox=True)
TEMPLATE = UserTemplate(publish=["devices.{name}.>"], private_inbox=True)
NAMES = [f"d-{number}" for number in range(10)]
SECRET = bytes(range(32))
NOW = ACCOUNT.claims.iat + 1


def rows_of(chunks: Plan) -> list[Issued]:
    return [row for chunk in chunks for row in run(chunk)]


def test_all_chunks_together_are_the_run() -> None:
    chunks = plan(ACCOUNT, NAMES, TEMPLATE, chunk_size=3, derive_from=SECRET, issued_at=NOW)
    assert len(chunks) == 4
    made = rows_of(chunks)
    users = list(issue_users(ACCOUNT, NAMES, TEMPLATE, derive_from=SECRET, issued_at=NOW))
    assert made == [(user.name, user.public, user.jwt, user.seed) for user in users]
    assert chunks.users(made) == users
    assert [user.creds.text for user in chunks.users(made)] == [user.creds.text for user in users]
    assert all(user.private_inbox for user in chunks.users(made))


@given(st.integers(1, 12), st.integers(0, 30), st.booleans())
def test_names_come_once_and_in_order_however_they_are_cut(size: int, number: int, sized: bool) -> None:
    names = [f"d-{at}" for at in range(number)]
    chunks = plan(ACCOUNT, names if sized else iter(names), TEMPLATE, chunk_size=size)
    if sized:
        assert len(chunks) == -(-number // size)
    cut = list(chunks)
    assert [name for chunk in cut for name in chunk.names] == names
    assert [chunk.index for chunk in cut] == list(range(len(cut)))
    assert all(len(chunk) == size for chunk in cut[:-1])


def test_a_plan_without_length_has_none() -> None:
    with pytest.raises(TypeError, match="no length"):
        len(plan(ACCOUNT, iter(NAMES), TEMPLATE))
    assert bool(plan(ACCOUNT, [], TEMPLATE))
    assert list(plan(ACCOUNT, [], TEMPLATE)) == []


@pytest.mark.parametrize("template", [TEMPLATE, UserTemplate(role="device")], ids=["permissions", "role"])
@pytest.mark.parametrize("derive_from", [None, SECRET], ids=["drawn", "derived"])
def test_run_is_pure(template: UserTemplate, derive_from: bytes | None) -> None:
    chunk = next(iter(plan(ACCOUNT, NAMES, template, derive_from=derive_from)))
    again = pickle.loads(pickle.dumps(chunk))  # noqa: S301  # our own pickle
    assert run(chunk) == run(chunk) == run(again)
    for user in plan(ACCOUNT, NAMES, template).users(run(chunk)):
        assert verify_chain(operator=OPERATOR, account=ACCOUNT, user=user).user == user.claims


def test_run_is_pure_in_another_process(tmp_path: Path) -> None:
    chunk = next(plan(ACCOUNT, NAMES, TEMPLATE))
    (tmp_path / "chunk").write_bytes(pickle.dumps(chunk))
    script = "import pickle, sys; from natscreds.bulk import run; chunk = pickle.load(open(sys.argv[1], 'rb'));"
    done = subprocess.run(
        [sys.executable, "-c", script + "sys.stdout.buffer.write(pickle.dumps(run(chunk)))", str(tmp_path / "chunk")],
        capture_output=True,
        check=True,
    )
    assert pickle.loads(done.stdout) == run(chunk)  # noqa: S301  # our own pickle


def test_two_runs_have_no_chunk_in_common() -> None:
    one, other = (plan(ACCOUNT, NAMES, TEMPLATE, chunk_size=4) for _ in range(2))
    assert one.job != other.job
    pairs = list(zip(one, other, strict=True))
    assert all(left != right and pickle.dumps(left) != pickle.dumps(right) for left, right in pairs)
    seeds = {row[3] for pair in pairs for chunk in pair for row in run(chunk)}
    assert len(seeds) == 20


def test_two_derived_runs_have_no_chunk_in_common_and_every_key() -> None:
    one, other = (plan(ACCOUNT, NAMES, TEMPLATE, derive_from=SECRET, issued_at=NOW) for _ in range(2))
    left, right = next(one), next(other)
    assert left != right
    assert pickle.dumps(left) != pickle.dumps(right)
    assert run(left) == run(right)


def test_chunks_are_equal_by_run_and_place() -> None:
    first, second = plan(ACCOUNT, NAMES, TEMPLATE, chunk_size=5)
    again = pickle.loads(pickle.dumps(first))  # noqa: S301  # our own pickle
    assert first == again
    assert hash(first) == hash(again)
    assert first != second
    assert first != first.names


def test_a_chunk_is_small() -> None:
    revoked = {KeyPair.generate(KeyType.USER).public: NOW for _ in range(200)}
    account = OPERATOR.reissue(ACCOUNT, ACCOUNT.claims.replace(revocations=revoked))
    names = [f"device-{at:07d}" for at in range(1_000)]
    for template in (TEMPLATE, UserTemplate(role="device")):
        chunk = next(plan(account, names, template))
        assert len(pickle.dumps(chunk)) < 1_000 * (32 + 25) + 4_000


def test_a_chunk_shows_and_serialises_no_secret() -> None:
    chunk = next(plan(ACCOUNT, NAMES, TEMPLATE))
    assert repr(chunk) == str(chunk) == f"<Chunk 0 of {chunk.job}: 10 names>"
    assert "ickles" in (Chunk.__doc__ or "").splitlines()[0]
    looks: list[Any] = [vars, list, dict]
    for look in looks:
        with pytest.raises(TypeError):
            look(chunk)
    assert copy.copy(chunk) == chunk


def test_the_secret_never_enters_a_chunk() -> None:
    chunk = next(plan(ACCOUNT, NAMES, TEMPLATE, derive_from=SECRET))
    assert SECRET not in pickle.dumps(chunk)
    identity = pair_of(ACCOUNT.key)
    for secret in (identity.seed, identity.seed[4:-4]):
        assert secret.encode() not in pickle.dumps(chunk)


def test_an_identity_never_enters_a_chunk() -> None:
    account = Account.load(ACCOUNT.jwt, [pair_of(ACCOUNT.key)])
    with pytest.raises(WrongKeyTypeError, match="identity"):
        plan(account, NAMES, TEMPLATE)
    with pytest.raises(MissingKeyError):
        plan(ACCOUNT.jwt, NAMES, TEMPLATE)


def test_a_signer_that_lives_elsewhere_goes_as_a_function(monkeypatch: pytest.MonkeyPatch) -> None:
    key = pair_of(ACCOUNT.roles["device"].key)
    monkeypatch.setenv("NATSCREDS_TEST_KMS", key.seed)
    template = UserTemplate(role="device")
    chunk = pickle.loads(pickle.dumps(next(plan(ACCOUNT, NAMES, template, signer=kms))))  # noqa: S301  # our own
    assert key.seed.encode() not in pickle.dumps(chunk)
    users = plan(ACCOUNT, NAMES, template).users(run(chunk))
    assert {user.claims.iss for user in users} == {key.public}
    with pytest.raises(TypeError, match="function"):
        plan(ACCOUNT, NAMES, template, signer=Remote(key))


@pytest.mark.parametrize(
    ("names", "rule"),
    [
        ([*NAMES, "*"], "not-one-token"),
        ([*NAMES, "a.b"], "not-one-token"),
        ([*NAMES, "d-3"], "name-repeated"),
        ([*NAMES, ""], "name-empty"),
        ([*NAMES, {"name": "x", "site": "y"}], "field-unknown"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.parametrize("template", [TEMPLATE, UserTemplate(role="device")], ids=["permissions", "role"])
def test_names_are_checked_where_the_plan_is_made(names: list[Any], rule: str, template: UserTemplate) -> None:
    with pytest.raises(InvalidClaimsError) as caught:
        list(plan(ACCOUNT, names, template, chunk_size=4))
    assert code(caught) == rule


def test_a_derived_key_that_is_revoked_enters_no_chunk() -> None:
    stolen = next(issue_users(ACCOUNT, ["d-3"], TEMPLATE, derive_from=SECRET))
    account = OPERATOR.revoke(ACCOUNT, stolen)
    chunks = plan(account, NAMES, TEMPLATE, derive_from=SECRET, chunk_size=3)
    assert next(chunks).names == ("d-0", "d-1", "d-2")
    with pytest.raises(RevokedError, match="generation"):
        next(chunks)
    assert len(rows_of(plan(account, NAMES, TEMPLATE, derive_from=SECRET, generations={"d-3": 1}))) == 10


def test_skipped_names_are_in_no_chunk() -> None:
    chunks = plan(ACCOUNT, NAMES, TEMPLATE, chunk_size=3).skip(NAMES[:4])
    assert len(chunks) == 2
    assert [name for chunk in chunks for name in chunk.names] == NAMES[4:]
    with pytest.raises(RuntimeError, match="before"):
        chunks.skip(NAMES)


def test_a_plan_draws_seeds_when_a_chunk_is_made_and_once() -> None:
    asked: list[int] = []

    def entropy(size: int) -> bytes:
        asked.append(size)
        return len(asked).to_bytes(size, "big")

    chunks = plan(ACCOUNT, NAMES, TEMPLATE, chunk_size=4, entropy=entropy)
    assert asked == []
    chunk = next(chunks)
    assert asked == [32] * 4
    assert run(chunk) == run(chunk)
    assert asked == [32] * 4


def test_entropy_that_gives_too_little_is_refused() -> None:
    for number in (31, 33, 0):
        with pytest.raises(NkeyError, match="32 bytes"):
            next(plan(ACCOUNT, NAMES, TEMPLATE, entropy=lambda size, number=number: bytes(number)))  # type: ignore[misc]
