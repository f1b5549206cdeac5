"""Account tokens as a full resolver takes them: its verdict, and ours.

Over `$SYS.REQ.CLAIMS.UPDATE` a server decodes, validates without a look at the clock, and stores. It refuses (500) what
the reference's rules forbid and mappings that do not fit; it takes (200) the rest, expired and untrusted tokens too.
"""

import json
from collections import Counter
from collections.abc import Iterator
from types import TracebackType
from typing import Any, NamedTuple, Self

import pytest
from claim_strategies import BYTES, case
from hypothesis import given, settings
from hypothesis import strategies as st
from nats_wire import Wire, connect
from property_profiles import PROFILE
from rule_cases import NOW, UNLIMITED, Rule, account, key, keypair
from test_rules_account import RULES as OF_ACCOUNTS
from test_rules_exchange import RULES as OF_EXCHANGE
from test_rules_mappings import RULES as OF_MAPPINGS
from token_forge import chunk, seal

from natscreds import KeyPair, Operator, tokens, verify_chain
from natscreds.claims import BEYOND_REFERENCE, AccountClaims, UserClaims, decode, encode
from natscreds.envelope import seal_token
from natscreds.errors import (
    ExpiredError,
    InvalidClaimsError,
    NatsCredsError,
    TokenError,
    UntrustedIssuerError,
    WrongKeyTypeError,
)
from natscreds.nkeys import KeyType
from natscreds.testing import NatsServer

ALSO_REFUSED = frozenset({"mapping-dropped", "mapping-repeated"})
"""Codes that the reference does not have, and that a server refuses an account for all the same."""

NEVER_SEEN = frozenset({"limits-flat-and-tiered"})
"""Codes for what a server does not see: reading tiers, it takes the flat limits away."""

EXAMPLES = {"smoke": 200, "quick": 3_000, "deep": 100_000}[PROFILE]


class Verdict(NamedTuple):
    """What the server answered: whether it stored the token, and its words."""

    stored: bool
    words: str


class Judge:
    """A server with a full resolver, and a system user that hands it tokens."""

    def __init__(self, operator: Operator) -> None:
        assert operator.system_account is not None
        self._server = NatsServer(operator, extra="resolver: { type: full, dir: jwt }\n")
        self._user = operator.system_account.create_user("judge")
        self._wire: Wire | None = None
        self._asked = 0

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._wire is not None:
            self._wire.close()
        self._server.stop()

    def judge(self, text: str) -> Verdict:
        """Return what the server says of a token."""
        wire = self._connected()
        self._asked += 1
        assert wire.publish("$SYS.REQ.CLAIMS.UPDATE", text.encode(), reply=f"verdict.{self._asked}") is None, wire.error
        subject, _, data = wire.wait_messages(self._asked)[-1]
        assert subject == f"verdict.{self._asked}"
        answer = json.loads(data)
        if "error" in answer:
            assert answer["error"]["code"] == 500, answer
            return Verdict(stored=False, words=answer["error"]["description"])
        assert (answer["data"]["code"], answer["data"]["message"]) == (200, "jwt updated"), answer
        return Verdict(stored=True, words="")

    def _connected(self) -> Wire:
        """Return a connection, a new one from time to time: each keeps all that it was told."""
        if self._wire is None or self._asked >= 500:
            if self._wire is not None:
                self._wire.close()
            self._wire, self._asked = connect(self._server.url, self._user.creds), 0
            assert self._wire.subscribe("verdict.*") is None, self._wire.error
        return self._wire


@pytest.fixture(scope="module")
def operator() -> Operator:
    return Operator.create("acme")


@pytest.fixture(scope="module")
def judge(operator: Operator) -> Iterator[Judge]:
    with Judge(operator) as started:
        yield started


def refused(claims: AccountClaims) -> list[str]:
    """Return the codes for which a server refuses *claims*."""
    codes = [problem.code for problem in claims.check() if problem.severity == "error"]
    return [code for code in codes if code not in NEVER_SEEN and (code not in BEYOND_REFERENCE or code in ALSO_REFUSED)]


def signed(claims: AccountClaims, signer: KeyPair) -> str:
    """Sign *claims* whatever they say; what cannot even be said is written as it stands."""
    try:
        return tokens.sign(claims, signer, issued_at=NOW, check=False)
    except InvalidClaimsError:
        return seal_token(encode(claims.replace(iss=signer.public, iat=NOW, type="account", version=2)), signer)


# --- each rule

RULES = {
    f"{table} {rule.id}": rule
    for table, rules in (("account", OF_ACCOUNTS), ("exchange", OF_EXCHANGE), ("mapping", OF_MAPPINGS))
    for rule in rules
    if rule.code != "token-too-large"  # no server takes a message of that size
}


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_server_refuses_what_breaks_a_rule_and_nothing_beside(rule: Rule, judge: Judge) -> None:
    broken, sound = rule.broken.claims, rule.sound.claims
    assert isinstance(broken, AccountClaims)
    assert isinstance(sound, AccountClaims)
    signer = keypair(KeyType.ACCOUNT) if rule.code == "self-signed-limits" else keypair(KeyType.OPERATOR)
    verdicts = [judge.judge(signed(claims, signer)) for claims in (broken, sound)]
    told = rule.severity == "error" and (rule.code not in BEYOND_REFERENCE or rule.code in ALSO_REFUSED)
    assert [verdict.stored for verdict in verdicts] == [not (told and rule.code not in NEVER_SEEN), True], verdicts
    assert [verdict.stored for verdict in verdicts] == [not refused(claims) for claims in (broken, sound)]


