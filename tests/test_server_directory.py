"""The directory of a full resolver: what is written starts a real nats-server, and nothing is rolled back."""

import json
import os
import re
import stat
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import property_profiles  # noqa: F401
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats_wire import connect

from natscreds import Account, KeyPair, KeyType, Operator, User, tokens
from natscreds.claims import AccountClaims, Export, GenericClaims
from natscreds.errors import BadSignatureError, StorageError, TokenError, UntrustedIssuerError
from natscreds.server import (
    DirectoryReport,
    ResolverFile,
    config,
    read_resolver_directory,
    system_user,
    write_resolver_directory,
)
from natscreds.server._succession import steps_back
from natscreds.testing import NatsServer

OPERATOR = Operator.create("acme")
NOW = OPERATOR.claims.iat
USER_KEY = KeyPair.generate(KeyType.USER).public


def write(directory: Path, *accounts: Account | str, **words: Any) -> DirectoryReport:  # noqa: ANN401  # keywords
    return write_resolver_directory(accounts, directory, operator=OPERATOR, **words)


def content(directory: Path) -> dict[str, str]:
    return {entry.name: entry.read_text() for entry in directory.iterdir()}


def files_of(*accounts: Account) -> dict[str, str]:
    return {f"{account.public}.jwt": account.jwt for account in accounts}


def codes(report: DirectoryReport, account: Account) -> list[str]:
    return [problem.code for problem in report.refused[account.public]]


def server_on(directory: Path, **words: Any) -> NatsServer:  # noqa: ANN401  # keywords
    server = NatsServer(OPERATOR)
    quick = timedelta(milliseconds=200)
    text = config(OPERATOR, resolver="full", directory=directory, timeout=quick, listen="127.0.0.1:-1", **words)
    server.configuration = text
    return server


def ask(server: NatsServer, user: User, subject: str, payload: bytes = b"") -> bytes:
    inbox = f"_INBOX.{user.public}.1"
    with connect(server.url, user) as client:
        client.subscribe(inbox)
        client.publish(subject, payload, reply=inbox)
        return client.wait_messages(1)[0][2]


# --- a server starts on it -------------------------------------------------------------------------------------------


def test_a_server_starts_on_the_directory_and_admits_the_users(tmp_path: Path) -> None:
    accounts = [OPERATOR.create_account(f"tenant-{number}") for number in range(20)]
    report = write_resolver_directory(iter(accounts), tmp_path / "jwt", operator=OPERATOR)
    assert report.written == tuple(account.public for account in accounts)
    assert (report.replaced, report.unchanged, report.refused) == ((), (), {})
    with server_on(tmp_path / "jwt") as server:
        for account in accounts:
            with connect(server.url, account.create_user("u", publish=["a"])) as client:
                assert client.ok()
        with connect(server.url, OPERATOR.create_account("unknown").create_user("u", publish=["a"])) as client:
            assert not client.ok()
        listed = json.loads(ask(server, system_user(OPERATOR), "$SYS.REQ.CLAIMS.LIST"))["data"]
    system = OPERATOR.system_account
    assert system is not None
    assert sorted(listed) == sorted(account.public for account in (*accounts, system))
    assert all(not file.problems for file in read_resolver_directory(tmp_path / "jwt", operator=OPERATOR))


def test_a_strict_operators_server_starts_on_its_own_system_account(tmp_path: Path) -> None:
    operator = Operator.create("acme", strict=True)
    system = operator.system_account
    assert system is not None
    write_resolver_directory([system], tmp_path / "jwt", operator=operator)
    server = NatsServer(operator)
    text = config(operator, resolver="full", directory=tmp_path / "jwt", listen="127.0.0.1:-1")
    server.configuration = text.partition("resolver_preload")[0]
    with server, connect(server.url, system_user(operator)) as client:
        assert client.ok()


def test_what_a_server_was_told_later_is_not_rolled_back(tmp_path: Path) -> None:
    first = OPERATOR.create_account("orders")
    later = OPERATOR.reissue(first, first.claims.replace(limits={"conn": 5}))
    write(tmp_path / "jwt", first)
    with server_on(tmp_path / "jwt") as server:
        assert b"jwt updated" in ask(server, system_user(OPERATOR), "$SYS.REQ.CLAIMS.UPDATE", later.jwt.encode())
    assert codes(write(tmp_path / "jwt", first), first) == ["rollback"]
    assert write(tmp_path / "jwt", later).unchanged == (later.public,)


