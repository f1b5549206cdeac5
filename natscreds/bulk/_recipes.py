"""What a chunk carries so that another process can issue: the template and a key that signs, and no more of the rest.

A recipe makes the press in the process that issues, turns what was issued into plain texts, and back in the driver.
"""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar, cast

from natscreds import tokens
from natscreds.chain import Account, AccountTemplate, Mint, Operator, User, UserTemplate
from natscreds.chain.press import Press, Row, name_in
from natscreds.claims import AccountClaims, Scope
from natscreds.errors import InvalidClaimsError
from natscreds.nkeys import KeyPair, KeyType, PublicKey, Signer

__all__ = ["AccountRecipe", "Issuing", "Recipe", "SignerFactory", "UserRecipe", "carried", "made"]

ItemT = TypeVar("ItemT")
MadeT = TypeVar("MadeT", covariant=True)

SignerFactory = Callable[[], Signer]
"""Makes a signer where it is used: for keys that live in a KMS. A function of a module, so that it pickles."""

_Carried = str | SignerFactory


class Issuing(Protocol[MadeT]):
    """What issues many: `natscreds.chain.press.Press`, and the press of accounts."""

    def issue(self, rows: Sequence[Row], seeds: bytes) -> tuple[Sequence[MadeT], Exception | None]:
        """Issue for each row, until one is refused: what was issued, and why the next was not."""
        ...


class Recipe(Protocol[ItemT]):
    """What makes a press elsewhere, and what it gives travel as texts."""

    @property
    def seed_size(self) -> int:
        """Bytes of seeds for each row."""
        ...

    def press(self) -> Issuing[ItemT]:
        """Make the press."""
        ...

    def texts(self, item: ItemT) -> tuple[str, ...]:
        """Return what *item* is but for its name, in texts without blanks: public key, token, secrets."""
        ...

    def item(self, name: str, texts: Sequence[str]) -> ItemT:
        """Put together again what `texts` took apart."""
        ...


def made(
    signer: Signer | SignerFactory | str | bytes | None,
) -> tuple[Signer | str | bytes | None, SignerFactory | None]:
    """Return *signer* as the chain takes it, and the function that made it, if one did."""
    if callable(signer) and not isinstance(signer, Signer):
        return signer(), signer
    return signer, None


def carried(signer: Signer, factory: SignerFactory | None) -> _Carried:
    """Return what a chunk carries of *signer*: the function that makes it, or else its seed.

    Raises:
        TypeError: It is no key pair, and nothing that makes it was given.
    """
    if factory is not None:
        return factory
    if isinstance(signer, KeyPair):
        return signer.seed
    raise TypeError(
        "other processes get a key pair's seed, or a function that makes the signer there (signer=function), got"
        f" {type(signer).__name__}"
    )


def _signer(carried: _Carried, kind: KeyType) -> Signer:
    return cast("Signer", KeyPair.parse(carried, kind)) if isinstance(carried, str) else carried()


class UserRecipe:
    """What users are issued from. Pickles, the seed of the signing key and all: treat it as the secret it is."""

    __slots__ = ("_account", "_exp", "_inbox", "_scope", "_second", "_signer", "_template")

    seed_size = 32

    def __init__(self, mint: Mint, template: UserTemplate, signer: _Carried, *, second: int, exp: int) -> None:
        self._account = mint.account
        self._scope: Scope | None = mint.scope
        self._inbox = template.private_inbox or mint.private_inbox
        self._signer = signer
        self._template = template
        self._second = second
        self._exp = exp

    def press(self) -> Press:
        """Make the press."""
        mint = Mint(self._account, _signer(self._signer, KeyType.ACCOUNT), self._scope)
        return Press(mint, self._template, second=self._second, exp=self._exp)

    def texts(self, item: User) -> tuple[str, ...]:
        """Return public key, token and seed of a user."""
        return item.public, item.jwt, item.seed

    def item(self, name: str, texts: Sequence[str]) -> User:
        """Return the user of these texts."""
        public, jwt, seed = texts
        return User.issued(jwt, name, PublicKey(public), seed, self._inbox)

    def __repr__(self) -> str:
        return f"<UserRecipe {self._account.sub}>"


class AccountRecipe:
    """What accounts are issued from. Pickles, the seed of the signing key and all: treat it as the secret it is."""

    __slots__ = ("_exp", "_operator", "_second", "_signer", "_strict", "_template", "seed_size")

    def __init__(
        self, operator: Operator, template: AccountTemplate, signer: _Carried, *, second: int, exp: int
    ) -> None:
        self._operator = operator.jwt
        self._strict = operator.claims.nats.strict_signing_key_usage
        self._signer = signer
        self._template = template
        self._second = second
        self._exp = exp
        self.seed_size = 32 * (1 + template.signing_keys)

    def press(self) -> "_AccountPress":
        """Make the press."""
        signer = _signer(self._signer, KeyType.OPERATOR)
        return _AccountPress(Operator.load(self._operator), signer, self._template, second=self._second, exp=self._exp)

    def texts(self, item: Account) -> tuple[str, ...]:
        """Return public key, token, the identity's seed if it is kept, and the signing keys' seeds of an account."""
        pairs = [cast("KeyPair", signer) for signer in item.held]
        return item.public, item.jwt, item.key.seed if item.key else "", *(pair.seed for pair in pairs)

    def item(self, name: str, texts: Sequence[str]) -> Account:
        """Return the account of these texts."""
        _, jwt, identity, *seeds = texts
        return Account(
            jwt,
            tokens.parse(jwt, AccountClaims).claims,
            key=KeyPair.parse(identity) if identity else None,
            signers=tuple(cast("Signer", KeyPair.parse(seed)) for seed in seeds),
            strict=self._strict,
        )

    def __repr__(self) -> str:
        return "<AccountRecipe>"


class _AccountPress:
    """Issues accounts of one operator and one template, all in one second."""

    def __init__(self, operator: Operator, signer: Signer, template: AccountTemplate, *, second: int, exp: int) -> None:
        self._operator = operator
        self._signer = signer
        self._template = template
        self._second = second
        self._exp = exp

    def issue(self, rows: Sequence[Row], seeds: bytes) -> tuple[list[Account], Exception | None]:
        """Issue an account for each row, until one is refused."""
        made: list[Account] = []
        size = len(seeds) // max(1, len(rows))
        for at, row in enumerate(rows):
            try:
                made.append(self._issue(row, seeds[at * size : (at + 1) * size]))
            except Exception as error:  # whatever it is, those made before it come out first
                return made, error
        return made, None

    def _issue(self, row: Row, seeds: bytes) -> Account:
        name = name_in(row)
        if not isinstance(row, str) and len(row) > 1:
            raise InvalidClaimsError.one("$.name", "field-unknown", "a row of accounts has a 'name' and nothing else")
        identity, *signers = [KeyPair(KeyType.ACCOUNT, seeds[at : at + 32]) for at in range(0, len(seeds), 32)]
        return self._operator.issue(
            self._template,
            name,
            identity.public,
            identity,
            tuple(signers),
            signer=self._signer,
            second=self._second,
            exp=self._exp,
        )
