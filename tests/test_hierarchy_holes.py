"""Keys and callout: what `check_hierarchy` calls a hole, a real nats-server lets people through."""

import pytest
from hierarchy_cases import pair
from hierarchy_town import Town, export, take
from nats_wire import connect

from natscreds import Account, KeyPair, KeyType
from natscreds.claims import ExternalAuthorization
from natscreds.errors import Problem
from natscreds.testing import NatsServer


def test_a_key_that_signs_for_two_accounts_makes_users_of_both() -> None:
    town = Town()
    shared = KeyPair.generate(KeyType.ACCOUNT)
    accounts = [town.account(name, signing_keys=[shared.public]) for name in ("one", "two")]
    told = [(problem.path, problem.code) for problem in town.problems() if problem.severity == "error"]
    assert told == [
        (f"$[{key}].nats.signing_keys[0]", "signing-key-shared") for key in sorted(one.public for one in accounts)
    ]
    with town.server() as server:
        for account in accounts:
            user = Account.load(account.jwt, [shared]).create_user("u")
            with connect(server.url, user) as wire:
                assert wire.info["remote_account"] == account.public


def test_an_identity_among_the_signing_keys_signs_users_under_a_strict_operator() -> None:
    town = Town(strict=True)
    key = pair()
    town.account("plain", key=(other := pair()))
    listed = town.account("listed", key=key, signing_keys=[key.public])
    told = [problem.path for problem in town.problems() if problem.code == "identity-as-signing-key"]
    assert told == [f"$[{listed.public}].nats.signing_keys[0]"]
    with town.server() as server:
        for account, admitted in zip(town.accounts, (False, True), strict=True):
            identity = key if account is listed else other
            user = Account.load(account.jwt, [identity]).create_user("u", signer=identity)
            with connect(server.url, user) as wire:
                assert wire.ok() is admitted


AUTH = "$SYS.REQ.USER.AUTH"


class Callout:
    """A callout account, and its service's user."""

    def __init__(self, town: Town, **members: object) -> None:
        self.service = KeyPair.generate(KeyType.USER)
        authorization = ExternalAuthorization(auth_users=(self.service.public,))
        self.account = town.account("callout", authorization=authorization, **members)  # type: ignore[arg-type]
        self.service_user = self.account.create_user("service", key=self.service)
        self.town = town

    def problems(self) -> list[Problem]:
        return [problem for problem in self.town.problems() if problem.code.startswith("callout")]

    def hears(self, server: NatsServer, intruder: Account, subject: str) -> bool:
        """Tell whether what *intruder* publishes on *subject* reaches the service as if a server had asked."""
        with (
            connect(server.url, self.service_user) as service,
            connect(server.url, intruder.create_user("intruder")) as wire,
        ):
            service.subscribe(AUTH)
            wire.publish(subject, b"forged")
            return [(where, payload) for where, _, payload in service.messages()] == [(AUTH, b"forged")]


def told(problems: list[Problem]) -> list[tuple[str, str, str]]:
    return [(problem.path, problem.severity, problem.code) for problem in problems]


@pytest.mark.parametrize(
    ("exported", "asked", "mappings"),
    [
        (AUTH, AUTH, {}),
        ("$SYS.REQ.>", AUTH, {}),
        ("*.*.*.AUTH", AUTH, {}),
        (">", AUTH, {}),
        ("help", "help", {"help": [{"subject": AUTH}]}),
        ("help.>", "help.AUTH", {"help.*": [{"subject": "$SYS.REQ.USER.$1"}]}),
        ("help.*", "help.USER", {"help.*": [{"subject": "$SYS.REQ.{{wildcard(1)}}.AUTH"}]}),
        ("help.*", "help.USER-AUTH", {"help.*": [{"subject": "$SYS.REQ.{{split(1,-)}}"}]}),
    ],
    ids=["itself", "tail", "stars", "all", "mapped", "mapped-wildcard", "mapped-call", "mapped-split"],
)
def test_what_leads_to_the_callout_service_lets_others_ask_it(
    exported: str, asked: str, mappings: dict[str, object]
) -> None:
    town = Town()
    callout = Callout(town, exports=[export(exported, "service")], mappings=mappings)
    intruder = town.account("intruder", imports=[take(asked, callout.account, "service")])
    place = f"$[{callout.account.public}].nats.exports[0].subject"
    assert told(callout.problems()) == [(place, "error", "callout-exported")]
    with town.server() as server:
        assert callout.hears(server, intruder, asked)


@pytest.mark.parametrize(
    ("exported", "mappings"),
    [
        ("$SYS.REQ.USER.*.INFO", {}),
        ("help.>", {"other.*": [{"subject": AUTH}]}),
        ("help.*", {"help.*": [{"subject": "help.{{split(1,-)}}"}]}),
        ("help.*", {"help.*": [{"subject": "$SYS.REQ.$1"}]}),
    ],
    ids=["beside", "other-source", "elsewhere", "too-short"],
)
def test_what_does_not_lead_there_is_no_problem(exported: str, mappings: dict[str, object]) -> None:
    callout = Callout(Town(), exports=[export(exported, "service")], mappings=mappings)
    assert callout.problems() == []


def test_an_account_without_callout_may_export_what_it_likes() -> None:
    town = Town()
    town.account(exports=[export(">", "service"), export(">")], imports=[])
    assert not [problem for problem in town.problems() if problem.code.startswith("callout")]


def test_who_imports_the_callout_requests_reads_what_users_show() -> None:
    town = Town()
    callout = Callout(town, exports=[export("$SYS.REQ.USER.*")])
    spy = town.account("spy", imports=[take(AUTH, callout.account)])
    assert told(callout.problems()) == [
        (f"$[{callout.account.public}].nats.exports[0].subject", "error", "callout-exported")
    ]
    with town.server() as server, connect(server.url, spy.create_user("u")) as wire:
        wire.subscribe(AUTH)
        with connect(server.url, callout.account.create_user("guest"), deadline=5, user="guest", **{"pass": "secret"}):
            assert len(wire.wait_messages(1)) == 1


def test_a_stream_into_the_callout_subject_lets_its_exporter_ask_the_service() -> None:
    town = Town()
    intruder = town.account("intruder", exports=[export("news")])
    callout = Callout(town, imports=[take("news", intruder, local_subject=AUTH)])
    assert told(callout.problems()) == [(f"$[{callout.account.public}].nats.imports[0]", "error", "callout-imported")]
    with town.server() as server:
        assert callout.hears(server, intruder, "news")


def test_a_service_behind_the_callout_subject_hears_the_requests() -> None:
    town = Town()
    elsewhere = town.account("elsewhere", exports=[export("ask", "service")])
    callout = Callout(town, imports=[take("ask", elsewhere, "service", local_subject=AUTH)])
    assert told(callout.problems()) == [(f"$[{callout.account.public}].nats.imports[0]", "warning", "callout-leaves")]
    with town.server() as server, connect(server.url, elsewhere.create_user("u")) as wire:
        wire.subscribe("ask")
        with connect(server.url, callout.account.create_user("guest"), deadline=5):
            assert len(wire.wait_messages(1)) == 1
