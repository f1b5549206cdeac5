"""What is not signed: claims of wrong types, claims that break a rule, lists that are there but empty."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest
from token_forge import ACCOUNT, OPERATOR, SIGNERS, USER, Counting, key, payload_of
from token_vectors import CLOCK

from natscreds import tokens
from natscreds.claims import (
    AccountBody,
    AccountClaims,
    AccountLimits,
    Claims,
    Export,
    JetStreamLimits,
    OperatorBody,
    OperatorClaims,
    Permission,
    Permissions,
    Scope,
    ServiceLatency,
    Template,
    TimeRange,
    UserBody,
    UserClaims,
    UserPermissionLimits,
    WeightedMapping,
)
from natscreds.errors import InvalidClaimsError, NatsCredsError, TokenError
from natscreds.nkeys import KeyType

LIMITS = ("subs", "data", "payload")

ROLE = key(KeyType.ACCOUNT, "role").public


def odd(model: Any, **members: Any) -> Any:  # noqa: ANN401  # wrong on purpose
    """Return *model* of values that its annotations do not allow."""
    return model(**members)


def account(**members: Any) -> AccountClaims:  # noqa: ANN401  # wrong on purpose
    return AccountClaims(sub=ACCOUNT.public, nats=AccountBody(**{"limits": AccountLimits(exports=-1), **members}))


def user(**members: Any) -> UserClaims:  # noqa: ANN401  # wrong on purpose
    return UserClaims(sub=USER.public, nats=UserBody(**{"subs": -1, **members}))


def operator(**members: Any) -> OperatorClaims:  # noqa: ANN401  # wrong on purpose
    return OperatorClaims(sub=OPERATOR.public, nats=OperatorBody(**members))


def export(**members: Any) -> AccountClaims:  # noqa: ANN401  # wrong on purpose
    return account(exports=(Export(**{"subject": "a", "type": "service", **members}),))


def beside(**members: Any) -> UserClaims:  # noqa: ANN401  # wrong on purpose
    return msgspec.structs.replace(user(), **members)


WRONG = {
    "a limit as text": (user(subs="5"), "$.nats.subs"),
    "a limit as float": (user(subs=5.0), "$.nats.subs"),
    "a limit as bool": (user(subs=True), "$.nats.subs"),
    "a limit above 63 bits": (user(subs=2**63), "$.nats.subs"),
    "a limit of nothing": (user(data=None), "$.nats.data"),
    "tags of ints": (user(tags=(1, 2)), "$.nats.tags[0]"),
    "tags as one text": (user(tags="ab"), "$.nats.tags"),
    "tags of bytes": (user(tags=("a", b"b")), "$.nats.tags[1]"),
    "tags as a set": (user(tags={"a"}), "$.nats.tags"),
    "a denied subject as bytes": (user(pub=odd(Permission, deny=(b"admin.>",))), "$.nats.pub.deny[0]"),
    "allowed subjects as one text": (user(pub=odd(Permission, allow="a.>")), "$.nats.pub.allow"),
    "permissions as text": (user(pub="a"), "$.nats.pub"),
    "permissions as a mapping": (user(pub={"allow": ["a"]}), "$.nats.pub"),
    "times as a mapping": (user(times=({"start": "01:02:03"},)), "$.nats.times[0]"),
    "a time as an object": (user(times=(odd(TimeRange, start=5, end="x"),)), "$.nats.times[0].start"),
    "a flag as an int": (user(bearer_token=1), "$.nats.bearer_token"),
    "a body of nothing": (odd(UserClaims, sub=USER.public, nats=None), "$.nats"),
    "a body of another kind": (odd(UserClaims, sub=USER.public, nats=AccountBody()), ""),
    "a name as bytes": (beside(name=b"svc"), "$.name"),
    "a name as a UUID": (beside(name=UUID(int=5)), "$.name"),
    "a name as a datetime": (beside(name=datetime(2023, 11, 14, tzinfo=UTC)), "$.name"),
    "an expiry as text": (beside(exp="5"), "$.exp"),
    "an expiry as a datetime": (beside(exp=datetime(2123, 11, 14, tzinfo=UTC)), "$.exp"),
    "an export's subject as an int": (account(exports=(odd(Export, subject=5), Export(subject="a"))), ""),
    "an export as text": (account(exports=("a",)), "$.nats.exports[0]"),
    "an export of another type": (export(type="queue"), "$.nats.exports[0].type"),
    "sampling as other text": (export(service_latency=odd(ServiceLatency, sampling="HEADERS")), ""),
    "a position below zero": (export(account_token_position=-1), "$.nats.exports[0].account_token_position"),
    "a position above 64 bits": (export(account_token_position=2**64), ""),
    "a weight above 8 bits": (account(mappings={"a": (WeightedMapping(subject="b", weight=256),)}), ""),
    "a mapping as text": (account(mappings={"a": "b"}), ""),
    "revocations as text": (account(revocations="*"), "$.nats.revocations"),
    "a revocation as text": (account(revocations={"*": "5"}), "$.nats.revocations[...]"),
    "a revoked key as bytes": (account(revocations={b"*": 5}), ""),
    "signing keys as one text": (account(signing_keys=ROLE), "$.nats.signing_keys"),
    "a signing key as an int": (account(signing_keys=(5,)), "$.nats.signing_keys[0]"),
    "limits as a mapping": (account(limits={"conn": 5}), "$.nats.limits"),
    "a limit of the account as text": (account(limits=odd(AccountLimits, conn="5")), "$.nats.limits.conn"),
    "a tier as a mapping": (account(limits=odd(AccountLimits, tiered_limits={"R1": {"streams": 5}})), ""),
    "limits of another class": (account(limits=JetStreamLimits(streams=5)), "$.nats.limits"),
    "default permissions as a mapping": (account(default_permissions={"pub": {}}), ""),
    "default permissions of another class": (account(default_permissions=UserPermissionLimits()), ""),
    "a template as a mapping": (account(signing_keys=(odd(Scope, key=ROLE, template={"subs": 5}),)), ""),
    "a template of another class": (account(signing_keys=(odd(Scope, key=ROLE, template=UserPermissionLimits()),)), ""),
    "an operator's key as bytes": (operator(signing_keys=(OPERATOR.public.encode(),)), ""),
    "an operator's keys as one text": (operator(signing_keys=OPERATOR.public), "$.nats.signing_keys"),
    "strictness as text": (operator(strict_signing_key_usage="yes"), "$.nats.strict_signing_key_usage"),
}


@pytest.mark.parametrize(("claims", "path"), WRONG.values(), ids=WRONG.keys())
@pytest.mark.parametrize("check", [True, False], ids=["checked", "unchecked"])
def test_a_value_of_the_wrong_type_is_not_signed(claims: Claims, path: str, check: bool) -> None:
    signer = Counting(SIGNERS[claims.kind])
    with pytest.raises(InvalidClaimsError) as caught:
        tokens.sign(claims, signer, issued_at=CLOCK, check=check)
    assert signer.count == 0
    assert any(problem.path.startswith(path or "$") for problem in caught.value.problems), str(caught.value)


@pytest.mark.parametrize(
    "claims",
    [
        beside(name="a\ud800"),
        user(tags=("\udc00",)),
        user(pub=Permission(allow=("a.\ud800",))),
        export(subject="\ud800"),
        account(revocations={"\ud800": 1}),
        operator(account_server_url="http://\udfff"),
    ],
    ids=["name", "tag", "subject", "export", "map key", "url"],
)
def test_a_lone_surrogate_is_not_signed(claims: Claims) -> None:
    with pytest.raises(InvalidClaimsError, match="surrogate"):
        tokens.sign(claims, SIGNERS[claims.kind], issued_at=CLOCK, check=False)


def test_lists_may_stand_where_tuples_are_meant() -> None:
    listed = user(pub=odd(Permission, allow=["a"]), tags=["b"], times=[TimeRange(start="01:02:03", end="02:03:04")])
    tupled = user(pub=Permission(allow=("a",)), tags=("b",), times=(TimeRange(start="01:02:03", end="02:03:04"),))
    assert tokens.sign(listed, ACCOUNT, issued_at=CLOCK) == tokens.sign(tupled, ACCOUNT, issued_at=CLOCK)


def test_a_token_of_a_mebibyte_is_signed_and_read_and_one_more_byte_is_not() -> None:
    room = tokens.MAX_TOKEN_SIZE - len(tokens.sign(user().replace(name="x"), ACCOUNT, issued_at=CLOCK))
    longest = user().replace(name="x" * (1 + room * 3 // 4))
    text = tokens.sign(longest, ACCOUNT, issued_at=CLOCK)
    assert tokens.MAX_TOKEN_SIZE - 3 < len(text) <= tokens.MAX_TOKEN_SIZE
    assert tokens.verify(text, UserClaims).claims.name == longest.name
    signer = Counting(ACCOUNT)
    with pytest.raises(TokenError, match="at most 1048576 bytes"):
        tokens.sign(longest.replace(name=longest.name + "xxxx"), signer, issued_at=CLOCK)
    assert signer.count == 0


# Lists that are there but empty.

EMPTY = {
    "a user's pub.allow": (user(pub=Permission(allow=())), user(), "$.nats.pub.allow"),
    "a user's pub.deny": (user(pub=Permission(deny=())), user(), "$.nats.pub.deny"),
    "a user's sub.allow": (user(sub=Permission(allow=())), user(), "$.nats.sub.allow"),
    "a user's sub.deny beside an allow": (
        user(sub=Permission(allow=("a",), deny=())),
        user(sub=Permission(allow=("a",))),
        "$.nats.sub.deny",
    ),
    "a user's src": (user(src=()), user(), "$.nats.src"),
    "a user's times": (user(times=()), user(), "$.nats.times"),
    "a user's connection types": (user(allowed_connection_types=()), user(), "$.nats.allowed_connection_types"),
    "an account's default": (
        account(default_permissions=Permissions(sub=Permission(allow=()))),
        account(),
        "$.nats.default_permissions.sub.allow",
    ),
    "a role's allow": (
        account(signing_keys=(Scope(key=ROLE, template=Template(pub=Permission(allow=()))),)),
        account(signing_keys=(Scope(key=ROLE),)),
        "$.nats.signing_keys[0].template.pub.allow",
    ),
    "a role's src": (
        account(signing_keys=(Scope(key=ROLE, template=Template(src=())),)),
        account(signing_keys=(Scope(key=ROLE),)),
        "$.nats.signing_keys[0].template.src",
    ),
}
empty = pytest.mark.parametrize(("claims", "without", "path"), EMPTY.values(), ids=EMPTY.keys())


@empty
def test_an_empty_list_is_refused(claims: Claims, without: Claims, path: str) -> None:
    with pytest.raises(InvalidClaimsError) as caught:
        tokens.sign(claims, SIGNERS[claims.kind], issued_at=CLOCK)
    assert [(problem.path, problem.code) for problem in caught.value.problems] == [(path, "empty-list")]
    tokens.sign(without, SIGNERS[claims.kind], issued_at=CLOCK)


@empty
def test_an_empty_list_that_is_not_asked_about_is_left_out(claims: Claims, without: Claims, path: str) -> None:
    signer = SIGNERS[claims.kind]
    text = tokens.sign(claims, signer, issued_at=CLOCK, check=False)
    assert text == tokens.sign(without, signer, issued_at=CLOCK, check=False)
    assert b"[]" not in payload_of(text)


@pytest.mark.parametrize("name", LIMITS)
def test_a_role_cannot_say_zero(name: str) -> None:
    claims = account(signing_keys=(Scope(key=ROLE, template=odd(Template, **{name: 0})),))
    with pytest.raises(InvalidClaimsError) as caught:
        tokens.sign(claims, OPERATOR, issued_at=CLOCK)
    assert [problem.path for problem in caught.value.problems] == [f"$.nats.signing_keys[0].template.{name}"]
    read = tokens.parse(tokens.sign(claims, OPERATOR, issued_at=CLOCK, check=False), AccountClaims).claims
    assert read.scopes[0].template == Template()


@pytest.mark.parametrize("sampling", [-1, 101, 1_000])
@pytest.mark.parametrize("check", [True, False], ids=["checked", "unchecked"])
def test_a_latency_sampling_that_has_no_form_is_never_signed(sampling: int, check: bool) -> None:
    claims = export(service_latency=ServiceLatency(sampling=sampling, results="r"))
    with pytest.raises(InvalidClaimsError, match="sampling"):
        tokens.sign(claims, OPERATOR, issued_at=CLOCK, check=check)


def test_a_latency_sampling_of_zero_is_written_as_headers() -> None:
    zero = export(service_latency=ServiceLatency(sampling=0, results="r"))
    text = tokens.sign(zero, OPERATOR, issued_at=CLOCK, check=False)
    assert b'{"sampling":"headers","results":"r"}' in payload_of(text)


def test_all_problems_are_told_at_once() -> None:
    claims = user(pub=Permission(allow=(), deny=()), src=(), times=())
    with pytest.raises(InvalidClaimsError) as caught:
        tokens.sign(claims, ACCOUNT, issued_at=CLOCK)
    assert len(caught.value.problems) == 4
    assert isinstance(caught.value, NatsCredsError)
    assert isinstance(caught.value, ValueError)
