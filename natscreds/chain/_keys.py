"""Which keys are held, and who signs."""

from collections.abc import Iterable
from os import urandom
from typing import cast

from natscreds.errors import UntrustedIssuerError, WrongKeyTypeError
from natscreds.nkeys import Entropy, KeyPair, KeyType, PublicKey, Signer, parse_public

__all__ = ["SignerOrSeed", "held_keys", "load_keys", "subject_key"]

SignerOrSeed = Signer | str | bytes
"""A key pair or another signer, or a seed's text."""


def load_keys(keys: Iterable[SignerOrSeed], kind: KeyType) -> tuple[Signer, ...]:
    """Return *keys* as signers of type *kind*, each once.

    Raises:
        TypeError: A bare text where several are meant.
        NkeyError: A seed that does not parse.
        WrongKeyTypeError: A key of another type.
    """
    if isinstance(keys, str | bytes | bytearray):
        raise TypeError("keys takes several: give a list of seeds or key pairs")
    found: dict[str, Signer] = {}
    for key in keys:
        signer = cast("Signer", KeyPair.parse(key, kind)) if isinstance(key, str | bytes | bytearray) else key
        if not isinstance(signer, Signer):
            raise TypeError(f"a key is a seed, a KeyPair or a Signer, got {type(signer).__name__}")
        parse_public(signer.public, kind)
        found[signer.public] = signer
    return tuple(found.values())


def held_keys(
    keys: Iterable[Signer], *, identity: str, listed: Iterable[str], owner: str
) -> tuple[KeyPair | None, tuple[Signer, ...]]:
    """Sort *keys* into the identity and the signing keys.

    Raises:
        UntrustedIssuerError: A key that is neither *identity* nor *listed*.
    """
    known = frozenset(listed)
    own: KeyPair | None = None
    others: list[Signer] = []
    for key in keys:
        if key.public == identity:
            if not isinstance(key, KeyPair):
                others.append(key)
            else:
                own = key
        elif key.public in known:
            others.append(key)
        else:
            raise UntrustedIssuerError(f"{key.public} is no key of {owner}: neither its identity nor a signing key")
    return own, tuple(others)


def subject_key(key: KeyPair | str | None, kind: KeyType, entropy: Entropy | None) -> tuple[PublicKey, KeyPair | None]:
    """Return public key and pair of the one a token is about: *key*, a pair or a public nkey, or a new pair.

    Raises:
        NkeyError: A public nkey that does not parse.
        WrongKeyTypeError: A key of another type.
    """
    if key is None:
        key = KeyPair.generate(kind, entropy=entropy or urandom)
    if not isinstance(key, KeyPair):
        return parse_public(key, kind), None
    if key.key_type is not kind:
        raise WrongKeyTypeError(
            f"a key of type {kind.name.lower()} belongs here, got one of type {key.key_type.name.lower()}"
        )
    return key.public, key
