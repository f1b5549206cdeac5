"""A token as received: three chunks, header and signature, of whatever kind.

`header.payload.signature`, each base64url without padding; the signature covers the first two chunks with their dot, in
version 1 tokens the payload chunk alone. What is verified is what came, byte for byte.

>>> open_token("one.two")
Traceback (most recent call last):
natscreds.errors.TokenError: a token has 3 chunks, got 2
"""

import json
from functools import lru_cache

import msgspec

from natscreds._codec import b64decode, b64encode
from natscreds._sodium import verify as sodium_verify
from natscreds.errors import BadSignatureError, MalformedError, TokenError, WrongKeyTypeError
from natscreds.nkeys import KeyType, Signer, is_sound, raw_public

__all__ = ["MAX_TOKEN_SIZE", "Envelope", "Head", "open_token", "peek", "seal_token"]

MAX_TOKEN_SIZE = 1_048_576
"""Bytes of a token, at most: servers and the reference read no longer one."""

_HEADER = b64encode(b'{"typ":"JWT","alg":"ed25519-nkey"}')

HEADER = _HEADER.decode("ascii")
"""The header chunk of every token written today."""


class Envelope:
    """The parts of one token, nothing verified yet.

    Attributes:
        text: The whole token as it came.
        payload: The JSON bytes of the claims.
        signature: 64 bytes.
        version_1_header: The header names version 1's algorithm; only generic claims go by it.
    """

    __slots__ = ("_payload_at", "_payload_end", "payload", "signature", "text", "version_1_header")

    def __init__(
        self, text: str, payload: bytes, signature: bytes, payload_at: int, payload_end: int, version_1_header: bool
    ) -> None:
        self.text = text
        self.version_1_header = version_1_header
        self.payload = payload
        self.signature = signature
        self._payload_at = payload_at
        self._payload_end = payload_end

    def signed(self, version: int) -> bytes:
        """Return the bytes that the signature covers in a token of that *version*."""
        return self.text[self._payload_at if version <= 1 else 0 : self._payload_end].encode("ascii")

    def verify(self, *, issuer: str, allowed: tuple[KeyType, ...], version: int) -> None:
        """Return nothing if *issuer* is of an *allowed* type (none given: any that signs) and signed these bytes.

        Raises:
            TokenError: *issuer* is no public nkey.
            WrongKeyTypeError: It is one of another type.
            BadSignatureError: The signature does not hold.
        """
        fault = ""
        key_type, raw = KeyType.CURVE, b""
        try:
            key_type, raw = _issuer(issuer)
        except MalformedError as error:
            fault = str(error)
        if fault:
            raise TokenError(f"iss is not a key: {fault}")
        if key_type is KeyType.CURVE or (allowed and key_type not in allowed):
            wanted = " or ".join(kind.name.lower() for kind in allowed) or "that signs"
            raise WrongKeyTypeError(f"signed by a key of type {wanted}, got {key_type.name.lower()}")
        if not is_sound(raw):
            raise TokenError("iss is not a key: a point of the prime-order group, this one is not")
        if not sodium_verify(raw, self.signed(version), self.signature):
            raise BadSignatureError(f"the signature does not hold for the issuer {issuer}")


# Issuers come again and again, and reading one takes a tenth of the time of verifying a signature.
_issuer = lru_cache(maxsize=1024)(raw_public)


class _HeadBody(msgspec.Struct):
    type: str | None = None
    version: int | None = None


class Head(msgspec.Struct):
    """What a token says about its own form, read before anything else."""

    type: str | None = None
    iss: str | None = None
    nats: _HeadBody | None = None

    @property
    def kind(self) -> str:
        """The claim kind; a top-level `type` is version 1's place for it."""
        return self.type or (self.nats.type if self.nats and self.nats.type else "")

    @property
    def version(self) -> int:
        """1 where a top-level `type` says so, else `nats.version`; 0 is none."""
        return 1 if self.type else (self.nats.version if self.nats and self.nats.version else 0)


_head_decoder = msgspec.json.Decoder(Head)


def peek(payload: bytes) -> Head:
    """Return kind, version and issuer of claims without reading the rest.

    Raises:
        TokenError: Not a JSON object, or these members have another type.
    """
    fault = ""
    try:
        return _head_decoder.decode(payload)
    except msgspec.ValidationError as error:
        told = str(error)
        fault = f"{told[0].lower()}{told[1:]}"
    except (msgspec.DecodeError, UnicodeDecodeError):
        fault = "the payload is not JSON"
    except RecursionError:
        fault = "the payload is nested too deep"
    raise TokenError(fault)


