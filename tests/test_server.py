import base64
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nats_wire import connect
from signed_chain import SignedAccount, SignedOperator

from natscreds import tokens
from natscreds.claims import OperatorClaims
from natscreds.errors import (
    BadSignatureError,
    InvalidClaimsError,
    NatsCredsError,
    ServerError,
    TokenError,
    UntrustedIssuerError,
)
from natscreds.nkeys import KeyPair, KeyType
from natscreds.server import config
from natscreds.testing import NatsServer
from natscreds.testing._process import server_binary


def accepted(text: str, directory: Path) -> bool:
    """Whether a real nats-server takes *text* as a configuration."""
    path = directory / "server.conf"
    path.write_text(text, encoding="utf-8", newline="\n")
    return not subprocess.run([server_binary(), "-t", "-c", path], capture_output=True).returncode


def code(error: InvalidClaimsError) -> str:
    """The stable name of the one rule that was broken."""
    [problem] = error.problems
    return problem.code


def test_a_memory_configuration_reads_like_this() -> None:
    operator = SignedOperator()
    accounts = sorted((operator.account(), operator.account(), operator.system), key=lambda account: account.key.public)
    assert config(operator, accounts, listen="[::1]:-1", jetstream="/var/js") == (
        'listen: "[::1]:-1"\n'
        "jetstream: {\n"
        '  store_dir: "/var/js"\n'
        "}\n"
        f"# operator {operator.key.public}\n"
        f'operator: "{operator.jwt}"\n'
        f'system_account: "{operator.system.key.public}"\n'
        "resolver: MEMORY\n"
        "resolver_preload: {\n"
        f'  "{accounts[0].key.public}": "{accounts[0].jwt}"\n'
        f'  "{accounts[1].key.public}": "{accounts[1].jwt}"\n'
        f'  "{accounts[2].key.public}": "{accounts[2].jwt}"\n'
        "}\n"
    )


def test_a_server_lets_in_the_users_of_the_accounts_it_was_given_and_no_others() -> None:
    operator = SignedOperator()
    known, unknown = operator.account(), operator.account()
    with NatsServer(operator, [known]) as server:
        for account, error in (known, ""), (operator.system, ""), (unknown, "Authorization Violation"):
            with connect(server.url, account.user()) as client:
                assert client.error == error


def test_texts_serve_as_well_as_chain_objects_in_any_order() -> None:
    operator = SignedOperator()
    accounts = [operator.account(), operator.account()]
    expected = config(operator, accounts)
    assert config(operator.jwt, (text.jwt for text in (operator.system, *reversed(accounts)))) == expected


@pytest.mark.parametrize("strict", [False, True], ids=["lenient", "strict"])
def test_accounts_signed_by_a_signing_key_are_taken(strict: bool) -> None:
    operator = SignedOperator(strict=strict)
    assert config(operator, [operator.account()])


def test_accounts_signed_by_the_identity_are_taken_unless_strict() -> None:
    operator = SignedOperator()
    account = SignedAccount(operator.key)
    with NatsServer(operator, [account]) as server, connect(server.url, account.user()) as client:
        assert client.ok()


@pytest.mark.parametrize(
    "account",
    [
        pytest.param(lambda operator: SignedAccount(operator.key), id="by the identity of a strict operator"),
        pytest.param(lambda operator: SignedOperator().account(), id="by another operator"),
        pytest.param(lambda operator: SignedAccount(None), id="by itself"),
    ],
)
def test_accounts_the_operator_does_not_stand_behind_are_refused(
    account: Callable[[SignedOperator], SignedAccount],
) -> None:
    operator = SignedOperator(strict=True)
    untrusted = account(operator)
    with pytest.raises(UntrustedIssuerError, match=untrusted.key.public):
        config(operator, [untrusted])
    operator.system_account = untrusted
    with pytest.raises(UntrustedIssuerError, match=untrusted.key.public):
        config(operator)


def test_the_operator_supplies_its_system_account() -> None:
    operator = SignedOperator(names_system=False)
    assert f'system_account: "{operator.system.key.public}"' in config(operator)


def test_a_system_account_among_the_accounts_goes_before_the_operators_own() -> None:
    operator = SignedOperator()
    newer = operator.account(name="newer", key=operator.system.key)
    text = config(operator, [newer])
    assert newer.jwt in text
    assert operator.system.jwt not in text


def test_a_system_account_may_be_given_where_the_operator_names_none(tmp_path: Path) -> None:
    operator = SignedOperator(names_system=False)
    account = operator.account()
    text = config(operator.jwt, [account], system_account=account.jwt)
    assert f'system_account: "{account.key.public}"' in text
    assert text.count(account.jwt) == 1
    assert accepted(text, tmp_path)


