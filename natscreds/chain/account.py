"""An account with the keys held for it: it makes users."""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import timedelta
from os import urandom
from types import MappingProxyType
from typing import TYPE_CHECKING

import msgspec

from natscreds import tokens
from natscreds.chain._keys import SignerOrSeed, held_keys, load_keys, subject_key
from natscreds.chain.mint import Mint
from natscreds.chain.moments import Moment, clock, expiry, forward
from natscreds.chain.template import UserTemplate
from natscreds.chain.user import User
from natscreds.claims import AccountClaims, Scope, Template, TimeRange, UserClaims
from natscreds.errors import InvalidClaimsError, MissingKeyError, Problem, RevokedError, UntrustedIssuerError
from natscreds.nkeys import Entropy, KeyPair, KeyType, PublicKey, Signer

if TYPE_CHECKING:
    from natscreds.chain.operator import Operator

__all__ = ["Account", "Earlier", "Role", "digest"]

Earlier = tuple[tuple[bytes, frozenset[str]], ...]
"""Tokens that another was made from, oldest first: the digest of each, and the signing keys it listed."""

_REMEMBERED = 64


def digest(jwt: str) -> bytes:
    """Return what a token is recognised by in an account's history."""
    return hashlib.sha256(jwt.encode()).digest()


class Role:
    """A scoped signing key: whoever it signs may do what its template says.

    Attributes:
        name: The role's name.
        public: Its signing key, a public account nkey.
        key: The key pair, or other signer; `None` where it is not held here.
        template: What its users may do.
    """

    __slots__ = ("key", "name", "public", "template")

    def __init__(self, *, name: str, public: PublicKey, key: Signer | None, template: Template) -> None:
        self.name = name
        self.public = public
        self.key = key
        self.template = template

    def __repr__(self) -> str:
        return f"<Role {self.name!a} {self.public}>"


