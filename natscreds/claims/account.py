"""Account claims: limits, signing keys and roles, what is shared, who is revoked."""

from operator import attrgetter
from typing import TYPE_CHECKING, ClassVar

import msgspec
from msgspec import field

from natscreds.claims._claims import Claims
from natscreds.claims._edit import latest, several
from natscreds.claims._rules_account import check_account
from natscreds.claims._time import seconds
from natscreds.claims.account_body import AccountBody
from natscreds.claims.activation import ActivationClaims
from natscreds.claims.exchange import Export, Import, ServiceLatency, WeightedMapping, revoked
from natscreds.claims.permissions import Scope, without_empty_lists
from natscreds.claims.user import UserClaims
from natscreds.errors import InvalidClaimsError, Problem
from natscreds.nkeys import KeyType, parse_public

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["AccountClaims"]

_SORTED_BY = attrgetter("subject")


class AccountClaims(Claims, frozen=True, kw_only=True, omit_defaults=True):
    """What an account token says. Signed by an operator, or for a start by the account itself.

    Attributes:
        nats: Everything the account is.
    """

    kind: ClassVar[str] = "account"
    issuers: ClassVar[tuple[KeyType, ...]] = (KeyType.ACCOUNT, KeyType.OPERATOR)
    subjects: ClassVar[tuple[KeyType, ...]] = (KeyType.ACCOUNT,)

    nats: AccountBody = field(default_factory=AccountBody)

    @property
    def body(self) -> AccountBody:
        """The member `nats`."""
        return self.nats

    @property
    def plain_signing_keys(self) -> tuple[str, ...]:
        """Public keys that sign users without a role."""
        return tuple(key for key in self.nats.signing_keys if isinstance(key, str))

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """The roles."""
        return tuple(key for key in self.nats.signing_keys if isinstance(key, Scope))

    def scope(self, key: str) -> Scope | None:
        """Return the role whose signing key is *key*; `None` if that is no role's."""
        return next((scope for scope in self.scopes if scope.key == key), None)

    def did_sign(self, claims: Claims) -> bool:
        """Tell whether *claims* name a key of this account as their issuer, by the rule of nats-io/jwt v2.

        The key is the identity or, for users and activations with this `issuer_account`, a signing key or a role's. A
        strict operator, whose servers take no user from the identity, is not asked. Nothing but the names is compared:
        that the signature holds is told by `natscreds.tokens.verify`.
        """
        if claims.iss == self.sub:
            return bool(claims.iss)
        if not isinstance(claims, UserClaims | ActivationClaims) or claims.nats.issuer_account != self.sub:
            return False
        return any(_public(key) == claims.iss for key in self.nats.signing_keys)

    def with_signing_key(self, key: str | Scope) -> "AccountClaims":
        """Return the claims with a signing key, or a role; one with the same key is replaced."""
        public = parse_public(_public(key), KeyType.ACCOUNT)
        others = [held for held in self.nats.signing_keys if _public(held) != public]
        return self.replace(signing_keys=[*others, key])

    def without_signing_key(self, key: str) -> "AccountClaims":
        """Return the claims without that signing key or role: servers drop the users it signed."""
        return self.replace(signing_keys=[held for held in self.nats.signing_keys if _public(held) != key])

    def with_export(self, export: Export) -> "AccountClaims":
        """Return the claims with an export; one of the same subject and type is replaced."""
        place = (export.subject, export.type)
        others = [held for held in self.nats.exports if (held.subject, held.type) != place]
        return self.replace(exports=[*others, export])

    def without_export(self, subject: str) -> "AccountClaims":
        """Return the claims without the exports of *subject*."""
        return self.replace(exports=[held for held in self.nats.exports if held.subject != subject])

    def with_import(self, import_: Import) -> "AccountClaims":
        """Return the claims with an import; one of the same account, subject, type and local name is replaced."""
        place = _place(import_)
        return self.replace(imports=[*[held for held in self.nats.imports if _place(held) != place], import_])

    def without_import(self, subject: str, *, account: str) -> "AccountClaims":
        """Return the claims without the imports of *subject* from *account*."""
        return self.replace(
            imports=[held for held in self.nats.imports if (held.subject, held.account) != (subject, account)]
        )

    def with_mapping(self, subject: str, *destinations: str | WeightedMapping) -> "AccountClaims":
        """Return the claims with *subject* mapped to *destinations*; what it was mapped to before is replaced."""
        mapped = tuple(to if isinstance(to, WeightedMapping) else WeightedMapping(subject=to) for to in destinations)
        return self.replace(mappings={**self.nats.mappings, subject: mapped})

    def without_mapping(self, subject: str) -> "AccountClaims":
        """Return the claims with *subject* mapped no more."""
        return self.replace(mappings={held: to for held, to in self.nats.mappings.items() if held != subject})

    def revoke(self, key: str, *, at: "int | datetime") -> "AccountClaims":
        """Return the claims with user tokens of *key* refused that were issued up to the second *at*.

        Args:
            key: A public user nkey, or `*` for everybody. A later entry that is there already stays.
            at: Whole seconds or an aware datetime; the same second counts as refused.
        """
        return self.replace(revocations=revoked(self.nats.revocations, key, at, KeyType.USER))

    def unrevoke(self, key: str) -> "AccountClaims":
        """Return the claims without that entry: every old token of *key* admits again, stolen ones included."""
        return self.replace(revocations={held: at for held, at in self.nats.revocations.items() if held != key})

    def compact(self) -> "AccountClaims":
        """Return the claims without the entries that the one for everybody (`*`) covers."""
        everybody = self.nats.revocations.get("*", 0)
        return self.replace(
            revocations={key: at for key, at in self.nats.revocations.items() if key == "*" or at > everybody}
        )

    def is_revoked(self, key: str, *, issued_at: "int | datetime") -> bool:
        """Tell whether servers refuse a token of user *key* issued then; the same second counts as refused."""
        at = seconds(issued_at, "issued_at")
        return bool(self.nats.revocations) and latest(self.nats.revocations, key) >= at

    def check(self, now: "int | datetime | None" = None) -> list[Problem]:
        """Return what is wrong or doubtful, by the reference's rules and by what servers punish; empty is good.

        Args:
            now: The moment asked about; `None` asks about no time at all.
        """
        return check_account(self, None if now is None else seconds(now, "now"))

    def prepared(self) -> "AccountClaims":
        """Return the claims in the form that is signed: lists in the reference's order, nothing said twice."""
        body = self.nats
        keys = {_public(key): _prepared_key(key) for key in several(body.signing_keys, "signing_keys")}
        body = msgspec.structs.replace(
            body,
            imports=tuple(sorted(body.imports, key=_SORTED_BY)),
            exports=tuple(_prepared_export(export) for export in sorted(body.exports, key=_SORTED_BY)),
            signing_keys=tuple(keys[key] for key in sorted(keys)),
            default_permissions=without_empty_lists(body.default_permissions),
            type="account",
            version=2,
        )
        return msgspec.structs.replace(self, nats=body)


def _public(key: str | Scope) -> str:
    return key if isinstance(key, str) else key.key


def _place(import_: Import) -> tuple[str, str, str | None, str]:
    return import_.account, import_.subject, import_.type, import_.local_subject or import_.to


def _prepared_key(key: str | Scope) -> str | Scope:
    return key if isinstance(key, str) else msgspec.structs.replace(key, template=key.template.prepared())


def _prepared_export(export: Export) -> Export:
    latency = export.service_latency
    if latency is None or latency.sampling == "headers":
        return export
    if not 0 <= latency.sampling <= 100:
        raise InvalidClaimsError.one(
            f"$.nats.exports[{export.subject!r}].service_latency.sampling",
            "latency-sampling",
            f"a percentage from 1 to 100 or 'headers', got {latency.sampling}",
        )
    if latency.sampling:
        return export
    return msgspec.structs.replace(
        export, service_latency=ServiceLatency(results=latency.results, unknown=latency.unknown)
    )
