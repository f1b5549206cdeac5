"""Damaged, foreign and hostile stores: a clear error or a listed problem, never a crash, never a path outside."""

import json
import os
import random
import shutil
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import property_profiles  # noqa: F401  # how long properties search
import pytest
from hypothesis import given
from hypothesis import strategies as st
from leaks import holds, told
from nsc_stores import store_in, unpack

from natscreds import KeyPair, KeyType, Operator
from natscreds.errors import NatsCredsError, StorageError, UntrustedIssuerError, WrongKeyTypeError
from natscreds.nsc import Store

REFERENCE = json.loads((Path(__file__).parent / "vectors" / "reference.json").read_text(encoding="utf-8"))
CURVE = next(key for key in REFERENCE["nkeys"] if key["public_key"].startswith("X"))

WARNED = {"no-expiry", "user-unrestricted", "shared-inbox", "allow-ends-in-star"}
"""What is doubtful about the store as nsc made it."""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return unpack("plain", tmp_path / "home")


def stores(store: Store, *parts: str) -> Path:
    return Path(store.places.stores, "acme", *parts)


def keys(store: Store, *parts: str) -> Path:
    return Path(store.places.keys, *parts)


def key_file(store: Store, public: str) -> Path:
    return keys(store, "keys", public[0], public[1:3], f"{public}.nk")


def codes(store: Store) -> dict[str, str]:
    """Return the problems that were not there before: path to code."""
    return {problem.path: problem.code for problem in store.problems() if problem.code not in WARNED}


def test_a_key_file_that_holds_another_key_is_refused(store: Store) -> None:
    orders = store.account("orders")
    other = KeyPair.generate(KeyType.ACCOUNT)
    path = key_file(store, orders.public)
    for content in (other.seed, KeyPair.generate(KeyType.USER).seed, other.public):
        path.write_text(content)
        with pytest.raises(StorageError, match="the seed of the key it is called after") as error:
            store.account("orders")
        assert not any(holds(text, other.seed) for text in told(error.value))
        assert error.value.__context__ is None
        assert codes(store) == {f"keys/{path.relative_to(store.places.keys)}": "key-damaged"}


@pytest.mark.parametrize("content", ["", "S", "SA" + "A" * 56, "\xff" * 58, "x" * 3_000_000], ids=range(5))
def test_a_key_file_without_a_seed_is_refused(store: Store, content: str) -> None:
    orders = store.account("orders")
    key_file(store, orders.public).write_text(content, encoding="latin-1")
    with pytest.raises(StorageError):
        store.account("orders")
    assert set(codes(store).values()) == {"key-damaged"}


def test_a_seed_with_a_line_end_is_read_and_a_public_key_alone_is_no_key(store: Store) -> None:
    orders = store.account("orders")
    assert orders.key is not None
    path = key_file(store, orders.public)
    path.write_text(f"{orders.key.seed}\r\n")
    assert store.account("orders").key == orders.key
    path.write_text(orders.public)
    assert store.account("orders").key is None
    assert codes(store) == {}


def test_without_a_key_file_the_key_is_not_held(store: Store) -> None:
    orders = store.account("orders")
    shutil.rmtree(store.places.keys)
    bare = store.account("orders")
    assert (bare.jwt, bare.signers) == (orders.jwt, ())
    assert store.operator().signers == ()
    assert store.user("svc-1", account="orders").key is None
    assert codes(store) == {}


def test_two_keys_for_one_name(store: Store) -> None:
    """A user is one key: creds of another under its name are no creds of it."""
    account = store.account("orders")
    other = account.create_user("svc-1", publish=["a"])
    path = keys(store, "creds", "acme", "orders", "svc-1.creds")
    path.write_text(other.creds.text)
    with pytest.raises(StorageError, match=f"holds creds of {other.public}"):
        store.creds("svc-1", account="orders")
    assert codes(store) == {"keys/creds/acme/orders/svc-1.creds": "creds-differ"}


def test_one_key_under_two_names_is_told(store: Store) -> None:
    users = stores(store, "accounts", "orders", "users")
    shutil.copy(users / "svc-1.jwt", users / "svc-2.jwt")
    with pytest.raises(StorageError, match="a user's file has its name"):
        store.user("svc-2", account="orders")
    shutil.copytree(stores(store, "accounts", "billing"), stores(store, "accounts", "copy"))
    (stores(store, "accounts", "copy") / "billing.jwt").rename(stores(store, "accounts", "copy") / "copy.jwt")
    with pytest.raises(StorageError, match="an account's directory has its name"):
        store.account("copy")
    found = [problem.code for problem in store.problems() if problem.code not in WARNED]
    assert sorted(found) == ["key-twice", "key-twice", "name-differs", "name-differs"]


