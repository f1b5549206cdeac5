"""Sync, pull, list and lookup against a real server: what differs is sent, the rest is left alone."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from resolver_cluster import ask, connection
from resolver_place import Place, a_place, codes, root

from natscreds import KeyPair, KeyType, Operator, tokens
from natscreds.claims import AccountClaims
from natscreds.errors import InvalidClaimsError, MissingKeyError
from natscreds.server import Report, ResolverClient

UPDATE = "$SYS.REQ.CLAIMS.UPDATE"


@pytest.fixture
def place() -> Iterator[Place]:
    with a_place(allow_delete=True) as found:
        yield found


class Recorded:
    """A connection that notes what is published."""

    def __init__(self, client: Any) -> None:  # noqa: ANN401  # nats-py's
        self._client = client
        self.published: list[tuple[str, bytes, dict[str, object]]] = []

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._client, name)

    async def publish(self, subject: str, payload: bytes = b"", reply: str = "", **more: object) -> None:
        self.published.append((subject, payload, more))
        await self._client.publish(subject, payload, reply=reply, **more)


def watched_sync(place: Place, accounts: list[Any], **keywords: Any) -> tuple[Report, list[tuple[str, bytes, Any]]]:  # noqa: ANN401
    """Sync, and return what went over the wire too."""

    async def talk() -> tuple[Report, list[tuple[str, bytes, Any]]]:
        async with connection(place.node.url, place.user) as client:
            recorded = Recorded(client)
            report = await ResolverClient(recorded, place.operator, servers=1).sync(accounts, **keywords)
            return report, recorded.published

    return asyncio.run(talk())


def updates(published: list[tuple[str, bytes, Any]]) -> set[str]:
    return {payload.decode() for subject, payload, _ in published if subject == UPDATE}


def test_a_sync_sends_only_what_differs_and_the_second_nothing(place: Place) -> None:
    operator = place.operator
    accounts = [operator.create_account(f"a{number}") for number in range(5)]
    report, published = watched_sync(place, accounts)
    assert report.done == tuple(account.public for account in accounts)
    assert updates(published) == {account.jwt for account in accounts}

    report, published = watched_sync(place, accounts)
    assert report.unchanged == tuple(account.public for account in accounts)
    assert report.ok
    assert updates(published) == set()

    accounts[2] = operator.reissue(accounts[2])
    report, published = watched_sync(place, accounts)
    assert (report.done, len(report.unchanged)) == ((accounts[2].public,), 4)
    assert updates(published) == {accounts[2].jwt}
    assert report.outcomes[accounts[2].public].held == (accounts[2].claims.iat - 1,)


def test_nothing_that_is_published_has_headers(place: Place) -> None:
    """On an account's own subject servers take headers for a part of the token."""
    orders = place.operator.create_account("orders")
    _, published = watched_sync(place, [orders], prune="disable")
    assert {subject.rpartition(".")[2] for subject, _, _ in published} == {"IDZ", "LOOKUP", "UPDATE", "LIST"}
    assert all(more == {} for _, _, more in published)
    own = f"$SYS.REQ.ACCOUNT.{orders.public}.CLAIMS.UPDATE"
    told = ask(place.node.url, root(place.operator), own, orders.jwt.encode(), headers={"Trace": "1"})
    assert b"expected 3 chunks" in told.data
    assert b'"code":200' in ask(place.node.url, root(place.operator), own, orders.jwt.encode()).data


def test_the_rules_of_a_push_hold_for_a_sync(place: Place) -> None:
    operator = place.operator
    old, foreign = operator.create_account("old"), Operator.create("stranger").create_account("x")
    dropped = operator.create_account("dropped")
    revoked = operator.revoke(dropped, "*")
    assert place.client.push([operator.reissue(old), revoked]).ok
    dropped = operator.reissue(revoked, revoked.claims.unrevoke("*"))
    report = place.client.sync([old, foreign, dropped])
    assert codes(report) == {old.public: "rollback", foreign.public: "untrusted", dropped.public: "unrevoke"}
    assert place.client.sync([dropped], allow=["unrevoke"]).ok


@pytest.mark.parametrize("prune", ["disable", "delete"])
def test_what_nobody_named_is_taken_away_only_when_that_is_asked_for(place: Place, prune: Any) -> None:  # noqa: ANN401
    operator = place.operator
    assert operator.system_account is not None
    kept, extra = operator.create_account("kept"), operator.create_account("extra")
    user = extra.create_user("u", publish=["a"])
    assert place.client.push([kept, extra]).ok
    report = place.client.sync([kept])
    assert report.pruned == {}
    with place.enter(user) as wire:
        assert wire.ok()
        report = place.client.sync([kept], prune=prune)
        assert wire.wait_closed(deadline=5)
    assert report.ok
    assert report.unchanged == (kept.public,)
    assert {key: outcome.state for key, outcome in report.pruned.items()} == {extra.public: "done"}
    assert place.client.lookup(operator.system_account).jwt == operator.system_account.jwt
    assert place.client.lookup(kept).jwt == kept.jwt
    assert not place.admits(user)
    assert (extra.public in place.client.list().accounts) is (prune == "disable")
    report = place.client.sync([kept], prune=prune)
    assert [outcome.state for outcome in report.pruned.values()] == (["unchanged"] if prune == "disable" else [])


