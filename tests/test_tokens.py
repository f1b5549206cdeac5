"""What is signed: the reference's bytes for the reference's claims, and nothing that would read back otherwise."""

import json
import runpy
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from itertools import permutations
from typing import Any

import msgspec
import pytest
from token_forge import ACCOUNT, KINDS, OPERATOR, SIGNERS, SUBJECTS, USER, Counting, key, payload_of
from token_vectors import CLOCK, FOLDER, MORE, REFERENCE, SEEDS, More, Reference, each, read_more, read_vectors

from natscreds import tokens
from natscreds.claims import (
    AccountClaims,
    Claims,
    Export,
    Import,
    Scope,
    encode,
)
from natscreds.errors import (
    BadSignatureError,
    InvalidClaimsError,
    NkeyError,
    TokenError,
    WrongKeyTypeError,
)
from natscreds.nkeys import KeyPair, KeyType, Signer, format_public

OURS = [row for row in REFERENCE if row.claim_type in KINDS]
STABLE = [row for row in MORE if row.stable and row.kind in KINDS]
UNSTABLE = [row for row in MORE if not row.stable]
every_kind = pytest.mark.parametrize("kind", list(KINDS))
LIMITS = ("subs", "data", "payload")


def test_the_vectors_are_what_their_script_writes() -> None:
    script = runpy.run_path(str(FOLDER / "make_tokens.py"))
    assert script["dump"]() == (FOLDER / "tokens.json").read_text(encoding="ascii")


@pytest.mark.parametrize("data", [b"", b"{}", b'{"note":"","vectors":[]}', b'{"note":"","vectors":[],"more":[]}'])
def test_an_empty_or_unknown_vector_file_fails_the_run(data: bytes) -> None:
    with pytest.raises((AssertionError, msgspec.DecodeError)):
        read_vectors(data)


def test_an_empty_file_of_random_tokens_fails_the_run() -> None:
    with pytest.raises(AssertionError):
        read_more(b"[]")


# Byte identity.


def unsigned(claims: Claims) -> Claims:
    """Return claims without what signing fills in."""
    trio = msgspec.structs.replace(claims.body, type="", version=0)
    return msgspec.structs.replace(claims, iss="", iat=0, jti="", nats=trio)


@each(OURS)
def test_a_token_of_the_reference_is_signed_again_byte_for_byte(row: Reference) -> None:
    claims = tokens.parse(row.token, KINDS[row.claim_type]).claims
    pair = KeyPair.parse(SEEDS[row.signer])
    assert tokens.sign(unsigned(claims), pair, issued_at=CLOCK, check=False) == row.token


@each(OURS)
def test_a_token_of_the_reference_keeps_its_payload_and_id(row: Reference) -> None:
    token = tokens.verify(row.token, KINDS[row.claim_type])
    assert encode(token.claims).decode() == row.payload_json == row.reencoded_json
    assert tokens.token_id(msgspec.structs.replace(token.claims, jti="")) == token.claims.jti == row.jti
    assert token.text == row.token


@pytest.mark.parametrize("row", STABLE, ids=[f"{row.kind}-{at}" for at, row in enumerate(STABLE)])
def test_random_claims_are_signed_again_byte_for_byte(row: More) -> None:
    claims = tokens.verify(row.token, KINDS[row.kind]).claims
    again = tokens.sign(unsigned(claims), KeyPair.parse(row.seed), issued_at=claims.iat, check=False)
    assert again == row.token


def test_there_are_as_many_random_tokens_as_the_reference_gave() -> None:
    assert (len(STABLE), len(UNSTABLE)) == (124, 16)


@pytest.mark.parametrize("row", UNSTABLE, ids=[str(at) for at in range(len(UNSTABLE))])
def test_an_unstable_token_differs_by_the_zero_limits_of_its_roles_alone(row: More) -> None:
    claims = tokens.parse(row.token, AccountClaims).claims
    written = json.loads(payload_of(row.token))
    with_zeros = claims
    for signing_key in written["nats"]["signing_keys"]:
        if isinstance(signing_key, dict):
            zeros = {name: 0 for name in LIMITS if name not in signing_key["template"]}
            scope = claims.scope(signing_key["key"])
            assert scope is not None
            with_zeros = with_zeros.with_signing_key(scope.with_template(**zeros))
            signing_key["template"] |= dict.fromkeys(zeros, -1)
    pair = KeyPair.parse(row.seed)
    assert with_zeros != claims
    assert tokens.sign(with_zeros, pair, issued_at=claims.iat, check=False) == row.token
    # What is left out reads as -1, by the reference too, and is written so.
    assert json.loads(payload_of(tokens.sign(claims, pair, issued_at=claims.iat, check=False))) == written


# What signing fills in and puts in order.


def plain(kind: str, **members: Any) -> Claims:  # noqa: ANN401  # members of the body
    claims = KINDS[kind](sub=SUBJECTS[kind].public)
    return (claims.replace(subs=-1) if kind == "user" else claims).replace(**members)