def test_an_account_that_a_server_deleted_stays_deleted_unless_asked_for(tmp_path: Path) -> None:
    account = OPERATOR.create_account("orders")
    write(tmp_path / "jwt", account)
    [signer] = OPERATOR.signing_keys
    claims = GenericClaims(sub=signer.public, nats={"accounts": [account.public], "version": 2})
    order = tokens.sign(claims, signer, issued_at=NOW, check=False).encode()
    with server_on(tmp_path / "jwt", allow_delete=True) as server:
        assert b"deleted 1" in ask(server, system_user(OPERATOR, delete=True), "$SYS.REQ.CLAIMS.DELETE", order)
    assert codes(write(tmp_path / "jwt", account), account) == ["deleted"]
    [file] = [file for file in read_resolver_directory(tmp_path / "jwt") if account.public in file.name]
    assert (file.name, [problem.code for problem in file.problems]) == (f"{account.public}.jwt.deleted", ["deleted"])
    assert write(tmp_path / "jwt", account, allow=["deleted"]).written == (account.public,)
    assert write(tmp_path / "jwt", account).unchanged == (account.public,)
    with server_on(tmp_path / "jwt") as server, connect(server.url, account.create_user("u", publish=["a"])) as client:
        assert client.ok()


# --- writing ---------------------------------------------------------------------------------------------------------


def test_the_directory_is_flat_and_for_its_owner_only(tmp_path: Path) -> None:
    account = OPERATOR.create_account("../../../etc/passwd")
    umask = os.umask(0)
    try:
        report = write(tmp_path / "deep" / "jwt", account, fsync=True)
    finally:
        os.umask(umask)
    assert content(tmp_path / "deep" / "jwt") == files_of(account)
    assert report.directory == str(tmp_path / "deep" / "jwt")
    modes = [stat.S_IMODE((tmp_path / "deep" / name).stat().st_mode) for name in ("jwt", f"jwt/{account.public}.jwt")]
    assert modes == [0o700, 0o600]


def test_accounts_are_taken_one_after_the_other(tmp_path: Path) -> None:
    # Any number goes through: nothing is taken before the one before has its file.
    def accounts() -> Iterator[str]:
        for number in range(50):
            assert len(list(tmp_path.glob("jwt/*.jwt"))) == number
            yield OPERATOR.create_account(f"tenant-{number}").jwt

    assert len(write_resolver_directory(accounts(), tmp_path / "jwt", operator=OPERATOR.jwt).written) == 50


def test_a_run_that_broke_off_is_repeated(tmp_path: Path) -> None:
    accounts = [OPERATOR.create_account(f"tenant-{number}") for number in range(5)]

    def breaking() -> Iterator[Account]:
        yield from accounts[:3]
        raise RuntimeError("the database went away")

    with pytest.raises(RuntimeError):
        write_resolver_directory(breaking(), tmp_path, operator=OPERATOR)
    assert content(tmp_path) == files_of(*accounts[:3])
    report = write(tmp_path, *accounts)
    assert report.unchanged == tuple(account.public for account in accounts[:3])
    assert report.written == tuple(account.public for account in accounts[3:])


def test_a_later_token_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    first = OPERATOR.create_account("orders")
    later = OPERATOR.revoke(first, USER_KEY)
    report = write(tmp_path, first, later)
    assert (report.written, report.replaced) == ((first.public,), (first.public,))
    assert content(tmp_path) == files_of(later)


def reissued(account: Account, iat: int, **changes: object) -> str:
    """The account's token with other claims, signed at that second whatever is held."""
    return tokens.sign(account.claims.replace(**changes), OPERATOR.signing_keys[0], issued_at=iat)


@pytest.mark.parametrize("earlier", [0, 1, 1_000], ids=["in the same second", "before", "long before"])
def test_a_token_that_was_not_issued_later_is_refused(earlier: int, tmp_path: Path) -> None:
    held, other = OPERATOR.create_account("orders"), OPERATOR.create_account("others")
    text = reissued(held, held.claims.iat - earlier, description="other")
    write(tmp_path, held)
    report = write(tmp_path, text, other)
    assert codes(report, held) == ["rollback"]
    assert str(held.claims.iat) in report.refused[held.public][0].message
    assert report.written == (other.public,)
    assert content(tmp_path) == files_of(held, other)
    assert write(tmp_path, text, allow={"rollback"}).replaced == (held.public,)
    assert content(tmp_path)[f"{held.public}.jwt"] == text


