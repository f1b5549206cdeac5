"""What `config` writes for each resolver is started on a real nats-server."""

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import property_profiles  # noqa: F401
import pytest
from configured_server import FREE, admits, ask, route_address, server_of, soon, takes
from hypothesis import given
from hypothesis import strategies as st
from signed_chain import SignedAccount, SignedOperator
from throwaway_certificates import Authority

from natscreds import KeyPair, KeyType, tokens
from natscreds.claims import GenericClaims
from natscreds.errors import ServerError
from natscreds.server import TLS, Cluster, config

# --- full ------------------------------------------------------------------------------------------------------------


def test_a_full_resolver_reads_like_this() -> None:
    operator = SignedOperator()
    text = config(
        operator,
        resolver="full",
        directory="jwt",
        limit=5,
        interval=timedelta(minutes=2),
        timeout=timedelta(seconds=1.9),
    )
    assert text.partition("system_account")[2].partition("\n")[2] == (
        "resolver: {\n"
        "  type: full\n"
        '  dir: "jwt"\n'
        "  allow_delete: false\n"
        "  limit: 5\n"
        '  interval: "120s"\n'
        '  timeout: "1900ms"\n'
        "}\n"
        "resolver_preload: {\n"
        f'  "{operator.system.key.public}": "{operator.system.jwt}"\n'
        "}\n"
    )


def test_a_server_with_a_full_resolver_keeps_accounts_in_its_directory(tmp_path: Path) -> None:
    operator = SignedOperator()
    known, pushed, unknown = operator.account(), operator.account(), operator.account()
    settings: dict[str, Any] = {"limit": 10, "interval": timedelta(minutes=2), "timeout": timedelta(seconds=0.2)}
    text = config(operator, [known], resolver="full", directory=tmp_path / "jwt", listen=FREE, **settings)
    with server_of(text) as server:
        assert admits(server, known)
        assert not admits(server, unknown)
        assert b"jwt updated" in ask(server, operator, "$SYS.REQ.CLAIMS.UPDATE", pushed.jwt.encode())
        assert admits(server, pushed)
    kept = {entry.name: entry.read_text() for entry in (tmp_path / "jwt").iterdir()}
    assert kept == {f"{account.key.public}.jwt": account.jwt for account in (operator.system, known, pushed)}


@pytest.mark.parametrize(("allow", "told"), [(False, b"delete must be enabled"), (True, b"deleted 1 accounts")])
def test_accounts_are_deleted_over_the_wire_only_where_that_was_asked_for(allow: bool, told: bytes) -> None:
    operator = SignedOperator()
    account = operator.account()
    word: dict[str, Any] = {"allow_delete": True} if allow else {}
    text = config(operator, [account], resolver="full", directory="jwt", listen=FREE, **word)
    claims = GenericClaims(sub=operator.signing_key.public, nats={"accounts": [account.key.public], "version": 2})
    order = tokens.sign(claims, operator.signing_key, issued_at=1_795_000_000, check=False)
    with server_of(text) as server:
        assert told in ask(server, operator, "$SYS.REQ.CLAIMS.DELETE", order.encode())


def test_a_full_resolver_keeps_no_more_accounts_than_its_limit() -> None:
    operator = SignedOperator()
    text = config(operator, [operator.account()], resolver="full", directory="jwt", limit=2, listen=FREE)
    with server_of(text) as server:
        answer = ask(server, operator, "$SYS.REQ.CLAIMS.UPDATE", operator.account().jwt.encode())
    assert b"jwt store is full" in answer


@pytest.mark.parametrize("kind", ["full", "cache"])
def test_fewer_than_the_accounts_given_is_no_limit(kind: str, tmp_path: Path) -> None:
    operator = SignedOperator()
    accounts = [operator.account(), operator.account()]
    words: dict[str, Any] = {"resolver": kind, "directory": tmp_path / "jwt", "listen": FREE}
    with pytest.raises(ValueError, match="at least the number of accounts given, 3, got 2"):
        config(operator, accounts, **words, limit=2)
    text = config(operator, accounts, **words, limit=3)
    with server_of(text.replace("limit: 3", "limit: 2")):  # a server takes it, and one of the three is lost
        assert len(list((tmp_path / "jwt").glob("*.jwt"))) == 2