def test_pruning_by_disabling_leaves_another_operators_account_and_says_so(place: Place) -> None:
    foreign = Operator.create("stranger").create_account("foreign")
    ask(place.node.url, root(place.operator), UPDATE, foreign.jwt.encode())
    report = place.client.sync([place.operator.create_account("kept")], prune="disable")
    assert not report.ok
    assert report.pruned[foreign.public].code == "foreign"
    assert "pruned: " in str(report)


def test_pruning_is_named_in_full_and_never_takes_everything(place: Place) -> None:
    kept = place.operator.create_account("kept")
    for wrong in (True, "all", "Disable"):
        with pytest.raises(ValueError, match='"disable", "delete" or None'):
            place.client.sync([kept], prune=wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="that would be all"):
        place.client.sync([], prune="disable")


def test_pruning_must_know_the_system_account_and_have_a_key(place: Place) -> None:
    nameless = Operator.create("acme", system_account=False)
    client = ResolverClient(object(), nameless)  # type: ignore[arg-type]
    with pytest.raises(InvalidClaimsError, match="the operator names none"):
        asyncio.run(client.sync([nameless.create_account("x")], prune="disable"))
    client = ResolverClient(object(), place.operator.jwt)  # type: ignore[arg-type]
    with pytest.raises(MissingKeyError):
        asyncio.run(client.sync([place.operator.create_account("x")], prune="delete"))


def test_pull_gives_all_that_the_operator_stands_behind(place: Place) -> None:
    operator = place.operator
    assert operator.system_account is not None
    accounts = [operator.create_account(f"a{number}") for number in range(20)]
    foreign = Operator.create("stranger").create_account("foreign")
    assert place.client.push(accounts).ok
    ask(place.node.url, root(operator), UPDATE, foreign.jwt.encode())
    report = place.client.pull()
    assert report.complete
    assert report.tokens == {account.public: account.jwt for account in [*accounts, operator.system_account]}
    assert list(report.rejected) == [foreign.public]


def test_files_that_somebody_put_there_do_no_harm() -> None:
    operator = Operator.create("acme")
    stray, misnamed = operator.create_account("stray"), KeyPair.generate(KeyType.ACCOUNT).public
    with a_place(operator) as place:
        place.node.stop()
        for name, text in (("junk", "rubbish"), (misnamed, stray.jwt), (stray.public, stray.jwt)):
            (place.node.jwt_directory / f"{name}.jwt").write_text(text)
        place.node.start()
        with place.another_client() as client:
            listing = client.list()
            assert listing.odd == ("junk",)
            assert {stray.public, misnamed} <= set(listing.accounts)
            report = client.pull()
            assert report.tokens[stray.public] == stray.jwt
            assert set(report.rejected) == {"junk", misnamed}
            assert client.lookup(misnamed).jwt is None


def test_a_file_put_there_while_the_server_runs_is_seen_before_it_is_written_over(place: Place) -> None:
    """A list leaves it out."""
    operator = place.operator
    old = operator.create_account("orders")
    newer = operator.revoke(old, "*")
    (place.node.jwt_directory / f"{old.public}.jwt").write_text(newer.jwt)
    assert old.public not in place.client.list().accounts
    assert codes(place.client.push([old])) == {old.public: "rollback"}


def test_lookup_tells_what_each_server_has(place: Place) -> None:
    orders = place.operator.create_account("orders")
    report = place.client.lookup(orders.public)
    assert (report.account, report.jwt, report.found, report.answers, report.empty) == (orders.public, None, (), 1, 1)
    assert place.client.push([orders]).ok
    report = place.client.lookup(orders.jwt)
    assert (report.jwt, report.found, report.answers, report.empty) == (orders.jwt, (orders.jwt,), 1, 0)
    assert report.agreed


def test_list_names_the_accounts_of_each_server(place: Place) -> None:
    assert place.operator.system_account is not None
    orders = place.operator.create_account("orders")
    assert place.client.push([orders]).ok
    listing = place.client.list()
    assert listing.accounts == tuple(sorted([orders.public, place.operator.system_account.public]))
    [(server, keys)] = listing.by_server.items()
    assert (server.name, keys) == ("n1", frozenset(listing.accounts))
    assert listing.lacking(orders.public) == ()
    assert listing.lacking(place.operator.create_account("x").public) == (server,)


def test_an_expired_account_is_no_reason_to_refuse_another_token_of_it(place: Place) -> None:
    operator = place.operator
    orders = operator.create_account("orders")
    now = orders.claims.iat
    ended = tokens.sign(orders.claims.replace(exp=now - 5), operator.signers[0], issued_at=now - 10)
    ask(place.node.url, root(operator), UPDATE, ended.encode())
    assert tokens.parse(ended, AccountClaims).claims.sub == orders.public
    assert place.client.sync([orders]).ok
