"""Keys from one secret: the same name gives the same key, in whatever run.

HKDF with SHA-256 (RFC 5869), exactly as `docs/reference/derivation.md` tells it, so that another language can do it
too. Only identity goes in: account, purpose, generation and name; not the time, the template, the role or the place in
a run. So a renewal keeps the key, and a new key for a name is the next *generation*.
"""

from collections.abc import Mapping
from os import urandom
from typing import cast

from natscreds.errors import InvalidClaimsError
from natscreds.nkeys import Entropy

__all__ = ["Derivation", "derivation_of", "generations_of", "new_secret"]

_SALT = b"natscreds seed v1"
_SHORTEST, _LONGEST = 32, 1_024


def new_secret() -> bytes:
    """Return a new secret for *derive_from*: 32 random bytes.

    Whoever has it has the private key of every user made from it, past and future, without leaving a trace: keep it
    where you keep an operator's identity.
    """
    return urandom(32)


class Derivation:
    """What makes the seeds of one issuer's names. It holds the issuer's part of the secret, not the secret."""

    __slots__ = ("_expand", "_generations", "_key")

    def __init__(self, secret: bytes, level: str, issuer: str, generations: Mapping[str, int] | None = None) -> None:
        """Derive the issuer's part.

        Args:
            secret: 32 to 1,024 random bytes.
            level: `account` for the users of an account, `operator` for the accounts of an operator.
            issuer: Its public nkey.
            generations: Names whose key is not the first, and which it is.

        Raises:
            TypeError: The secret is no bytes, or a generation no int.
            InvalidClaimsError: The secret is too short or too long, or no random bytes at all.
        """
        from cryptography.hazmat.primitives.hashes import SHA256  # only where keys are derived: it takes long to load
        from cryptography.hazmat.primitives.hmac import HMAC
        from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

        algorithm = SHA256()

        def expand(key: bytes, info: bytes) -> bytes:
            return HKDFExpand(algorithm=algorithm, length=32, info=info).derive(key)

        self._generations = generations_of(generations)
        self._expand = expand
        extract = HMAC(_SALT, algorithm)  # HKDF-Extract is this; by its own name only newer versions have it
        extract.update(_sound(secret))
        self._key = expand(extract.finalize(), level.encode() + b"\0" + issuer.encode("ascii"))

    def generation(self, name: str) -> int:
        """Return which key of *name* is meant; 0 is the first."""
        return self._generations.get(name, 0)

    def seed(self, name: str, purpose: str = "user") -> bytes:
        """Return the 32 seed bytes of *name*, taken as it is given."""
        generation = self.generation(name).to_bytes(8, "big")
        return self._expand(self._key, purpose.encode() + b"\0" + generation + name.encode())

    def seed_of_row(self, name: object, purpose: str = "user") -> bytes:
        """Return the seed of *name*; zeros for what is no name, which is refused before a key is made of it."""
        try:
            return self.seed(cast("str", name), purpose)
        except (UnicodeEncodeError, AttributeError, TypeError):
            return bytes(32)

    def __repr__(self) -> str:
        return "<Derivation>"

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a Derivation stays where the secret is: it is not pickled")


def derivation_of(
    secret: bytes | None, generations: Mapping[str, int] | None, entropy: Entropy, level: str, issuer: str
) -> Derivation | None:
    """Return what derives the keys of a run; `None` where they are drawn.

    Raises:
        TypeError: Both a secret and other entropy, or generations of keys that are drawn.
        InvalidClaimsError: As `Derivation`.
    """
    if secret is None:
        if generations is not None:
            raise TypeError("generations= goes with derive_from=: keys that are drawn are new each time")
        return None
    if entropy is not urandom:
        raise TypeError("either derive_from= or entropy=, not both")
    return Derivation(secret, level, issuer, generations)


def _sound(secret: object) -> bytes:
    """Return *secret* if it can be one; nothing of it is told otherwise."""
    if not isinstance(secret, bytes | bytearray):
        raise TypeError(f"derive_from is bytes from natscreds.bulk.new_secret, got {type(secret).__name__}")
    if not _SHORTEST <= len(secret) <= _LONGEST:
        raise InvalidClaimsError.one(
            "derive_from", "secret-size", f"a secret has {_SHORTEST} to {_LONGEST:,} random bytes, got {len(secret)}"
        )
    if len(set(secret)) == 1:
        raise InvalidClaimsError.one(
            "derive_from", "secret-not-random", "a secret is random, this is one byte repeated"
        )
    return bytes(secret)


def generations_of(generations: Mapping[str, int] | None) -> dict[str, int]:
    """Return the generations by name, without those that are the first."""
    if generations is None:
        return {}
    if not isinstance(generations, Mapping):
        raise TypeError(f"generations maps names to numbers, got {type(generations).__name__}")
    for name, number in generations.items():
        if not isinstance(name, str) or not isinstance(number, int) or isinstance(number, bool):
            raise TypeError("generations maps names to whole numbers")
        if not 0 <= number < 2**64:
            raise InvalidClaimsError.one("generations", "generation", f"a generation is 0 or more, got {number}")
    return {name: number for name, number in generations.items() if number}
