"""Nothing is signed again unread: whose account, whose user, which claims."""

from base64 import urlsafe_b64decode
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from chain_parts import T, code, pair_of

from natscreds import Account, KeyPair, KeyType, Operator, User, tokens, verify_chain
from natscreds.claims import AccountLimits, Export, UserClaims
from natscreds.envelope import seal_token
from natscreds.errors import (
    BadSignatureError,
    ExpiredError,
    InvalidClaimsError,
    NkeyError,
    RevokedError,
    TokenError,
    UntrustedIssuerError,
    WrongKeyTypeError,
)

OPERATOR = Operator.create("acme", issued_at=T)
ACCOUNT = OPERATOR.create_account("orders", issued_at=T)
USER = ACCOUNT.create_user("svc-1", publish=["a"], issued_at=T)
STRANGER = Operator.create("stranger", issued_at=T)

EVERYTHING = AccountLimits(
    subs=-1, data=-1, payload=-1, imports=-1, exports=-1, wildcards=True, conn=-1, leaf=-1, mem_storage=-1, streams=-1
)

Verb = Callable[[Account | str], Account]
VERBS: dict[str, Verb] = {
    "reissue": lambda account: OPERATOR.reissue(account),
    "reissue changed": lambda account: OPERATOR.reissue(account, ACCOUNT.claims.replace(description="shop")),
    "add_role": lambda account: OPERATOR.add_role(account, "device", publish=["a"]),
    "revoke": lambda account: OPERATOR.revoke(account, "*"),
}


@pytest.fixture(params=list(VERBS.values()), ids=list(VERBS))
def verb(request: pytest.FixtureRequest) -> Verb:
    found: Verb = request.param
    return found


def self_signed(**changes: object) -> str:
    """Return an account that its owner wrote, by the identity key."""
    return tokens.sign(ACCOUNT.claims.replace(**changes), pair_of(ACCOUNT.key), issued_at=T)


def said(jwt: str) -> Any:  # noqa: ANN401  # JSON
    """Return the JSON of a token."""
    chunk = jwt.split(".")[1]
    return msgspec.json.decode(urlsafe_b64decode(chunk + "=" * (-len(chunk) % 4)))


# --- accounts


def test_an_account_of_this_operator_is_signed_again(verb: Verb) -> None:
    for given in (ACCOUNT, ACCOUNT.jwt):
        assert verb(given).claims.iss == OPERATOR.signing_keys[0].public


def test_limits_that_a_tenant_wrote_are_not_laundered(verb: Verb) -> None:
    text = self_signed(limits=EVERYTHING)
    for given in (text, Account.load(text, ACCOUNT.signers)):
        with pytest.raises(UntrustedIssuerError):
            verb(given)


def test_an_account_of_another_operator_is_not_signed(verb: Verb) -> None:
    text = tokens.sign(ACCOUNT.claims, STRANGER.signing_keys[0], issued_at=T)
    for given in (text, Account.load(text, ACCOUNT.signers)):
        with pytest.raises(UntrustedIssuerError):
            verb(given)


def test_an_account_signed_by_a_key_the_operator_gave_up_is_not_signed(verb: Verb) -> None:
    old = KeyPair.generate(KeyType.OPERATOR)
    text = tokens.sign(ACCOUNT.claims, old, issued_at=T)
    with pytest.raises(UntrustedIssuerError):
        verb(text)


def test_an_account_signed_by_the_identity_is_not_signed_again_by_a_strict_operator() -> None:
    operator = Operator.create("acme")
    account = operator.create_account("orders", signer=operator.key)
    strict = operator.replace(operator.claims.replace(strict_signing_key_usage=True))
    for step in (strict.reissue, lambda given: strict.revoke(given, "*"), lambda given: strict.add_role(given, "r")):
        with pytest.raises(UntrustedIssuerError):
            step(account)
    assert strict.adopt(account.jwt).claims.iss == strict.signing_keys[0].public


