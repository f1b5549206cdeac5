"""Operator claims: the root of trust that a server is configured with."""

from typing import TYPE_CHECKING, ClassVar

import msgspec
from msgspec import field

from natscreds.claims._claims import Claims
from natscreds.claims._formats import is_server_version, server_url_fault, service_url_fault
from natscreds.claims._model import Int64, Model
from natscreds.claims._rules import Found
from natscreds.claims._time import seconds
from natscreds.errors import InvalidClaimsError, Problem
from natscreds.nkeys import KeyType, parse_public

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["OperatorBody", "OperatorClaims"]


class OperatorBody(Model, frozen=True, kw_only=True, omit_defaults=True):
    """An operator's `nats` member.

    Attributes:
        signing_keys: Public operator nkeys that may sign accounts.
        account_server_url: Where account tokens are kept.
        operator_service_urls: `nats`, `tls`, `ws` or `wss` URLs of the servers.
        system_account: The public nkey of the system account.
        assert_server_version: The oldest server that may use this operator, `major.minor.update`.
        strict_signing_key_usage: Only signing keys may sign accounts, and only accounts' signing keys users.
        tags: Words for people.
        type: `operator`; set by signing.
        version: 2; set by signing.
    """

    signing_keys: tuple[str, ...] = ()
    account_server_url: str = ""
    operator_service_urls: tuple[str, ...] = ()
    system_account: str = ""
    assert_server_version: str = ""
    strict_signing_key_usage: bool = False
    tags: tuple[str, ...] = ()
    type: str = ""
    version: Int64 = 0


class OperatorClaims(Claims, frozen=True, kw_only=True, omit_defaults=True):
    """What an operator token says. Signed by the operator itself.

    Attributes:
        nats: Signing keys, system account, rules.
    """

    kind: ClassVar[str] = "operator"
    issuers: ClassVar[tuple[KeyType, ...]] = (KeyType.OPERATOR,)
    subjects: ClassVar[tuple[KeyType, ...]] = (KeyType.OPERATOR,)

    nats: OperatorBody = field(default_factory=OperatorBody)

    @property
    def body(self) -> OperatorBody:
        """The member `nats`."""
        return self.nats

    @property
    def trusted_keys(self) -> tuple[str, ...]:
        """The keys whose accounts servers accept: the signing keys, and the identity unless strict."""
        own = () if self.nats.strict_signing_key_usage else (self.sub,)
        return (*own, *self.nats.signing_keys)

    def did_sign(self, claims: Claims) -> bool:
        """Tell whether *claims* name a key of this operator as their issuer, by the rule of nats-io/jwt v2.

        The key is a signing key or the identity; the identity of a strict operator counts for its own token only.
        Nothing but the names is compared: that the signature holds is told by `natscreds.tokens.verify`.
        """
        if claims.iss != self.sub:
            return claims.iss in self.nats.signing_keys
        return bool(claims.iss) and (not self.nats.strict_signing_key_usage or claims.sub == self.sub)

    def with_signing_key(self, key: str) -> "OperatorClaims":
        """Return the claims with one more signing key, a public operator nkey."""
        parse_public(key, KeyType.OPERATOR)
        return self if key in self.nats.signing_keys else self.replace(signing_keys=(*self.nats.signing_keys, key))

    def without_signing_key(self, key: str) -> "OperatorClaims":
        """Return the claims without that signing key; servers stop trusting it after a restart."""
        return self.replace(signing_keys=[held for held in self.nats.signing_keys if held != key])

    def check(self, now: "int | datetime | None" = None) -> list[Problem]:
        """Return what is wrong or doubtful, by the reference's rules and by what servers punish; empty is good.

        Args:
            now: The moment asked about; `None` asks about no time at all.
        """
        found = Found()
        body = self.nats
        found.time(self.exp, self.nbf, None if now is None else seconds(now, "now"))
        if body.account_server_url and (fault := server_url_fault(body.account_server_url)):
            found.error("$.nats.account_server_url", "account-server-url", fault)
        for at, url in enumerate(body.operator_service_urls):
            if url and (fault := service_url_fault(url)):
                found.error(f"$.nats.operator_service_urls[{at}]", "service-url", fault)
        for at, key in enumerate(body.signing_keys):
            found.key(f"$.nats.signing_keys[{at}]", "signing-key", key, KeyType.OPERATOR)
        if body.system_account:
            found.key("$.nats.system_account", "system-account", body.system_account, KeyType.ACCOUNT)
        if body.assert_server_version and not is_server_version(body.assert_server_version):
            found.error("$.nats.assert_server_version", "server-version", "a version is major.minor.update, in digits")
        return found

    def prepared(self) -> "OperatorClaims":
        """Return the claims in the form that is signed.

        Raises:
            InvalidClaimsError: The account server's URL is none; the reference, too, signs no such operator.
        """
        url = self.nats.account_server_url
        if url and (fault := server_url_fault(url)):
            raise InvalidClaimsError.one("$.nats.account_server_url", "account-server-url", fault)
        if self.nats.version == 2 and self.nats.type == "operator":
            return self
        return msgspec.structs.replace(self, nats=msgspec.structs.replace(self.nats, type="operator", version=2))