def test_a_token_without_the_revocations_held_is_refused(tmp_path: Path) -> None:
    plain = OPERATOR.create_account("orders")
    held = OPERATOR.revoke(plain, USER_KEY)
    later = reissued(plain, held.claims.iat + 1)
    write(tmp_path, held)
    report = write(tmp_path, later)
    assert codes(report, held) == ["unrevoke"]
    assert USER_KEY in report.refused[held.public][0].message
    assert content(tmp_path) == files_of(held)
    older = reissued(plain, held.claims.iat - 5)
    assert codes(write(tmp_path, older), held) == ["rollback", "unrevoke"]
    assert codes(write(tmp_path, older, allow=["rollback"]), held) == ["unrevoke"]
    assert codes(write(tmp_path, older, allow=["unrevoke"]), held) == ["rollback"]
    assert write(tmp_path, later, allow=["unrevoke"]).replaced == (held.public,)


ANOTHER = KeyPair.generate(KeyType.USER).public


@pytest.mark.parametrize(
    ("held", "given_list", "lost"),
    [
        ({}, {USER_KEY: 5}, False),
        ({USER_KEY: 5}, {USER_KEY: 5}, False),
        ({USER_KEY: 5}, {USER_KEY: 6, ANOTHER: 1}, False),
        ({USER_KEY: 5}, {USER_KEY: 4}, True),
        ({USER_KEY: 5}, {ANOTHER: 5}, True),
        ({USER_KEY: 5}, {"*": 5}, False),
        ({USER_KEY: 5}, {"*": 4}, True),
        ({USER_KEY: 5}, {"*": 5, USER_KEY: 1}, False),
        ({"*": 5}, {USER_KEY: 9}, True),
        ({"*": 5}, {"*": 4, USER_KEY: 9}, True),
        ({USER_KEY: 0}, {}, True),
    ],
)
def test_a_revocation_is_kept_by_its_own_entry_or_by_everybodys(
    held: dict[str, int], given_list: dict[str, int], lost: bool
) -> None:
    def claims(iat: int, revocations: dict[str, int]) -> AccountClaims:
        return AccountClaims(sub="A", iat=iat).replace(revocations=revocations)

    found = steps_back(claims(1, held), claims(2, given_list))
    assert [problem.code for problem in found] == (["unrevoke"] if lost else [])


REVOCATIONS = st.dictionaries(st.sampled_from(["*", USER_KEY, ANOTHER]), st.integers(0, 4))


@given(held=REVOCATIONS, following=REVOCATIONS)
def test_nobody_who_was_out_comes_in(held: dict[str, int], following: dict[str, int]) -> None:
    # Rule: servers refuse a token issued at t if the entry of its key, or that of everybody, is t or more.
    old = AccountClaims(sub="A", iat=1).replace(revocations=held)
    new = AccountClaims(sub="A", iat=2).replace(revocations=following)

    def out(claims: AccountClaims, key: str, iat: int) -> bool:
        entries = claims.nats.revocations
        return any(entries.get(which, -1) >= iat for which in (key, "*"))

    back = any(
        out(old, key, iat) and not out(new, key, iat) for key in (USER_KEY, ANOTHER, "anybody") for iat in range(6)
    )
    assert bool(steps_back(old, new)) is back


def test_a_revoked_activation_stays_revoked(tmp_path: Path) -> None:
    importer = OPERATOR.create_account("importer").public
    export = Export(subject="orders.>", type="stream", token_req=True)
    account = OPERATOR.create_account("orders")
    plain = OPERATOR.reissue(account, account.claims.with_export(export))
    revoking = Export(subject="orders.>", type="stream", token_req=True, revocations={importer: NOW})
    held = OPERATOR.reissue(plain, plain.claims.replace(exports=[revoking]))
    write(tmp_path, held)
    report = write(tmp_path, reissued(plain, held.claims.iat + 1))
    assert [(problem.code, problem.path) for problem in report.refused[held.public]] == [
        ("unrevoke", "$.nats.exports[0].revocations")
    ]
    assert write(
        tmp_path, reissued(account, held.claims.iat + 1)
    ).replaced  # without the export there is nothing to get


