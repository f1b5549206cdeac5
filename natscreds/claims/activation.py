"""Activation claims: an exporter lets another account import what is not public."""

import hashlib
from base64 import b32encode
from typing import TYPE_CHECKING, ClassVar

import msgspec
from msgspec import field

from natscreds import subjects
from natscreds.claims._claims import Claims
from natscreds.claims._model import Int64, Model
from natscreds.claims._rules import Found
from natscreds.claims._time import seconds
from natscreds.claims.exchange import ExportKind
from natscreds.errors import InvalidClaimsError, Problem
from natscreds.nkeys import KeyType

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["ActivationBody", "ActivationClaims"]


class ActivationBody(Model, frozen=True, kw_only=True, omit_defaults=True):
    """An activation's `nats` member.

    Attributes:
        subject: What may be imported; wildcards allowed.
        kind: `stream` or `service`.
        issuer_account: The exporter, where one of its signing keys signed.
        tags: Words for people.
        type: `activation`; set by signing.
        version: 2; set by signing.
    """

    null_refused: ClassVar[frozenset[str]] = frozenset({"kind"})

    subject: str = ""
    kind: ExportKind | None = None
    issuer_account: str = ""
    tags: tuple[str, ...] = ()
    type: str = ""
    version: Int64 = 0


class ActivationClaims(Claims, frozen=True, kw_only=True, omit_defaults=True):
    """What an activation token says. Signed by the exporting account; `sub` is the importing one.

    Attributes:
        nats: What may be imported.
    """

    kind: ClassVar[str] = "activation"
    issuers: ClassVar[tuple[KeyType, ...]] = (KeyType.ACCOUNT, KeyType.OPERATOR)
    subjects: ClassVar[tuple[KeyType, ...]] = (KeyType.ACCOUNT,)

    nats: ActivationBody = field(default_factory=ActivationBody)

    @property
    def body(self) -> ActivationBody:
        """The member `nats`."""
        return self.nats

    @property
    def account(self) -> str:
        """The exporting account: `issuer_account`, or else the issuer."""
        return self.nats.issuer_account or self.iss

    def hash_id(self) -> str:
        """Return the id that tools file this activation under: 56 characters, padding included.

        Raises:
            InvalidClaimsError: Issuer, `sub` or subject is missing.
        """
        if not (self.iss and self.sub and self.nats.subject):
            raise InvalidClaimsError.one("$", "hash-id", "an activation's id takes its issuer, sub and subject")
        text = f"{self.iss}.{self.sub}.{subjects.cleaned(self.nats.subject)}"
        return b32encode(hashlib.sha256(text.encode()).digest()).decode("ascii")

    def check(self, now: "int | datetime | None" = None) -> list[Problem]:
        """Return what is wrong or doubtful, by the reference's rules and by what servers punish; empty is good.

        Args:
            now: The moment asked about; `None` asks about no time at all.
        """
        found = Found()
        found.time(self.exp, self.nbf, None if now is None else seconds(now, "now"))
        if self.nats.kind is None:
            found.error("$.nats.kind", "activation-kind", "an activation is for a stream or a service")
        found.subject("$.nats.subject", self.nats.subject)
        if self.nats.issuer_account:
            found.key("$.nats.issuer_account", "issuer-account", self.nats.issuer_account, KeyType.ACCOUNT)
        return found

    def prepared(self) -> "ActivationClaims":
        """Return the claims in the form that is signed."""
        return msgspec.structs.replace(self, nats=msgspec.structs.replace(self.nats, type="activation", version=2))
