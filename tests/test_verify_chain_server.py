"""The claims' own rules at a server's door: for each rule of users and accounts, `verify_chain` says as a server does.

The rules are those of `test_rules_…`: what breaks one, and its neighbour that does not. What a server says of tokens in
general (signers, times, revocations, tampering) is asked in `test_server_agrees.py`.
"""

import time
from collections.abc import Iterator
from typing import NamedTuple, TypeVar

import msgspec
import pytest
from nats_wire import connect
from rule_cases import NOW, UNLIMITED, Asked, Rule, key, keypair
from server_says import Presented, reason
from test_rules_account import RULES as OF_ACCOUNTS
from test_rules_exchange import RULES as OF_EXCHANGE
from test_rules_mappings import RULES as OF_MAPPINGS
from test_rules_user import RULES as OF_USERS
from test_rules_user import host

from natscreds import KeyPair, Operator, tokens, verify_chain
from natscreds.claims import BEYOND_REFERENCE, AccountClaims, Claims, UserClaims, encode
from natscreds.envelope import seal_token
from natscreds.errors import ExpiredError, InvalidClaimsError, NatsCredsError
from natscreds.nkeys import KeyType, Signer
from natscreds.testing import NatsServer

STARTED = int(time.time())
FAR = 500
"""Seconds: far enough from now for any clock."""

AFTERWARDS = ("maximum subscriptions exceeded", "User Authentication Expired")
"""What a server says to who was admitted, and is thrown out again."""

NOT_OF_TOKENS = (
    "Bad src Ip",
    "Outside connect times",
    "Connection type not allowed",
    "maximum account active connections exceeded",
)
"""Reasons that lie in the connection: where from, when, how, which one too many."""

STRICTER = {"expires-negative", "key-unsound"}
"""Rules that `verify_chain` asks of and servers do not."""

NOT_SENT = {"connect-line", "token-too-large"}
"""Rules about tokens that do not reach a server."""


ClaimsT = TypeVar("ClaimsT", bound=Claims)


class Visit(NamedTuple):
    """An account and a user of it, signed."""

    account: str
    user: Presented


class Doors:
    """Servers of one operator, each with accounts that it was started with."""

    def __init__(self) -> None:
        self.operator = Operator.create("acme")
        self._servers: dict[str, NatsServer] = {}

    def open(self, *accounts: str) -> None:
        """Start a server that knows *accounts*, sound or not."""
        assert self.operator.system_account is not None
        known = [*accounts, self.operator.system_account.jwt]
        preload = "".join(f'  "{tokens.parse(jwt).claims.sub}": "{jwt}"\n' for jwt in known)
        server = NatsServer(self.operator, debug=True, extra=f"resolver_preload: {{\n{preload}}}\n").start()
        self._servers |= dict.fromkeys(accounts, server)

    def close(self) -> None:
        for server in {id(server): server for server in self._servers.values()}.values():
            server.stop()

    def url(self, visit: Visit) -> str:
        return self._servers[visit.account].url

    def admits(self, visit: Visit) -> tuple[bool, str]:
        """Return whether a server admits *visit* as far as tokens go, and its words."""
        if visit.account not in self._servers:
            self.open(visit.account)
        server = self._servers[visit.account]
        with connect(server.url, visit.user) as wire:
            if wire.ok() or wire.error in AFTERWARDS:
                return True, wire.error
            words = reason(server, wire)
        return any(outside in words for outside in NOT_OF_TOKENS), words

    def agree(self, visit: Visit) -> bool:
        """Tell whether a server admits *visit*, after making sure that `verify_chain` does too, or neither."""
        told = ""
        try:
            verify_chain(operator=self.operator, account=visit.account, user=visit.user.jwt)
        except NatsCredsError as error:
            told = f"{type(error).__name__}: {error}"
        admitted, words = self.admits(visit)
        assert admitted is not bool(told), (words, told)
        return admitted

    def signed(self, claims: Claims, signer: Signer | None = None) -> str:
        """Sign claims whatever they say; what cannot even be said is written as it stands."""
        signer = signer or self.operator.signers[0]
        claims = present(claims)
        try:
            return tokens.sign(claims, signer, issued_at=STARTED, check=False)
        except InvalidClaimsError:
            kind = {"type": claims.kind, "version": 2}
            return seal_token(encode(claims.replace(iss=signer.public, iat=STARTED, **kind)), signer)

    def user(self, claims: UserClaims, *, identity: KeyPair | None = None) -> Presented:
        """Sign a user by the account key that it names as issuer, by the account's identity if it names none."""
        keys = {key(KeyType.ACCOUNT, number): keypair(KeyType.ACCOUNT, number) for number in (1, 2, 3, 9)}
        signer = keys[claims.iss] if claims.iss else identity or keypair(KeyType.ACCOUNT)
        return Presented(self.signed(claims, signer), None if claims.nats.bearer_token else keypair(KeyType.USER).seed)

    def of_user(self, asked: Asked) -> Visit:
        """Return a user's case at a server: in its own account, or in one with keys for all."""
        assert isinstance(asked.claims, UserClaims)
        return Visit(self.signed(asked.account or host()), self.user(asked.claims))

    def of_account(self, asked: Asked) -> list[Visit]:
        """Return an account's case at a server, with a user of its identity and one of its role, if it has one.

        The account gets a key of its own, so that one server can know them all; but not where activations name the key.
        """
        claims, identity = asked.claims, keypair(KeyType.ACCOUNT)
        assert isinstance(claims, AccountClaims)
        if not any(import_.token for import_ in claims.nats.imports):
            identity = KeyPair.generate(KeyType.ACCOUNT)
            claims = claims.replace(sub=identity.public)
        jwt = self.signed(claims)
        made = UserClaims(name="svc", sub=key(KeyType.USER))
        users = [made.replace(nats={"subs": -1, "data": -1, "payload": -1})]
        if claims.scope(key(KeyType.ACCOUNT, 2)) is not None:
            users.append(
                made.replace(iss=key(KeyType.ACCOUNT, 2), nats={"issuer_account": claims.sub, "tags": ["x:y"]})
            )
        return [Visit(jwt, self.user(user, identity=identity)) for user in users]


