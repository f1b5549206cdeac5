"""What is written into a store: nsc's names, bytes and modes; whole or absent; nothing newer undone."""

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from nsc_stores import MADE, listing, recorded, store_in, unpack

from natscreds import Account, Creds, KeyPair, KeyType, Operator, User, UserTemplate, issue_users
from natscreds.claims import UserClaims
from natscreds.errors import MissingKeyError, NatsCredsError, StorageError, TokenError, UntrustedIssuerError
from natscreds.nsc import Store, Written, undecorated

OPERATOR = Operator.create("acme", issued_at=1_795_000_000)
ORDERS = OPERATOR.create_account("orders", issued_at=1_795_000_000)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("written")
    store = store_at(home)
    store.write_operator(OPERATOR)
    store.write_account(ORDERS)
    return home


@pytest.fixture
def store(written: Path, tmp_path: Path) -> Store:
    for place in ("stores", "keys"):
        shutil.copytree(written / place, tmp_path / place)
    return store_at(tmp_path)


def store_at(home: Path) -> Store:
    return Store(stores=home / "stores", keys=home / "keys", config=home / "config", environ={})


def changed(account: Account, **changes: object) -> Account:
    return OPERATOR.reissue(account, account.claims.replace(**changes))


def modes(root: Path) -> set[tuple[str, str]]:
    """Return every kind of thing below *root* with its mode."""
    return {
        ("directory" if stat.S_ISDIR(mode) else "file", f"{stat.S_IMODE(mode):04o}")
        for mode in (path.lstat().st_mode for path in root.rglob("*"))
    }


def test_files_have_the_names_and_bytes_of_nsc(store: Store, tmp_path: Path) -> None:
    user = ORDERS.create_user("svc-1", publish=["a"])
    store.write_user(user, account="orders")
    assert OPERATOR.system_account is not None
    assert OPERATOR.key is not None
    assert user.key is not None
    held: list[Operator | Account] = [OPERATOR, OPERATOR.system_account, ORDERS]
    pairs = [user.key, *(signer for owner in held for signer in owner.signers if isinstance(signer, KeyPair))]
    expected = {
        "stores/acme/.nsc": '{"managed":false,"name":"acme","kind":"operator","version":"1"}',
        "stores/acme/acme.jwt": OPERATOR.jwt,
        "stores/acme/accounts/SYS/SYS.jwt": OPERATOR.system_account.jwt,
        "stores/acme/accounts/orders/orders.jwt": ORDERS.jwt,
        "stores/acme/accounts/orders/users/svc-1.jwt": user.jwt,
        "keys/creds/acme/orders/svc-1.creds": user.creds.text,
        **{f"keys/keys/{pair.public[0]}/{pair.public[1:3]}/{pair.public}.nk": pair.seed for pair in pairs},
    }
    ignored = recorded("plain")["keys/.gitignore"]["text"]
    found = {str(path.relative_to(tmp_path)): path.read_text() for path in tmp_path.rglob("*") if path.is_file()}
    assert found == {**expected, "keys/.gitignore": ignored, "stores/acme/.natscreds.lock": ""}


