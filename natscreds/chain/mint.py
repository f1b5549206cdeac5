"""Who signs users, and in whose name: chosen once, used for one user or for many."""

from collections.abc import Callable, Mapping

import msgspec

from natscreds import tokens
from natscreds.chain._grants import name_of
from natscreds.chain._scope import RoleGuard
from natscreds.chain.template import UserTemplate
from natscreds.chain.throwaway import with_mark
from natscreds.chain.user import User
from natscreds.claims import AccountBody, AccountClaims, Scope, UserClaims
from natscreds.errors import InvalidClaimsError
from natscreds.nkeys import KeyPair, PublicKey, Signer

__all__ = ["Mint"]

SignerFactory = Callable[[], Signer]
"""Makes a signer where it is used: what a process gets that should not get a seed."""


class Mint:
    """What signs users of one account: a key, and the role if it is one's.

    It holds no more of the account than that takes, so that it is small whatever the account revokes or exports. Like
    a key pair it is not pickled by itself; a chunk of `natscreds.bulk` carries what it is made of.

    Attributes:
        account: Name, key and tags of the account.
        signer: The key that signs.
        scope: The role whose key that is, if it is one's.
        issuer_account: What users say of their account; empty where its identity signs.
        private_inbox: The role gives each of its users an inbox of its own.
    """

    __slots__ = ("_guards", "account", "issuer_account", "private_inbox", "scope", "signer")

    def __init__(self, account: AccountClaims, signer: Signer, scope: Scope | None) -> None:
        """Put together what `Account.mint` chose."""
        self.account = AccountClaims(name=account.name, sub=account.sub, nats=AccountBody(tags=account.nats.tags))
        self.signer = signer
        self.scope = scope
        self.issuer_account = "" if signer.public == account.sub else account.sub
        self.private_inbox = scope is not None and "_INBOX.{{subject()}}.>" in (scope.template.sub.allow or ())
        self._guards: dict[bool, RoleGuard] = {}

    def guard(self, *, dotted: bool) -> RoleGuard | None:
        """Return what checks users of the role; `None` without one."""
        if self.scope is None:
            return None
        if dotted not in self._guards:
            self._guards[dotted] = RoleGuard(self.scope, self.account, dotted=dotted)
        return self._guards[dotted]

    def check_expiry(self, exp: int) -> None:
        """Refuse a user without expiry under a role that makes its token a bearer token."""
        if not exp and self.scope is not None and self.scope.template.bearer_token:
            raise InvalidClaimsError.one(
                "$.exp",
                "bearer-without-expiry",
                f"users of role {self.scope.role!a} are admitted by the token alone: it needs an expiry",
            )

    def claims(
        self, template: UserTemplate, name: str, public: str, *, exp: int, row: Mapping[str, str] | None = None
    ) -> UserClaims:
        """Return what a user's token is to say: *template* filled in, nothing signed."""
        body = template.fill(name, public, row)
        if self.issuer_account:
            body = msgspec.structs.replace(body, issuer_account=self.issuer_account)
        tags = with_mark(body.tags, self.account.nats.tags)
        if tags is not body.tags:
            body = msgspec.structs.replace(body, tags=tags)
        return UserClaims(name=name, sub=public, exp=exp, nbf=template.not_before, nats=body)

    def issue(
        self,
        template: UserTemplate,
        name: str,
        public: PublicKey,
        pair: KeyPair | None,
        *,
        second: int,
        exp: int,
        row: Mapping[str, str] | None = None,
        check: bool = True,
    ) -> User:
        """Fill *template* in for one user and sign: the plain path, which says what is right.

        Whatever is put in is one token, so all users of a template have the same problems: *check* the first.
        """
        claims = self.claims(template, name_of(name), public, exp=exp, row=row)
        guard = self.guard(dotted=template.dotted_names)
        if guard is not None:
            guard.check(claims)
            self.check_expiry(exp)
        private_inbox = template.private_inbox or self.private_inbox
        jwt = tokens.sign(claims, self.signer, issued_at=second, check=check)
        return User(jwt, name=name, public=public, key=pair, private_inbox=private_inbox)

    def __repr__(self) -> str:
        return f"<Mint {self.signer.public} for {self.account.sub}>"