# --- any account


def compare(judge: Judge, claims: AccountClaims, text: str) -> list[str]:
    """Ask the server about an account; return what was seen."""
    verdict, codes = judge.judge(text), refused(claims)
    assert verdict.stored is (not codes), (verdict.words, codes)
    return ["stored"] if verdict.stored else ["refused", *codes]


def test_a_server_agrees_about_any_account(judge: Judge) -> None:
    seen: Counter[str] = Counter()

    @settings(max_examples=EXAMPLES)
    @given(st.binary(min_size=BYTES, max_size=BYTES))
    def agree(drawn: bytes) -> None:
        _, payload, seed, issued_at, _ = case("account", drawn)
        claims = decode(json.dumps(payload).encode(), AccountClaims)
        try:
            text = tokens.sign(claims, KeyPair.parse(seed), issued_at=issued_at, check=False)
        except NatsCredsError:
            seen["unsigned"] += 1
        else:
            seen.update(compare(judge, claims, text))

    agree()
    assert seen["stored"] + seen["refused"] > EXAMPLES * 3 // 4
    if PROFILE != "smoke":
        assert min(seen["stored"], seen["refused"]) > EXAMPLES // 20
        assert len(seen) > 50


CALLS = ["wildcard", "Wildcard", "WILDCARD", "partition", "random", "split", "SplitFromLeft", "splitfromright", "left"]
CALLS += ["Right", "slicefromleft", "SliceFromRight", "name", ""]
ARGUMENTS = ["1", "2", "0", "-1", "+1", "01", "x", "", "-", "2147483647", "2147483648", "-9999999999", "9" * 20, "\t1"]
calls = st.builds(
    lambda name, given, blank: "{{" + blank + name + "(" + ",".join(given) + ")" + blank + "}}",
    st.sampled_from(CALLS),
    st.lists(st.sampled_from(ARGUMENTS), min_size=1, max_size=3),
    st.sampled_from(["", "", "", "\t"]),
)
words = st.sampled_from(["a", "b", "c", "$x", "a*", "{{}}", "{{x}}", "ä", "{a}"])
sources = st.lists(
    words | st.sampled_from(["*", "*", "a", "$1", "a\tb", ">", "{{wildcard(1)}}"]), min_size=1, max_size=3
)
targets = st.lists(
    words | calls | st.sampled_from(["$1", "$1", "$2", "$0", "$-1", "$99999999999999999999", "*", ">", "b\tc"]),
    min_size=1,
    max_size=3,
)


@st.composite
def mappings(draw: st.DrawFn) -> dict[str, list[dict[str, Any]]]:
    """Draw a mapping: one source, and destinations that mostly end as it does."""
    tail = draw(st.sampled_from([[], [], [">"]]))
    source = ".".join(draw(sources) + tail)
    destinations: list[dict[str, Any]] = []
    for tokens_ in draw(st.lists(targets, max_size=2)):
        other = draw(st.sampled_from([tail, tail, tail, tail, [">"], []]))
        members: dict[str, Any] = {"subject": ".".join(tokens_ + other)}
        members |= draw(st.fixed_dictionaries({}, optional={"weight": st.sampled_from([10, 50, 100])}))
        destinations.append(members | draw(st.sampled_from([{}, {}, {"cluster": "x"}])))
    return {source: destinations}