def test_an_older_token_in_a_creds_file_is_told(store: Store) -> None:
    account, user = store.account("orders"), store.user("svc-1", account="orders")
    renewed = account.reissue(user, issued_at=user.claims.iat + 1)
    stores(store, "accounts", "orders", "users", "svc-1.jwt").write_text(renewed.jwt)
    assert store.creds("svc-1", account="orders").jwt == user.jwt
    assert codes(store) == {"keys/creds/acme/orders/svc-1.creds": "creds-stale"}


def test_creds_without_a_user_are_told(store: Store) -> None:
    stores(store, "accounts", "orders", "users", "svc-1.jwt").unlink()
    assert codes(store) == {"keys/creds/acme/orders/svc-1.creds": "creds-alone"}


def test_a_foreign_account_and_a_foreign_user_are_refused(store: Store) -> None:
    foreign = Operator.create("elsewhere").create_account("guests")
    place = stores(store, "accounts", "guests")
    place.mkdir()
    (place / "guests.jwt").write_text(foreign.jwt)
    (stores(store, "accounts", "orders", "users") / "spy.jwt").write_text(foreign.create_user("spy", publish=["a"]).jwt)
    with pytest.raises(UntrustedIssuerError):
        store.account("guests")
    with pytest.raises(UntrustedIssuerError):
        store.user("spy", account="orders")
    with pytest.raises(UntrustedIssuerError):
        list(store.accounts())
    assert codes(store) == {
        "stores/acme/accounts/guests/guests.jwt": "token-untrusted",
        "stores/acme/accounts/orders/users/spy.jwt": "token-untrusted",
    }


def test_a_system_account_that_the_operator_did_not_sign_is_left_out(store: Store) -> None:
    system = store.operator().system_account
    assert system is not None
    theirs = Operator.create("elsewhere").adopt(system.jwt)
    stores(store, "accounts", "SYS", "SYS.jwt").write_text(theirs.jwt)
    assert store.operator().system_account is None


@pytest.mark.parametrize(
    ("mark", "said"),
    [
        pytest.param("", "not a JSON object", id="empty"),
        pytest.param("[]", "not a JSON object", id="a list"),
        pytest.param('{"managed":"no","name":"acme","kind":"operator"}', "not a JSON object", id="of another type"),
        pytest.param("[" * 100_000, "not a JSON object", id="deep"),
        pytest.param('{"managed":false,"name":"acme","kind":"account"}', "of kind 'account'", id="of another kind"),
        pytest.param('{"managed":false,"name":"","kind":"operator"}', "with the name ''", id="without a name"),
        pytest.param('{"name":"../../x","kind":"operator"}', "is one part of a path", id="that leads elsewhere"),
        pytest.param('{"name":"other","kind":"operator"}', "no token of operator", id="of another name"),
    ],
)
def test_a_damaged_mark_is_told(store: Store, mark: str, said: str) -> None:
    stores(store, ".nsc").write_text(mark)
    with pytest.raises(StorageError, match=said):
        store.operator("acme")
    with pytest.raises(StorageError):
        store.operator(store.places.stores)
    assert codes(store)["stores/acme"] == "operator-damaged"


def test_a_missing_mark_is_told(store: Store) -> None:
    stores(store, ".nsc").unlink()
    assert store.operator_names() == ()
    assert codes(store) == {"stores/acme/.nsc": "mark-missing"}


@pytest.mark.parametrize(
    "name", ["..", ".", "", "a/b", "../acme", "a\\b", "a\0b", "\udcff", "x" * 300, "a\nb"], ids=ascii
)
def test_a_name_that_leads_elsewhere_is_not_looked_up(store: Store, name: str) -> None:
    for call in (
        lambda: store.operator(name),
        lambda: store.account(name),
        lambda: store.user(name, account="orders"),
        lambda: store.user("svc-1", account=name),
        lambda: store.creds(name, account="orders"),
        lambda: store.user_names("orders", operator=name),
    ):
        with pytest.raises(StorageError, match=r"the name of an? \w+ is"):
            call()


