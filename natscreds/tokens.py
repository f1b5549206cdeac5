"""Claims to signed text and back.

`sign` writes the bytes the reference (nats-io/jwt v2) would write for the same claims, key and second. `parse` tells
what a text says; `verify` tells it only when the signature holds for the very bytes received.

>>> from natscreds.claims import OperatorClaims
>>> from natscreds.nkeys import KeyPair, KeyType
>>> pair = KeyPair.generate(KeyType.OPERATOR)
>>> text = sign(OperatorClaims(name="acme", sub=pair.public), pair, issued_at=1_795_000_000)
>>> verify(text, OperatorClaims).claims.name
'acme'
"""

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar, cast, overload

import msgspec

from natscreds._codec import b32encode
from natscreds.claims import (
    AccountClaims,
    ActivationClaims,
    AuthorizationRequestClaims,
    AuthorizationResponseClaims,
    Claims,
    GenericClaims,
    OperatorClaims,
    Unknown,
    UserClaims,
    decode,
    encode,
    migrate,
    read_back,
    seconds,
    standard,
)
from natscreds.envelope import MAX_TOKEN_SIZE, Envelope, Head, open_token, peek, seal_token
from natscreds.errors import InvalidClaimsError, MalformedError, TokenError, WrongKeyTypeError
from natscreds.nkeys import KeyPair, KeyType, Signer, raw_public
from natscreds.nkeys import verify as verify_signature

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["MAX_TOKEN_SIZE", "Token", "UnverifiedToken", "parse", "sign", "token_id", "verify"]

ClaimsT = TypeVar("ClaimsT", bound=Claims)

_KINDS: dict[str, type[Claims]] = {
    kind.kind: kind
    for kind in (
        OperatorClaims,
        AccountClaims,
        UserClaims,
        ActivationClaims,
        AuthorizationRequestClaims,
        AuthorizationResponseClaims,
    )
}
# Kinds of version 1 that nobody reads any more, but as generic data.
_GONE = ("cluster", "server")


def _sha512_256() -> Callable[[bytes], bytes]:
    """Return SHA-512/256; OpenSSL builds need not offer it to hashlib."""
    try:
        begun = hashlib.new("sha512_256")
    except ValueError:
        from cryptography.hazmat.primitives import hashes

        def of(data: bytes) -> bytes:
            state = hashes.Hash(hashes.SHA512_256())
            state.update(data)
            return state.finalize()

        return of

    def copied(data: bytes) -> bytes:
        state = begun.copy()  # looking the algorithm up by its name takes half the time of a digest
        state.update(data)
        return state.digest()

    return copied


digest = _sha512_256()
"""SHA-512/256, which token ids are made with: 32 bytes."""


class UnverifiedToken(Generic[ClaimsT]):
    """What a text says, whoever wrote it. Nothing here is to be trusted.

    Attributes:
        text: The token as it came.
        claims: What it says. Version 1 is told in the words of version 2.
        version: 1 or 2: how it was signed.
    """

    __slots__ = ("_envelope", "claims", "version")

    claims: ClaimsT
    version: int

    def __init__(self, envelope: Envelope, claims: ClaimsT, version: int = 2) -> None:
        self._envelope = envelope
        self.claims = claims
        self.version = version

    @property
    def text(self) -> str:
        """The token as it came."""
        return self._envelope.text

    def verify(self) -> "Token[ClaimsT]":
        """Return the token with its signature verified; see `natscreds.tokens.verify`."""
        claims = self.claims
        self._envelope.verify(issuer=claims.iss, allowed=claims.issuers, version=self.version)
        if claims.subjects:
            _check_subject(claims, TokenError)
        return Token(self._envelope, claims, self.version)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.claims.kind} {self.claims.sub} by {self.claims.iss}>"


class Token(UnverifiedToken[ClaimsT]):
    """A token whose signature holds and whose issuer is of a kind that may sign it.

    Whether that issuer has a say is another question: see `natscreds.verify_chain`.
    """

    __slots__ = ()


def token_id(claims: Claims) -> str:
    """Return the `jti` of *claims*: 52 characters, over the standard members only, as the reference makes it."""
    return b32encode(digest(encode(standard(claims))))