def signed(claims: Claims, **options: Any) -> Any:  # noqa: ANN401  # claims of the kind that went in
    signer = SIGNERS[claims.kind]
    return tokens.verify(tokens.sign(claims, signer, issued_at=CLOCK, **options), type(claims)).claims


@every_kind
def test_signing_sets_issuer_second_id_kind_and_version(kind: str) -> None:
    claims = plain(kind, iss="nobody", iat=5, jti="none", type="other", version=1)
    # A version of 1 says that the claims were read from an old token, so signing has to be asked for.
    read = signed(claims, check=False)
    assert (read.iss, read.iat, read.nats.type, read.nats.version) == (SIGNERS[kind].public, CLOCK, kind, 2)
    assert read.jti == tokens.token_id(msgspec.structs.replace(read, jti=""))
    assert len(read.jti) == 52


@every_kind
def test_signing_leaves_the_claims_as_they_were(kind: str) -> None:
    claims = plain(kind, tags=["a"])
    before = encode(claims)
    tokens.sign(claims, SIGNERS[kind], issued_at=CLOCK)
    assert encode(claims) == before
    assert claims == plain(kind, tags=["a"])


@pytest.mark.parametrize("order", list(permutations(["a.b", "a", "\uffff", "\U00010000"], 3)))
def test_exports_and_imports_are_sorted_by_subject(order: tuple[str, ...]) -> None:
    claims = plain(
        "account",
        exports=[Export(subject=subject, type="stream") for subject in order],
        imports=[Import(subject=subject, account=ACCOUNT.public, type="stream") for subject in order],
    )
    read = signed(claims, check=False).nats
    assert [export.subject for export in read.exports] == sorted(order)
    assert [import_.subject for import_ in read.imports] == sorted(order)


def test_entries_of_one_subject_keep_their_order() -> None:
    exports = [Export(subject="s", name=str(number), type="stream") for number in range(30)]
    assert list(signed(plain("account", exports=exports), check=False).nats.exports) == exports


def test_signing_keys_are_sorted_and_the_last_of_one_key_wins() -> None:
    first, second, third = sorted(key(KeyType.ACCOUNT, str(number)).public for number in range(3))
    role, other = Scope(key=second, role="a"), Scope(key=second, role="b")
    claims = plain("account", signing_keys=[third, role, second, other, first, third])
    assert signed(claims, check=False).nats.signing_keys == (first, other, third)
    claims = plain("account", signing_keys=[role, other, second, first])
    assert signed(claims, check=False).nats.signing_keys == (first, second)


def test_an_operators_signing_keys_stay_as_they_were_given() -> None:
    given = [key(KeyType.OPERATOR, str(number)).public for number in range(5)]
    assert signed(plain("operator", signing_keys=given)).nats.signing_keys == tuple(given)


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC),
        datetime(2023, 11, 14, 22, 13, 20, 999_999, tzinfo=UTC),
        datetime(2023, 11, 15, 1, 13, 20, tzinfo=timezone(timedelta(hours=3))),
    ],
    ids=["utc", "rounded down", "another zone"],
)
def test_the_second_of_signing_may_be_an_aware_datetime(moment: datetime) -> None:
    claims = plain("user")
    assert tokens.sign(claims, ACCOUNT, issued_at=moment) == tokens.sign(claims, ACCOUNT, issued_at=CLOCK)


@pytest.mark.parametrize(
    ("moment", "error"),
    [
        (0, ValueError),
        (-1, ValueError),
        (10_000_000_000, ValueError),
        (1_700_000_000_000, ValueError),
        (datetime(2023, 11, 14), ValueError),  # naive on purpose
        (datetime(1969, 1, 1, tzinfo=UTC), ValueError),
        (True, TypeError),
        (1.5, TypeError),
        ("1700000000", TypeError),
        (None, TypeError),
        (datetime(2023, 11, 14, tzinfo=UTC).date(), TypeError),
        (datetime(2023, 11, 14, tzinfo=UTC).timetz(), TypeError),
    ],
    ids=repr,
)
def test_no_other_moment_is_signed(moment: Any, error: type[Exception]) -> None:  # noqa: ANN401  # wrong on purpose
    with pytest.raises(error, match="issued_at"):
        tokens.sign(plain("user"), ACCOUNT, issued_at=moment)


# Who may sign what about whom.

NEUTRAL = b"\1" + bytes(31)
"""The neutral point, a key under which any signature can be made to hold."""

ALLOWED = {
    "operator": {KeyType.OPERATOR},
    "account": {KeyType.ACCOUNT, KeyType.OPERATOR},
    "user": {KeyType.ACCOUNT},
}
signing_types = pytest.mark.parametrize("type_", [kind for kind in KeyType if kind is not KeyType.CURVE])


