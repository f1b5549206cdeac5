"""Servers without tokens: what `static_config` writes, tried on a real nats-server."""

import ssl
from datetime import timedelta
from pathlib import Path
from typing import Any

import property_profiles  # noqa: F401
import pytest
from configured_server import FREE, server_of
from hypothesis import given
from hypothesis import strategies as st
from nats_wire import Wire, connect, connect_nkey
from throwaway_certificates import Authority

from natscreds import KeyPair, KeyType, Operator, UserTemplate
from natscreds.errors import InvalidClaimsError, NkeyError, WrongKeyTypeError
from natscreds.server import TLS, Cluster, static_config
from natscreds.testing import NatsServer

EVERYTHING = UserTemplate(publish=[">"], subscribe=[">"])


def user() -> KeyPair:
    return KeyPair.generate(KeyType.USER)


def may(client: Wire, verb: str, *subjects: str) -> list[bool]:
    """Whether the client may do so on each of the subjects."""
    return [getattr(client, verb)(subject) is None for subject in subjects]


def test_a_static_configuration_reads_like_this() -> None:
    first, second = sorted((user().public, user().public))
    template = UserTemplate(
        publish=["orders.{public}"], subscribe=["orders.* workers"], deny_subscribe=["orders.x"], allow_responses=1
    )
    assert static_config({second: UserTemplate(), first: template}, listen="127.0.0.1:4223") == (
        'listen: "127.0.0.1:4223"\n'
        "authorization: {\n"
        "  users: [\n"
        "    {\n"
        f'      nkey: "{first}"\n'
        "      permissions: {\n"
        "        publish: {\n"
        f'          allow: ["orders.{first}"]\n'
        "        }\n"
        "        subscribe: {\n"
        '          allow: ["orders.* workers"]\n'
        '          deny: ["orders.x"]\n'
        "        }\n"
        "        allow_responses: {\n"
        "          max: 1\n"
        "        }\n"
        "      }\n"
        "    }\n"
        "    {\n"
        f'      nkey: "{second}"\n'
        "    }\n"
        "  ]\n"
        "}\n"
    )


def test_a_server_lets_in_the_keys_it_was_given_and_no_others() -> None:
    known = [user(), user()]
    with server_of(static_config(dict.fromkeys((key.public for key in known), EVERYTHING), listen=FREE)) as server:
        for key, enters in (known[0], True), (known[1], True), (user(), False):
            with connect_nkey(server.url, key) as client:
                assert client.ok() is enters
                assert client.error == ("" if enters else "Authorization Violation")


NOTHING = [False, False, False]


@pytest.mark.parametrize(
    ("words", "publishing", "subscribing"),
    [
        ({}, [True] * 3, [True] * 3),
        ({"publish": ["a"]}, [True, False, False], NOTHING),
        ({"subscribe": ["a", "b"]}, NOTHING, [True, True, False]),
        ({"publish": []}, NOTHING, NOTHING),
        ({"subscribe": []}, NOTHING, NOTHING),
        ({"publish": [], "subscribe": [">"]}, NOTHING, [True] * 3),
        ({"publish": [">"], "subscribe": [], "deny_publish": ["b"]}, [True, False, True], NOTHING),
        ({"deny_subscribe": ["a"]}, [True] * 3, [False, True, True]),
        ({"private_inbox": True}, NOTHING, NOTHING),
        ({"publish": ["$JS.API.>", "b"], "subscribe": ["a"]}, [False, True, True], [True, False, False]),
    ],
    ids=str,
)
def test_permissions_hold(words: dict[str, Any], publishing: list[bool], subscribing: list[bool]) -> None:
    key = user()
    text = static_config({key.public: UserTemplate(**words)}, listen=FREE)
    with server_of(text) as server, connect_nkey(server.url, key) as client:
        assert client.ok()
        assert may(client, "publish", "a", "b", "$JS.API.x") == publishing
        assert may(client, "subscribe", "a", "b", "$JS.API.x") == subscribing