def test_an_account_whose_signature_does_not_hold_is_not_signed(verb: Verb) -> None:
    text = f"{self_signed(limits=EVERYTHING).rpartition('.')[0]}.{ACCOUNT.jwt.rpartition('.')[2]}"
    with pytest.raises(BadSignatureError):
        verb(text)
    forged = Account(text, ACCOUNT.claims, key=None, signers=(), strict=False)
    with pytest.raises(BadSignatureError):
        verb(forged)


def test_a_text_that_claims_another_issuer_is_not_signed(verb: Verb) -> None:
    claims = msgspec.structs.replace(ACCOUNT.claims.replace(limits=EVERYTHING), iss=OPERATOR.signing_keys[0].public)
    payload = msgspec.json.encode(claims)
    with pytest.raises(BadSignatureError):
        verb(seal_token(payload, pair_of(ACCOUNT.key)))


def test_what_is_no_account_is_not_signed(verb: Verb) -> None:
    for text in (OPERATOR.jwt, USER.jwt, "", "a.b.c"):
        with pytest.raises(TokenError):
            verb(text)


def test_the_claims_of_another_account_are_not_signed_for_this_one() -> None:
    other = OPERATOR.create_account("other", issued_at=T)
    with pytest.raises(InvalidClaimsError) as caught:
        OPERATOR.reissue(ACCOUNT, other.claims)
    assert code(caught) == "another-account"


def test_claims_from_an_older_token_are_not_signed_so_that_no_update_is_lost() -> None:
    first = OPERATOR.revoke(ACCOUNT, USER)
    with pytest.raises(InvalidClaimsError) as caught:
        OPERATOR.reissue(first, ACCOUNT.claims.replace(description="shop"))
    assert code(caught) == "lost-update"
    second = OPERATOR.reissue(first, first.claims.replace(description="shop"))
    assert USER.public in second.claims.nats.revocations


def test_claims_from_a_newer_token_than_the_account_given_are_not_signed() -> None:
    newer = OPERATOR.revoke(ACCOUNT, USER)
    with pytest.raises(InvalidClaimsError) as caught:
        OPERATOR.reissue(ACCOUNT, newer.claims)
    assert code(caught) == "lost-update"


def test_claims_from_an_older_token_of_the_operator_are_not_signed() -> None:
    first = OPERATOR.replace(OPERATOR.claims.replace(tags=["a"]))
    with pytest.raises(InvalidClaimsError) as caught:
        first.replace(OPERATOR.claims.replace(strict_signing_key_usage=True))
    assert code(caught) == "lost-update"
    assert first.replace(first.claims.replace(strict_signing_key_usage=True)).claims.nats.tags == ("a",)


def test_an_operator_is_not_signed_as_another() -> None:
    with pytest.raises(InvalidClaimsError) as caught:
        OPERATOR.replace(STRANGER.claims)
    assert code(caught) == "another-operator"


def test_what_an_account_says_survives_being_signed_again() -> None:
    account = OPERATOR.reissue(ACCOUNT, ACCOUNT.claims.with_export(Export(subject="a.>", type="stream")))
    account = OPERATOR.revoke(account, USER)
    account = OPERATOR.add_role(account, "device", publish=["a"])
    nats = account.claims.nats
    assert [export.subject for export in nats.exports] == ["a.>"]
    assert USER.public in nats.revocations
    assert set(ACCOUNT.claims.plain_signing_keys) < account.known_keys
    assert account.claims.name == "orders"


def test_members_this_version_does_not_know_survive_being_signed_again() -> None:
    claims = said(ACCOUNT.jwt)
    claims["nats"]["limits"]["bananas"] = {"a": [1]}
    claims["nats"]["weather"] = "fine"
    text = seal_token(msgspec.json.encode(claims), OPERATOR.signing_keys[0])
    kept = said(OPERATOR.revoke(text, USER).jwt)
    assert kept["nats"]["limits"]["bananas"] == {"a": [1]}
    assert kept["nats"]["weather"] == "fine"


