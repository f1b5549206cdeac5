"""A user: its token, and its key if it is held here."""

from typing import TYPE_CHECKING

from natscreds import tokens
from natscreds.claims import UserClaims
from natscreds.creds import Creds, inbox_prefix
from natscreds.errors import MissingKeyError, Problem
from natscreds.nkeys import KeyPair, PublicKey

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["User"]


class User:
    """A user as issued. Pickles, seed and all: treat the pickle as the secret it is.

    `repr` and errors show the public key only; equality goes by token and key.

    Attributes:
        jwt: The token's text.
        name: Its name.
        public: Its public nkey.
        private_inbox: Replies come on `_INBOX.<public>.` only.
    """

    __slots__ = ("_claims", "_key", "_seed", "jwt", "name", "private_inbox", "public")

    def __init__(
        self,
        jwt: str,
        *,
        name: str,
        public: PublicKey,
        key: KeyPair | None = None,
        claims: UserClaims | None = None,
        private_inbox: bool = False,
    ) -> None:
        """Put together what was just issued; `Account.create_user` and `load` are the usual ways."""
        self.jwt = jwt
        self.name = name
        self.public = public
        self.private_inbox = private_inbox
        self._key = key
        self._seed = ""
        self._claims = claims

    @classmethod
    def issued(cls, jwt: str, name: str, public: PublicKey, seed: str, private_inbox: bool) -> "User":
        """Return a user just issued, by the text of its seed: its key pair is made when it is asked for."""
        made = object.__new__(cls)
        made.jwt = jwt
        made.name = name
        made.public = public
        made.private_inbox = private_inbox
        made._seed = seed
        made._key = made._claims = None
        return made

    @classmethod
    def load(cls, jwt: str, *, key: KeyPair | str | None = None) -> "User":
        """Read a user's token, signature verified; whose it is, is another question (`natscreds.verify_chain`).

        Args:
            jwt: The token.
            key: Its key pair or seed, if held.

        Raises:
            TokenError: Not a user token.
            BadSignatureError: The signature does not hold.
            CredsError: The key is another user's.
        """
        claims = tokens.verify(jwt, UserClaims).claims
        pair: KeyPair | None = None
        if key is not None:
            pair = key if isinstance(key, KeyPair) else KeyPair.parse(key)
            Creds(jwt, pair)
        own = f"{inbox_prefix(claims.sub)}.>" in (claims.nats.sub.allow or ())
        return cls(jwt, name=claims.name, public=PublicKey(claims.sub), key=pair, claims=claims, private_inbox=own)

    @property
    def claims(self) -> UserClaims:
        """What the token says, read when first asked for."""
        if self._claims is None:
            self._claims = tokens.parse(self.jwt, UserClaims).claims
        return self._claims

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Warnings: what is allowed, and perhaps not meant."""
        return tuple(problem for problem in self.claims.check() if problem.severity == "warning")

    @property
    def key(self) -> KeyPair | None:
        """The key pair, `None` where only the public key was given."""
        if self._key is None and self._seed:
            self._key = KeyPair.parse(self._seed)
        return self._key

    @property
    def seed(self) -> str:
        """The secret seed.

        Raises:
            MissingKeyError: Only the public key was given.
        """
        if not self._seed:
            if self._key is None:
                raise MissingKeyError(
                    f"only the public key of user {self.public} is known here, so it has no seed to give"
                )
            self._seed = self._key.seed
        return self._seed

    @property
    def creds(self) -> Creds:
        """Token and seed together.

        Raises:
            MissingKeyError: Only the public key was given.
        """
        prefix = f"_INBOX.{self.public}" if self.private_inbox else None
        return Creds.issued(self.jwt, self.public, self._seed or self.seed, prefix)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, User) and (self.jwt, self.public) == (other.jwt, other.public)

    def __hash__(self) -> int:
        return hash((self.jwt, self.public))

    def __repr__(self) -> str:
        return f"<User {self.name!a} {self.public}>"

    def __reduce__(self) -> "tuple[Callable[..., User], tuple[object, ...]]":
        seed = None if self._key is None and not self._seed else self.seed
        return _restore, (self.jwt, self.name, self.public, seed, self.private_inbox)


def _restore(jwt: str, name: str, public: PublicKey, seed: str | None, private_inbox: bool) -> User:
    if seed is None:
        return User(jwt, name=name, public=public, private_inbox=private_inbox)
    return User.issued(jwt, name, public, seed, private_inbox)
