"""An operator with the keys held for it: the root of trust."""

from collections.abc import Iterable, Mapping
from os import urandom

from natscreds import tokens
from natscreds.chain._grants import flag, name_of, several, tags_of
from natscreds.chain._keys import SignerOrSeed, held_keys, load_keys, subject_key
from natscreds.chain._vouching import Vouching
from natscreds.chain.account import Account
from natscreds.chain.moments import Moment, forward, issue_second
from natscreds.claims import OperatorBody, OperatorClaims
from natscreds.errors import InvalidClaimsError, MissingKeyError, Problem, UntrustedIssuerError
from natscreds.nkeys import Entropy, KeyPair, KeyType, PublicKey, Signer

__all__ = ["Operator"]


class Operator(Vouching):
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
        signers = tuple(signer for signer in self._signers if signer.public != self.public)
        return Operator(self.jwt, self.claims, key=None, signers=signers, system_account=self.system_account)

    def replace(self, claims: OperatorClaims, *, issued_at: Moment | None = None) -> "Operator":
        """Return the operator with other claims, signed by its identity.

        Args:
            claims: `operator.claims.replace(…)`; their `sub` is this operator.
            issued_at: Above the old token's; `None` is the clock, moved on if needed.

        Raises:
            MissingKeyError: The identity is not held here.
            InvalidClaimsError: The claims are another operator's, or were made from an older token of it.
        """
        if claims.sub != self.public:
            raise InvalidClaimsError.one("$.sub", "another-operator", f"these claims are about {claims.sub}")
        if claims.iat != self.claims.iat:
            raise InvalidClaimsError.one(
                "$.iat", "lost-update", "these claims were made from another token of the operator: change the newest"
            )
        if claims.nats.strict_signing_key_usage and not claims.nats.signing_keys:
            raise InvalidClaimsError.one("$.nats.signing_keys", "no-signing-key", "a strict operator has a signing key")
        identity = self.key or next((signer for signer in self._signers if signer.public == self.public), None)
        if identity is None:
            raise MissingKeyError(f"the identity of operator {self.public} signs its token, and is not held here")
        second = forward(issued_at, self.claims.iat, "the old token's second")
        jwt = tokens.sign(claims, identity, issued_at=second)
        read = tokens.parse(jwt, OperatorClaims).claims
        known = {read.sub, *read.nats.signing_keys}
        signers = tuple(signer for signer in self._signers if signer.public in known)
        system = self.system_account
        if system is not None and read.nats.system_account != system.public:
            system = None
        return Operator(jwt, read, key=self.key, signers=signers, system_account=system)

    def __repr__(self) -> str:
        return f"<Operator {self.name!a} {self.public}>"