@pytest.mark.parametrize("public", ["../../../../etc/passwd", "A/../../x", "", "A" * 56, "O" * 300], ids=ascii)
def test_a_key_that_is_none_is_not_looked_up(store: Store, public: str) -> None:
    assert store.key(public) is None


def test_odd_names_in_a_store_are_told_and_left_out(store: Store) -> None:
    for name in ("new\nline", "\x1b[31m", " "):
        stores(store, "accounts", name).mkdir()
        (stores(store, "accounts", name) / f"{name.strip()}.jwt").write_text("x")
        (stores(store, "accounts", "orders", "users") / f"{name}.jwt").write_text("x")
    os.mkdir(os.fsencode(stores(store, "accounts")) + b"/\xff")
    assert store.account_names() == ("SYS", "billing", "orders")
    assert len(store.user_names("orders")) == 8
    found = [problem for problem in store.problems() if problem.code not in WARNED]
    assert {problem.code for problem in found} == {"name-odd", "token-missing"}
    assert len(found) == 7
    assert all(problem.path.isascii() and problem.path.isprintable() for problem in found)


PLACES: list[tuple[str, Callable[[Store], Path]]] = [
    ("operator", lambda store: stores(store)),
    ("mark", lambda store: stores(store, ".nsc")),
    ("operator's token", lambda store: stores(store, "acme.jwt")),
    ("accounts", lambda store: stores(store, "accounts")),
    ("account", lambda store: stores(store, "accounts", "orders")),
    ("account's token", lambda store: stores(store, "accounts", "orders", "orders.jwt")),
    ("users", lambda store: stores(store, "accounts", "orders", "users")),
    ("user's token", lambda store: stores(store, "accounts", "orders", "users", "svc-1.jwt")),
    ("keys", lambda store: keys(store, "keys")),
    ("kind of keys", lambda store: keys(store, "keys", "U")),
    ("key", lambda store: key_file(store, store.user("svc-1", account="orders").public)),
    ("creds", lambda store: keys(store, "creds")),
    ("an account's creds", lambda store: keys(store, "creds", "acme", "orders")),
    ("a user's creds", lambda store: keys(store, "creds", "acme", "orders", "svc-1.creds")),
]


@pytest.mark.parametrize("place", [place for _, place in PLACES], ids=[name for name, _ in PLACES])
def test_no_link_is_followed(store: Store, tmp_path: Path, place: Callable[[Store], Path]) -> None:
    """The very same content, but elsewhere: it is not read, and nothing is written there."""
    account = store.account("orders")
    user, old = account.create_user("new", publish=["a"]), store.user("svc-1", account="orders")
    path = place(store)
    elsewhere = tmp_path / "elsewhere"
    shutil.move(path, elsewhere)
    path.symlink_to(elsewhere)
    before = {inner: inner.stat().st_mtime_ns for inner in (elsewhere, *elsewhere.rglob("*"))}
    assert {"link", "unreadable", "token-missing"} & {problem.code for problem in store.problems()}
    done = [
        attempted(call)
        for call in (
            lambda: store.operator("acme"),
            lambda: store.user("svc-1", account="orders"),
            lambda: store.creds("svc-1", account="orders"),
        )
    ]
    assert any(isinstance(result, StorageError) for result in done)
    attempted(lambda: store.write_account(account, overwrite=True))
    attempted(lambda: store.write_users([user, old], account="orders", overwrite=True))
    assert {inner: inner.stat().st_mtime_ns for inner in (elsewhere, *elsewhere.rglob("*"))} == before


def attempted(call: Callable[[], object]) -> object:
    """Return what comes of a call, which may be an error of natscreds's own."""
    try:
        return call()
    except NatsCredsError as error:
        return error


@pytest.mark.parametrize("place", ["account's token", "account", "user's token", "key", "a user's creds"])
def test_what_may_not_be_read_is_told(place: str) -> None:
    with tempfile.TemporaryDirectory() as home, as_nobody(home):
        store = unpack("plain", Path(home) / "home")
        path = dict(PLACES)[place](store)
        path.chmod(0)
        done = [
            attempted(call)
            for call in (
                lambda: store.account("orders"),
                lambda: store.user("svc-1", account="orders"),
                lambda: store.creds("svc-1", account="orders"),
            )
        ]
        errors = [error for error in done if isinstance(error, Exception)]
        assert errors
        assert all(isinstance(error, StorageError) for error in errors)
        assert any("Permission denied" in str(error) for error in errors)
        assert "Permission denied" in " ".join(problem.message for problem in store.problems())
        path.chmod(0o700)


