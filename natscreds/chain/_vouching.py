"""What an operator does with accounts: it makes them, and signs every change of them."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from os import urandom

from natscreds import tokens
from natscreds.chain._grants import limits_of, name_of
from natscreds.chain._keys import SignerOrSeed, load_keys, subject_key
from natscreds.chain.account import Account
from natscreds.chain.account_template import UNLIMITED, AccountTemplate
from natscreds.chain.moments import AHEAD, Moment, clock, expiry, forward, issue_second
from natscreds.chain.throwaway import with_mark
from natscreds.chain.user import User
from natscreds.claims import (
    AccountClaims,
    AccountLimits,
    OperatorClaims,
    Scope,
    Template,
    TimeRange,
    UserClaims,
    seconds,
)
from natscreds.errors import InvalidClaimsError, MissingKeyError, Problem, UntrustedIssuerError
from natscreds.nkeys import Entropy, KeyPair, KeyType, PublicKey, Signer, parse_public

__all__ = ["Vouching"]


class Vouching:
    """The verbs of an operator that sign accounts.

    Attributes:
        claims: What the operator's token says.
    """

    __slots__ = ()

    claims: OperatorClaims

    @property
    def public(self) -> PublicKey:
        """Its identity, a public operator nkey."""
        return PublicKey(self.claims.sub)

    @property
    def signers(self) -> tuple[Signer, ...]:
        """All keys held that can sign: signing keys, then the identity."""
        raise NotImplementedError  # the operator holds them

    def check_signed(self, account: AccountClaims) -> None:
        """Return nothing if servers with this operator accept who signed *account*.

        Raises:
            UntrustedIssuerError: They do not.
        """
        if account.iss not in self.claims.trusted_keys:
            raise UntrustedIssuerError(
                f"account {account.sub} is signed by {account.iss}, which operator {self.public} does not trust"
            )

    def account_signer(self, signer: SignerOrSeed | None) -> Signer:
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
        template = AccountTemplate(
            jetstream=jetstream,
            limits=limits,
            signing_keys=signing_keys,
            description=description,
            tags=tags,
            expires_in=expires_in,
            expires_at=expires_at,
            keep_identity=keep_identity,
        )
        chosen = self.account_signer(signer)
        second = issue_second(issued_at)
        public, pair = subject_key(key, KeyType.ACCOUNT, entropy)
        signers = tuple(KeyPair.generate(KeyType.ACCOUNT, entropy=entropy) for _ in range(signing_keys))
        exp = expiry(expires_in, expires_at, second=second, past_is_fine=issued_at is not None)
        return self.issue(template, name, public, pair, signers, signer=chosen, second=second, exp=exp)

    def issue(
        self,
        template: AccountTemplate,
        name: str,
        public: PublicKey,
        pair: KeyPair | None,
        signers: tuple[KeyPair, ...],
        *,
        signer: Signer,
        second: int,
        exp: int,
    ) -> Account:
        """Fill *template* in for one account and sign: what `create_account` and `issue_accounts` share."""
        claims = template.fill(name, public, tuple(key.public for key in signers), exp=exp)
        tags = with_mark(claims.nats.tags, self.claims.nats.tags)
        if tags is not claims.nats.tags:
            claims = claims.replace(tags=tags)
        jwt = tokens.sign(claims, signer, issued_at=second)
        return Account(
            jwt,
            tokens.parse(jwt, AccountClaims).claims,
            key=pair if template.keep_identity else None,
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
        jwt = tokens.sign(claims, self.account_signer(signer), issued_at=second)
        strict = self.claims.nats.strict_signing_key_usage
        return account.issued_again(jwt, tokens.parse(jwt, AccountClaims).claims, more=more, strict=strict)

    def _load(self, jwt: str) -> Account:
        """Read an account that this operator signed."""
        claims = tokens.verify(jwt, AccountClaims).claims
        self.check_signed(claims)
        return Account(jwt, claims, key=None, signers=(), strict=self.claims.nats.strict_signing_key_usage)

    def _own(self, account: Account | str) -> Account:
        """Return *account* if this operator signed its token, which is read again for that."""
        if not isinstance(account, Account):
            return self._load(account)
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
            if public == "*":  # whoever was let in again in this second was issued after its own entry
                until = max([until, *(one + 1 for one in held.values() if until <= one < until + AHEAD)])
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
        bearer: bool | None = False,
        proxy_required: bool | None = False,
        description: str = "",
        key: KeyPair | str | None = None,
        signer: SignerOrSeed | None = None,
        issued_at: Moment | None = None,
        entropy: Entropy | None = urandom,
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
            entropy: What gives 32 bytes for the new key; `None` is the system.

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
        if public in account.known_keys:
            raise InvalidClaimsError.one(
                "key", "role-key-in-use", "a role's key is not the identity, a plain signing key, nor another role's"
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
        claims = foreign.claims.replace(limits=UNLIMITED)
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