@pytest.mark.parametrize(
    ("put", "fine"),
    [
        pytest.param(lambda path: path.write_bytes(b""), True, id="empty, as power cuts leave"),
        pytest.param(lambda path: path.write_bytes(b"garbage"), False, id="garbage"),
        pytest.param(lambda path: path.write_bytes(b"\xff\xfe"), False, id="no text"),
        pytest.param(lambda path: path.write_text(OPERATOR.jwt), False, id="an operator"),
        pytest.param(lambda path: path.write_text(OPERATOR.create_account("x").jwt), False, id="another account"),
        pytest.param(lambda path: path.write_bytes(b"a" * (1 << 21)), False, id="too much"),
        pytest.param(lambda path: path.symlink_to("/dev/null"), False, id="a link"),
    ],
)
def test_a_file_that_is_not_the_accounts_is_written_over_only_if_asked_for(
    put: Callable[[Path], object], fine: bool, tmp_path: Path
) -> None:
    account = OPERATOR.create_account("orders")
    put(tmp_path / f"{account.public}.jwt")
    if not fine:
        assert codes(write(tmp_path, account), account) == ["damaged"]
    assert write(tmp_path, account, allow=[] if fine else ["damaged"]).replaced == (account.public,)
    assert content(tmp_path) == files_of(account)


def test_accounts_that_servers_would_not_serve_are_refused(tmp_path: Path) -> None:
    expiring = OPERATOR.create_account("expiring", issued_at=NOW, expires_in=timedelta(hours=1))
    for now, expected in ((NOW + 3_599, []), (NOW + 3_600, ["expired"]), (NOW + 3_601, ["expired"])):
        report = write(tmp_path / str(now), expiring, now=now)
        assert [problem.code for problems in report.refused.values() for problem in problems] == expected
    account = OPERATOR.create_account("orders")
    [signer] = OPERATOR.signing_keys
    exports = [Export(subject="a b", type="stream")]
    broken = tokens.sign(account.claims.replace(exports=exports), signer, issued_at=NOW, check=False)
    early = tokens.sign(msgspec.structs.replace(account.claims, nbf=NOW + 60), signer, issued_at=NOW, check=False)
    assert codes(write(tmp_path / "broken", broken), account)
    assert codes(write(tmp_path / "early", early, now=NOW), account) == ["not-yet-valid"]
    assert not list((tmp_path / "broken").iterdir())


def test_what_the_operator_does_not_stand_behind_ends_the_run(tmp_path: Path) -> None:
    account = OPERATOR.create_account("orders")
    foreign = Operator.create("other").create_account("orders")
    wrong: list[tuple[str, type[Exception]]] = [
        (foreign.jwt, UntrustedIssuerError),
        (account.jwt[:-86] + "A" * 86, BadSignatureError),
        (OPERATOR.jwt, TokenError),
        (account.jwt + "\n", TokenError),
    ]
    for number, (text, error) in enumerate(wrong):
        with pytest.raises(error):
            write(tmp_path / str(number), account, text)
        assert content(tmp_path / str(number)) == files_of(account)


def test_one_text_in_place_of_several_is_refused(tmp_path: Path) -> None:
    wrong: Any
    for wrong in ("text", b"text", bytearray(b"text")):
        with pytest.raises(TypeError, match="accounts takes several"):
            write_resolver_directory(wrong, tmp_path, operator=OPERATOR)
        with pytest.raises(TypeError, match="allow takes several"):
            write_resolver_directory([], tmp_path, operator=OPERATOR, allow=wrong)
    with pytest.raises(ValueError, match="got 'all'"):
        write_resolver_directory([], tmp_path, operator=OPERATOR, allow=["all"])


def test_a_directory_that_others_may_write_to_is_refused(tmp_path: Path) -> None:
    (tmp_path / "jwt").mkdir()
    (tmp_path / "jwt").chmod(0o777)
    with pytest.raises(StorageError):
        write(tmp_path / "jwt", OPERATOR.create_account("orders"))
    assert write(tmp_path / "jwt", OPERATOR.create_account("orders"), shared=True).written