def present(claims: ClaimsT) -> ClaimsT:
    """Return a rule's case with its moments, which are about `NOW`, far enough from now on the same side."""
    exp = (claims.exp - NOW) * 2 * FAR + STARTED + FAR if claims.exp > 1 else claims.exp
    nbf = (claims.nbf - NOW) * 2 * FAR + STARTED - FAR if claims.nbf > 1 else claims.nbf
    return msgspec.structs.replace(claims, exp=exp, nbf=nbf)


@pytest.fixture(scope="module")
def doors() -> Iterator[Doors]:
    made = Doors()
    yield made
    made.close()


def refused(rule: Rule) -> bool:
    """Tell whether the rule is one that the whole token is refused for."""
    known = rule.code not in BEYOND_REFERENCE and rule.code != "limits-flat-and-tiered"
    return rule.severity == "time" and not rule.code.startswith("activation") if rule.severity != "error" else known


# --- users

USERS = {rule.id: rule for rule in OF_USERS if rule.code not in STRICTER | NOT_SENT}


@pytest.mark.parametrize("rule", USERS.values(), ids=USERS)
def test_a_server_agrees_about_a_rule_of_users(rule: Rule, doors: Doors) -> None:
    admitted = doors.agree(doors.of_user(rule.broken))
    assert not (admitted and refused(rule))
    assert doors.agree(doors.of_user(rule.sound))


# --- accounts

ACCOUNTS = {
    f"{table} {rule.id}": rule
    for table, rules in (("account", OF_ACCOUNTS), ("exchange", OF_EXCHANGE), ("mapping", OF_MAPPINGS))
    for rule in rules
    if rule.code not in STRICTER | NOT_SENT
}


@pytest.fixture(scope="module")
def hosts(doors: Doors) -> dict[str, tuple[list[Visit], list[Visit]]]:
    """The visits of all rules, and a server for those accounts that have keys of their own."""
    made = {name: (doors.of_account(rule.broken), doors.of_account(rule.sound)) for name, rule in ACCOUNTS.items()}
    visits = [visit for both in made.values() for some in both for visit in some]
    texts = {tokens.parse(visit.account).claims.sub: visit.account for visit in visits}
    doors.open(*(jwt for sub, jwt in texts.items() if sub != key(KeyType.ACCOUNT)))
    return made


@pytest.mark.parametrize("name", ACCOUNTS)
def test_a_server_agrees_about_a_rule_of_accounts(
    name: str, doors: Doors, hosts: dict[str, tuple[list[Visit], list[Visit]]]
) -> None:
    broken, sound = hosts[name]
    for visit in broken:
        admitted = doors.agree(visit)
        assert not (admitted and refused(ACCOUNTS[name]))
    for visit in sound:
        assert doors.agree(visit)


# --- the second of expiry


@pytest.mark.parametrize(("what", "admitted"), [("user", True), ("account", False)])
def test_a_server_agrees_about_the_very_second_of_expiry(what: str, admitted: bool, doors: Doors) -> None:
    for _ in range(20):
        second = int(time.time())
        identity, pair = KeyPair.generate(KeyType.ACCOUNT), KeyPair.generate(KeyType.USER)
        ends = {"user": 0, "account": 0, what: second}
        host = AccountClaims(sub=identity.public, exp=ends["account"]).replace(limits=UNLIMITED)
        user = UserClaims(sub=pair.public, exp=ends["user"]).replace(nats={"subs": -1, "payload": -1})
        jwt = tokens.sign(host, doors.operator.signing_keys[0], issued_at=second)
        visit = Visit(jwt, Presented(tokens.sign(user, identity, issued_at=second), pair.seed))
        asked = doors.admits(visit)
        if int(time.time()) == second:
            break
    else:
        raise AssertionError("a server starts and answers within a second")
    assert asked[0] is admitted, asked
    if admitted:
        assert verify_chain(operator=doors.operator, account=jwt, user=visit.user.jwt, now=second).user is not None
    else:
        with pytest.raises(ExpiredError):
            verify_chain(operator=doors.operator, account=jwt, user=visit.user.jwt, now=second)


# --- what becomes of what servers drop


@pytest.mark.parametrize(
    ("destination", "heard"), [("b.$1", "b.x"), ("b.*", "a.x"), ("b.{{lower(1)}}", "a.x"), ("b.$2", "a.x")]
)
def test_a_mapping_that_does_not_fit_is_dropped_and_admits(destination: str, heard: str, doors: Doors) -> None:
    identity = KeyPair.generate(KeyType.ACCOUNT)
    claims = AccountClaims(sub=identity.public).replace(limits=UNLIMITED, mappings={"a.*": [{"subject": destination}]})
    assert ("mapping-dropped" in {problem.code for problem in claims.check()}) is (heard == "a.x")
    user = UserClaims(sub=key(KeyType.USER)).replace(nats={"subs": -1, "payload": -1})
    visit = Visit(doors.signed(claims), doors.user(user, identity=identity))
    assert doors.agree(visit)
    with connect(doors.url(visit), visit.user) as wire:
        assert wire.subscribe(">") is None
        assert wire.publish("a.x", b"1") is None
        assert [subject for subject, _, _ in wire.messages()] == [heard]