@pytest.mark.parametrize("umask", [0, 0o277], ids=oct)
def test_directories_are_0700_and_files_0600_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    code = (
        "import os, sys; os.umask(int(sys.argv[2]))\n"
        "from natscreds import Operator; from natscreds.nsc import Store\n"
        "acme, store = Operator.create('acme'), Store(sys.argv[1], environ={})\n"
        "store.write_operator(acme); orders = acme.create_account('orders'); store.write_account(orders)\n"
        "store.write_user(orders.create_user('u', publish=['a']), account='orders')\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "all"), str(umask)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert modes(tmp_path) == {("directory", "0700"), ("file", "0600")}


def test_what_is_written_is_read_back(store: Store) -> None:
    operator, account = store.operator("acme"), store.account("orders")
    assert (operator.jwt, set(operator.signers)) == (OPERATOR.jwt, set(OPERATOR.signers))
    assert operator.system_account is not None
    assert OPERATOR.system_account is not None
    assert operator.system_account.jwt == OPERATOR.system_account.jwt
    assert (account.jwt, set(account.signers)) == (ORDERS.jwt, set(ORDERS.signers))
    user = account.create_user("svc-1", publish=["a"])
    store.write_user(user, account=account)
    assert store.user("svc-1", account="orders") == user
    assert store.creds("svc-1", account="orders") == user.creds
    assert [problem for problem in store.problems() if problem.severity != "warning"] == []


def test_a_store_of_nsc_is_written_to(tmp_path: Path) -> None:
    store = unpack("plain", tmp_path)
    operator = store.operator()
    orders = operator.add_role(store.account("orders"), "sensor", publish=["sensors.{{subject()}}.>"])
    store.write_account(orders)
    sensor = orders.create_user("s-1", role="sensor")
    store.write_user(sensor, account=orders)
    assert store.account("orders").roles["sensor"].key == orders.roles["sensor"].key
    assert store.user("s-1", account="orders") == sensor
    assert store.user("svc-1", account="orders").key is not None


def test_writing_the_same_again_changes_nothing(store: Store, tmp_path: Path) -> None:
    user = ORDERS.create_user("u", publish=["a"])
    store.write_user(user, account="orders")
    before = {path: path.stat() for path in tmp_path.rglob("*")}
    store.write_operator(OPERATOR)
    store.write_account(ORDERS)
    assert store.write_users([user], account="orders") == Written()
    after = {path: path.stat() for path in tmp_path.rglob("*") if path.name != ".natscreds.lock"}
    assert {path: status.st_ino for path, status in after.items()} == {
        path: status.st_ino for path, status in before.items() if path.name != ".natscreds.lock"
    }


def test_a_newer_token_takes_the_place_of_an_older_one(store: Store) -> None:
    again = changed(ORDERS, description="newer")
    store.write_account(again)
    assert store.account("orders").jwt == again.jwt
    user = again.create_user("u", publish=["a"])
    store.write_user(user, account="orders")
    renewed = again.reissue(user, expires_in=timedelta(hours=1), issued_at=user.claims.iat + 1)
    store.write_user(renewed, account="orders")
    assert store.user("u", account="orders").jwt == renewed.jwt
    assert store.creds("u", account="orders").jwt == renewed.jwt
    operator = OPERATOR.replace(OPERATOR.claims.replace(tags=["a"]))
    store.write_operator(operator)
    assert store.operator().jwt == operator.jwt


def test_a_newer_token_stays(store: Store, tmp_path: Path) -> None:
    newer = changed(ORDERS, description="newer")
    store.write_account(newer)
    user = ORDERS.create_user("u", publish=["a"])
    later = ORDERS.reissue(user, issued_at=user.claims.iat + 5)
    store.write_user(later, account="orders")
    operator = OPERATOR.replace(OPERATOR.claims.replace(tags=["a"]))
    store.write_operator(operator)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(StorageError, match="account 'orders' in the store is newer"):
        store.write_account(ORDERS)
    with pytest.raises(StorageError, match="user 'u' in the store is newer"):
        store.write_user(user, account="orders")
    with pytest.raises(StorageError, match="operator 'acme' in the store is newer"):
        store.write_operator(OPERATOR)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    store.write_account(ORDERS, overwrite=True)
    store.write_user(user, account="orders", overwrite=True)
    store.write_operator(OPERATOR, overwrite=True)
    assert store.account("orders").jwt == ORDERS.jwt
    assert store.user("u", account="orders") == user
    assert store.operator().jwt == OPERATOR.jwt


def test_another_token_of_the_same_second_stays(store: Store) -> None:
    second = ORDERS.claims.iat + 1
    one = OPERATOR.reissue(ORDERS, ORDERS.claims.replace(description="one"), issued_at=second)
    two = OPERATOR.reissue(ORDERS, ORDERS.claims.replace(description="two"), issued_at=second)
    store.write_account(one)
    with pytest.raises(StorageError, match="of the same second, and another"):
        store.write_account(two)
    assert store.account("orders").jwt == one.jwt


def test_a_name_belongs_to_one_key(store: Store) -> None:
    user = ORDERS.create_user("u", publish=["a"])
    store.write_user(user, account="orders")
    other_user = ORDERS.create_user("u", publish=["b"], issued_at=user.claims.iat + 5)
    other_account = OPERATOR.create_account("orders")
    other_operator = Operator.create("acme")
    with pytest.raises(StorageError, match=f"user 'u' in the store is {user.public}, got {other_user.public}"):
        store.write_user(other_user, account="orders")
    with pytest.raises(StorageError, match=f"account 'orders' in the store is {ORDERS.public}"):
        store.write_account(other_account)
    with pytest.raises(StorageError, match=f"operator 'acme' in the store is {OPERATOR.public}"):
        store.write_operator(other_operator)
    assert store.key(other_user.public) is None
    assert store.user("u", account="orders") == user
    store.write_user(other_user, account="orders", overwrite=True)
    assert store.user("u", account="orders") == other_user
    assert store.creds("u", account="orders") == other_user.creds


def test_only_the_operators_accounts_and_the_accounts_users_are_written(store: Store) -> None:
    foreign = Operator.create("elsewhere").create_account("guests")
    with pytest.raises(UntrustedIssuerError):
        store.write_account(foreign)
    with pytest.raises(UntrustedIssuerError):
        store.write_user(foreign.create_user("u", publish=["a"]), account="orders")
    newer = OPERATOR.add_role(ORDERS, "device", publish=["a"])
    with pytest.raises(UntrustedIssuerError):  # the store has the account without the role
        store.write_user(newer.create_user("u", role="device"), account=newer)
    assert store.account_names() == ("SYS", "orders")
    assert store.user_names("orders") == ()


def test_a_token_of_another_issuer_is_not_replaced(store: Store) -> None:
    account = Path(store.places.stores, "acme/accounts/orders/orders.jwt")
    foreign = Operator.create("elsewhere")
    theirs = foreign.adopt(ORDERS.jwt, issued_at=ORDERS.claims.iat + 1)
    account.write_text(theirs.jwt)
    again = OPERATOR.reissue(ORDERS)
    with pytest.raises(UntrustedIssuerError, match="another issuer than is expected"):
        store.write_account(again)
    assert account.read_text() == theirs.jwt
    store.write_account(again, overwrite=True)
    assert store.account("orders").jwt == again.jwt


def test_a_user_of_a_key_that_is_gone_is_not_replaced(store: Store) -> None:
    account = OPERATOR.add_role(ORDERS, "device", publish=["a"])
    store.write_account(account)
    user = account.create_user("u", role="device")
    store.write_user(user, account="orders")
    without = OPERATOR.reissue(account, account.claims.without_signing_key(account.roles["device"].public))
    store.write_account(without)
    assert user.key is not None
    fresh = without.create_user("u", publish=["b"], key=user.key, issued_at=user.claims.iat + 5)
    with pytest.raises(UntrustedIssuerError, match="user 'u'"):
        store.write_user(fresh, account="orders")
    store.write_user(fresh, account="orders", overwrite=True)
    assert store.user("u", account="orders") == fresh


ODD = ["../x", "a/b", "a\\b", "..", " ", " x", "x ", "\u2028", "a\nb", ".hidden", "x" * 250, "é" * 130]


@pytest.mark.parametrize("name", ODD, ids=lambda name: ascii(name[:9]))
def test_a_name_that_leads_elsewhere_is_not_written(store: Store, tmp_path: Path, name: str) -> None:
    before = listing(tmp_path)
    operator, account = Operator.create(name), OPERATOR.create_account(name)
    user = ORDERS.create_user(name, publish=["a"])
    writes: list[Callable[[], None]] = [
        lambda: store.write_operator(operator),
        lambda: store.write_account(account),
        lambda: store.write_user(user, account="orders"),
    ]
    for write in writes:
        with pytest.raises(StorageError, match="the name of"):
            write()
    after = {path: mode for path, mode in listing(tmp_path).items() if path not in before}
    assert {path.split("/")[-1] for path in after} <= {"users", "creds", "acme", "orders", "U"}


@pytest.mark.parametrize(
    "name", ["with blank", "Ünïcode", "*", "x" * 249, "a.b", "CON", "-x", "名前"], ids=lambda name: ascii(name[:9])
)
def test_other_names_are_written_as_they_are(tmp_path: Path, name: str) -> None:
    store = Store(tmp_path / "all", environ={})
    operator = Operator.create(name)
    account = operator.create_account(name)
    user = account.create_user(name, publish=["a"])
    store.write_operator(operator)
    store.write_account(account)
    store.write_user(user, account=name)
    assert store.operator(name).jwt == operator.jwt
    assert store.account(name).jwt == account.jwt
    assert store.user(name, account=name) == user
    assert store.creds_names(name) == (name,)


def test_names_that_differ_by_case_only_are_refused(store: Store) -> None:
    with pytest.raises(StorageError, match="'Orders' beside 'orders'"):
        store.write_account(OPERATOR.create_account("Orders"))
    with pytest.raises(StorageError, match="'ACME' beside 'acme'"):
        store.write_operator(Operator.create("ACME"))


def test_an_operator_may_have_another_name_in_the_store(tmp_path: Path) -> None:
    store = Store(tmp_path / "all", environ={})
    store.write_operator(OPERATOR, name="ours")
    store.write_account(ORDERS, operator="ours")
    assert store.operator_names() == ("ours",)
    assert store.operator("ours").name == "acme"
    store.write_operator(OPERATOR.replace(OPERATOR.claims.replace(tags=["a"])), name="ours")
    assert store.operator("ours").claims.nats.tags == ("a",)


def test_an_operator_gets_a_directory_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "all" / "acme").mkdir(parents=True)
    (tmp_path / "all").chmod(0o700)
    (tmp_path / "all" / "acme" / "letters.txt").write_text("mine")
    store = Store(tmp_path / "all", environ={})
    with pytest.raises(StorageError, match=r"holds 'letters\.txt'"):
        store.write_operator(OPERATOR)
    assert store.operator_names() == ()