@pytest.mark.parametrize("names_system", [True, False], ids=["named, not supplied", "not named"])
def test_without_a_system_account_nothing_is_written(names_system: bool) -> None:
    operator = SignedOperator(names_system=names_system)
    with pytest.raises(InvalidClaimsError) as caught:
        config(operator.jwt, [operator.account()])
    assert code(caught.value) == "no-system-account"
    operator.system_account = None
    with pytest.raises(InvalidClaimsError):
        config(operator)


def test_another_system_account_than_the_operator_names_is_refused() -> None:
    operator = SignedOperator()
    with pytest.raises(InvalidClaimsError) as caught:
        config(operator, system_account=operator.account())
    assert code(caught.value) == "other-system-account"


def test_two_tokens_for_one_account_are_refused() -> None:
    operator = SignedOperator()
    account = operator.account()
    again = operator.account(name="again", key=account.key)
    with pytest.raises(InvalidClaimsError, match=account.key.public) as caught:
        config(operator, [account, again])
    assert code(caught.value) == "same-account"


def test_the_system_account_given_twice_is_given_with_one_token() -> None:
    operator = SignedOperator()
    again = operator.account(name="again", key=operator.system.key)
    assert config(operator, [operator.system], system_account=operator.system) == config(operator)
    with pytest.raises(InvalidClaimsError) as caught:
        config(operator, [operator.system], system_account=again)
    assert code(caught.value) == "same-account"


def test_the_last_token_of_one_account_would_win_on_a_server() -> None:
    operator = SignedOperator()
    account = operator.account()
    closed = SignedAccount(operator.signing_key, key=account.key, limits={"conn": 0})
    server = NatsServer(operator, [account])
    line = f'  "{account.key.public}": "{account.jwt}"\n'
    server.configuration = server.configuration.replace(line, line + line.replace(account.jwt, closed.jwt))
    with server, connect(server.url, account.user()) as client:
        assert client.error == "maximum account active connections exceeded"


@pytest.mark.parametrize(
    ("extra", "starts"),
    [("", True), ('jetstream: {store_dir: "js"}', False), ('system_account: "SYS"', False)],
    ids=["memory alone", "with JetStream", "named, not preloaded"],
)
def test_a_server_needs_no_system_account_only_for_the_memory_alone(extra: str, starts: bool, tmp_path: Path) -> None:
    operator = SignedOperator(names_system=False)
    key = operator.system.key.public
    server = NatsServer(operator, [operator.account()])
    kept = [line for line in server.configuration.splitlines() if key not in line]
    server.configuration = "\n".join([*kept, extra.replace("SYS", key)])
    assert accepted(server.configuration, tmp_path)
    if starts:
        with server:
            assert "should utilize a System Account" in server.log
    else:
        with pytest.raises(ServerError, match="system account"):
            server.start()


def reheaded(text: str, key: KeyPair) -> str:
    """The token with a header that begins otherwise, signed anew."""
    header = base64.urlsafe_b64encode(b'{ "typ":"JWT","alg":"ed25519-nkey"}').rstrip(b"=").decode()
    signed = f"{header}.{text.split('.')[1]}"
    return f"{signed}.{base64.urlsafe_b64encode(key.sign(signed.encode())).rstrip(b'=').decode()}"


def tampered(text: str) -> str:
    """The token with another signature."""
    return text[:-86] + ("A" * 86)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        pytest.param(lambda o, a: ("", [a]), TokenError, id="no operator"),
        pytest.param(lambda o, a: (a.jwt, [a]), TokenError, id="an account as operator"),
        pytest.param(lambda o, a: (tampered(o.jwt), [a]), BadSignatureError, id="a tampered operator"),
        pytest.param(lambda o, a: (reheaded(o.jwt, o.key), [a, o.system]), TokenError, id="an operator like a file"),
        pytest.param(lambda o, a: (o, [o]), TokenError, id="an operator as account"),
        pytest.param(lambda o, a: (o, [a.user()]), TokenError, id="a user as account"),
        pytest.param(lambda o, a: (o, [tampered(a.jwt)]), BadSignatureError, id="a tampered account"),
        pytest.param(lambda o, a: (o, [a.jwt + "\n"]), TokenError, id="an account and a line"),
        pytest.param(lambda o, a: (o, [f'{a.jwt}"\nhttp: 8222']), TokenError, id="an account and a setting"),
    ],
)
def test_what_is_not_the_right_token_is_refused(
    arguments: Callable[[SignedOperator, SignedAccount], tuple[str, list[str]]], error: type[NatsCredsError]
) -> None:
    operator = SignedOperator()
    given, accounts = arguments(operator, operator.account())
    with pytest.raises(error):
        config(given, accounts)