# --- cache, and a cluster --------------------------------------------------------------------------------------------


def test_a_cache_gets_accounts_from_the_full_resolver_of_its_cluster() -> None:
    operator = SignedOperator()
    account = operator.account()
    first = config(
        operator,
        [account],
        resolver="full",
        directory="jwt",
        listen=FREE,
        server_name="full-1",
        cluster=Cluster(name="town", listen=FREE),
    )
    with server_of(first) as full:
        second = config(
            operator,
            resolver="cache",
            directory="jwt",
            limit=100,
            ttl=timedelta(hours=1),
            timeout=timedelta(milliseconds=500),
            listen=FREE,
            server_name="cache-1",
            cluster=Cluster(name="town", listen=FREE, routes=(route_address(full),)),
        )
        assert '  ttl: "3600s"\n' in second
        assert "allow_delete" not in second
        with server_of(second) as cache:
            assert soon(lambda: admits(cache, account))
            answer = ask(cache, operator, "$SYS.REQ.SERVER.PING.IDZ", answers=2)
            assert b'"name":"cache-1"' in answer
            assert b'"name":"full-1"' in answer


def test_full_resolvers_of_a_cluster_tell_each_other_of_accounts() -> None:
    operator = SignedOperator()
    account = operator.account()
    shared: dict[str, Any] = {"resolver": "full", "directory": "jwt", "interval": timedelta(seconds=1), "listen": FREE}
    with server_of(config(operator, **shared, cluster=Cluster(name="town", listen=FREE))) as one:
        routes = (route_address(one),)
        text = config(operator, **shared, cluster=Cluster(name="town", listen=FREE, routes=routes))
        with server_of(text) as two:
            ask(one, operator, "$SYS.REQ.CLAIMS.UPDATE", account.jwt.encode())
            assert soon(lambda: admits(two, account))


def test_routes_speak_tls_with_certificates_on_both_sides(tmp_path: Path) -> None:
    operator = SignedOperator()
    authority = Authority(tmp_path)
    files = authority.certify("route")
    tls = TLS(cert=files[0], key=files[1], ca=authority.ca, verify=True)
    account = operator.account()
    with server_of(
        config(
            operator,
            [account],
            resolver="full",
            directory="jwt",
            listen=FREE,
            cluster=Cluster(name="town", listen=FREE, tls=tls),
        )
    ) as one:
        there = (route_address(one),)
        for given_tls, joins in (None, False), (tls, True):
            cluster = Cluster(name="town", listen=FREE, routes=there, tls=given_tls)
            quick = timedelta(milliseconds=200)
            text = config(operator, resolver="full", directory="jwt", timeout=quick, listen=FREE, cluster=cluster)
            with server_of(text) as two:
                assert soon(lambda: admits(two, account), seconds=10 if joins else 0.5) is joins


# --- URL -------------------------------------------------------------------------------------------------------------