def test_a_server_agrees_about_any_mapping(judge: Judge) -> None:
    seen: Counter[str] = Counter()

    @settings(max_examples=EXAMPLES // 3)
    @given(mappings())
    def agree(drawn: dict[str, list[dict[str, Any]]]) -> None:
        claims = account(mappings=drawn).claims
        assert isinstance(claims, AccountClaims)
        seen.update(compare(judge, claims, signed(claims, keypair(KeyType.OPERATOR))))

    agree()
    assert min(seen["stored"], seen["mapping-dropped"]) > EXAMPLES // 20


# --- what is no account, or an account of its own


def payload(**members: object) -> str:
    """Write an account's claims as JSON, with *members* put over them."""
    own = {"iat": NOW, "iss": key(KeyType.OPERATOR), "name": "a", "sub": key(KeyType.ACCOUNT)}
    nats = {"limits": UNLIMITED, "type": "account", "version": 2}
    return json.dumps(own | {"nats": nats} | members)


def sealed(text: str | None = None, header: bytes = b'{"typ":"JWT","alg":"ed25519-nkey"}') -> str:
    return seal(payload() if text is None else text, keypair(KeyType.OPERATOR), header)


def of_user() -> str:
    claims = UserClaims(sub=key(KeyType.USER))
    return tokens.sign(claims, keypair(KeyType.ACCOUNT), issued_at=NOW, check=False)


UNREADABLE = {
    "nothing": "",
    "two chunks": sealed().rpartition(".")[0],
    "another kind": of_user(),
    "another signature": sealed().rpartition(".")[0] + "." + sealed(payload(name="b")).rpartition(".")[2],
    "another algorithm": sealed(header=b'{"typ":"JWT","alg":"HS256"}'),
    "no type": sealed(header=b'{"alg":"ed25519-nkey"}'),
    "version 3": sealed(payload(nats={"type": "account", "version": 3})),
    "no version": sealed(payload(nats={"type": "account"})),
    "signed by a user": seal(payload(iss=key(KeyType.USER)), keypair(KeyType.USER)),
    "signed by somebody else": seal(payload(), keypair(KeyType.OPERATOR, 2)),
    "a number in words": sealed(payload(exp="1")),
    "a fraction": sealed(payload(exp=1.5)),
    "a role of another kind": sealed(payload(nats={"signing_keys": [{"kind": "x"}], "type": "account", "version": 2})),
    "an export of another type": sealed(payload(nats={"exports": [{"type": "x"}], "type": "account", "version": 2})),
    "no JSON": sealed("{"),
    "about no key": sealed(payload(sub="x")),
}
STRICTER = {
    "a line end": sealed() + "\n",
    "a member twice": sealed(payload()[:-1] + ', "name": "b"}'),
    "a member in capitals": sealed(payload(EXP=1)),
    "half a character": sealed(payload(name="\ud800")),
    "too deep": sealed(payload(new=json.loads("[" * 70 + "]" * 70))),
    "about a user": sealed(payload(sub=key(KeyType.USER))),
    "a header of other words": sealed(header=b'{"Typ":"JWT","Alg":"ed25519-nkey"}'),
}
TAKEN = {
    "blanks and another order": sealed(json.dumps(dict(reversed(json.loads(payload()).items())), indent=2)),
    "members that nobody knows": sealed(payload(new={"a": [1]})),
    "an older header": sealed(header=b'{"typ":"jwt","alg":"ed25519"}'),
    "null for a member": sealed(payload(name=None)),
    "version 1": "",
}


def version_1() -> str:
    said = json.loads(payload(type="account"))
    said["nats"] = {"limits": UNLIMITED}
    parts = [chunk(b'{"typ":"jwt","alg":"ed25519"}'), chunk(json.dumps(said).encode())]
    return ".".join([*parts, chunk(keypair(KeyType.OPERATOR).sign(parts[1].encode()))])


TAKEN["version 1"] = version_1()


@pytest.mark.parametrize("text", UNREADABLE.values(), ids=UNREADABLE)
def test_what_a_server_cannot_read_is_refused_here(text: str, judge: Judge) -> None:
    verdict = judge.judge(text)
    assert not verdict.stored
    assert "validation" not in verdict.words
    with pytest.raises(NatsCredsError):
        tokens.verify(text, AccountClaims)


@pytest.mark.parametrize("text", STRICTER.values(), ids=STRICTER)
def test_what_a_server_reads_otherwise_is_refused_here(text: str, judge: Judge) -> None:
    assert judge.judge(text).stored
    with pytest.raises((TokenError, WrongKeyTypeError)):
        tokens.verify(text, AccountClaims)


@pytest.mark.parametrize("text", TAKEN.values(), ids=TAKEN)
def test_what_a_server_takes_is_read_here(text: str, judge: Judge) -> None:
    assert judge.judge(text).stored
    assert refused(tokens.verify(text, AccountClaims).claims) == []


# --- what the answer does not tell


def test_a_server_stores_an_expired_account_without_a_word(operator: Operator, judge: Judge) -> None:
    made = account(exp=NOW - 1_000).claims
    text = tokens.sign(made, operator.signing_keys[0], issued_at=NOW - 2_000)
    assert judge.judge(text).stored
    with pytest.raises(ExpiredError):
        verify_chain(operator=operator, account=text, now=NOW)


def test_a_server_stores_an_account_of_a_stranger_without_a_word(operator: Operator, judge: Judge) -> None:
    stranger = Operator.create("stranger").create_account("orders")
    assert judge.judge(stranger.jwt).stored
    with pytest.raises(UntrustedIssuerError):
        verify_chain(operator=operator, account=stranger)


def test_a_strict_server_refuses_what_the_operator_s_identity_signed() -> None:
    strict = Operator.create("strict", strict=True)
    assert strict.key is not None
    orders = strict.create_account("orders")
    weak = tokens.sign(orders.claims, strict.key, issued_at=NOW, check=False)
    with Judge(strict) as judge:
        verdicts = [judge.judge(text) for text in (orders.jwt, weak)]
    assert [verdict.stored for verdict in verdicts] == [True, False]
    assert "issuer to be a signing key" in verdicts[1].words
    with pytest.raises(UntrustedIssuerError):
        verify_chain(operator=strict, account=weak)