@pytest.mark.parametrize("accounts", ["text", b"text", bytearray(b"text")], ids=["str", "bytes", "bytearray"])
def test_one_text_in_place_of_several_accounts_is_refused(accounts: str) -> None:
    with pytest.raises(TypeError, match="several"):
        config(SignedOperator(), accounts)


@pytest.mark.parametrize("value", [None, b"eyJ", 1, object()], ids=["None", "bytes", "int", "object"])
def test_what_is_neither_chain_object_nor_text_is_refused(value: str) -> None:
    with pytest.raises(TypeError, match="an account is the chain object or its token text"):
        config(SignedOperator(), [value])
    with pytest.raises(TypeError, match="an operator is the chain object or its token text"):
        config(value)


@pytest.mark.parametrize(
    "listen",
    ["127.0.0.1:4222", "localhost:65535", "0.0.0.0:-1", "[::]:1", "[fe80::1%eth0]:4222", "nats-1.example.com:80"],
)
def test_addresses_a_server_takes_are_written(listen: str, tmp_path: Path) -> None:
    text = config(SignedOperator(), listen=listen)
    assert text.startswith(f'listen: "{listen}"\n')
    assert accepted(text, tmp_path)


@pytest.mark.parametrize(
    "listen",
    [
        "",
        "4222",
        ":4222",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:0",
        "127.0.0.1:-2",
        "127.0.0.1:+4",
        "127.0.0.1:65536",
        "127.0.0.1:04222",
        "127.0.0.1:\u0664",
        "127.0.0.1:4222\n",
        "::1:4222",
        "nats://127.0.0.1:4222",
        "a b:4222",
        'x"\nhttp: "127.0.0.1:8222',
        "$HOST:4222",
    ],
)
def test_addresses_that_mean_something_else_are_refused(listen: str) -> None:
    with pytest.raises(ValueError, match=r"HOST:PORT|a port is"):
        config(SignedOperator(), listen=listen)


@pytest.mark.parametrize(
    "path",
    ["", "a\nhttp: 8222", "a\r", "a\x00", "a\tb", "a\x1b[0m", "a\x7f", "a\x85", "a\u2028", "a\udc80"],
    ids=ascii,
)
def test_directories_with_control_characters_are_refused(path: str) -> None:
    with pytest.raises(ValueError, match="a directory"):
        config(SignedOperator(), jetstream=path)


@pytest.mark.parametrize(
    "name",
    ["$HOME", "$2a$10$x", 'a"b', "a\\b", "a\\nb", "a\\x41", "{x}", "# c", "ü€😀", "it's; a, b=c", "%s"],
    ids=ascii,
)
def test_a_server_stores_in_exactly_the_directory_named(name: str, tmp_path: Path) -> None:
    operator = SignedOperator()
    server = NatsServer(operator)
    server.configuration = config(operator, listen="127.0.0.1:-1", jetstream=tmp_path / name)
    with server:
        assert [entry.name for entry in tmp_path.iterdir()] == [name]
        assert (tmp_path / name / "jetstream").is_dir()


HOSTILE = [
    'orders"\nhttp: "127.0.0.1:8222"\n# ',
    "a\r\n}\n",
    "# x",
    "// x",
    "}",
    "{",
    '"',
    "\\",
    "$HOME",
    "include x",
    "\x00",
    "\u2028",
]


def shape(text: str, *hidden: str) -> str:
    """The text without what may differ."""
    for number, value in enumerate(hidden):
        text = text.replace(value, f"<{number}>")
    return text


@settings(max_examples=15, deadline=None)
@given(names=st.lists(st.sampled_from(HOSTILE) | st.text(), min_size=1, max_size=6))
def test_names_change_nothing_but_the_tokens(names: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    # Rule: names never enter configuration text; a real server reads the same keys as for harmless names.
    operator = SignedOperator()
    keys = sorted((KeyPair.generate(KeyType.ACCOUNT) for _ in names), key=lambda key: key.public)
    hostile = [operator.account(name=name, key=key) for name, key in zip(names, keys, strict=True)]
    harmless = [operator.account(name="a", key=key) for key in keys]
    text = config(operator, hostile)
    assert shape(text, *(account.jwt for account in hostile)) == shape(
        config(operator, harmless), *(account.jwt for account in harmless)
    )
    assert text.isascii()
    assert accepted(text, tmp_path_factory.mktemp("names"))


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_an_operators_name_is_not_in_the_text(name: str, tmp_path: Path) -> None:
    operator = SignedOperator()
    claims = tokens.parse(operator.jwt, OperatorClaims).claims.replace(name=name)
    renamed = tokens.sign(claims, operator.key, issued_at=claims.iat, check=False)
    text = config(renamed, [operator.system])
    assert shape(text, renamed) == shape(config(operator), operator.jwt)
    assert accepted(text, tmp_path)
