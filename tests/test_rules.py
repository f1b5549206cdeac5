"""What holds for all rules: each has its test, what signing and the chain make of them, and when nothing is said."""

import ast
import itertools
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import pytest
from rule_cases import NOW, Asked, account, key, keypair, user

import natscreds
from natscreds import Account, Operator, subjects, tokens
from natscreds.claims import BEYOND_REFERENCE, AccountClaims, Claims, UserClaims, decode
from natscreds.envelope import MAX_TOKEN_SIZE
from natscreds.errors import InvalidClaimsError, Problem
from natscreds.nkeys import KeyType

ROOT = Path(natscreds.__file__).parent
HERE = Path(__file__).parent

# What notes a problem, and the place of the code among its arguments.
NOTERS = {"error": 1, "warning": 1, "note": 1, "key": 1, "one": 1, "add": 2}

# Not of a claim's rules: what signing says of values that are no claims at all, and an id that cannot be made.
SIGNING = {"not-json", "unreadable", "wrong-type"}


def _noted(module: Path) -> Iterator[str]:
    """Yield the codes that a module of `claims` can note."""
    for node in ast.walk(ast.parse(module.read_text("utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        codes = [word.value for word in node.keywords if word.arg == "code"]
        if name in NOTERS and len(node.args) > NOTERS[name]:
            codes.append(node.args[NOTERS[name]])
        for code in codes:
            if isinstance(code, ast.Constant) and isinstance(code.value, str):
                yield code.value


CODES = {code for module in (ROOT / "claims").glob("*.py") for code in _noted(module)} | set(get_args(subjects.Fault))


def _texts(module: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(module.read_text("utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_the_codes_are_found_where_they_are_noted() -> None:
    assert {"expired", "subs-zero", "empty-list", "entry-dropped", "hash-id", "callout-user", "renaming-tail"} <= CODES
    assert len(CODES) > 90


def test_every_code_has_its_test() -> None:
    tested = {text for module in HERE.glob("test_rules_*.py") for text in _texts(module)}
    assert CODES - SIGNING - tested == set()


def test_what_the_reference_lacks_is_named_among_what_is_noted() -> None:
    assert BEYOND_REFERENCE <= CODES


def test_what_a_code_is_called_is_one_word_with_hyphens() -> None:
    assert [code for code in CODES if not code.replace("-", "").replace("8", "").isalpha() or not code.islower()] == []


# --- signing


def signed(claims: Claims, kind: KeyType = KeyType.ACCOUNT, *, check: bool = True) -> str:
    return tokens.sign(claims, keypair(kind), issued_at=NOW, check=check)


class Counting:
    """A signer that counts how often it was asked."""

    def __init__(self) -> None:
        self._pair = keypair(KeyType.ACCOUNT)
        self.public = self._pair.public
        self.asked = 0

    def sign(self, data: bytes, /) -> bytes:
        self.asked += 1
        return self._pair.sign(data)


FAULTY = user(subs=0, src=["x"], pub={"deny": ["a.>.b", "c."]}, claims={"exp": 0}).claims
FAULTS = ["subject-dot-at-end", "entry-dropped", "not-a-network", "subs-zero"]


def test_signing_refuses_all_errors_at_once_and_signs_nothing() -> None:
    signer = Counting()
    with pytest.raises(InvalidClaimsError) as caught:
        tokens.sign(FAULTY, signer, issued_at=NOW)
    assert sorted(problem.code for problem in caught.value.problems) == sorted(FAULTS)
    assert {problem.severity for problem in caught.value.problems} == {"error"}
    assert all(code in str(caught.value) for code in FAULTS)
    assert signer.asked == 0


def test_signing_refuses_what_check_calls_an_error_and_in_its_order() -> None:
    with pytest.raises(InvalidClaimsError) as caught:
        signed(FAULTY)
    assert list(caught.value.problems) == [problem for problem in FAULTY.check() if problem.severity == "error"]


def test_signing_without_a_check_signs_what_the_reference_would() -> None:
    text = signed(FAULTY, check=False)
    read = tokens.verify(text, UserClaims).claims
    assert (read.nats.pub, read.nats.src) == (FAULTY.body.pub, ("x",))  # type: ignore[attr-defined]


def test_warnings_are_signed() -> None:
    claims = user(payload=0, claims={"exp": 0}).claims
    assert [problem.severity for problem in claims.check()] == ["warning", "warning"]
    assert tokens.verify(signed(claims)).claims.sub == claims.sub


def test_claims_that_have_expired_are_signed() -> None:
    claims = user(claims={"exp": NOW - 1_000}).claims
    assert tokens.verify(signed(claims)).claims.exp == NOW - 1_000


@pytest.mark.parametrize("size", [MAX_TOKEN_SIZE - 500_000, MAX_TOKEN_SIZE - 200, MAX_TOKEN_SIZE, MAX_TOKEN_SIZE + 100])
def test_a_token_is_too_large_for_check_when_it_is_for_signing(size: int) -> None:
    exports = [{"subject": f"{number}.{'x' * 1_000}", "type": "stream"} for number in range(size * 3 // 4 // 1_100)]
    made = account(exports=exports).claims
    short = len(signed(made, check=False))
    made = made.replace(name="x" * ((size - short) * 3 // 4))
    told = "token-too-large" in {problem.code for problem in made.check()}
    try:
        refused = len(signed(made, check=False)) > MAX_TOKEN_SIZE
    except natscreds.errors.TokenError:
        refused = True
    assert told is refused


LISTS: dict[str, dict[str, Any]] = {
    "subjects": {"pub": {"allow": [f"{number:03}.>" for number in range(400)]}},
    "other scripts": {"pub": {"allow": [f"{number}ü" * 3 for number in range(400)]}},
    "denials": {"sub": {"allow": ["a"], "deny": [f"{number:03}<&>" for number in range(400)]}},
    "times": {"times": [{"start": f"{at // 60:02}:{at % 60:02}:00", "end": "23:59:59"} for at in range(400)]},
    "networks": {"src": [f"10.0.{number}.0/24" for number in range(256)]},
    "connection types": {"allowed_connection_types": ["STANDARD"] * 400},
    "tags": {"tags": [f"team:{number}" for number in range(400)]},
}


@pytest.mark.parametrize("name", LISTS)
def test_a_user_s_token_is_told_to_be_long_when_it_is(name: str) -> None:
    ((member, said),) = LISTS[name].items()
    told: list[tuple[int, bool]] = []
    for count in range(1, 400, 3):
        some: dict[str, Any] = {
            member: said[:count] if isinstance(said, list) else {way: held[:count] for way, held in said.items()}
        }
        token = tokens.parse(signed(user(**some).claims, check=False), UserClaims)
        told.append((len(token.text), "connect-line" in {problem.code for problem in token.claims.check()}))
    assert told == [(size, size > 3_700) for size, _ in told]
    assert {is_told for _, is_told in told} == {False, True}


@pytest.mark.parametrize("place", ["the claims", "nats"])
def test_members_that_nobody_knows_make_a_token_long_too(place: str) -> None:
    many = {"later": "x" * 3_000}
    said = {"nats": {"type": "user", "version": 2, "subs": -1} | (many if place == "nats" else {})}
    claims = decode(json.dumps(said | (many if place == "the claims" else {})).encode(), UserClaims)
    assert "connect-line" in {problem.code for problem in claims.check()}


# --- the chain


@pytest.fixture(scope="module")
def operator() -> Operator:
    return Operator.create("acme")


@pytest.fixture(scope="module")
def orders(operator: Operator) -> Account:
    return operator.create_account("orders")


def test_chain_objects_carry_warnings(operator: Operator, orders: Account) -> None:
    careless = orders.create_user("u")
    assert {problem.code for problem in careless.problems} == {"no-expiry", "user-unrestricted"}
    assert {problem.severity for problem in careless.problems} == {"warning"}
    mute = operator.reissue(orders, orders.claims.replace(limits={"subs": 0}))
    assert [problem.code for problem in mute.problems] == ["account-subs-zero"]


def test_chain_objects_without_warnings_have_none(orders: Account) -> None:
    assert orders.problems == ()
    assert orders.create_user("u", publish=["a"], expires_at=datetime(2100, 1, 1, tzinfo=UTC)).problems == ()


def test_the_chain_refuses_errors_all_at_once(operator: Operator, orders: Account) -> None:
    wrong = orders.claims.replace(cluster_traffic="all", info_url="h", signing_keys=[key(KeyType.USER)])
    with pytest.raises(InvalidClaimsError) as caught:
        operator.reissue(orders, wrong)
    assert [problem.code for problem in caught.value.problems] == ["signing-key", "info-url", "cluster-traffic"]


def test_an_account_of_the_chain_tells_what_its_role_makes_of_a_user(operator: Operator, orders: Account) -> None:
    host = operator.add_role(orders, "device", publish=["devices.{{tag(site)}}"])
    claims = host.create_user("u", role="device").claims
    told = claims.check(account=host)
    assert told == claims.check(account=host.claims)
    assert [(problem.code, problem.path) for problem in told] == [
        ("no-expiry", "$.exp"),
        ("role-tag-missing", "$.nats.tags"),
    ]
    tagged = host.create_user("u", role="device", tags=["site:a"]).claims
    assert [problem.code for problem in tagged.check(account=host)] == ["no-expiry"]


# --- time


TIMED = [user(claims={"exp": NOW - 1}), user(claims={"nbf": NOW + 1}), account(exp=NOW - 1, nbf=NOW + 1)]


@pytest.mark.parametrize("asked", TIMED, ids=["user expired", "user early", "account"])
def test_without_a_moment_nothing_is_said_about_time(asked: Asked) -> None:
    assert asked.check() == []
    assert {problem.severity for problem in asked._replace(now=NOW).check()} == {"time"}


def test_a_moment_may_be_a_datetime() -> None:
    moment = datetime.fromtimestamp(NOW, UTC)
    assert TIMED[0].claims.check(moment) == TIMED[0].claims.check(NOW) != []


@pytest.mark.parametrize("moment", [True, 0, -1, 1e9, 10_000_000_000, datetime(2026, 1, 1)])
def test_a_moment_that_is_none_is_refused(moment: object) -> None:
    with pytest.raises((TypeError, ValueError), match="now"):
        account().claims.check(moment)  # type: ignore[arg-type]


# --- order


def test_problems_stand_in_an_order_that_does_not_depend_on_how_maps_were_filled() -> None:
    mappings = {"b": [{"subject": ""}], "a": [{"subject": "x", "weight": 101}], "c.": [{"subject": "y"}]}
    keys = [key(KeyType.USER, number) for number in (3, 1, 2)]
    told: set[tuple[Problem, ...]] = set()
    for order in itertools.permutations(mappings):
        claims = account(mappings={name: mappings[name] for name in order}, signing_keys=keys).claims
        told.add(tuple(claims.check()))
        assert claims.check() == claims.check()
    assert len(told) == 1


def test_an_account_that_was_read_has_the_problems_it_was_signed_with() -> None:
    made = account(mappings={"b": [{"subject": ""}], "a": [{"subject": "x", "weight": 101}]}, cluster_traffic="x")
    read = tokens.parse(signed(made.claims, KeyType.OPERATOR, check=False), AccountClaims).claims
    assert read.check() == made.check()
    assert len(made.check()) == 4