@contextmanager
def account_server(tokens: Mapping[str, str]) -> Iterator[tuple[str, list[str]]]:
    """An HTTP server that knows accounts: its address, and the paths it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            key = self.path.rpartition("/")[2]
            body = tokens.get(key, "")
            self.send_response(200 if body or not key else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{http.server_address[1]}", asked
    finally:
        http.shutdown()
        thread.join()
        http.server_close()


@pytest.mark.parametrize("path", ["/jwt/v1/accounts/", "/jwt/v1/accounts", "/", ""])
def test_a_server_with_a_url_asks_it_for_accounts(path: str) -> None:
    operator = SignedOperator()
    known, unknown = operator.account(), operator.account()
    with account_server({account.key.public: account.jwt for account in (known, operator.system)}) as (url, asked):
        text = config(operator, resolver=url + path, listen=FREE)
        assert "resolver_preload" not in text
        with server_of(text) as server:
            assert admits(server, known)
            assert not admits(server, unknown)
        assert f"{path.rstrip('/')}/{known.key.public}" in asked


def test_with_a_url_the_name_of_the_system_account_is_enough() -> None:
    operator = SignedOperator()
    url = "https://accounts.example.com/jwt/v1/accounts/"
    assert config(operator.jwt, resolver=url) == config(operator, resolver=url)
    assert f'system_account: "{operator.system.key.public}"\n' in config(operator.jwt, resolver=url)


def test_with_a_url_accounts_are_not_given() -> None:
    operator = SignedOperator()
    with pytest.raises(ValueError, match="takes no accounts"):
        config(operator, [operator.account()], resolver="https://accounts.example.com/")


@pytest.mark.parametrize("host", ["members.example.com", "MEMBERS.example.com", "example.com/xMeM/"])
def test_a_url_that_servers_take_for_the_memory_resolver_is_refused(host: str) -> None:
    operator = SignedOperator()
    with pytest.raises(ValueError, match="for the memory resolver"):
        config(operator, resolver=f"http://{host}")
    # Nobody answers there, and a server that asked would not start.
    text = config(operator, listen=FREE)
    with server_of(text.replace("resolver: MEMORY", f'resolver: "URL(http://{host})"')) as server:
        assert admits(server, operator.system)


def test_a_server_whose_url_does_not_answer_does_not_start() -> None:
    text = config(SignedOperator(), resolver="http://127.0.0.1:1/accounts/", listen=FREE)
    with pytest.raises(ServerError, match="could not fetch"):
        server_of(text).start()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "FULL",
        "MEM",
        "nats",
        "nats://example.com",
        "http:/example.com",
        "http://",
        "https://user:secret@example.com/",
        "https://example.com/?a=",
        "https://example.com/#a",
        "https://example.com/a b",
        "https://example.com/)",
        'https://example.com/"',
        "https://example.com/\n",
        "https://example.com/\\",
        "https://example.com/ü",
        "https://[::1",
        "https://example.com:port/",
    ],
)
def test_what_is_no_resolver_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="resolver"):
        config(SignedOperator(), resolver=url)


# --- keywords that do not go together -------------------------------------------------------------------------------

SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({"directory": "jwt"}, "directory has no meaning for the memory"),
        ({"allow_delete": True}, "allow_delete has no meaning for the memory"),
        ({"resolver": "https://example.com", "limit": 1}, "limit has no meaning for the url"),
        ({"resolver": "full"}, "the full resolver keeps accounts in a directory"),
        ({"resolver": "cache"}, "the cache resolver keeps accounts in a directory"),
        ({"resolver": "full", "directory": ""}, "a directory has a name"),
        ({"resolver": "full", "directory": "a\nb"}, "control characters"),
        ({"resolver": "full", "directory": "jwt", "ttl": SECOND}, "ttl has no meaning for the full"),
        ({"resolver": "cache", "directory": "jwt", "interval": SECOND}, "interval has no meaning for the cache"),
        ({"resolver": "cache", "directory": "jwt", "allow_delete": True}, "allow_delete has no meaning for the cache"),
        ({"resolver": "full", "directory": "jwt", "limit": 0}, "at least 1, got 0"),
        ({"resolver": "full", "directory": "jwt", "limit": 1 << 63}, "at least 1"),
        ({"resolver": "full", "directory": "jwt", "interval": timedelta(0)}, "interval is at least 0:00:01"),
        ({"resolver": "full", "directory": "jwt", "interval": -SECOND}, "interval is at least 0:00:01"),
        ({"resolver": "full", "directory": "jwt", "timeout": timedelta(0)}, "timeout is at least"),
        ({"resolver": "cache", "directory": "jwt", "ttl": timedelta(days=40_000)}, "at most a hundred years"),
        ({"server_name": "a b"}, "server_name has letters"),
        ({"server_name": ""}, "server_name has letters"),
        ({"cluster": Cluster(name="a b", listen=FREE)}, "the name of a cluster has letters"),
        ({"cluster": Cluster(name="a", listen="6222")}, "the listen of a cluster is"),
        ({"cluster": Cluster(name="a", listen=FREE, routes=("nats://a:1",))}, "a route is"),
        ({"tls": TLS(cert="c", key="k", verify=True)}, "verify=True needs ca"),
        ({"tls": TLS(cert="", key="k")}, "a file has a name"),
        ({"tls": TLS(cert="c", key='k"\nhttp: 8222')}, "control characters"),
    ],
    ids=str,
)
def test_keywords_that_mean_nothing_are_refused(words: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=re.escape(told)):
        config(SignedOperator(), **words)


@pytest.mark.parametrize(
    "words",
    [
        {"resolver": None},
        {"resolver": "full", "directory": b"jwt"},
        {"resolver": "full", "directory": 1},
        {"resolver": "full", "directory": "jwt", "allow_delete": 1},
        {"resolver": "full", "directory": "jwt", "limit": True},
        {"resolver": "full", "directory": "jwt", "limit": "5"},
        {"resolver": "full", "directory": "jwt", "interval": 120},
        {"resolver": "full", "directory": "jwt", "interval": "2m"},
        {"tls": {"cert": "c", "key": "k"}},
        {"tls": TLS(cert="c", key="k", ca="ca", verify=1)},  # type: ignore[arg-type]
        {"cluster": {"name": "a"}},
    ],
    ids=str,
)
def test_values_of_another_type_are_refused(words: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        config(SignedOperator(), **words)


@pytest.mark.parametrize("text", ["127.0.0.1:6222", b"127.0.0.1:6222"], ids=repr)
def test_one_route_in_place_of_several_is_refused(text: Any) -> None:  # noqa: ANN401  # the wrong types
    with pytest.raises(TypeError, match="routes takes several"):
        Cluster(name="town", listen=FREE, routes=text)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (timedelta(seconds=1), "1s"),
        (timedelta(hours=2), "7200s"),
        (timedelta(seconds=1.5), "1500ms"),
        (timedelta(seconds=1, microseconds=1), "1000001us"),
        (timedelta(days=36_500), "3153600000s"),
    ],
    ids=str,
)
def test_a_server_takes_durations_as_they_are_written(value: timedelta, written: str, tmp_path: Path) -> None:
    text = config(SignedOperator(), resolver="full", directory="jwt", interval=value)
    assert f'interval: "{written}"\n' in text
    assert takes(text, tmp_path)


# --- nothing from outside writes settings ----------------------------------------------------------------------------

HOSTILE = ['x"\nhttp: "127.0.0.1:8222"\n# ', "}\n", "# x", "// x", "{", '"', "\\", "$HOME", "include x", "2m", "\x00"]


@pytest.mark.parametrize(
    "words",
    [
        {"resolver": "full", "directory": "jwt", "allow_delete": True},
        {"resolver": "cache", "directory": "jwt"},
        {"resolver": "https://example.com/accounts/"},
    ],
    ids=lambda words: words["resolver"],
)
@given(names=st.lists(st.sampled_from(HOSTILE) | st.text(), min_size=1, max_size=4))
def test_names_change_nothing_but_the_tokens(
    words: dict[str, Any], names: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    # Rule: names never enter configuration text, whatever the resolver; a real server takes it all the same.
    operator = SignedOperator()
    if words["resolver"].startswith("https:"):
        renamed = SignedAccount(operator.signing_key, name=names[0], key=operator.system.key)
        plain = config(operator, **words)
        text = config(operator, system_account=renamed, **words)
        assert text == plain
    else:
        keys = [KeyPair.generate(KeyType.ACCOUNT) for _ in names]
        hostile = [operator.account(name=name, key=key) for name, key in zip(names, keys, strict=True)]
        harmless = [operator.account(key=key) for key in keys]
        text = config(operator, hostile, **words)
        expected = str(config(operator, harmless, **words))
        for bad, good in zip(hostile, harmless, strict=True):
            expected = expected.replace(good.jwt, bad.jwt)
        assert text == expected
    assert text.isascii()
    assert takes(text, tmp_path_factory.mktemp("names"))


@given(name=(st.sampled_from(HOSTILE) | st.text(min_size=1, max_size=40)).filter(lambda name: name not in (".", "..")))
def test_a_directory_is_read_as_it_was_meant_or_refused(name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    # Rule: a path is a quoted string, in which the server reads no variables, comments or settings.
    name = name.replace("/", "|")
    scratch = tmp_path_factory.mktemp("directories")
    try:
        text = config(SignedOperator(), resolver="full", directory=name)
    except ValueError:
        assert any(not character.isprintable() for character in name)
        return
    assert takes(text, scratch)  # the server makes the directory, and nothing else
    assert {entry.name for entry in scratch.iterdir()} == {"server.conf", name}
