"""What nsc wrote is loaded whole, and goes on working: stores made by the real nsc, kept as vectors."""

from collections import Counter
from pathlib import Path

import pytest
from go_reference import GoReference
from nats_wire import connect
from nsc_stores import MADE, recorded, signed_again, tokens_in, unpack, with_limits_said
from token_forge import payload_of

from natscreds import Account, Creds, KeyPair, Operator, tokens, verify_chain
from natscreds.errors import MissingKeyError, StorageError
from natscreds.nsc import Store
from natscreds.testing import NatsServer

EXPECTED = {
    "plain": {"acme": {"SYS": ["sys"], "billing": ["accountant"], "orders": [
        "bearer", "by-signing-key", "d-17", "everything", "gone", "responder", "svc-1", "w-1"]}},
    "strict": {"sealed": {"SYS": ["sys"], "fleet": ["clerk", "t-1"]}},
    "managed": {"remote": {"signed": [], "tenant": ["tenant-1"]}},
    "one-directory": {"small": {"first": ["u"]}},
}  # fmt: skip


@pytest.fixture(params=MADE)
def made(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Store]:
    return request.param, unpack(request.param, tmp_path)


@pytest.fixture
def plain(tmp_path: Path) -> Store:
    return unpack("plain", tmp_path / "plain")


@pytest.fixture
def strict(tmp_path: Path) -> Store:
    return unpack("strict", tmp_path / "strict")


@pytest.fixture
def managed(tmp_path: Path) -> Store:
    return unpack("managed", tmp_path / "managed")


def test_all_names_are_found(made: tuple[str, Store]) -> None:
    name, store = made
    found = {
        operator: {
            account: list(store.user_names(account, operator=operator)) for account in store.account_names(operator)
        }
        for operator in store.operator_names()
    }
    assert found == EXPECTED[name]


def test_everything_is_loaded_with_its_keys(made: tuple[str, Store]) -> None:
    _, store = made
    for top in store.operator_names():
        operator = store.operator(top)
        assert operator.name == top
        assert set(operator.signing_keys) == {store.key(key) for key in operator.claims.nats.signing_keys} - {None}
        for account in store.accounts(top):
            assert account.key is not None
            assert {signer.public for signer in account.signers} == account.known_keys
            users = list(store.users(account))
            assert [user.name for user in users] == list(store.user_names(account.name))
            for user in users:
                assert user.key == store.key(user.public)
                assert store.creds(user.name, account=account) == user.creds
                assert store.user(user.name, account=account.jwt) == user


def test_every_token_is_signed_again_byte_for_byte(made: tuple[str, Store]) -> None:
    name, store = made
    again = 0
    texts = tokens_in(store)
    for text in texts.values():
        pair = store.key(tokens.verify(text).claims.iss)
        if pair is not None:
            assert signed_again(text, pair) == with_limits_said(text, pair)
            again += 1
    assert again == len(texts) - {"managed": 2}.get(name, 0)  # what an operator elsewhere signed


def test_what_a_role_does_not_limit_is_said_by_the_reference_too(tmp_path: Path) -> None:
    """The one way in which a token of nsc is signed again with other bytes: see `with_limits_said`."""
    store = unpack("strict", tmp_path)
    account = store.account("fleet")
    pair = store.key(account.claims.iss)
    assert pair is not None
    assert b"subs" not in payload_of(account.jwt).split(b'"template"')[1]
    again = signed_again(account.jwt, pair)
    assert payload_of(again) == payload_of(account.jwt).replace(
        b'"sub":{}},"d', b'"sub":{},"subs":-1,"data":-1,"payload":-1},"d'
    )
    assert tokens.parse(again).claims == account.claims
    if GoReference.available():
        with GoReference() as reference:
            (read,) = reference.call([{"op": "decode", "token": account.jwt, "kind": "account"}])
        assert read["claims"].encode() == payload_of(again)


def test_creds_are_the_very_bytes(made: tuple[str, Store]) -> None:
    name, store = made
    files = {path: file["text"] for path, file in recorded(name).items() if path.endswith(".creds")}
    assert files
    for path, text in files.items():
        account, user = Path(path).parts[-2:]
        assert store.user(user.removesuffix(".creds"), account=account).creds.text == text
        assert Creds.read(Path(store.places.stores).parent / path).text == text


def test_every_key_file_is_listed_and_read(made: tuple[str, Store]) -> None:
    name, store = made
    files = {Path(path).stem: file["text"] for path, file in recorded(name).items() if path.endswith(".nk")}
    assert list(store.public_keys()) == sorted(files)
    for public, seed in files.items():
        pair = store.key(public)
        assert pair is not None
        assert (pair.public, pair.seed) == (public, seed)


def test_what_nsc_made_has_warnings_only(made: tuple[str, Store]) -> None:
    _, store = made
    found = Counter((problem.severity, problem.code) for problem in store.problems())
    assert {code for severity, code in found} <= {
        "no-expiry", "user-unrestricted", "shared-inbox", "allow-ends-in-star", "self-signed-limits",
    }  # fmt: skip
    assert {severity for severity, _ in found} <= {"warning"}