# --- reading ---------------------------------------------------------------------------------------------------------


def test_what_was_written_is_read_back_in_the_order_of_keys(tmp_path: Path) -> None:
    accounts = [OPERATOR.create_account(f"tenant-{number}") for number in range(5)]
    write(tmp_path, *accounts)
    accounts.sort(key=lambda account: account.public)
    assert list(read_resolver_directory(tmp_path, operator=OPERATOR)) == [
        ResolverFile(name=f"{account.public}.jwt", text=account.jwt, claims=account.claims, problems=())
        for account in accounts
    ]


def test_what_is_wrong_with_a_file_is_listed(tmp_path: Path) -> None:
    account, other = OPERATOR.create_account("orders"), OPERATOR.create_account("others")
    foreign = Operator.create("other").create_account("orders")
    late = OPERATOR.create_account("late", issued_at=NOW, expires_in=timedelta(hours=1))
    texts = {
        f"{account.public}.jwt": account.jwt,
        f"{other.public}.jwt": account.jwt,
        f"{foreign.public}.jwt": foreign.jwt,
        f"{late.public}.jwt": late.jwt,
        f"{OPERATOR.create_account('x').public}.jwt": "garbage\n",
        f"{OPERATOR.create_account('y').public}.jwt": "",
        "junk.jwt": account.jwt,
        "README": "about",
        f"{account.public}.jwt.deleted": account.jwt,
        f"{OPERATOR.public}.jwt": OPERATOR.jwt,
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "folder").mkdir()
    link = f"{OPERATOR.create_account('z').public}.jwt"
    (tmp_path / link).symlink_to(tmp_path / f"{account.public}.jwt")
    (tmp_path / ".x.0123.part").write_text("unfinished")
    found = {file.name: file for file in read_resolver_directory(tmp_path, operator=OPERATOR, now=NOW + 3_600)}
    assert {name: [problem.code for problem in file.problems] for name, file in found.items()} == {
        **{name: ["damaged"] for name in texts},
        f"{account.public}.jwt": [],
        f"{other.public}.jwt": ["other-account"],
        f"{foreign.public}.jwt": ["untrusted"],
        f"{late.public}.jwt": ["expired"],
        "junk.jwt": ["foreign"],
        "README": ["foreign"],
        f"{account.public}.jwt.deleted": ["deleted"],
        f"{OPERATOR.public}.jwt": ["foreign"],
        "folder": ["foreign"],
        link: ["damaged"],
    }
    assert all(found[name].text == text for name, text in texts.items())
    assert list(found) == sorted(found)
    without = {file.name: file.problems for file in read_resolver_directory(tmp_path, now=NOW)}
    assert without[f"{foreign.public}.jwt"] == without[f"{late.public}.jwt"] == ()


def test_servers_list_whatever_ends_in_jwt(tmp_path: Path) -> None:
    account = OPERATOR.create_account("orders")
    write(tmp_path, account)
    (tmp_path / "junk.jwt").write_text(account.jwt)
    [junk] = [file for file in read_resolver_directory(tmp_path) if file.problems]
    assert "servers list this one all the same" in junk.problems[0].message
    with server_on(tmp_path) as server:
        assert "junk" in json.loads(ask(server, system_user(OPERATOR), "$SYS.REQ.CLAIMS.LIST"))["data"]


def test_reading_makes_no_directory_and_follows_no_link(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        next(read_resolver_directory(tmp_path / "jwt"))
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(StorageError):
        next(read_resolver_directory(tmp_path / "link"))
    assert not (tmp_path / "jwt").exists()


def test_a_directory_of_a_running_server_is_read(tmp_path: Path) -> None:
    account = OPERATOR.create_account("orders")
    with server_on(tmp_path / "jwt") as server:
        ask(server, system_user(OPERATOR), "$SYS.REQ.CLAIMS.UPDATE", account.jwt.encode())
        names = {
            file.claims.name for file in read_resolver_directory(tmp_path / "jwt", operator=OPERATOR) if file.claims
        }
    assert names == {"SYS", "orders"}
    assert re.fullmatch(r"A[A-Z2-7]{55}\.jwt", min(content(tmp_path / "jwt")))