class Account:
    """An account's token, and the keys held here that can sign for it.

    A value: an operator's `reissue`, `revoke` and `add_role` give another one.

    Attributes:
        jwt: The token's text.
        claims: What it says.
        key: The identity's key pair, or `None`.
        earlier: The tokens that this one was made from here, at most 64: a push to servers tells by them whether it is
            an edit of the token that servers hold.
    """

    __slots__ = ("_dropped", "_signers", "_strict", "claims", "earlier", "jwt", "key")

    def __init__(
        self,
        jwt: str,
        claims: AccountClaims,
        *,
        key: KeyPair | None,
        signers: tuple[Signer, ...],
        strict: bool,
        dropped: tuple[Problem, ...] = (),
    ) -> None:
        """Put together what was just signed; `Operator.create_account` and `load` are the usual ways."""
        self.jwt = jwt
        self.claims = claims
        self.key = key
        self._signers = signers
        self._strict = strict
        self._dropped = dropped
        self.earlier: Earlier = ()

    @classmethod
    def load(
        cls, jwt: str, keys: Iterable[SignerOrSeed] = (), *, operator: "Operator | str | None" = None
    ) -> "Account":
        """Read an account's token, signature verified, with the keys that are held for it.

        Args:
            jwt: The token.
            keys: Seeds, key pairs or signers: the identity's, signing keys', roles'. None: nothing can be signed.
            operator: If given, the account must be signed by it.

        Raises:
            TokenError: Not an account token.
            BadSignatureError: The signature does not hold.
            UntrustedIssuerError: Not signed by *operator*, or a key that is not this account's.
            WrongKeyTypeError: A key of another type.
            NkeyError: A seed that does not parse.
        """
        claims = tokens.verify(jwt, AccountClaims).claims
        strict = False
        if operator is not None:
            from natscreds.chain.operator import Operator  # an operator makes accounts: it stands above

            vouching = operator if isinstance(operator, Operator) else Operator.load(operator)
            vouching.check_signed(claims)
            strict = vouching.claims.nats.strict_signing_key_usage
        key, signers = held_keys(
            load_keys(keys, KeyType.ACCOUNT),
            identity=claims.sub,
            listed=_listed(claims),
            owner=f"account {claims.sub}",
        )
        return cls(jwt, claims, key=key, signers=signers, strict=strict)

    def issued_again(
        self, jwt: str, claims: AccountClaims, *, more: tuple[Signer, ...] = (), strict: bool
    ) -> "Account":
        """Return the account with another token; keys that it no longer lists are let go."""
        kept = {signer.public: signer for signer in (*self._signers, *more)}
        known = {claims.sub, *_listed(claims)}
        signers = tuple(signer for public, signer in kept.items() if public in known)
        made = Account(jwt, claims, key=self.key, signers=signers, strict=strict)
        made.earlier = (*self.earlier[1 - _REMEMBERED :], (digest(self.jwt), frozenset(_listed(self.claims))))
        return made

    @property
    def name(self) -> str:
        """Its name."""
        return self.claims.name

    @property
    def public(self) -> PublicKey:
        """Its identity, a public account nkey."""
        return PublicKey(self.claims.sub)

    @property
    def signing_keys(self) -> tuple[Signer, ...]:
        """The plain signing keys held, in the order of the token."""
        held = {signer.public: signer for signer in self._signers}
        return tuple(held[PublicKey(key)] for key in self.claims.plain_signing_keys if key in held)

    @property
    def signers(self) -> tuple[Signer, ...]:
        """All keys held that can sign: plain signing keys, the identity, roles' keys."""
        plain = self.signing_keys
        others = tuple(signer for signer in self._signers if signer not in plain)
        return (*plain, *((self.key,) if self.key else ()), *others)

    @property
    def roles(self) -> Mapping[str, Role]:
        """The roles by name. Of two with one name only the first is here: ask for the other by its key."""
        held = {signer.public: signer for signer in self._signers}
        found: dict[str, Role] = {}
        for scope in self.claims.scopes:
            public = PublicKey(scope.key)
            found.setdefault(
                scope.role, Role(name=scope.role, public=public, template=scope.template, key=held.get(public))
            )
        return MappingProxyType(found)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Warnings: what is allowed, and perhaps not meant."""
        return (*self._dropped, *(problem for problem in self.claims.check() if problem.severity == "warning"))

    @property
    def held(self) -> tuple[Signer, ...]:
        """The keys held beside the identity's pair, in the order they were given."""
        return self._signers

    @property
    def known_keys(self) -> frozenset[str]:
        """All public keys that sign for it: the identity, plain signing keys, roles' keys."""
        return frozenset((self.claims.sub, *_listed(self.claims)))

    def without_identity(self) -> "Account":
        """Return the account without the identity's key: what a service that makes users should hold."""
        signers = tuple(signer for signer in self._signers if signer.public != self.public)
        made = Account(self.jwt, self.claims, key=None, signers=signers, strict=self._strict)
        made.earlier = self.earlier
        return made

    def mint(self, *, role: str | None = None, signer: SignerOrSeed | None = None) -> Mint:
        """Choose who signs users: the role's key; else the first plain signing key held; else the identity.

        Args:
            role: A role's name, or its public key.
            signer: A key of this account, instead of that choice.

        Raises:
            MissingKeyError: No key held here may sign.
            InvalidClaimsError: No such role, or two with that name.
            UntrustedIssuerError: *signer* is not this account's.
        """
        scope = None if role is None else self._scope(role)
        if signer is not None:
            chosen = load_keys([signer], KeyType.ACCOUNT)[0]
            self._check_signer(chosen, scope)
            return Mint(self.claims, chosen, scope)
        if scope is not None:
            for held in self._signers:
                if held.public == scope.key:
                    return Mint(self.claims, held, scope)
            raise MissingKeyError(f"the key of role {scope.role!a}, {scope.key}, is not held here")
        if self.signing_keys:
            return Mint(self.claims, self.signing_keys[0], None)
        identity = self.key or next((held for held in self._signers if held.public == self.public), None)
        if identity is None or self.claims.scope(self.public) is not None:
            raise MissingKeyError(f"neither a plain signing key nor the identity of account {self.public} is held here")
        if self._strict:
            raise MissingKeyError(
                f"the operator is strict, so users are signed by a signing key; of account {self.public} only the"
                " identity is held"
            )
        return Mint(self.claims, identity, None)

    def _scope(self, role: str) -> Scope:
        found = [scope for scope in self.claims.scopes if role in (scope.role, scope.key)]
        if len(found) != 1:
            told = "has no role" if not found else "has more than one role"
            raise InvalidClaimsError.one("role", "role-unknown", f"account {self.public} {told} {role!a}")
        return found[0]

    def _check_signer(self, signer: Signer, scope: Scope | None) -> None:
        public = signer.public
        if scope is not None:
            if public != scope.key:
                raise InvalidClaimsError.one(
                    "signer", "signer-and-role", f"role {scope.role!a} is signed by {scope.key}"
                )
        elif self.claims.scope(public) is not None:
            raise InvalidClaimsError.one("signer", "signer-is-a-role", f"{public} is a role's key: say role= as well")
        elif public == self.public:
            if self._strict:
                raise UntrustedIssuerError("the operator is strict: an account's identity signs no users")
        elif public not in self.claims.plain_signing_keys:
            raise UntrustedIssuerError(f"{public} is no key of account {self.public}")

    def create_user(  # noqa: D417  # the keywords of UserTemplate are told there
        self,
        name: str,
        *,
        publish: Iterable[str] | None = None,
        subscribe: Iterable[str] | None = None,
        deny_publish: Iterable[str] | None = None,
        deny_subscribe: Iterable[str] | None = None,
        private_inbox: bool = False,
        allow_responses: int | None = None,
        response_ttl: timedelta | int | None = None,
        max_subscriptions: int | None = None,
        max_payload: int | None = None,
        max_data: int | None = None,
        sources: Iterable[str] | None = None,
        times: Iterable[TimeRange | tuple[str, str]] | None = None,
        times_location: str | None = None,
        connection_types: Iterable[str] | None = None,
        tags: Iterable[str] | Mapping[str, str] | None = None,
        expires_in: timedelta | None = None,
        expires_at: Moment | None = None,
        not_before: Moment | None = None,
        bearer: bool | None = False,
        proxy_required: bool | None = False,
        role: str | None = None,
        dotted_names: bool = False,
        key: KeyPair | str | None = None,
        signer: SignerOrSeed | None = None,
        issued_at: Moment | None = None,
        entropy: Entropy | None = urandom,
    ) -> User:
        """Make one user. The keywords up to *dotted_names* are those of `UserTemplate`, and are told there.

        Args:
            name: For people, and for `{name}` or `{{name()}}` in subjects.
            key: The user's key pair, or its public nkey: then there is no seed and no creds.
            signer: A key of this account to sign with, instead of the usual choice: the role's key; else the first
                plain signing key held; else the identity.
            issued_at: At most 60 seconds ahead of the clock, and above what the account revokes. `None`: the clock,
                moved on where a revocation asks for it.
            entropy: What gives the seed's 32 bytes; `None` is the system.

        Raises:
            TypeError: A bare text where several are meant, or a value of another type.
            InvalidClaimsError: A keyword that means nothing, or what servers would drop or read otherwise.
            MissingKeyError: No key held here may sign this.
        """
        template = UserTemplate(
            publish=publish,
            subscribe=subscribe,
            deny_publish=deny_publish,
            deny_subscribe=deny_subscribe,
            private_inbox=private_inbox,
            allow_responses=allow_responses,
            response_ttl=response_ttl,
            max_subscriptions=max_subscriptions,
            max_payload=max_payload,
            max_data=max_data,
            sources=sources,
            times=times,
            times_location=times_location,
            connection_types=connection_types,
            tags=tags,
            expires_in=expires_in,
            expires_at=expires_at,
            not_before=not_before,
            bearer=bearer,
            proxy_required=proxy_required,
            role=role,
            dotted_names=dotted_names,
        )
        mint = self.mint(role=role, signer=signer)
        public, pair = subject_key(key, KeyType.USER, entropy)
        revoked = self.claims.nats.revocations
        above = max(revoked.get(public, 0), revoked.get("*", 0))
        second = forward(issued_at, above, "the user's revocation")
        exp = expiry(expires_in, template.expires_at, second=second, past_is_fine=issued_at is not None)
        return mint.issue(template, name, public, pair, second=second, exp=exp)

    def reissue(
        self,
        user: User | str,
        *,
        expires_in: timedelta | None = None,
        expires_at: Moment | None = None,
        reinstate: bool = False,
        signer: SignerOrSeed | None = None,
        issued_at: Moment | None = None,
    ) -> User:
        """Sign a user's claims anew, unchanged but for the time.

        Args:
            user: The user, or its token's text.
            expires_in: Counted from the second of issuing.
            expires_at: Instead. With neither, the token expires when the old one does.
            reinstate: Let in again a user whom the account revokes.
            signer: A key of this account to sign with. `None`: the same role, or the usual choice.
            issued_at: As for `create_user`; never before the old token's, so that whatever revokes the new one revokes
                the old one too.

        Raises:
            UntrustedIssuerError: The old token was not signed for this account by a key it has now.
            InvalidClaimsError: It has expired and no expiry is given, or its name or a tag, put into the subjects of
                its role, would be a wildcard there.
            RevokedError: The account revokes the old token.
            MissingKeyError: No key held here may sign this.
        """
        if not isinstance(user, User):
            user = User.load(user)
        old = tokens.verify(user.jwt, UserClaims).claims
        self.check_signed(old)
        nats = self.claims.nats
        revoked = max(nats.revocations.get(old.sub, 0), nats.revocations.get("*", 0))
        if revoked and revoked >= old.iat and not reinstate:
            raise RevokedError(f"the account revokes user {old.sub}: reinstate=True lets it in again")
        scope = self.claims.scope(old.iss)
        mint = self.mint(role=scope.key if scope else None, signer=signer)
        second = forward(issued_at, max(revoked, old.iat - 1), "the old token's second or the user's revocation")
        if expires_in is None and expires_at is None:
            exp = old.exp
            if exp and exp <= max(second, 0 if issued_at is not None else clock()):
                raise InvalidClaimsError.one(
                    "$.exp", "expires-in-the-past", "the old token has expired: say expires_in"
                )
        else:
            exp = expiry(expires_in, expires_at, second=second, past_is_fine=issued_at is not None)
        body = msgspec.structs.replace(old.nats, issuer_account=mint.issuer_account)
        claims = msgspec.structs.replace(old, exp=exp, nats=body)
        guard = mint.guard(dotted=True)  # whether dots were allowed is not in the token
        if guard is not None:
            guard.check(claims)
            mint.check_expiry(exp)
        jwt = tokens.sign(claims, mint.signer, issued_at=second)
        return User(jwt, name=old.name, public=PublicKey(old.sub), key=user.key, private_inbox=user.private_inbox)

    def check_signed(self, user: UserClaims) -> None:
        """Return nothing if a key that this account has now signed *user* in its name.

        Raises:
            UntrustedIssuerError: It did not.
        """
        known = (*_listed(self.claims), *(() if self._strict else (self.claims.sub,)))
        if user.account != self.claims.sub or user.iss not in known:
            raise UntrustedIssuerError(
                f"user {user.sub} is signed by {user.iss}, which does not sign for {self.public}"
            )

    def __repr__(self) -> str:
        return f"<Account {self.name!a} {self.public}>"


def _listed(claims: AccountClaims) -> tuple[str, ...]:
    return (*claims.plain_signing_keys, *(scope.key for scope in claims.scopes))