@contextmanager
def as_nobody(home: str) -> Generator[None, None, None]:
    """Be somebody who may not read everything, if we are root."""
    if os.geteuid() != 0:
        yield
        return
    os.chown(home, NOBODY, -1)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


NOBODY = 65534


def test_a_pipe_is_not_waited_for(store: Store) -> None:
    path = stores(store, "accounts", "orders", "orders.jwt")
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(StorageError, match="no regular file"):
        store.account("orders")
    assert store.account_names() == ("SYS", "billing")
    assert codes(store)["stores/acme/accounts/orders/orders.jwt"] == "token-missing"


def test_modes_that_let_others_in_are_told(store: Store) -> None:
    orders = store.account("orders")
    key_file(store, orders.public).chmod(0o644)
    keys(store, "creds", "acme", "orders", "svc-1.creds").chmod(0o640)
    assert set(codes(store).values()) == {"mode-open"}
    assert {problem.severity for problem in store.problems()} == {"warning"}


def test_secrets_where_nsc_of_old_kept_them_are_told(store: Store) -> None:
    keys(store, "O", "AB").mkdir(parents=True)
    keys(store, "O", "AB", "x.nk").write_text("x")
    keys(store, "stray.creds").write_text("x")
    keys(store, "keys", "A", "stray.nk").write_text("x")
    keys(store, "keys", "A", "AA").mkdir(exist_ok=True)
    keys(store, "keys", "A", "AA", "stray.nk").write_text("x")
    assert codes(store) == {
        "keys/O/AB/x.nk": "keys-old",
        "keys/stray.creds": "keys-old",
        "keys/keys/A/stray.nk": "key-misplaced",
        "keys/keys/A/AA/stray.nk": "key-misplaced",
    }


def test_a_damaged_neighbour_keeps_nobody_out(store: Store) -> None:
    stores(store, "accounts", "billing", "billing.jwt").write_text("damaged")
    other = Path(store.places.stores, "other")
    shutil.copytree(stores(store), other)
    (other / ".nsc").write_text("damaged")
    orders = store.account("orders", operator="acme")
    operator = store.operator("acme")
    assert store.operator(operator.public).jwt == operator.jwt
    assert store.account(orders.public, operator=operator).jwt == orders.jwt


def test_a_copy_under_another_name_is_not_taken_for_the_account(store: Store) -> None:
    shutil.copytree(stores(store, "accounts", "orders"), stores(store, "accounts", "a-copy"))
    (stores(store, "accounts", "a-copy") / "orders.jwt").rename(stores(store, "accounts", "a-copy") / "a-copy.jwt")
    orders = store.account("orders")
    assert store.account(orders.public).jwt == orders.jwt
    operator = store.operator("acme")
    shutil.copytree(stores(store), Path(store.places.stores, "twin"))
    with pytest.raises(StorageError, match="an operator is in a store once"):
        store.account("orders", operator=operator)
    assert store.account("orders", operator="acme").jwt == orders.jwt
    twice = [problem.path for problem in store.problems() if problem.code == "key-twice"]
    assert "stores/twin" in twice
    assert "stores/acme/accounts/orders" in twice


def test_a_curve_key_is_listed_and_not_read(store: Store) -> None:
    pair = CURVE["public_key"]
    path = key_file(store, pair)
    path.parent.mkdir(parents=True)
    path.write_text(CURVE["seed"])
    path.chmod(0o600)
    assert pair in store.public_keys()
    assert codes(store) == {}
    with pytest.raises(WrongKeyTypeError, match="curve key"):
        store.key(pair)
    assert store.import_keys(path).problems[0].code == "key-left-out"


def test_what_is_not_understood_is_not_written_over(store: Store) -> None:
    operator, orders = store.operator(), store.account("orders")
    path = stores(store, "accounts", "orders", "orders.jwt")
    for content in ("damaged", "", operator.jwt):
        path.write_text(content)
        with pytest.raises(StorageError, match="not understood"):
            store.write_account(orders)
        assert path.read_text() == content
    store.write_account(orders, overwrite=True)
    assert store.account("orders").jwt == orders.jwt


# A walk of random damage.


HARMS = ("cut", "flip", "remove", "swap", "link", "link-inside", "rename", "copy", "fill", "pipe", "mode")