def test_an_operator_that_was_half_written_is_written_again(tmp_path: Path) -> None:
    store = Store(tmp_path / "all", environ={})
    store.write_operator(OPERATOR)
    (tmp_path / "all" / "acme" / ".nsc").unlink()  # the last file of all
    assert store.operator_names() == ()
    store.write_operator(OPERATOR)
    assert store.operator().jwt == OPERATOR.jwt


def test_keys_are_neither_lost_nor_written_over(store: Store) -> None:
    pair = KeyPair.generate(KeyType.USER)
    path = Path(store.places.keys, "keys", pair.public[0], pair.public[1:3], f"{pair.public}.nk")
    store.write_key(pair)
    store.write_key(pair)
    assert path.read_text() == pair.seed
    for content in (KeyPair.generate(KeyType.USER).seed, "", pair.public):
        path.write_text(content)
        with pytest.raises(StorageError, match="key file") as error:
            store.write_key(pair)
        assert pair.seed not in str(error.value)
        assert path.read_text() == content
    with pytest.raises(TypeError, match="has a seed to write"):
        store.write_key(pair.public)  # type: ignore[arg-type]


def test_keys_that_were_not_held_before_are_added(tmp_path: Path) -> None:
    """With the tokens that are there already."""
    store = Store(tmp_path / "all", environ={})
    user = ORDERS.create_user("u", publish=["a"])
    store.write_operator(Operator.load(OPERATOR.jwt, [pair_of(OPERATOR.signing_keys[0])]))
    store.write_account(Account.load(ORDERS.jwt))
    store.write_user(User.load(user.jwt), account="orders")
    assert [str(key)[0] for key in store.public_keys()] == ["O"]
    store.write_operator(OPERATOR)
    store.write_accounts([ORDERS])
    assert store.write_users([user], account="orders") == Written(keys=1, creds=1)
    assert set(store.operator().signers) == set(OPERATOR.signers)
    assert set(store.account("orders").signers) == set(ORDERS.signers)
    assert store.creds("u", account="orders") == store.user("u", account="orders").creds == user.creds


