"""Never run: mypy and basedpyright read it, so that the types a user sees stay what they are."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import assert_type

from nats.aio.client import Client

import natscreds
from natscreds import Account, Creds, KeyPair, KeyType, Operator, PublicKey, Role, Signer, User, UserTemplate
from natscreds.bulk import Users
from natscreds.chain import Chain
from natscreds.claims import AccountClaims, Claims, OperatorClaims, UserClaims
from natscreds.creds import NatsPyArguments
from natscreds.errors import Problem
from natscreds.server import Outcome, Report, SyncReport
from natscreds.tokens import Token, UnverifiedToken


class RemoteSigner:
    """A key that lives elsewhere."""

    @property
    def public(self) -> PublicKey:
        """The public nkey."""
        return PublicKey("O")

    def sign(self, data: bytes, /) -> bytes:
        """Sign elsewhere."""
        return data[:64]


def keys() -> None:
    """Keys."""
    pair = KeyPair.generate(KeyType.USER)
    assert_type(pair.public, PublicKey)
    assert_type(pair.seed, str)
    assert_type(pair.sign(b"nonce"), bytes)
    assert_type(KeyPair.parse(bytearray(b"SU")), KeyPair)
    signer: Signer = pair
    remote: Signer = RemoteSigner()
    print(signer.public, remote.public)
    assert_type(natscreds.creds.read_seed("op.nk", KeyType.OPERATOR), KeyPair)


def chain() -> None:
    """The chain."""
    operator = Operator.create("acme", issued_at=datetime.now(UTC))
    assert_type(operator, Operator)
    orders = operator.create_account("orders", jetstream=True, limits={"conn": 500})
    assert_type(orders, Account)
    user = orders.create_user("svc-1", publish=["orders.>"], subscribe=("a",), expires_in=timedelta(hours=8))
    assert_type(user, User)
    assert_type(user.creds, Creds)
    assert_type(user.creds.nats_py(), NatsPyArguments)
    assert_type(orders.roles, Mapping[str, Role])
    assert_type(orders.problems, tuple[Problem, ...])
    assert_type(operator.claims, OperatorClaims)
    assert_type(orders.claims.replace(limits={"conn": 500}), AccountClaims)
    assert_type(user.claims, UserClaims)
    assert_type(operator.revoke(orders, user), Account)
    assert_type(operator.signing_keys, tuple[Signer, ...])
    operator = Operator.load(operator.jwt, keys=["SO", RemoteSigner()])
    assert_type(natscreds.verify_chain(operator=operator, account=orders.jwt, user=user, now=1), Chain)


def bulk() -> None:
    """Many users."""
    orders = Operator.create("acme").create_account("orders")
    users = natscreds.issue_users(orders, ["a"], UserTemplate(publish=["{name}.>"]))
    assert_type(users, Users)
    assert_type(next(users), User)
    natscreds.issue_users(orders, [{"name": "a", "site": "b"}], UserTemplate(publish=["{site}.>"], fields=["site"]))
    natscreds.writers.write_directory(users, "out")


def trust() -> None:
    """Tokens."""
    assert_type(natscreds.tokens.parse("a.b.c"), UnverifiedToken[Claims])
    assert_type(natscreds.tokens.parse("a.b.c", UserClaims), UnverifiedToken[UserClaims])
    assert_type(natscreds.tokens.verify("a.b.c", UserClaims), Token[UserClaims])
    assert_type(natscreds.tokens.verify("a.b.c", UserClaims).claims.nats.issuer_account, str)
    assert_type(natscreds.server.config("o", ["a"]), natscreds.server.Configuration)
    assert_type(natscreds.server.fragment("o", ["a"]).problems, tuple[Problem, ...])
    allowed = {KeyPair.generate(KeyType.USER).public: UserTemplate(publish=["a"])}
    assert_type(natscreds.server.static_config(allowed), natscreds.server.Configuration)
    report = natscreds.server.write_resolver_directory(["a"], "jwt", operator="o", allow={"rollback"})
    assert_type(report.written, tuple[PublicKey, ...])
    for found in natscreds.server.read_resolver_directory("jwt"):
        assert_type(found.claims, AccountClaims | None)
    assert_type(natscreds.server.system_user(Operator.create("acme")), User)
    operator = Operator.create("acme")
    assert_type(natscreds.check_hierarchy(operator, ["a", operator.create_account("b")], now=1), list[Problem])
    assert_type(natscreds.diagram("o", iter([operator.create_account("b")])), str)


async def servers(connection: Client) -> None:
    """Servers that take accounts."""
    operator = Operator.create("acme")
    client = natscreds.server.ResolverClient(connection, operator, servers=3)
    assert_type(await client.push(["a", operator.create_account("b")], allow=["unrevoke"]), Report)
    assert_type((await client.list()).accounts, tuple[PublicKey, ...])
    assert_type((await client.lookup("A")).jwt, str | None)
    assert_type((await client.pull()).tokens, Mapping[PublicKey, str])
    report = await client.sync(["a"], prune="disable")
    assert_type(report, SyncReport)
    assert_type(report.outcomes["A"].answers[0].text, str)
    assert_type(await client.disable(["A"]), Report)
    assert_type(await client.delete(["A"]), Report)
    with natscreds.server.connect("nats://127.0.0.1", natscreds.server.system_user(operator), operator) as blocking:
        assert_type(blocking.push(["a"]), Report)
        assert_type(blocking.sync(["a"], prune="delete").pruned, Mapping[str, Outcome])