# --- adopting


def test_an_adopted_account_starts_from_the_limits_of_a_new_one() -> None:
    adopted = OPERATOR.adopt(self_signed(limits={"conn": 5, "mem_storage": -1, "subs": 7}))
    assert adopted.claims.nats.limits == ACCOUNT.claims.nats.limits
    assert adopted.claims.iss == OPERATOR.signing_keys[0].public
    assert adopted.public == ACCOUNT.public


def test_what_an_adopted_account_said_of_itself_is_told() -> None:
    adopted = OPERATOR.adopt(self_signed(limits={"conn": 5, "mem_storage": -1}))
    dropped = [problem for problem in adopted.problems if problem.code == "adopted-without"]
    assert {problem.path for problem in dropped} == {"$.nats.limits.conn", "$.nats.limits.mem_storage"}
    assert {problem.severity for problem in dropped} == {"warning"}


def test_nothing_is_told_of_an_account_that_said_no_more_than_a_new_one() -> None:
    assert not [problem for problem in OPERATOR.adopt(self_signed()).problems if problem.code == "adopted-without"]


def test_limits_of_an_adopted_account_are_those_given() -> None:
    adopted = OPERATOR.adopt(self_signed(limits=EVERYTHING), limits={"conn": 9})
    assert (adopted.claims.nats.limits.conn, adopted.claims.nats.limits.mem_storage) == (9, 0)
    assert OPERATOR.adopt(self_signed(), limits=AccountLimits(conn=1)).claims.nats.limits == AccountLimits(conn=1)


def test_an_adopted_account_mints_with_the_keys_given() -> None:
    adopted = OPERATOR.adopt(self_signed(), keys=[pair_of(ACCOUNT.signing_keys[0]).seed])
    user = adopted.create_user("svc-2")
    assert verify_chain(operator=OPERATOR, account=adopted, user=user).user == user.claims
    with pytest.raises(UntrustedIssuerError):
        OPERATOR.adopt(self_signed(), keys=[KeyPair.generate(KeyType.ACCOUNT)])


def test_an_account_of_another_operator_is_adopted_and_then_signed_again() -> None:
    foreign = STRANGER.create_account("theirs")
    adopted = OPERATOR.adopt(foreign.jwt)
    assert adopted.claims.iat > foreign.claims.iat
    assert OPERATOR.reissue(adopted).public == foreign.public


def test_an_adopted_account_is_issued_when_told_whatever_it_said_itself() -> None:
    late = tokens.sign(ACCOUNT.claims, pair_of(ACCOUNT.key), issued_at=T + 100)
    assert OPERATOR.adopt(late, issued_at=T).claims.iat == T
    far = tokens.sign(ACCOUNT.claims, pair_of(ACCOUNT.key), issued_at=9_000_000_000)
    assert OPERATOR.adopt(far).claims.iat < 9_000_000_000


def test_an_account_that_nobody_signed_is_not_adopted() -> None:
    text = f"{ACCOUNT.jwt.rpartition('.')[0]}.{USER.jwt.rpartition('.')[2]}"
    with pytest.raises(BadSignatureError):
        OPERATOR.adopt(text)
    for other in (OPERATOR.jwt, USER.jwt):
        with pytest.raises(TokenError):
            OPERATOR.adopt(other)


# --- users


def test_a_user_of_this_account_is_signed_again() -> None:
    for given in (USER, USER.jwt):
        again = ACCOUNT.reissue(given)
        assert again.claims.iat > USER.claims.iat
        assert (again.public, again.name) == (USER.public, "svc-1")
    assert ACCOUNT.reissue(USER).seed == USER.seed
    assert ACCOUNT.reissue(USER.jwt).key is None