def damage(home: Path, choice: random.Random, outside: Path) -> None:
    """Do one harm to a store."""
    here = [path for path in sorted(home.rglob("*")) if path != home / "stores" and path != home / "keys"]
    path, other = choice.choice(here), choice.choice(here)
    kind = choice.choice(
        ["cut", "flip", "remove", "swap", "link", "link-inside", "rename", "copy", "fill", "pipe", "mode"]
    )
    if path.is_symlink() or not path.exists() or other.is_symlink() or not other.exists():
        return
    data = path.read_bytes() if path.is_file() else b""
    if kind == "cut" and data:
        path.write_bytes(data[: choice.randrange(len(data))])
    elif kind == "flip" and data:
        at = choice.randrange(len(data))
        path.write_bytes(data[:at] + bytes([data[at] ^ 1 << choice.randrange(8)]) + data[at + 1 :])
    elif kind == "swap" and data and other.is_file():
        path.write_bytes(other.read_bytes())
    elif kind == "fill" and data:
        path.write_bytes(choice.randbytes(choice.randrange(200)))
    elif kind == "copy" and path.is_file() and other.is_dir():
        shutil.copy(path, other / choice.choice(["x.jwt", "x.nk", "x.creds", ".nsc", path.name]))
    elif kind in ("remove", "link", "link-inside", "pipe"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        if kind == "link":
            path.symlink_to(outside)
        elif kind == "link-inside" and other.exists():
            path.symlink_to(other)
        elif kind == "pipe":
            os.mkfifo(path)
    elif kind == "rename":
        name = choice.choice(["..x", "a\nb", "keys", "users", " ", "x.jwt", path.name.upper()])
        if not (path.parent / name).exists():
            path.rename(path.parent / name)
    elif kind == "mode":
        path.chmod(choice.choice([0o777, 0o600, 0o500]) | (0o100 if path.is_dir() else 0))


def look_at_all(store: Store) -> list[Exception]:
    """Call whatever reads; return the errors, which are natscreds's own."""
    results: list[object] = []

    def names(call: Callable[[], tuple[str, ...]]) -> tuple[str, ...]:
        found = attempted(call)
        results.append(found)
        return found if isinstance(found, tuple) else ()

    for top in names(store.operator_names):
        results.append(attempted(partial(store.operator, top)))
        results.append(attempted(lambda t=top: list(store.accounts(t))))  # type: ignore[misc]
        for account in names(partial(store.account_names, top)):
            results.append(attempted(partial(store.account, account, operator=top)))
            results.append(attempted(lambda a=account, t=top: list(store.users(a, operator=t))))  # type: ignore[misc]
            for name in names(partial(store.creds_names, account, operator=top)):
                results.append(attempted(partial(store.creds, name, account=account, operator=top)))
    for public in names(store.public_keys):
        results.append(attempted(partial(store.key, public)))
    return [result for result in results if isinstance(result, Exception)]


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("damage")


@given(seed=st.integers(0, 2**32), harms=st.integers(1, 4))
def test_random_damage_is_an_error_or_a_problem(seed: int, harms: int, scratch: Path) -> None:
    home, outside = scratch / "home", scratch / "outside"
    for directory in (home, outside):
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(mode=0o700)
    unpack("plain", home)
    (outside / "treasure.jwt").write_text("not yours")
    seeds = {path.read_text() for path in home.rglob("*.nk")}
    choice = random.Random(seed)  # noqa: S311  # damage, not keys
    for _ in range(harms):
        damage(home, choice, outside)
    store = store_in(home)
    problems = store.problems()
    errors = look_at_all(store)
    # Whatever is wrong with what can be named is found by walking, too.
    assert not errors or any(problem.code not in WARNED for problem in problems)
    texts = [text for error in errors for text in told(error)] + [repr(problem) for problem in problems]
    assert not any(seed in text for text in texts for seed in seeds)
    assert all(error.__context__ is None for error in errors)

    stranger = Operator.create("acme").create_account("orders")
    for write in (
        lambda: store.write_account(store.account("orders"), overwrite=True),
        lambda: store.write_user(store.user("svc-1", account="orders"), account="orders", overwrite=True),
        lambda: store.write_account(stranger),
    ):
        with suppress(OSError):  # a lock or a directory that cannot be made
            attempted(write)
    assert [path.name for path in outside.rglob("*")] == ["treasure.jwt"]
    assert (outside / "treasure.jwt").read_text() == "not yours"