def test_exports_imports_mappings_roles_and_revocations_are_there(plain: Store) -> None:
    orders, billing = plain.account("orders"), plain.account("billing")
    body = orders.claims.nats
    assert {(export.name, export.subject) for export in body.exports} == {
        ("ticks", "ticks.>"), ("secrets", "secrets.>"), ("ask", "ask.*"),
    }  # fmt: skip
    assert [weighted.weight for weighted in body.mappings["old.*"]] == [80, 20]
    assert set(orders.roles) == {"device", "worker"}
    assert orders.roles["worker"].template.times_location == "Europe/Berlin"
    gone = plain.user("gone", account="orders")
    assert body.revocations == {gone.public: 1_700_000_000}
    assert {import_.subject: bool(import_.token) for import_ in billing.claims.nats.imports} == {
        "ticks.>": False, "ask.billing": False, "secrets.>": True,
    }  # fmt: skip
    assert body.limits.conn == 500
    assert body.tags == ("region:eu", "team:blue")


def test_the_system_account_comes_with_the_operator(plain: Store, strict: Store) -> None:
    for store in (plain, strict):
        system = store.operator().system_account
        assert system is not None
        assert system == store.account("SYS") or system.jwt == store.account("SYS").jwt
        assert system.key is not None


def chains(store: Store) -> list[tuple[Operator, Account]]:
    operator = store.operator()
    return [(operator, account) for account in store.accounts()]


def test_the_chains_hold(plain: Store, strict: Store) -> None:
    for store in (plain, strict):
        for operator, account in chains(store):
            for user in store.users(account):
                verify_chain(operator=operator, account=account, user=user)


@pytest.mark.parametrize(
    ("name", "account", "role"),
    [
        pytest.param("plain", "orders", None, id="by a signing key"),
        pytest.param("plain", "orders", "device", id="by a role"),
        pytest.param("plain", "billing", None, id="by the identity"),
        pytest.param("strict", "fleet", None, id="of a strict operator, by a signing key"),
        pytest.param("strict", "fleet", "truck", id="of a strict operator, by a role"),
    ],
)
def test_a_server_admits_users_of_nsc_and_new_ones(name: str, account: str, role: str | None, tmp_path: Path) -> None:
    store = unpack(name, tmp_path)
    operator, holder = store.operator(), store.account(account)
    allowed = {} if role else {"publish": ["a"], "subscribe": ["b"]}
    new = holder.create_user("new", role=role, **allowed)  # type: ignore[arg-type]
    others = [user for user in store.users(holder) if user.name not in ("w-1", "bearer")]  # which come from elsewhere
    with NatsServer(operator, accounts=store.accounts()) as server:
        for user in (new, *others):
            with connect(server.url, user) as wire:
                assert wire.errors == []
                assert wire.info["remote_account"] == holder.public


def test_a_managed_store_has_accounts_that_wait(managed: Store) -> None:
    operator = managed.operator("remote")
    assert operator.signers == ()
    assert operator.system_account is None
    waiting, signed = managed.account("tenant"), managed.account("signed")
    assert waiting.claims.iss == waiting.public
    assert signed.claims.iss in operator.claims.trusted_keys
    user = managed.user("tenant-1", account="tenant")
    waiting.check_signed(user.claims)
    with pytest.raises(MissingKeyError):
        operator.adopt(waiting.jwt)


def test_operators_and_accounts_are_found_by_whatever_names_them(plain: Store, tmp_path: Path) -> None:
    operator, account = plain.operator("acme"), plain.account("orders")
    for named in (None, "acme", operator, operator.jwt, operator.public):
        assert plain.operator(named).jwt == operator.jwt
        assert plain.account("orders", operator=named).jwt == account.jwt
    for about in ("orders", account, account.jwt, account.public):
        assert plain.user("svc-1", account=about).name == "svc-1"
        assert plain.account(about).jwt == account.jwt
    renamed = operator.reissue(account, account.claims.replace(name="elsewhere"))
    assert plain.account(renamed).jwt == account.jwt


def test_with_several_operators_one_is_named(plain: Store) -> None:
    plain.write_operator(Operator.create("other"))
    with pytest.raises(StorageError, match="'acme', 'other'"):
        plain.operator()
    assert plain.operator("acme").name == "acme"
    assert plain.account_names("other") == ("SYS",)


def test_an_empty_store_has_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path / "nowhere", environ={})
    assert store.operator_names() == ()
    assert store.public_keys() == ()
    assert store.problems() == []
    assert store.key(KeyPair.parse("SUAEJADJCTC7ACPCSVLVDC44ELWRNUWQ5KASJNWK5OJR7BRBNJDYHAQPDM").public) is None
    with pytest.raises(StorageError, match="no operator"):
        store.operator()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("call", "said"),
    [
        pytest.param(lambda store: store.operator("nobody"), "no operator 'nobody'", id="operator"),
        pytest.param(lambda store: store.account("nothing"), "no account 'nothing'", id="account"),
        pytest.param(lambda store: store.user("nobody", account="orders"), "no user 'nobody'", id="user"),
        pytest.param(lambda store: store.creds("nobody", account="orders"), "no creds of user 'nobody'", id="creds"),
        pytest.param(lambda store: store.account(Operator.create("x").system_account), "no account A", id="by key"),
    ],
)
def test_what_is_not_there_is_said(plain: Store, call: object, said: str) -> None:
    with pytest.raises(StorageError, match=said) as error:
        call(plain)  # type: ignore[operator]
    assert error.value.__context__ is None


@pytest.mark.parametrize("value", [None, 7, b"orders"], ids=repr)
def test_a_name_of_another_type_is_a_type_error(plain: Store, value: object) -> None:
    with pytest.raises(TypeError):
        plain.account(value)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        plain.user(value, account="orders")  # type: ignore[arg-type]


def test_a_store_shows_where_it_is_and_no_secret(plain: Store) -> None:
    assert repr(plain).startswith("<Store '")
    assert plain.places.stores in repr(plain)