def test_nothing_of_a_user_changes_but_the_time() -> None:
    user = ACCOUNT.create_user("a", publish=["a"], tags=["x:y"], max_payload=5, expires_in=timedelta(hours=1))
    again = ACCOUNT.reissue(user, expires_in=timedelta(hours=2)).claims
    same = msgspec.structs.replace(again, iat=user.claims.iat, exp=user.claims.exp, jti=user.claims.jti)
    assert same == user.claims


def test_a_user_of_a_role_is_signed_again_by_that_role() -> None:
    account = OPERATOR.add_role(ACCOUNT, "device", publish=["a"], private_inbox=True)
    user = account.create_user("a", role="device")
    again = account.reissue(user)
    assert again.claims.iss == account.roles["device"].public
    assert again.private_inbox
    assert again.creds.nats_py().get("inbox_prefix") == f"_INBOX.{user.public}"
    with pytest.raises(InvalidClaimsError) as caught:
        account.reissue(user, signer=account.signing_keys[0])
    assert code(caught) == "signer-and-role"


def test_a_user_without_role_is_not_signed_by_a_role() -> None:
    account = OPERATOR.add_role(ACCOUNT, "device", publish=[">"])
    with pytest.raises(InvalidClaimsError) as caught:
        account.reissue(USER, signer=account.roles["device"].key)
    assert code(caught) == "signer-is-a-role"


def test_a_user_of_another_account_is_not_signed() -> None:
    other = OPERATOR.create_account("other")
    with pytest.raises(UntrustedIssuerError):
        other.reissue(USER)
    with pytest.raises(UntrustedIssuerError):
        ACCOUNT.reissue(other.create_user("svc-1"))


def test_a_user_that_names_this_account_but_was_signed_elsewhere_is_not_signed() -> None:
    stranger = KeyPair.generate(KeyType.ACCOUNT)
    text = tokens.sign(USER.claims, stranger, issued_at=T)
    with pytest.raises(UntrustedIssuerError):
        ACCOUNT.reissue(text)


def test_a_user_that_this_accounts_key_signed_for_another_account_is_not_signed() -> None:
    other = OPERATOR.create_account("other")
    claims = USER.claims.replace(issuer_account=other.public)
    text = tokens.sign(claims, ACCOUNT.signing_keys[0], issued_at=T)
    with pytest.raises(UntrustedIssuerError):
        ACCOUNT.reissue(text)


def test_a_user_signed_by_a_key_the_account_gave_up_is_not_signed() -> None:
    gone = ACCOUNT.signing_keys[0].public
    account = OPERATOR.reissue(ACCOUNT, ACCOUNT.claims.without_signing_key(gone))
    with pytest.raises(UntrustedIssuerError):
        account.reissue(USER)


def test_a_user_signed_by_the_identity_is_not_signed_again_under_a_strict_operator() -> None:
    operator = Operator.create("acme")
    account = operator.create_account("orders")
    user = account.create_user("svc-1", signer=account.key)
    assert account.reissue(user).claims.iss == account.signing_keys[0].public
    strict = operator.replace(operator.claims.replace(strict_signing_key_usage=True))
    with pytest.raises(UntrustedIssuerError):
        strict.reissue(account).reissue(user)


def test_a_forged_user_is_not_signed() -> None:
    wide = tokens.sign(USER.claims.replace(pub={"allow": [">"]}), KeyPair.generate(KeyType.ACCOUNT), issued_at=T)
    text = f"{wide.rpartition('.')[0]}.{USER.jwt.rpartition('.')[2]}"
    with pytest.raises(BadSignatureError):
        ACCOUNT.reissue(text)
    with pytest.raises(BadSignatureError):
        ACCOUNT.reissue(User(text, name="svc-1", public=USER.public, claims=USER.claims))


def test_claims_put_into_a_user_by_hand_are_not_signed() -> None:
    wide: UserClaims = USER.claims.replace(pub={"allow": [">"]})
    again = ACCOUNT.reissue(User(USER.jwt, name="root", public=USER.public, claims=wide))
    assert again.claims.nats.pub.allow == ("a",)
    assert again.claims.name == again.name == "svc-1"