def sign(claims: Claims, signer: Signer, *, issued_at: "int | datetime", check: bool = True) -> str:
    """Fill in issuer, time and id, and sign.

    Args:
        claims: Of any kind; `sub` says whom they are about. They are not changed.
        signer: A key pair, or whatever has `public` and `sign(data)`.
        issued_at: `iat`, in whole seconds or as an aware datetime.
        check: Refuse claims that break a rule. Without, the token is what the reference would sign.

    Returns:
        The token's text.

    Raises:
        InvalidClaimsError: The claims break a rule, or would not read back as what they are.
        WrongKeyTypeError: The signer, or the subject, is a key of a type that does not stand here.
        NkeyError: The signer's `public` is no public nkey.
        TokenError: The token would be longer than 1 MiB, or the signer gave no 64 bytes.
        BadSignatureError: The signer, another than a `KeyPair`, gave 64 bytes that are no signature of its key.
    """
    second = seconds(issued_at, "issued_at")
    issuer = signer.public
    own = type(signer) is KeyPair
    kind = signer.key_type if isinstance(signer, KeyPair) else raw_public(issuer)[0]
    if claims.issuers and kind not in claims.issuers:
        wanted = " or ".join(allowed.name.lower() for allowed in claims.issuers)
        raise WrongKeyTypeError(f"{claims.kind} claims are signed by a key of type {wanted}, got {kind.name.lower()}")
    _check_subject(claims, InvalidClaimsError)
    if check:
        _refuse_migrated(claims)
    claims = _prepared(claims, check=check)
    claims = msgspec.structs.replace(claims, iss=issuer, iat=second, jti="")
    claims = msgspec.structs.replace(claims, jti=token_id(claims))
    payload = encode(claims)
    read_back(payload, claims)
    text = seal_token(payload, signer)
    if not own:
        sealed = open_token(text)
        verify_signature(issuer, sealed.signed(2), sealed.signature)
    return text


def _prepared(claims: Claims, *, check: bool) -> Claims:
    """Return the claims in the form that is signed; with *check*, only if they break no rule."""
    try:
        problems = tuple(problem for problem in claims.check() if problem.severity == "error") if check else ()
        if not problems:
            return claims.prepared()
    except InvalidClaimsError:
        raise
    except (AttributeError, TypeError, ValueError):
        problems = ()  # a value of another type than rules and order are made for
    if problems:
        raise InvalidClaimsError.of(problems)
    read_back(encode(claims), claims)
    raise InvalidClaimsError.one("$", "wrong-type", "a value of a type that does not belong in these claims")


def _refuse_migrated(claims: Claims) -> None:
    """Refuse claims read from a version 1 token: not all of it was kept."""
    if not isinstance(claims, GenericClaims) and getattr(claims.body, "version", 2) == 1:
        raise InvalidClaimsError.one(
            "$.nats.version",
            "version-1",
            "read from a version 1 token, not all of which is kept: sign claims.as_version_2()",
        )


def _check_subject(claims: Claims, failure: type[InvalidClaimsError] | type[TokenError]) -> None:
    """Refuse a subject that is not a sound text of a key of the kind these claims are about."""
    fault = ""
    kind = KeyType.CURVE
    if not claims.subjects:
        fault = "" if claims.sub else "it is empty"
    else:
        try:
            kind, _ = raw_public(claims.sub)
        except (MalformedError, TypeError) as error:
            fault = str(error)
    if fault:
        if failure is InvalidClaimsError:
            raise InvalidClaimsError.one("$.sub", "sub-not-a-key" if claims.sub else "sub-empty", fault)
        raise TokenError(f"sub is not a key: {fault}")
    if claims.subjects and kind not in claims.subjects:
        wanted = " or ".join(allowed.name.lower() for allowed in claims.subjects)
        raise WrongKeyTypeError(f"{claims.kind} claims are about a key of type {wanted}, got {kind.name.lower()}")