def pair_of(signer: object) -> KeyPair:
    assert isinstance(signer, KeyPair)
    return signer


def test_no_git_ignore_is_made_where_it_is_not_wanted(tmp_path: Path) -> None:
    store = Store(tmp_path / "all", environ={"NSC_NO_GIT_IGNORE": ""})
    store.write_operator(OPERATOR)
    assert not (tmp_path / "all" / ".gitignore").exists()
    (tmp_path / "all" / ".gitignore").write_text("mine")
    Store(tmp_path / "all", environ={}).write_key(KeyPair.generate(KeyType.USER))
    assert (tmp_path / "all" / ".gitignore").read_text() == "mine"


def test_an_operator_without_keys_makes_a_managed_store(tmp_path: Path) -> None:
    store = Store(tmp_path / "all", environ={})
    store.write_operator(Operator.load(OPERATOR.jwt))
    assert '"managed":true' in (tmp_path / "all/acme/.nsc").read_text()
    alone = Account.load(self_signed(ORDERS), [signer for signer in ORDERS.signers if isinstance(signer, KeyPair)])
    store.write_account(alone)
    assert store.account("orders").claims.iss == ORDERS.public
    signed = OPERATOR.adopt(alone.jwt, issued_at=alone.claims.iat + 1)
    store.write_account(signed)
    assert store.account("orders").jwt == signed.jwt
    back = Account.load(self_signed(ORDERS, later=9))
    with pytest.raises(UntrustedIssuerError):  # what the operator has signed is worth more
        store.write_account(back)