@pytest.mark.parametrize("whom", ["user", "*"])
def test_a_revoked_user_is_signed_again_only_if_reinstated(whom: str) -> None:
    account = OPERATOR.revoke(ACCOUNT, USER if whom == "user" else "*")
    with pytest.raises(RevokedError):
        account.reissue(USER)
    again = account.reissue(USER, reinstate=True)
    assert verify_chain(operator=OPERATOR, account=account, user=again).user == again.claims


def test_a_user_issued_after_its_revocation_is_signed_again() -> None:
    account = OPERATOR.revoke(ACCOUNT, USER)
    fresh = account.create_user("svc-1", key=USER.key)
    assert account.reissue(fresh).claims.iat >= fresh.claims.iat


def test_a_user_of_the_second_revoked_counts_as_revoked() -> None:
    account = OPERATOR.revoke(ACCOUNT, USER, at=USER.claims.iat)
    with pytest.raises(RevokedError):
        account.reissue(USER)


# --- whom to revoke


def test_a_user_of_another_account_is_not_revoked_here() -> None:
    other = OPERATOR.create_account("other").create_user("svc-1")
    for whom in (other, other.jwt):
        with pytest.raises(UntrustedIssuerError):
            OPERATOR.revoke(ACCOUNT, whom)


def test_a_user_that_only_names_this_account_or_only_has_its_key_is_not_revoked_here() -> None:
    named = tokens.sign(USER.claims, KeyPair.generate(KeyType.ACCOUNT), issued_at=T)
    elsewhere = USER.claims.replace(issuer_account=OPERATOR.create_account("other").public)
    signed = tokens.sign(elsewhere, ACCOUNT.signing_keys[0], issued_at=T)
    for text in (named, signed):
        with pytest.raises(UntrustedIssuerError):
            OPERATOR.revoke(ACCOUNT, text)


def test_a_user_of_a_role_and_of_the_identity_is_revoked() -> None:
    account = OPERATOR.add_role(ACCOUNT, "device", publish=["a"])
    for user in (account.create_user("a", role="device"), account.create_user("b", signer=account.key)):
        assert user.public in OPERATOR.revoke(account, user).claims.nats.revocations


def test_a_forged_user_is_not_revoked_by_its_token() -> None:
    text = f"{USER.jwt.rpartition('.')[0]}.{ACCOUNT.jwt.rpartition('.')[2]}"
    with pytest.raises(BadSignatureError):
        OPERATOR.revoke(ACCOUNT, text)


@pytest.mark.parametrize("whom", ["", "**", "U", "svc-1", "u" * 56])
def test_what_is_no_key_is_not_revoked(whom: str) -> None:
    with pytest.raises(NkeyError):
        OPERATOR.revoke(ACCOUNT, whom)


def test_a_key_of_another_type_is_not_revoked() -> None:
    for whom in (ACCOUNT.public, OPERATOR.public, ACCOUNT.signing_keys[0].public):
        with pytest.raises(WrongKeyTypeError):
            OPERATOR.revoke(ACCOUNT, whom)


# --- what may be read without trust


def test_a_loaded_account_mints_but_is_not_vouched_for() -> None:
    text = self_signed(limits=EVERYTHING)
    tenant = Account.load(text, ACCOUNT.signers)
    user = tenant.create_user("svc-1")
    with pytest.raises(UntrustedIssuerError):
        verify_chain(operator=OPERATOR, account=tenant, user=user)


def test_an_expired_account_is_signed_again_and_then_counts() -> None:
    account = OPERATOR.create_account("orders", expires_in=timedelta(hours=1), issued_at=T)
    with pytest.raises(ExpiredError):
        verify_chain(operator=OPERATOR, account=account)
    assert verify_chain(operator=OPERATOR, account=OPERATOR.reissue(account, account.claims.replace(exp=0)))
