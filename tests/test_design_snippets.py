"""What a user types, as it is typed: the names and keywords that programs rely on."""

import os
import pickle
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

import natscreds
from natscreds import Account, KeyPair, KeyType, Operator, UserTemplate
from natscreds.errors import BadSignatureError, ExpiredError, StorageError


@pytest.fixture
def operator() -> Operator:
    return Operator.create("acme")


@pytest.fixture
def orders(operator: Operator) -> Account:
    return operator.create_account("orders", jetstream=True)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_keys() -> None:
    pair = KeyPair.generate(KeyType.USER)
    assert (pair.public[0], len(pair.public)) == ("U", 56)
    assert (pair.seed[:2], len(pair.seed)) == ("SU", 58)
    assert KeyPair.parse(pair.seed).public == pair.public
    natscreds.creds.write_seed(pair, "op.nk")
    assert natscreds.creds.read_seed("op.nk") == pair
    assert stat.S_IMODE(os.stat("op.nk").st_mode) == 0o600
    with pytest.raises(StorageError):
        natscreds.creds.write_seed(pair, "op.nk")
    signature = pair.sign(b"nonce")
    assert len(signature) == 64
    natscreds.nkeys.verify(pair.public, b"nonce", signature)
    with pytest.raises(BadSignatureError):
        natscreds.nkeys.verify(pair.public, b"other", signature)


def test_a_chain_from_nothing() -> None:
    operator = Operator.create("acme")
    orders = operator.create_account("orders", jetstream=True)
    user = orders.create_user(
        "svc-1",
        publish=["orders.>"],
        subscribe=["orders.>"],
        deny_publish=["orders.admin.>"],
        private_inbox=True,
        expires_in=timedelta(hours=8),
    )
    assert operator.system_account is not None
    for text in (operator.jwt, operator.system_account.jwt, orders.jwt, user.jwt):
        assert text.count(".") == 2
    assert (user.public[0], user.seed[:2]) == ("U", "SU")
    assert "BEGIN NATS USER JWT" in user.creds.text
    user.creds.write("svc-1.creds")
    assert Path("svc-1.creds").read_text() == user.creds.text
    assert stat.S_IMODE(os.stat("svc-1.creds").st_mode) == 0o600
    assert set(user.creds.nats_py()) == {"user_jwt_cb", "signature_cb", "inbox_prefix"}
    assert operator.key is not None
    assert operator.signers == (*operator.signing_keys, operator.key)
    assert dict(orders.roles) == {}
    with pytest.raises(AttributeError):
        user.claims.name = "other"  # type: ignore[misc]  # frozen
    assert (operator.claims.name, orders.claims.name, user.claims.name) == ("acme", "orders", "svc-1")
    assert orders.problems == ()
    assert user.problems == ()


def test_the_usual_bootstrap(operator: Operator, orders: Account) -> None:
    operator_jwt, operator_signing_seed = operator.jwt, operator.signing_keys[0].seed  # type: ignore[attr-defined]
    account_jwt, account_signing_seed = orders.jwt, orders.signing_keys[0].seed  # type: ignore[attr-defined]
    operator = Operator.load(operator_jwt, keys=[operator_signing_seed])
    orders = Account.load(account_jwt, keys=[account_signing_seed], operator=operator)
    user = orders.create_user("svc-2", publish=["orders.>"], subscribe=[])
    assert user.claims.nats.issuer_account == orders.public
    assert (operator.key, orders.key) == (None, None)


def test_claims_are_values(operator: Operator, orders: Account) -> None:
    user = orders.create_user("svc-1", publish=["orders.>"])
    orders = operator.reissue(orders, orders.claims.replace(limits={"conn": 500}))
    orders = operator.reissue(
        orders, orders.claims.with_export(natscreds.claims.Export(subject="orders.>", type="stream"))
    )
    orders = operator.revoke(orders, user)
    assert orders.claims.nats.limits.conn == 500
    assert [export.subject for export in orders.claims.nats.exports] == ["orders.>"]
    assert orders.claims.is_revoked(user.public, issued_at=user.claims.iat)
    assert not orders.claims.unrevoke(user.public).is_revoked(user.public, issued_at=user.claims.iat)
    assert orders.claims.revoke("*", at=user.claims.iat + 60).compact().nats.revocations == {
        "*": user.claims.iat + 60,
    }