def test_an_account_that_waits_knows_that_its_operator_is_strict(tmp_path: Path) -> None:
    strict = Operator.create("strict", strict=True)
    store = Store(tmp_path / "all", environ={})
    store.write_operator(Operator.load(strict.jwt))
    made = strict.create_account("tenant", signing_keys=0)
    store.write_account(Account.load(self_signed(made), [pair_of(made.key)]))
    with pytest.raises(MissingKeyError, match="strict"):
        store.account("tenant").create_user("u", publish=["a"])


def test_an_account_that_signed_itself_has_no_place_elsewhere(store: Store) -> None:
    with pytest.raises(UntrustedIssuerError):
        store.write_account(Account.load(self_signed(ORDERS)))


def self_signed(account: Account, *, later: int = 0) -> str:
    from natscreds import tokens

    assert account.key is not None
    return tokens.sign(account.claims, account.key, issued_at=account.claims.iat + later)


# Many users.


def test_many_users_are_streamed_into_the_store(store: Store) -> None:
    names = [f"d-{number}" for number in range(100)]
    users = issue_users(store.account("orders"), names, UserTemplate(publish=["devices.{name}.>"]))
    assert store.write_users(users, account="orders") == Written(users=100, keys=100, creds=100)
    assert set(store.user_names("orders")) == set(store.creds_names("orders")) == set(names)
    for user in store.users("orders"):
        assert store.creds(user.name, account="orders") == user.creds
    assert [problem for problem in store.problems() if problem.code != "no-expiry"] == []


def test_many_accounts_are_streamed_into_the_store(store: Store) -> None:
    signing = OPERATOR.without_identity()
    made = [signing.create_account(f"tenant-{number}", keep_identity=False) for number in range(70)]
    assert store.write_accounts(iter(made), operator=OPERATOR) == Written(accounts=70, keys=70)
    assert store.write_accounts(made) == Written()
    assert store.account_names() == ("SYS", "orders", *sorted(account.name for account in made))
    for account in made:
        found = store.account(account.name)
        assert (found.jwt, found.key, found.signing_keys) == (account.jwt, None, account.signing_keys)
    again = [OPERATOR.create_account("fine"), OPERATOR.create_account("Tenant-3")]
    with pytest.raises(StorageError, match="'Tenant-3' beside 'tenant-3'"):
        store.write_accounts(again)
    assert "fine" in store.account_names()


def test_what_came_before_a_failure_is_there_whole(store: Store) -> None:
    def some() -> object:
        for number in range(40):
            yield ORDERS.create_user(f"u-{number}", publish=["a"])
        raise RuntimeError("the source is dry")

    with pytest.raises(RuntimeError, match="the source is dry"):
        store.write_users(some(), account="orders")  # type: ignore[arg-type]
    assert len(list(store.users("orders"))) == 40
    assert len(store.creds_names("orders")) == 40


def test_a_user_that_cannot_be_written_ends_it(store: Store) -> None:
    store.write_user(ORDERS.create_user("u-5", publish=["a"]), account="orders")
    users = [ORDERS.create_user(f"u-{number}", publish=["a"]) for number in range(9)]
    with pytest.raises(StorageError, match="user 'u-5'"):
        store.write_users(users, account="orders")
    assert store.user_names("orders") == tuple(f"u-{number}" for number in range(6))
    assert store.key(users[5].public) is None


def test_a_user_without_a_seed_has_a_token_only(store: Store) -> None:
    pair = KeyPair.generate(KeyType.USER)
    user = ORDERS.create_user("u", publish=["a"], key=pair.public)
    assert store.write_users([user], account="orders") == Written(users=1)
    assert store.user("u", account="orders").key is None
    assert store.creds_names("orders") == ()
    store.write_key(pair)
    renewed = ORDERS.reissue(user, issued_at=user.claims.iat + 1)
    assert store.write_users([renewed], account="orders") == Written(users=1, creds=1)
    assert store.creds("u", account="orders").jwt == renewed.jwt