def open_token(text: str | bytes) -> Envelope:
    """Take a token apart, strictly.

    Raises:
        TokenError: Longer than `MAX_TOKEN_SIZE`, not three chunks, not canonical base64url, or an unknown header.
    """
    if isinstance(text, bytes | bytearray):
        text = text.decode("latin-1")
    if not isinstance(text, str):
        raise TypeError(f"a token is str or bytes, got {type(text).__name__}")
    if len(text) > MAX_TOKEN_SIZE:
        raise TokenError(f"a token has at most {MAX_TOKEN_SIZE} bytes, got {len(text)}")
    chunks = text.split(".")
    if len(chunks) != 3:
        raise TokenError(f"a token has 3 chunks, got {len(chunks)}")
    header, payload, signature = chunks
    algorithm = "ed25519-nkey" if header == HEADER else _algorithm(_chunk(header, "header"))
    data = _chunk(payload, "payload")
    sealed = _chunk(signature, "signature")
    if len(sealed) != 64:
        raise TokenError(f"a signature has 64 bytes, got {len(sealed)}")
    at = len(header) + 1
    return Envelope(text, data, sealed, at, at + len(payload), algorithm == "ed25519")


def _chunk(chunk: str, what: str) -> bytes:
    fault = ""
    try:
        return b64decode(chunk)
    except ValueError as error:
        fault = str(error)
    raise TokenError(f"the {what} is {fault}")


def _algorithm(header: bytes) -> str:
    """Return the algorithm that a header of another writer names: letter case does not matter in `typ` and `alg`."""
    fault = ""
    members: list[tuple[str, object]] = []
    try:
        read = json.loads(header.decode("utf-8"), object_pairs_hook=_Pairs)
        msgspec.json.decode(header)  # stricter on numbers and on surrogates
        if not isinstance(read, _Pairs):
            fault = "the header is a JSON object"
        else:
            members = read
    except _RepeatedError:
        fault = "a member stands twice in one object of the header"
    except (ValueError, msgspec.DecodeError, RecursionError):
        fault = "the header is not JSON"
    if fault:
        raise TokenError(fault)
    names = [name.replace("\u017f", "s").replace("\u212a", "k").lower() for name, _ in members]
    for name in ("typ", "alg"):
        if names.count(name) != 1 or name not in [own for own, _ in members]:
            raise TokenError(f"the header has one member {name!r}, spelled so")
    values = dict(members)
    typ, alg = values["typ"], values["alg"]
    if not isinstance(typ, str) or typ.upper() != "JWT":
        raise TokenError("the header's typ is JWT")
    if not isinstance(alg, str) or alg.lower() not in ("ed25519-nkey", "ed25519"):
        raise TokenError("the header's alg is ed25519-nkey or ed25519, got another algorithm")
    return alg.lower()


class _RepeatedError(Exception):
    """A name stands twice in one object."""


class _Pairs(list[tuple[str, object]]):
    """The members of a JSON object in their order."""

    def __init__(self, pairs: list[tuple[str, object]]) -> None:
        super().__init__(pairs)
        if len(dict(pairs)) != len(pairs):
            raise _RepeatedError


def seal_token(payload: bytes, signer: Signer) -> str:
    """Sign *payload*, JSON bytes, as a version 2 token and return its text.

    Raises:
        TokenError: The token would be longer than `MAX_TOKEN_SIZE`, or the signer gave no 64 bytes.
    """
    signed = b"%b.%b" % (_HEADER, b64encode(payload))
    if len(signed) + 87 > MAX_TOKEN_SIZE:
        raise TokenError(f"a token has at most {MAX_TOKEN_SIZE} bytes, this one would have {len(signed) + 87}")
    signature = signer.sign(signed)
    if not isinstance(signature, bytes | bytearray):
        raise TokenError(f"a signature has 64 bytes, the signer gave {type(signature).__name__}")
    if len(signature) != 64:
        raise TokenError(f"a signature has 64 bytes, the signer gave {len(signature)}")
    return (b"%b.%b" % (signed, b64encode(signature))).decode("ascii")
