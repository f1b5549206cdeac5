"""Tokens put together by hand: sound ones, and ones with a step broken before they are signed."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from typing import Any

from natscreds.claims import AccountClaims, Claims, OperatorClaims, UserClaims
from natscreds.nkeys import KeyPair, KeyType, PublicKey

HEADER = b'{"typ":"JWT","alg":"ed25519-nkey"}'
KINDS: dict[str, type[Claims]] = {kind.kind: kind for kind in (OperatorClaims, AccountClaims, UserClaims)}


def key(kind: KeyType, label: str = "") -> KeyPair:
    """Return the throw-away pair of a type and label."""
    return KeyPair(kind, sha256(f"natscreds-test-{kind.name}-{label}".encode()).digest())


OPERATOR, ACCOUNT, USER = key(KeyType.OPERATOR), key(KeyType.ACCOUNT), key(KeyType.USER)
SIGNERS = {"operator": OPERATOR, "account": OPERATOR, "user": ACCOUNT}
SUBJECTS = {"operator": OPERATOR, "account": ACCOUNT, "user": USER}


class Counting:
    """A key that lives elsewhere and counts what it signed."""

    def __init__(self, pair: KeyPair, public: str | None = None) -> None:
        self._pair = pair
        self.public = PublicKey(pair.public if public is None else public)
        self.count = 0

    def sign(self, data: bytes, /) -> bytes:
        self.count += 1
        return self._pair.sign(data)


def chunk(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")


def unchunk(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def seal(payload: bytes | str, signer: KeyPair, header: bytes = HEADER) -> str:
    """Return the token of *payload* as it stands, whatever it says."""
    signed = f"{chunk(header)}.{chunk(payload.encode() if isinstance(payload, str) else payload)}"
    return f"{signed}.{chunk(signer.sign(signed.encode()))}"


def payload_of(token: str) -> bytes:
    return unchunk(token.split(".")[1])


def document(kind: str, nats: dict[str, Any] | None = None, **top: object) -> dict[str, Any]:
    """Return the claims of a kind as JSON objects; *top* goes beside `nats`."""
    standard = {"iat": 1_700_000_000, "iss": SIGNERS[kind].public, "sub": SUBJECTS[kind].public}
    return {**standard, **top, "nats": {**(nats or {}), "type": kind, "version": 2}}


def forge(kind: str, nats: dict[str, Any] | None = None, **top: object) -> str:
    """Return a token of a kind, signed by the key that may."""
    return seal(json.dumps(document(kind, nats, **top), ensure_ascii=False), SIGNERS[kind])