def test_creds_that_nobody_refers_to_stay(store: Store) -> None:
    old = ORDERS.create_user("u", publish=["a"])
    store.write_user(old, account="orders")
    Path(store.places.stores, "acme/accounts/orders/users/u.jwt").unlink()  # as nsc delete user does
    assert store.creds("u", account="orders") == old.creds
    new = ORDERS.create_user("u", publish=["a"])
    with pytest.raises(StorageError, match="creds are never written over"):
        store.write_user(new, account="orders")
    assert store.user_names("orders") == ()
    store.write_user(new, account="orders", overwrite=True)
    assert store.creds("u", account="orders") == new.creds


def test_users_are_brought_to_the_disk_if_asked(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr("natscreds.creds.files.os.fsync", synced.append)
    users = [ORDERS.create_user(f"u-{number}", publish=["a"]) for number in range(3)]
    store.write_users(users, account="orders")
    assert synced == []
    store.write_users([ORDERS.create_user("v", publish=["a"])], account="orders", fsync=True)
    assert len(synced) >= 3


def test_no_descriptor_is_left_open(store: Store) -> None:
    before = len(os.listdir("/proc/self/fd"))
    store.write_user(ORDERS.create_user("u", publish=["a"]), account="orders")
    store.problems()
    list(store.users("orders"))
    with pytest.raises(StorageError):
        store.write_operator(Operator.create("acme"))
    assert len(os.listdir("/proc/self/fd")) == before


# Single artefacts.


@pytest.mark.parametrize(
    "text",
    [
        OPERATOR.jwt,
        f"{OPERATOR.jwt}\n",
        OPERATOR.jwt.encode(),
        f"-----BEGIN NATS OPERATOR JWT-----\n{OPERATOR.jwt}\n------END NATS OPERATOR JWT------\n\n",
        f"-----BEGIN NATS OPERATOR JWT-----\r\n{OPERATOR.jwt}\r\n------END NATS OPERATOR JWT------\r\n",
    ],
    ids=["bare", "with a line end", "bytes", "decorated", "decorated, CRLF"],
)
def test_an_operator_is_imported_from_text(tmp_path: Path, text: str | bytes) -> None:
    store = Store(tmp_path / "all", environ={})
    operator = store.import_operator(text)
    assert operator.jwt == store.operator().jwt == OPERATOR.jwt
    assert '"managed":true' in (tmp_path / "all/acme/.nsc").read_text()


def test_an_operator_is_imported_with_a_signing_key(tmp_path: Path) -> None:
    store = Store(tmp_path / "all", environ={})
    signing = OPERATOR.signing_keys[0]
    assert isinstance(signing, KeyPair)
    store.import_operator(OPERATOR.jwt, [signing.seed], name="ours")
    assert '"managed":false' in (tmp_path / "all/ours/.nsc").read_text()
    store.write_account(store.operator().create_account("new"))
    assert store.account_names() == ("new",)


@pytest.mark.parametrize(
    "text", ["", "no token", "x" * 2_000_000, ORDERS.jwt, OPERATOR.jwt[:-4] + "AAAA"], ids=range(5)
)
def test_what_is_no_operator_is_not_imported(tmp_path: Path, text: str) -> None:
    store = Store(tmp_path / "all", environ={})
    with pytest.raises(NatsCredsError):
        store.import_operator(text)
    assert not (tmp_path / "all").exists()


def test_a_text_that_is_no_text_is_refused() -> None:
    with pytest.raises(TypeError, match="str or bytes"):
        undecorated(None)  # type: ignore[arg-type]
    with pytest.raises(TokenError, match="at most"):
        undecorated("x" * 2_000_000)


def test_keys_are_imported_from_files_and_directories(store: Store, tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "deeper").mkdir(parents=True)
    pairs = [KeyPair.generate(kind) for kind in (KeyType.USER, KeyType.ACCOUNT, KeyType.OPERATOR)]
    (source / f"{pairs[0].public}.nk").write_text(pairs[0].seed)
    (source / "signing.nk").write_text(f"{pairs[1].seed}\n")
    (source / "deeper" / "op.nk").write_text(pairs[2].seed)
    (source / "bad.nk").write_text("SUABC")
    (source / f"{pairs[2].public}.nk").write_text(pairs[0].seed)
    (source / "link.nk").symlink_to(source / "signing.nk")
    (source / "notes.txt").write_text("no key")
    flat = store.import_keys(source)
    assert set(flat.names) == {pairs[0].public, pairs[1].public}
    assert {problem.path for problem in flat.problems} == {"bad.nk", f"{pairs[2].public}.nk", "link.nk"}
    assert store.key(pairs[2].public) is None
    assert pairs[2].public in store.import_keys(source, recursive=True).names
    assert store.import_keys(source / "deeper" / "op.nk").names == (pairs[2].public,)
    assert {store.key(pair.public) for pair in pairs} == set(pairs)
    with pytest.raises(FileNotFoundError):
        store.import_keys(tmp_path / "nowhere")


def test_creds_are_imported_from_a_directory(store: Store, tmp_path: Path) -> None:
    from natscreds.writers import write_directory

    users = list(issue_users(ORDERS, ["a", "b", "Ünïcode"], UserTemplate(publish=["x"])))
    write_directory(users, tmp_path / "out")
    foreign = Operator.create("elsewhere").create_account("guests").create_user("c", publish=["x"])
    foreign.creds.write(tmp_path / "out" / "c.creds")
    (tmp_path / "out" / "d.creds").write_text("nothing")
    done = store.import_creds(tmp_path / "out", account="orders")
    assert set(done.names) == {"a", "b", "Ünïcode"}
    assert {problem.path: problem.code for problem in done.problems} == {
        "c.creds": "creds-left-out", "d.creds": "creds-left-out",
    }  # fmt: skip
    assert {user.jwt for user in store.users("orders")} == {user.jwt for user in users}
    assert store.creds("Ünïcode", account="orders") == users[2].creds
    again = store.import_creds(tmp_path / "out" / "a.creds", account="orders")
    assert (again.names, again.problems) == (("a",), ())


def test_imports_show_no_seed(store: Store, tmp_path: Path) -> None:
    pair, other = KeyPair.generate(KeyType.USER), KeyPair.generate(KeyType.USER)
    (tmp_path / f"{other.public}.nk").write_text(pair.seed)
    (tmp_path / "cut.nk").write_text(pair.seed[:-1])
    (tmp_path / "x.creds").write_text(ORDERS.create_user("u", publish=["a"]).creds.text.replace("SU", "SA", 1))
    told = [*store.import_keys(tmp_path).problems, *store.import_creds(tmp_path, account="orders").problems]
    assert len(told) == 3
    assert not any(pair.seed[4:20] in repr(problem) for problem in told)


def test_users_and_accounts_are_several(store: Store) -> None:
    for text in ("u", b"u"):
        with pytest.raises(TypeError, match="several"):
            store.write_users(text, account="orders")  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="several"):
            store.write_accounts(text)  # type: ignore[arg-type]