@overload
def parse(text: str | bytes, kind: None = None) -> UnverifiedToken[Claims]: ...
@overload
def parse(text: str | bytes, kind: type[ClaimsT]) -> UnverifiedToken[ClaimsT]: ...
def parse(text: str | bytes, kind: type[ClaimsT] | None = None) -> UnverifiedToken[ClaimsT] | UnverifiedToken[Claims]:
    """Read what a token says; nothing is verified.

    Args:
        text: The token.
        kind: The claims type that must be in it; without, what the token says it is.

    Raises:
        TokenError: Not a token, of another kind or version, or one that servers might read otherwise.
    """
    envelope = open_token(text)
    if kind is None:
        return _parse_any(envelope)
    if kind.free_form:
        return _parse_generic(envelope, kind)
    claims: ClaimsT | None = None
    fault: TokenError | None = None
    try:
        claims = decode(envelope.payload, kind)
    except TokenError as error:
        fault = error
    else:
        # The plain case. A member beside the known ones may be version 1's `type`, so that is looked at below.
        body = cast("UserClaims", claims).nats
        if body.type == kind.kind and body.version == 2 and claims.unknown is msgspec.UNSET:
            return UnverifiedToken(envelope, claims)
    head = peek(envelope.payload)
    if head.kind != kind.kind:
        raise TokenError(f"expected {kind.kind} claims, got {ascii(head.kind[:40]) if head.kind else 'none'}")
    version = _version(head)
    if version == 1 and kind.kind in _MIGRATED:
        return UnverifiedToken(envelope, migrate(envelope.payload, kind.kind, kind), 1)
    if fault is not None or claims is None:
        raise fault or TokenError("no claims")
    return UnverifiedToken(envelope, claims, version)


_MIGRATED = ("operator", "account", "user", "activation")


def _version(head: Head) -> int:
    """Return how a token of this head is signed, refusing versions that nobody knows."""
    if head.version > 2:
        raise TokenError(f"claims of version 1 and 2 are read, got version {head.version}")
    if head.kind in _MIGRATED and head.version < 1:
        raise TokenError(f"claims of version 1 and 2 are read, got version {head.version}")
    return 2 if head.version == 2 else 1


def _parse_any(envelope: Envelope) -> UnverifiedToken[Claims]:
    head = peek(envelope.payload)
    if head.kind in _GONE:
        raise TokenError(f"claims of kind {head.kind} are read no more, but as generic claims")
    kind = _KINDS.get(head.kind)
    if kind is None:
        return cast("UnverifiedToken[Claims]", _parse_generic(envelope, GenericClaims))
    return parse(envelope.text, kind)


# What the reference reads beside the data of generic claims, if only to refuse another type.
_BESIDE: dict[str, tuple[object, str]] = {
    "type": (str | None, "a text"),
    "tags": (list[str] | None, "a list of texts"),
    "version": (int | None, "a whole number"),
}


def _beside(raw: bytes, name: str) -> object:
    kind, told = _BESIDE[name]
    fault = ""
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError:
        fault = f"expected {told} at $.{name}"
    raise TokenError(fault)


def _parse_generic(envelope: Envelope, kind: type[ClaimsT]) -> UnverifiedToken[ClaimsT]:
    """Read free data. The header tells the version, as generic data has no place of its own for it."""
    claims = decode(envelope.payload, kind)
    unknown = claims.unknown if isinstance(claims.unknown, Unknown) else Unknown({})
    beside = {name: _beside(unknown.members.get(name, b"null"), name) for name in _BESIDE}
    if not envelope.version_1_header:
        return UnverifiedToken(envelope, claims)
    # Version 1 kept `type` and `tags` beside the data; they belong to it.
    generic = cast("GenericClaims", claims)
    data = {**generic.nats, **{name: beside[name] for name in ("type", "tags") if beside[name]}}
    rest = {name: raw for name, raw in unknown.members.items() if name not in ("type", "tags")}
    moved = msgspec.structs.replace(generic, nats=data, unknown=Unknown(rest) if rest else msgspec.UNSET)
    return UnverifiedToken(envelope, cast("ClaimsT", moved), 1)


@overload
def verify(text: str | bytes, kind: None = None) -> Token[Claims]: ...
@overload
def verify(text: str | bytes, kind: type[ClaimsT]) -> Token[ClaimsT]: ...
def verify(text: str | bytes, kind: type[ClaimsT] | None = None) -> Token[ClaimsT] | Token[Claims]:
    """Read a token whose signature holds for the bytes received and whose issuer is of a kind that may sign it.

    Time, revocation and whether the issuer is trusted are not asked: see `natscreds.verify_chain`.

    Raises:
        TokenError: As `parse`.
        WrongKeyTypeError: The issuer, or the subject, is a key of a type that does not stand here.
        BadSignatureError: The signature does not hold.
    """
    return parse(text, kind).verify() if kind is not None else parse(text).verify()
