"""The one import of the signing backend: libsodium's Ed25519, through PyNaCl's bindings.

Secrets here are 64 bytes: the 32 seed bytes followed by the 32 public bytes, as libsodium keeps them.
"""

from nacl.bindings import (
    crypto_core_ed25519_is_valid_point,
    crypto_sign,
    crypto_sign_open,
    crypto_sign_seed_keypair,
)
from nacl.exceptions import CryptoError

__all__ = ["is_sound_point", "key_pair", "sign", "verify"]


def key_pair(seed: bytes) -> tuple[bytes, bytes]:
    """Return the public (32 bytes) and secret (64 bytes) key of a raw *seed* of 32 bytes."""
    public, secret = crypto_sign_seed_keypair(seed)
    return public, secret


def sign(data: bytes, secret: bytes) -> bytes:
    """Return the 64-byte Ed25519 signature of *data*."""
    signed: bytes = crypto_sign(data, secret)
    return signed[:64]


def verify(public: bytes, data: bytes, signature: bytes) -> bool:
    """Tell whether *signature* holds; keys of small order and non-canonical points never verify."""
    if len(signature) != 64:
        return False
    try:
        crypto_sign_open(signature + data, public)
    except CryptoError:
        return False
    return True


def is_sound_point(public: bytes) -> bool:
    """Tell whether *public* (32 bytes) is a canonical point of the prime-order group, and not its identity."""
    return bool(crypto_core_ed25519_is_valid_point(public))