@every_kind
@signing_types
@pytest.mark.parametrize("wrap", [lambda pair: pair, Counting], ids=["pair", "elsewhere"])
def test_only_issuers_of_the_right_type_sign(kind: str, type_: KeyType, wrap: Callable[[KeyPair], Signer]) -> None:
    signer = wrap(key(type_))
    if type_ in ALLOWED[kind]:
        tokens.verify(tokens.sign(plain(kind), signer, issued_at=CLOCK, check=False))
        return
    with pytest.raises(WrongKeyTypeError, match="signed by a key of type"):
        tokens.sign(plain(kind), signer, issued_at=CLOCK, check=False)


@every_kind
@signing_types
def test_only_subjects_of_the_right_type_are_signed(kind: str, type_: KeyType) -> None:
    claims = plain(kind, sub=key(type_).public)
    if type_.name.lower() == kind:
        assert signed(claims).sub == key(type_).public
        return
    with pytest.raises(WrongKeyTypeError, match="about a key of type"):
        signed(claims, check=False)


NO_KEYS: dict[str, Any] = {
    "empty": "",
    "a word": "acme",
    "lower case": USER.public.lower(),
    "cut": USER.public[:-1],
    "newline": USER.public + "\n",
    "a seed": USER.seed,
    "checksum": "U" + "A" * 55,
    "surrogate": "\ud800",
    "an int": 5,
    "none": None,
    "bytes": bytes,  # of the right key
    "small order": format_public(KeyType.USER, NEUTRAL),
}


@every_kind
@pytest.mark.parametrize("subject", NO_KEYS.values(), ids=NO_KEYS.keys())
@pytest.mark.parametrize("check", [True, False])
def test_a_subject_that_is_no_key_is_not_signed(kind: str, subject: Any, check: bool) -> None:  # noqa: ANN401
    subject = SUBJECTS[kind].public.encode() if subject is bytes else subject
    claims = msgspec.structs.replace(plain(kind), sub=subject)
    signer = Counting(SIGNERS[kind])
    with pytest.raises(InvalidClaimsError) as caught:
        tokens.sign(claims, signer, issued_at=CLOCK, check=check)
    assert [problem.path for problem in caught.value.problems] == ["$.sub"]
    assert signer.count == 0
    assert USER.seed not in str(caught.value)


# Keys that live elsewhere.


def test_a_key_that_lives_elsewhere_signs_the_same_token() -> None:
    signer = Counting(ACCOUNT)
    assert tokens.sign(plain("user"), signer, issued_at=CLOCK) == tokens.sign(plain("user"), ACCOUNT, issued_at=CLOCK)
    assert signer.count == 1


class Odd:
    """A signer that answers as it was told to."""

    def __init__(self, answer: Callable[[bytes], Any], public: Any = ACCOUNT.public) -> None:  # noqa: ANN401
        self.answer, self.public = answer, public

    def sign(self, data: bytes, /) -> bytes:
        return self.answer(data)  # type: ignore[no-any-return]  # odd on purpose


class Forgetful(KeyPair):
    """A KeyPair that is not one."""

    def sign(self, data: bytes, /) -> bytes:
        return bytes(64)


@pytest.mark.parametrize(
    ("signer", "error"),
    [
        (Odd(lambda _: bytes(64)), BadSignatureError),
        (Odd(OPERATOR.sign), BadSignatureError),
        (Odd(lambda data: ACCOUNT.sign(data + b" ")), BadSignatureError),
        (Odd(ACCOUNT.sign, key(KeyType.ACCOUNT, "other").public), BadSignatureError),
        (Forgetful.parse(ACCOUNT.seed), BadSignatureError),
        (Odd(lambda data: ACCOUNT.sign(data)[:63]), TokenError),
        (Odd(lambda data: ACCOUNT.sign(data) + b"\0"), TokenError),
        (Odd(lambda _: b""), TokenError),
        (Odd(lambda _: None), TokenError),
        (Odd(lambda _: "x" * 64), TokenError),
        (Odd(lambda _: [0] * 64), TokenError),
        (Odd(ACCOUNT.sign, "acme"), NkeyError),
        (Odd(ACCOUNT.sign, ACCOUNT.seed), NkeyError),
        (Odd(lambda _: bytes(64), format_public(KeyType.ACCOUNT, NEUTRAL)), NkeyError),
    ],
    ids=["zeros", "another key", "other bytes", "another name", "subclass", "63 bytes", "65 bytes", "nothing", "none",
         "text", "list", "no key", "seed", "small order"],
)  # fmt: skip
def test_a_signer_that_does_not_sign_gives_no_token(signer: Signer, error: type[Exception]) -> None:
    with pytest.raises(error) as caught:
        tokens.sign(plain("user"), signer, issued_at=CLOCK)
    assert type(caught.value) is error
    assert ACCOUNT.seed not in str(caught.value)


def test_an_error_of_the_signer_itself_passes_through() -> None:
    def locked(_: bytes) -> bytes:
        raise PermissionError("locked")

    with pytest.raises(PermissionError, match="locked"):
        tokens.sign(plain("user"), Odd(locked), issued_at=CLOCK)
