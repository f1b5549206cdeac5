"""What the users of one job have in common, and how a credential found somewhere stands to it."""

from enum import Enum

import msgspec

__all__ = ["Terms", "Verdict"]


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What a job's users have in common; no secrets.

    Attributes:
        account: The account's public key.
        issuer: The public key that signs.
        role: The role's name; empty without one.
        template: A digest of the template.
        derived: The users' keys are derived from a secret.
        generations: A digest of the generations; empty without any.
        issued_at: The second of issuing, where the caller gave one.
    """

    account: str
    issuer: str
    role: str
    template: str
    derived: bool
    generations: str
    issued_at: int | None


class Verdict(Enum):
    """How a credential stands to a job: to be kept, to be made anew, or another's."""

    KEEP = "keep"
    STALE = "stale"
    FOREIGN = "foreign"
