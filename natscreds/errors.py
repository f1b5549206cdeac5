"""Every error natscreds raises on purpose, in one tree.

`except NatsCredsError` catches them all. Errors about bad input are `ValueError`s too, and `MissingDependencyError`
is an `ImportError`. No message ever holds a seed, a private key or a token's signature.

>>> issubclass(NkeyError, NatsCredsError) and issubclass(NkeyError, ValueError)
True
"""

from typing import Literal

import msgspec

__all__ = [
    "BadSignatureError",
    "CredsError",
    "DecryptionError",
    "ExpiredError",
    "IndeterminateError",
    "InvalidClaimsError",
    "MalformedError",
    "MissingDependencyError",
    "MissingKeyError",
    "NatsCredsError",
    "NkeyError",
    "NotYetValidError",
    "Problem",
    "RevokedError",
    "ServerError",
    "Severity",
    "StorageError",
    "ThrowAwayError",
    "TokenError",
    "UntrustedIssuerError",
    "VerificationError",
    "WorkerError",
    "WrongKeyTypeError",
]

Severity = Literal["error", "warning", "time"]


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong, or doubtful, about claims.

    Attributes:
        path: Where, as a JSON path such as `$.nats.limits.subs`.
        severity: `error` (nothing is signed), `warning` (signed, and told), or `time` (depends on the moment).
        code: A stable, short name of the rule, such as `no-expiry`.
        message: A sentence for people.
    """

    path: str
    severity: Severity
    code: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message} [{self.code}]"


class NatsCredsError(Exception):
    """The base of every error natscreds raises on purpose."""


class MalformedError(NatsCredsError, ValueError):
    """Text from outside does not parse."""


class NkeyError(MalformedError):
    """Text does not parse as an nkey."""


class TokenError(MalformedError):
    """Text does not parse as a NATS JWT."""


class CredsError(MalformedError):
    """Text does not parse as a .creds file."""


class InvalidClaimsError(NatsCredsError, ValueError):
    """Claims break a NATS rule; nothing was signed.

    Attributes:
        problems: All that is wrong, in a stable order.
    """

    def __init__(self, message: str, problems: tuple[Problem, ...] = ()) -> None:
        super().__init__(message, problems)
        self.problems = problems

    @classmethod
    def of(cls, problems: tuple[Problem, ...]) -> "InvalidClaimsError":
        """Make the error that tells *problems*, all at once."""
        return cls("; ".join(map(str, problems)), problems)

    @classmethod
    def one(cls, path: str, code: str, message: str) -> "InvalidClaimsError":
        """Make the error that tells one broken rule."""
        return cls.of((Problem(path=path, severity="error", code=code, message=message),))

    def __str__(self) -> str:
        return str(self.args[0])


class WrongKeyTypeError(NatsCredsError, ValueError):
    """A sound key of a kind that cannot stand here."""


class MissingKeyError(NatsCredsError):
    """No key held here may sign this, or there is no seed to give."""


class VerificationError(NatsCredsError):
    """Well formed, but not to be trusted."""


class BadSignatureError(VerificationError):
    """A signature does not hold for these bytes and this key."""


class UntrustedIssuerError(VerificationError):
    """A sound signature by a key that has no say here."""


class RevokedError(VerificationError):
    """The account revokes this user."""


class NotYetValidError(VerificationError):
    """The time asked about lies before `nbf`."""


class ExpiredError(VerificationError):
    """The time asked about lies after `exp`."""


class ThrowAwayError(VerificationError):
    """Of a throw-away chain, whose keys everybody knows: good for tests only."""


class IndeterminateError(NatsCredsError):
    """A decision that is neither yes nor no was taken for one of them."""


class DecryptionError(NatsCredsError):
    """A sealed message or a passphrase does not open."""


class StorageError(NatsCredsError):
    """A file would be unsafe to write: an odd name, a clash, another job's directory."""


class WorkerError(NatsCredsError):
    """A worker died.

    Attributes:
        done: How many users came out before, in order.
        lost: The names that were in flight.
    """

    def __init__(self, message: str, *, done: int = 0, lost: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.done = done
        self.lost = lost


class ServerError(NatsCredsError):
    """A server refused, or did not answer."""


class MissingDependencyError(NatsCredsError, ImportError):
    """An extra package or a server binary is not there."""
