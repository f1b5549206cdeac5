"""Never run: mypy and basedpyright read it, so that the types a user sees stay what they are."""

from collections.abc import Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import assert_type

from nats.aio.client import Client

import natscreds
from natscreds import (
    Account,
    AccountTemplate,
    Creds,
    KeyPair,
    KeyType,
    Operator,
    PublicKey,
    Role,
    Signer,
    User,
    UserTemplate,
)
from natscreds.access import Access, Decision, Imported, Matrix, Session, Subscription
from natscreds.bulk import Accounts, Chunk, Plan, Users
from natscreds.chain import Chain
from natscreds.claims import AccountClaims, Claims, OperatorClaims, Permissions, UserClaims
from natscreds.creds import NatsPyArguments
from natscreds.errors import Problem
from natscreds.nsc import Imported as ImportedFiles
from natscreds.nsc import Places, Selection, Store, Written
from natscreds.server import Outcome, Report, SyncReport
from natscreds.testing import NatsCluster, NatsServer, TrustChain, assert_can_publish, assert_cannot_receive
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
    executor: Executor = ThreadPoolExecutor()
    secret = natscreds.bulk.new_secret()
    more = natscreds.issue_users(
        orders, iter(["a"]), UserTemplate(), executor=executor, derive_from=secret, generations={"a": 1}, ordered=False
    )
    assert_type(more.skip(["a"]), Users)
    natscreds.issue_users(orders, ["a"], UserTemplate(), signer=RemoteSigner(), workers=None)
    natscreds.issue_users(orders, ["a"], UserTemplate(), signer=RemoteSigner, workers=2)
    chunks = natscreds.bulk.plan(orders, ["a"], UserTemplate(), chunk_size=10)
    assert_type(chunks, Plan)
    assert_type(next(chunks), Chunk)
    assert_type(natscreds.bulk.run(next(iter(chunks))), list[tuple[str, ...]])
    assert_type(chunks.users([]), list[User])
    accounts = natscreds.issue_accounts(Operator.create("acme"), ["a"], AccountTemplate(jetstream=True), workers=2)
    assert_type(accounts, Accounts)
    assert_type(next(accounts), Account)


def nsc() -> None:
    """The stores of nsc."""
    store = Store("nsc", timeout=timedelta(seconds=1))
    operator = store.operator("acme")
    assert_type(operator, Operator)
    assert_type(store.account("orders", operator=operator), Account)
    assert_type(store.accounts(operator.jwt), Iterator[Account])
    assert_type(store.user("svc-1", account="orders"), User)
    assert_type(store.users("orders"), Iterator[User])
    assert_type(store.creds("svc-1", account="orders"), Creds)
    assert_type(store.user_names("orders"), tuple[str, ...])
    assert_type(store.key("U"), KeyPair | None)
    assert_type(store.problems(), list[Problem])
    assert_type(store.places, Places)
    assert_type(store.selection, Selection)
    with store.lock("acme"):
        store.write_operator(operator)
        assert_type(store.write_accounts(store.accounts()), Written)
        assert_type(store.write_users(iter(store.users("orders")), account="orders", fsync=True), Written)
    assert_type(store.import_operator(b"eyJ", ["SO"]), Operator)
    assert_type(store.import_keys("keys"), ImportedFiles)
    assert_type(store.import_creds("creds", account="orders"), ImportedFiles)


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


def access() -> None:
    """What a server would allow."""
    rules = Access(operator="o", account="a", user="u", accounts=["b"])
    assert_type(rules.connect(now=1, connection_type="STANDARD", address="10.0.0.7"), Decision)
    assert_type(rules.publish("a", "b"), Decision)
    assert_type(rules.subscribe("a", queue="q"), Decision)
    assert_type(rules.publish("a").reason.entry, str | None)
    assert_type(rules.publish("a").verdict, bool | None)
    assert_type(rules.permissions, Permissions | None)
    assert_type(rules.imports(now=1), tuple[Imported, ...])
    assert_type(rules.session(), Session)
    assert_type(rules.session().deliver("a", "b", at=1.5), tuple[Subscription, ...])
    assert_type(natscreds.access.matrix({"u": rules}, ["a"]), Matrix)


def testing(rules: Access, session: Session) -> None:
    """Tests of set-ups."""
    made = TrustChain.throwaway(seed=1, issued_at=1)
    assert_type(made.operator, Operator)
    assert_type(made.accounts, Mapping[str, Account])
    assert_type(made.users["orders"], Mapping[str, User])
    made.operator.create_account("late", issued_at=made.issued_at, entropy=made.entropy("late"))
    with NatsServer(made.operator, made.accounts.values(), resolver="full") as server:
        assert_type(server.url, str)
        server.update(made.accounts["orders"])
        server.reload(extra="")
    with NatsCluster(made.operator, ["a"], size=2) as cluster:
        assert_type(cluster.servers, tuple[NatsServer, ...])
        assert_type(cluster.urls, list[str])
    assert_can_publish(rules, "a", reply="b")
    assert_cannot_receive(session, "a", because="denied")


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
