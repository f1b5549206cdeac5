"""An operator with the keys held for it: it makes accounts, and signs every change of them."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from os import urandom

import msgspec

from natscreds import tokens
from natscreds.chain._grants import flag, limits_of, name_of, several, tags_of
from natscreds.chain._keys import SignerOrSeed, held_keys, load_keys, subject_key
from natscreds.chain.account import Account
from natscreds.chain.moments import Moment, clock, expiry, forward, issue_second
from natscreds.chain.user import User
from natscreds.claims import (
    AccountBody,
    AccountClaims,
    AccountLimits,
    OperatorBody,
    OperatorClaims,
    Scope,
    Template,
    TimeRange,
    UserClaims,
    seconds,
)
from natscreds.errors import InvalidClaimsError, MissingKeyError, Problem, UntrustedIssuerError
from natscreds.nkeys import Entropy, KeyPair, KeyType, PublicKey, Signer, parse_public

__all__ = ["Operator"]

_UNLIMITED = AccountLimits(subs=-1, data=-1, payload=-1, imports=-1, exports=-1, wildcards=True, conn=-1, leaf=-1)
_JETSTREAM = {"mem_storage": -1, "disk_storage": -1, "streams": -1, "consumer": -1}


class Operator:
    """An operator's token, and the keys held here that can sign for it.

    A value: `replace` gives another one.

    Attributes:
        jwt: The token's text.
        claims: What it says.
        key: The identity's key pair, or `None`.
        system_account: The account that servers report to, if it was made or given here.
    """

    __slots__ = ("_signers", "claims", "jwt", "key", "system_account")

    def __init__(
        self,
        jwt: str,
        claims: OperatorClaims,
        *,
        key: KeyPair | None,
        signers: tuple[Signer, ...],
        system_account: Account | None = None,
    ) -> None:
        """Put together what was just signed; `create` and `load` are the usual ways."""
        self.jwt = jwt
        self.claims = claims
        self.key = key
        self._signers = signers
        self.system_account = system_account

    @classmethod
    def create(
        cls,
        name: str,
        *,
        signing_keys: int = 1,
        strict: bool = False,
        system_account: bool = True,
        service_urls: Iterable[str] = (),
        account_server_url: str = "",
        tags: Iterable[str] | Mapping[str, str] | None = None,
        key: KeyPair | None = None,
        issued_at: Moment | None = None,
        entropy: Entropy = urandom,
    ) -> "Operator":
        """Make an operator: an identity that signs itself, signing keys for everything else, a system account.

        Args:
            name: For people.
            signing_keys: How many to make. The second and further are spares.
            strict: Servers then accept only what signing keys signed, for accounts and users.
            system_account: Make an account named SYS, which servers need for most of their own services.
            service_urls: `nats`, `tls`, `ws` or `wss` URLs of the servers.
            account_server_url: Where account tokens are kept.
            tags: Words for people, lower case.
            key: The identity, instead of a new one.
            issued_at: At most 60 seconds ahead of the clock; `None` is the clock.
            entropy: What gives 32 bytes for each new key.

        Raises:
            InvalidClaimsError: A keyword that means nothing.
        """
        if not isinstance(signing_keys, int) or isinstance(signing_keys, bool):
            raise TypeError(f"signing_keys is how many, an int, got {type(signing_keys).__name__}")
        if signing_keys < 0 or (flag(strict, "strict") and not signing_keys):
            raise InvalidClaimsError.one("$.nats.signing_keys", "no-signing-key", "a strict operator has a signing key")
        second = issue_second(issued_at)
        public, identity = subject_key(key, KeyType.OPERATOR, entropy)
        if identity is None:
            raise MissingKeyError("an operator signs itself: its identity is a key pair, not a public key")
        signers = tuple(KeyPair.generate(KeyType.OPERATOR, entropy=entropy) for _ in range(signing_keys))
        body = OperatorBody(
            signing_keys=tuple(signer.public for signer in signers),
            account_server_url=account_server_url,
            operator_service_urls=several(service_urls, "service_urls"),
            strict_signing_key_usage=strict,
            tags=tags_of(tags),
        )
        claims = OperatorClaims(name=name_of(name), sub=public, nats=body)
        made: Account | None = None
        if flag(system_account, "system_account"):
            unsigned = cls("", claims, key=identity, signers=signers)
            made = unsigned.create_account("SYS", issued_at=second, entropy=entropy)
            claims = claims.replace(system_account=made.public)
        jwt = tokens.sign(claims, identity, issued_at=second)
        return cls(jwt, tokens.parse(jwt, OperatorClaims).claims, key=identity, signers=signers, system_account=made)

    @classmethod
    def load(
        cls, jwt: str, keys: Iterable[SignerOrSeed] = (), *, system_account: Account | str | None = None
    ) -> "Operator":
        """Read an operator's token, signature verified, with the keys that are held for it.

        The text is the root of trust: take it from your own configuration.

        Args:
            jwt: The token.
            keys: Seeds, key pairs or signers: the identity's, signing keys'. None: nothing can be signed.
            system_account: The system account or its token, for `natscreds.server.config`.

        Raises:
            TokenError: Not an operator token.
            BadSignatureError: The signature does not hold.
            UntrustedIssuerError: Signed by another operator, or a key that is not this operator's.
            WrongKeyTypeError: A key of another type.
            NkeyError: A seed that does not parse.
        """
        claims = tokens.verify(jwt, OperatorClaims).claims
        if claims.iss != claims.sub and claims.iss not in claims.nats.signing_keys:
            raise UntrustedIssuerError(f"operator {claims.sub} is signed by {claims.iss}, which is none of its keys")
        key, signers = held_keys(
            load_keys(keys, KeyType.OPERATOR),
            identity=claims.sub,
            listed=claims.nats.signing_keys,
            owner=f"operator {claims.sub}",
        )
        operator = cls(jwt, claims, key=key, signers=signers)
        if system_account is not None:
            if not isinstance(system_account, Account):
                system_account = Account.load(system_account, operator=operator)
            operator.check_signed(system_account.claims)
            if claims.nats.system_account not in ("", system_account.public):
                raise UntrustedIssuerError(
                    f"the system account is {claims.nats.system_account}, got {system_account.public}"
                )
            operator.system_account = system_account
        return operator

    @property
    def name(self) -> str:
        """Its name."""
        return self.claims.name

    @property
    def public(self) -> PublicKey:
        """Its identity, a public operator nkey."""
        return PublicKey(self.claims.sub)

    @property
    def signing_keys(self) -> tuple[Signer, ...]:
        """The signing keys held, in the order of the token."""
        held = {signer.public: signer for signer in self._signers}
        return tuple(held[PublicKey(key)] for key in self.claims.nats.signing_keys if key in held)

    @property
    def signers(self) -> tuple[Signer, ...]:
        """All keys held that can sign: signing keys, then the identity."""
        signing = self.signing_keys
        others = tuple(signer for signer in self._signers if signer not in signing)
        return (*signing, *((self.key,) if self.key else ()), *others)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Warnings: what is allowed, and perhaps not meant."""
        return tuple(problem for problem in self.claims.check() if problem.severity == "warning")

    def without_identity(self) -> "Operator":
        """Return the operator without the identity's key: what a service that makes accounts should hold."""
        return Operator(self.jwt, self.claims, key=None, signers=self._signers, system_account=self.system_account)

    def check_signed(self, account: AccountClaims) -> None:
        """Return nothing if servers with this operator accept who signed *account*.

        Raises:
            UntrustedIssuerError: They do not.
        """
        if account.iss not in self.claims.trusted_keys:
            raise UntrustedIssuerError(
                f"account {account.sub} is signed by {account.iss}, which operator {self.public} does not trust"
            )

    def replace(self, claims: OperatorClaims, *, issued_at: Moment | None = None) -> "Operator":
        """Return the operator with other claims, signed by its identity.

        Args:
            claims: `operator.claims.replace(…)`; their `sub` is this operator.
            issued_at: Above the old token's; `None` is the clock, moved on if needed.

        Raises:
            MissingKeyError: The identity is not held here.
            InvalidClaimsError: The claims are another operator's.
        """
        if claims.sub != self.public:
            raise InvalidClaimsError.one("$.sub", "another-operator", f"these claims are about {claims.sub}")
        if self.key is None:
            raise MissingKeyError(f"the identity of operator {self.public} signs its token, and is not held here")
        second = forward(issued_at, self.claims.iat, "the old token's second")
        jwt = tokens.sign(claims, self.key, issued_at=second)
        read = tokens.parse(jwt, OperatorClaims).claims
        signers = tuple(signer for signer in self._signers if signer.public in read.nats.signing_keys)
        system = self.system_account
        if system is not None and read.nats.system_account != system.public:
            system = None
        return Operator(jwt, read, key=self.key, signers=signers, system_account=system)

    def _signer(self, signer: SignerOrSeed | None) -> Signer:
        """Return who signs accounts: *signer*, or the first signing key held, or the identity unless strict."""
        trusted = self.claims.trusted_keys
        if signer is not None:
            chosen = load_keys([signer], KeyType.OPERATOR)[0]
            if chosen.public not in trusted:
                raise UntrustedIssuerError(f"{chosen.public} is no key that operator {self.public} signs accounts with")
            return chosen
        for held in self.signers:
            if held.public in trusted:
                return held
        told = "only the identity is held, and the operator is strict" if self.signers else "no key is held here"
        raise MissingKeyError(f"a signing key of operator {self.public} signs accounts: {told}")

    def create_account(
        self,
        name: str,
        *,
        jetstream: bool = False,
        limits: Mapping[str, object] | AccountLimits | None = None,
        signing_keys: int = 1,
        description: str = "",
        tags: Iterable[str] | Mapping[str, str] | None = None,
        expires_in: timedelta | None = None,
        expires_at: Moment | None = None,
        keep_identity: bool = True,
        key: KeyPair | str | None = None,
        signer: SignerOrSeed | None = None,
        issued_at: Moment | None = None,
        entropy: Entropy = urandom,
    ) -> Account:
        """Make an account with an identity and plain signing keys, everything unlimited but JetStream, which is off.

        Args:
            name: For people, and for `{{account-name()}}`.
            jetstream: Switch JetStream on, without limits.
            limits: Members of `AccountLimits` to change (`{"conn": 500}`), or all of them.
            signing_keys: How many to make.
            description: For people, up to 8,192 bytes.
            tags: Words for people, and for `{{account-tag(…)}}`; lower case.
            expires_in: Counted from the second of issuing. Accounts usually do not expire.
            expires_at: The last second of validity, instead.
            keep_identity: Hold on to the identity's key. It can never be changed, and is not needed again.
            key: The identity, a pair or a public nkey, instead of a new one.
            signer: A key of this operator to sign with, instead of the first signing key held.
            issued_at: At most 60 seconds ahead of the clock; `None` is the clock.
            entropy: What gives 32 bytes for each new key.

        Raises:
            MissingKeyError: No key held here may sign accounts.
            InvalidClaimsError: A keyword that means nothing.
        """
        chosen = self._signer(signer)
        second = issue_second(issued_at)
        if not isinstance(signing_keys, int) or isinstance(signing_keys, bool):
            raise TypeError(f"signing_keys is how many, an int, got {type(signing_keys).__name__}")
        public, pair = subject_key(key, KeyType.ACCOUNT, entropy)
        signers = tuple(KeyPair.generate(KeyType.ACCOUNT, entropy=entropy) for _ in range(signing_keys))
        allowed = msgspec.structs.replace(_UNLIMITED, **_JETSTREAM) if flag(jetstream, "jetstream") else _UNLIMITED
        body = AccountBody(
            limits=allowed,
            signing_keys=tuple(key.public for key in signers),
            description=description,
            tags=tags_of(tags),
        )
        exp = expiry(expires_in, expires_at, second=second, past_is_fine=issued_at is not None)
        claims = AccountClaims(name=name_of(name), sub=public, exp=exp, nats=body)
        if limits is not None:
            claims = claims.replace(limits=limits)
        jwt = tokens.sign(claims, chosen, issued_at=second)
        return Account(
            jwt,
            tokens.parse(jwt, AccountClaims).claims,
            key=pair if keep_identity else None,
            signers=signers,
            strict=self.claims.nats.strict_signing_key_usage,
        )

    def reissue(
        self,
        account: Account | str,
        claims: AccountClaims | None = None,
        *,
        signer: SignerOrSeed | None = None,
        issued_at: Moment | None = None,
    ) -> Account:
        """Sign an account's claims anew, changed or not.

        Args:
            account: The account as it is now, or its token's text.
            claims: `account.claims.replace(…)` and the like; `None` changes nothing but the time.
            signer: A key of this operator to sign with, instead of the first signing key held.
            issued_at: Above the old token's; `None` is the clock, moved on if needed.

        Returns:
            The account with its new token; keys held that it no longer lists are let go.

        Raises:
            UntrustedIssuerError: The account's token was not signed by this operator: see `adopt`.
            InvalidClaimsError: The claims are another account's, or were made from an older token of it.
            MissingKeyError: No key held here may sign accounts.
        """
        account = self._own(account)
        changed = account.claims if claims is None else claims
        if changed.sub != account.public:
            raise InvalidClaimsError.one("$.sub", "another-account", f"these claims are about {changed.sub}")
        if changed.iat != account.claims.iat:
            raise InvalidClaimsError.one(
                "$.iat", "lost-update", "these claims were made from another token of the account: change the newest"
            )
        second = forward(issued_at, account.claims.iat, "the old token's second")
        return self._sign_again(account, changed, second=second, signer=signer)

    def _sign_again(
        self,
        account: Account,
        claims: AccountClaims,
        *,
        second: int,
        signer: SignerOrSeed | None,
        more: tuple[Signer, ...] = (),
    ) -> Account:
        jwt = tokens.sign(claims, self._signer(signer), issued_at=second)
        strict = self.claims.nats.strict_signing_key_usage
        return account.issued_again(jwt, tokens.parse(jwt, AccountClaims).claims, more=more, strict=strict)

    def _own(self, account: Account | str) -> Account:
        """Return *account* if this operator signed its token, which is read again for that."""
        if not isinstance(account, Account):
            return Account.load(account, operator=self)
        self.check_signed(tokens.verify(account.jwt, AccountClaims).claims)
        return account

    def revoke(
        self,
        account: Account | str,
        user: User | str,
        *,
        at: Moment | None = None,
        future: bool = False,
        signer: SignerOrSeed | None = None,
        issued_at: Moment | None = None,
    ) -> Account:
        """Refuse a user's tokens from now on.

        Args:
            account: The account as it is now, or its token's text.
            user: The user, its token's text, its public nkey, or `*` for everybody.
            at: Tokens issued up to this second are refused. `None`: the clock, moved on so that it reaches the token
                meant and lies above an earlier revocation.
            future: Allow *at* to lie ahead of the clock: whoever is issued until then stays out.
            signer: A key of this operator to sign with, instead of the first signing key held.
            issued_at: When the account is signed, as for `reissue`.

        Raises:
            UntrustedIssuerError: The account is not this operator's, or the user not this account's.
            InvalidClaimsError: *at* lies ahead of the clock.
        """
        account = self._own(account)
        public, iat = _whom(account, user)
        if at is None:
            held = account.claims.nats.revocations
            until = max(clock(), held.get(public, 0) + 1, held.get("*", 0) + 1, iat)
        else:
            until = seconds(at, "at")
            if until > clock() and not future:
                raise InvalidClaimsError.one(
                    "at",
                    "revoked-ahead",
                    "at lies ahead of the clock, so new tokens would be refused too: say future=True",
                )
        return self.reissue(account, account.claims.revoke(public, at=until), signer=signer, issued_at=issued_at)

    def add_role(  # noqa: D417  # the keywords of UserTemplate are told there
        self,
        account: Account | str,
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
        bearer: bool = False,
        proxy_required: bool = False,
        description: str = "",
        key: KeyPair | str | None = None,
        signer: SignerOrSeed | None = None,
        issued_at: Moment | None = None,
        entropy: Entropy = urandom,
    ) -> Account:
        """Return the account with one more role: a signing key, and what all users signed by it may do.

        The keywords up to *proxy_required* are those of `UserTemplate`, but subjects hold what the server fills in:
        `{{name()}}`, `{{subject()}}`, `{{tag(…)}}`, `{{account-name()}}`, `{{account-subject()}}`,
        `{{account-tag(…)}}`. Names are only as unique as you make them: where isolation is security, use
        `{{subject()}}`.

        Args:
            account: The account as it is now, or its token's text.
            name: The role's name, new in this account.
            description: For people.
            key: The role's signing key, a pair or a public nkey, instead of a new one.
            signer: A key of this operator to sign with, instead of the first signing key held.
            issued_at: When the account is signed, as for `reissue`.
            entropy: What gives 32 bytes for the new key.

        Raises:
            TypeError: A bare text where several are meant, or a value of another type.
            InvalidClaimsError: A keyword that means nothing, what servers would drop, or a role of that name.
            UntrustedIssuerError: The account is not this operator's.
        """
        account = self._own(account)
        if any(scope.role == name for scope in account.claims.scopes):
            raise InvalidClaimsError.one("role", "role-exists", f"account {account.public} has a role {name!a}")
        limits = limits_of(
            role=True,
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
            bearer=bearer,
            proxy_required=proxy_required,
        )
        public, pair = subject_key(key, KeyType.ACCOUNT, entropy)
        if public == account.public or public in account.claims.plain_signing_keys:
            raise InvalidClaimsError.one(
                "key", "role-key-in-use", "a role's key is not the identity nor a plain signing key"
            )
        scope = Scope(
            key=public, role=name_of(name, "a role's name"), template=Template(**limits), description=description
        )
        second = forward(issued_at, account.claims.iat, "the old token's second")
        more: tuple[Signer, ...] = () if pair is None else (pair,)
        claims = account.claims.with_signing_key(scope)
        return self._sign_again(account, claims, second=second, signer=signer, more=more)

    def adopt(
        self,
        account_jwt: str,
        *,
        limits: Mapping[str, object] | AccountLimits | None = None,
        keys: Iterable[SignerOrSeed] = (),
        signer: SignerOrSeed | None = None,
        issued_at: Moment | None = None,
    ) -> Account:
        """Sign an account that came from elsewhere: self-signed, or another operator's.

        What it says of its own limits is not believed: it starts from the limits of a new account, changed by *limits*.
        What was dropped is told in `Account.problems`.

        Args:
            account_jwt: Its token; the signature must hold.
            limits: Members of `AccountLimits` to change, or all of them.
            keys: Seeds, key pairs or signers held for it.
            signer: A key of this operator to sign with, instead of the first signing key held.
            issued_at: At most 60 seconds ahead of the clock; `None` is the clock.

        Raises:
            TokenError: Not an account token.
            BadSignatureError: The signature does not hold.
        """
        foreign = Account.load(account_jwt, keys)
        claims = foreign.claims.replace(limits=_UNLIMITED)
        if limits is not None:
            claims = claims.replace(limits=limits)
        asked, given = foreign.claims.nats.limits, claims.nats.limits
        dropped = tuple(
            Problem(
                path=f"$.nats.limits.{name}",
                severity="warning",
                code="adopted-without",
                message=f"the account said {getattr(asked, name)!r} of itself, it got {getattr(given, name)!r}",
            )
            for name in asked.__struct_fields__
            if getattr(asked, name) != getattr(given, name)
        )
        second = issue_second(issued_at)
        if issued_at is None and foreign.claims.iat < second + 60:
            second = max(second, foreign.claims.iat + 1)
        adopted = self._sign_again(foreign, claims, second=second, signer=signer)
        return Account(
            adopted.jwt,
            adopted.claims,
            key=foreign.key,
            signers=adopted.held,
            strict=self.claims.nats.strict_signing_key_usage,
            dropped=dropped,
        )

    def __repr__(self) -> str:
        return f"<Operator {self.name!a} {self.public}>"


def _whom(account: Account, user: User | str) -> tuple[str, int]:
    """Return the key to revoke, and the second that must be reached."""
    if isinstance(user, str) and "." not in user:
        return (user if user == "*" else parse_public(user, KeyType.USER)), 0
    claims = tokens.verify(user.jwt if isinstance(user, User) else user, UserClaims).claims
    if claims.account != account.public or claims.iss not in account.known_keys:
        raise UntrustedIssuerError(
            f"user {claims.sub} is signed by {claims.iss}, which does not sign for {account.public}"
        )
    return claims.sub, claims.iat