def test_the_tokens_of_users_say_the_same() -> None:
    # An account's user with the same keywords may do the same, so one page tells of both.
    words: dict[str, Any] = {"publish": ["a"], "subscribe": ["c queue"], "deny_subscribe": ["b"], "private_inbox": True}
    operator = Operator.create("acme")
    account = operator.create_account("orders")
    issued = account.create_user("svc", **words)
    key = user()
    static = server_of(static_config({key.public: UserTemplate(**words)}, listen=FREE))
    with NatsServer(operator, [account]) as server, connect(server.url, issued) as client:
        subjects = ["a", "b", "c", "c queue", ">", f"_INBOX.{issued.public}.x"]
        by_token = [may(client, verb, *(s.split()[0] for s in subjects)) for verb in ("publish", "subscribe")]
        by_token.append([client.subscribe("c", "queue") is None, client.subscribe("c", "other") is None])
    with static, connect_nkey(static.url, key) as client:
        subjects[-1] = f"_INBOX.{key.public}.x"
        in_file = [may(client, verb, *(s.split()[0] for s in subjects)) for verb in ("publish", "subscribe")]
        in_file.append([client.subscribe("c", "queue") is None, client.subscribe("c", "other") is None])
    assert in_file == by_token
    assert in_file[2] == [True, False]


@pytest.mark.parametrize(
    ("count", "ttl", "answered"),
    [(1, None, [True, False]), (-1, None, [True, True]), (2, timedelta(minutes=1), [True, True]), (-1, -1, [True] * 2)],
)
def test_answers_are_allowed_as_often_as_said(count: int, ttl: timedelta | int | None, answered: list[bool]) -> None:
    asks, serves = user(), user()
    text = static_config(
        {
            asks.public: EVERYTHING,
            serves.public: UserTemplate(subscribe=["svc"], allow_responses=count, response_ttl=ttl),
        },
        listen=FREE,
    )
    with (
        server_of(text) as server,
        connect_nkey(server.url, serves) as worker,
        connect_nkey(server.url, asks) as client,
    ):
        worker.subscribe("svc")
        assert may(worker, "publish", "reply") == [False]
        client.publish("svc", reply="reply")
        assert len(worker.wait_messages(1)) == 1
        assert may(worker, "publish", "reply", "reply") == answered


def test_connection_types_and_proxies_hold() -> None:
    plain, web, proxied = user(), user(), user()
    users = {
        plain.public: UserTemplate(publish=["a"], connection_types=["STANDARD"]),
        web.public: UserTemplate(publish=["a"], connection_types=["WEBSOCKET"]),
        proxied.public: UserTemplate(publish=["a"], proxy_required=True),
    }
    with server_of(static_config(users, listen=FREE)) as server:
        for key, enters in (plain, True), (web, False), (proxied, False):
            with connect_nkey(server.url, key) as client:
                assert client.ok() is enters