def test_roles_and_renewal(operator: Operator, orders: Account) -> None:
    orders = operator.add_role(orders, "device", publish=["devices.{{name()}}.>"], private_inbox=True)
    user = orders.create_user("d-17", role="device")
    role = orders.roles["device"]
    assert (role.name, role.key is not None) == ("device", True)
    assert role.template.pub.allow == ("devices.{{name()}}.>",)
    assert role.public == user.claims.iss
    again = orders.reissue(user, expires_in=timedelta(hours=8))
    assert (again.public, again.seed) == (user.public, user.seed)
    assert again.claims.exp == again.claims.iat + 8 * 3600
    operator = operator.replace(operator.claims.replace(strict_signing_key_usage=True))
    assert operator.claims.nats.strict_signing_key_usage
    assert natscreds.verify_chain(operator=operator, account=operator.reissue(orders), user=again)


def test_many_users(orders: Account) -> None:
    names = [f"d-{number}" for number in range(20)]
    template = UserTemplate(publish=["devices.{name}.>"], private_inbox=True, expires_in=timedelta(days=30))
    users = natscreds.issue_users(orders, names, template)
    assert len(users) == 20
    assert [user.name for user in users] == names
    told: list[tuple[int, int | None]] = []
    list(natscreds.issue_users(orders, names, template, on_progress=lambda done, total: told.append((done, total))))
    assert told[-1] == (20, 20)
    report = natscreds.writers.write_directory(natscreds.issue_users(orders, names, template), "out")
    assert report.written == len(list(Path("out").glob("*.creds"))) == 20
    for user in natscreds.issue_users(orders, names, template):
        assert pickle.loads(pickle.dumps(user)).creds.text == user.creds.text  # noqa: S301  # our own pickle


def test_many_users_elsewhere(orders: Account) -> None:
    names = [f"d-{number}" for number in range(30)]
    template = UserTemplate(publish=["devices.{name}.>"], private_inbox=True, expires_in=timedelta(days=30))
    told: list[tuple[int, int | None]] = []
    users = natscreds.issue_users(
        orders, names, template, workers=2, on_progress=lambda done, total: told.append((done, total))
    )
    assert [user.name for user in users] == names
    assert told[-1] == (30, 30)
    with ThreadPoolExecutor() as anything_with_submit:
        users = natscreds.issue_users(orders, names, template, executor=anything_with_submit)
        assert [user.name for user in users] == names
    chunks = natscreds.bulk.plan(orders, names, template, chunk_size=1_000)
    rows = natscreds.bulk.run(next(iter(chunks)))
    assert [name for name, *_ in rows] == names
    report = natscreds.writers.write_directory(natscreds.issue_users(orders, names, template), "out", resume=True)
    assert report.written == 30
    assert (
        natscreds.writers.write_directory(natscreds.issue_users(orders, names, template), "out", resume=True).kept == 30
    )


def test_trust_read_from_text(operator: Operator, orders: Account) -> None:
    user = orders.create_user("svc-1", publish=["orders.>"])
    text = user.jwt
    assert natscreds.tokens.parse(text).claims == user.claims
    assert natscreds.tokens.verify(text).text == text
    chain = natscreds.verify_chain(operator=operator.jwt, account=orders.jwt, user=user.jwt, now=1_795_000_000)
    assert chain.user == user.claims
    short = orders.create_user("svc-1", expires_in=timedelta(seconds=1), issued_at=1_700_000_000)
    with pytest.raises(ExpiredError):
        natscreds.verify_chain(operator=operator.jwt, account=orders.jwt, user=short.jwt, now=1_795_000_000)


def test_would_the_server_allow_it(operator: Operator, orders: Account) -> None:
    user = orders.create_user("svc-1", publish=["orders.>"], subscribe=["orders.*"], expires_at=1_999_999_999)
    rules = natscreds.access.Access(operator=operator, account=orders, user=user)
    assert rules.publish("orders.new")
    assert rules.publish("orders.new").reason.entry == "orders.>"
    assert rules.subscribe("orders.*", queue="workers")
    assert rules.connect(now=1_795_000_000, connection_type="STANDARD", address="10.0.0.7")
    assert not rules.publish("invoices.new")


def test_the_front_door_has_the_nouns() -> None:
    for name in ("KeyPair", "KeyType", "PublicKey", "Signer", "Operator", "Account", "User", "Role", "UserTemplate"):
        assert hasattr(natscreds, name)
    for name in ("Creds", "issue_users", "verify_chain", "NatsCredsError", "__version__"):
        assert hasattr(natscreds, name)
