"""What tests of chains share: signers that are no key pairs, and the code of an error."""

import os

import pytest

from natscreds import KeyPair, PublicKey, Signer
from natscreds.errors import (
    InvalidClaimsError,
)

__all__ = ["Remote", "T", "code", "kms", "pair_of"]

T = 1_700_000_000


class Remote:
    """A signer that is no KeyPair: a front for a key that lives elsewhere."""

    def __init__(self, pair: KeyPair) -> None:
        self._pair = pair
        self.signed = 0

    @property
    def public(self) -> PublicKey:
        return self._pair.public

    def sign(self, data: bytes, /) -> bytes:
        self.signed += 1
        return self._pair.sign(data)


def kms() -> Signer:
    """Make a signer where it is called, as a program with a KMS would: a function of a module."""
    return Remote(KeyPair.parse(os.environ["NATSCREDS_TEST_KMS"]))


def code(error: pytest.ExceptionInfo[InvalidClaimsError]) -> str:
    (problem,) = error.value.problems
    return problem.code


def pair_of(signer: object) -> KeyPair:
    assert isinstance(signer, KeyPair)
    return signer