def test_tls_jetstream_names_and_clusters_stand_beside_static_users(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    cert, key_file = authority.certify("server")
    key = user()
    text = static_config(
        {key.public: EVERYTHING},
        listen=FREE,
        server_name="static-1",
        jetstream=tmp_path / "js",
        tls=TLS(cert=cert, key=key_file),
    )
    with server_of(text) as server:
        context = ssl.create_default_context(cafile=str(authority.ca))
        with Wire(server.url, "", key.seed, deadline=5.0, tls=context, nkey=key.public) as client:
            assert client.ok()
            assert client.info["server_name"] == "static-1"
            assert client.info["jetstream"]
    cluster = Cluster(name="town", listen=FREE)
    with server_of(static_config({key.public: EVERYTHING}, listen=FREE, cluster=cluster)) as server:
        assert "Listening for route connections" in server.log


# --- what is refused -------------------------------------------------------------------------------------------------


def test_without_users_a_server_lets_everybody_in_so_none_is_refused() -> None:
    with pytest.raises(InvalidClaimsError, match="no-users"):
        static_config({})
    with server_of(f'listen: "{FREE}"\nauthorization: {{ users: [] }}\n') as server:
        client = Wire(server.url, "", None, deadline=5.0, tls=None)
        with client:
            assert client.ok()
            assert client.publish("a") is None


def test_an_empty_allow_list_would_open_everything_and_is_never_written() -> None:
    key = user()
    words: Any
    for words in ({"publish": []}, {"subscribe": []}, {"publish": [], "subscribe": []}, {"private_inbox": True}):
        assert "[]" not in static_config({key.public: UserTemplate(**words)})
    by_hand = f'listen: "{FREE}"\nauthorization: {{users: [{{nkey: {key.public}, permissions: {{publish: []}}}}]}}\n'
    with server_of(by_hand) as server, connect_nkey(server.url, key) as client:
        assert may(client, "publish", "a") == [True]


@pytest.mark.parametrize(
    "words",
    [
        {"sources": ["10.0.0.0/8"]},
        {"times": [("08:00:00", "17:00:00")]},
        {"max_subscriptions": 5},
        {"max_payload": 5},
        {"max_data": 5},
        {"tags": ["a:b"]},
        {"expires_in": timedelta(hours=1)},
        {"expires_at": 1_900_000_000},
        {"not_before": 1_900_000_000},
        {"bearer": True, "expires_in": timedelta(hours=1)},
    ],
    ids=lambda words: next(iter(words)),
)
def test_what_a_configuration_cannot_say_is_refused(words: dict[str, Any]) -> None:
    with pytest.raises(InvalidClaimsError, match=next(iter(words))) as caught:
        static_config({user().public: UserTemplate(publish=["a"], **words)})
    assert caught.value.problems[0].code == "not-in-configuration"


def test_roles_and_names_are_refused() -> None:
    with pytest.raises(InvalidClaimsError, match="no role"):
        static_config({user().public: UserTemplate(role="device")})
    with pytest.raises(InvalidClaimsError, match="have no name"):
        static_config({user().public: UserTemplate(publish=["a.{name}"])})


def test_what_are_no_users_is_refused() -> None:
    users: Any
    for users in ("U", [user().public], None):
        with pytest.raises(TypeError, match="users are a mapping"):
            static_config(users)
    users = {user().public: {"publish": ["a"]}}
    with pytest.raises(TypeError, match="UserTemplate each"):
        static_config(users)
    with pytest.raises(WrongKeyTypeError):
        static_config({KeyPair.generate(KeyType.ACCOUNT).public: EVERYTHING})
    for key in ("", "U", user().seed):
        with pytest.raises((NkeyError, WrongKeyTypeError)) as caught:
            static_config({key: EVERYTHING})
        assert not key.startswith("SU") or key not in str(caught.value)


def test_warnings_are_those_of_users_with_tokens() -> None:
    key = user()
    for words, code in (
        ({}, "user-unrestricted"),
        ({"deny_publish": ["a"]}, "deny-only"),
        ({"subscribe": ["_INBOX.>"]}, "shared-inbox"),
        ({"subscribe": ["a.*"]}, "allow-ends-in-star"),
    ):
        [problem] = static_config({key.public: UserTemplate(**words)}).problems  # type: ignore[arg-type]
        assert (problem.code, problem.severity) == (code, "warning")
        assert problem.path.startswith(f"users.{key.public}")
    assert static_config({key.public: EVERYTHING}).problems == ()
    assert [problem.code for problem in static_config({key.public: UserTemplate()}, listen="0.0.0.0:1").problems] == [
        "listen-without-tls",
        "user-unrestricted",
    ]


# --- nothing from outside writes settings ----------------------------------------------------------------------------

HOSTILE = ['x"];http:8222#', "#x", "//x", "$HOME", "\\", "\\x41", '"', "a'b", "(", "2m", "include", "ü€😀", "%s"]
TOKENS = st.sampled_from(HOSTILE) | st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1)


def test_odd_subjects_are_read_as_they_were_meant() -> None:
    key = user()
    text = static_config({key.public: UserTemplate(publish=HOSTILE, subscribe=[])}, listen=FREE)
    with server_of(text) as server, connect_nkey(server.url, key) as client:
        assert may(client, "publish", *HOSTILE) == [True] * len(HOSTILE)
        assert not any(may(client, "publish", *(f"{entry}x" for entry in HOSTILE)))


@given(entry=st.lists(TOKENS, min_size=1, max_size=3).map(".".join))
def test_a_subject_is_read_as_it_was_meant_or_refused(entry: str) -> None:
    # Rule: what stands in a list is a quoted string; a server lets publish on that subject, and on nothing else.
    key = user()
    try:
        template = UserTemplate(publish=[entry], subscribe=[])
    except InvalidClaimsError:
        return
    text = static_config({key.public: template}, listen=FREE)
    with server_of(text) as server, connect_nkey(server.url, key) as client:
        assert client.ok()
        if {"*", ">"}.isdisjoint(entry.split(".")):
            assert may(client, "publish", entry, "other", f"{entry}x") == [True, False, False]


def test_a_subject_with_a_control_character_is_refused() -> None:
    with pytest.raises(ValueError, match="no control characters"):
        static_config({user().public: UserTemplate(publish=["a\x01"])})