def test_a_stranger_of_a_user_is_read_by_its_claims(store: Store) -> None:
    """The name in the token counts, not that of the object."""
    user = ORDERS.create_user("u", publish=["a"])
    alias = User(user.jwt, name="../../x", public=user.public, key=user.key)
    store.write_user(alias, account="orders")
    assert store.user_names("orders") == ("u",)
    assert isinstance(store.user("u", account="orders").claims, UserClaims)
    assert Creds.read(Path(store.places.keys, "creds/acme/orders/u.creds")) == user.creds


@pytest.mark.parametrize("name", MADE)
def test_a_store_of_nsc_written_anew_has_the_same_files(name: str, tmp_path: Path) -> None:
    """Paths, modes and bytes: what natscreds writes is what nsc wrote."""
    made = unpack(name, tmp_path / "made")
    (tmp_path / "new").mkdir()
    if name == "one-directory":
        (tmp_path / "new" / "all").mkdir(mode=0o700)
    new = store_in(tmp_path / "new")
    for top in made.operator_names():
        new.write_operator(made.operator(top))
        new.write_accounts(made.accounts(top), operator=top)
        for account in made.account_names(top):
            new.write_users(made.users(account, operator=top), account=account, operator=top)
    found = {
        str(path.relative_to(tmp_path / "new")): {
            "mode": f"{stat.S_IMODE(path.stat().st_mode):04o}",
            "text": path.read_text(),
        }
        for path in (tmp_path / "new").rglob("*")
        if path.is_file() and path.name != ".natscreds.lock"
    }
    assert found == recorded(name)
