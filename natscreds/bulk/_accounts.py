"""Accounts in bulk."""

from collections.abc import Iterable, Mapping
from os import urandom

from natscreds.bulk._derive import derivation_of
from natscreds.bulk._recipes import AccountRecipe, Issuing, SignerFactory, carried, made
from natscreds.bulk._run import Elsewhere, Progress, Run
from natscreds.chain import Account, AccountTemplate, Operator
from natscreds.chain.moments import Moment, expiry, issue_second
from natscreds.chain.press import Row, name_in
from natscreds.errors import InvalidClaimsError, WrongKeyTypeError
from natscreds.nkeys import Entropy, KeyPair, Signer

__all__ = ["AccountSigner", "Accounts"]

AccountSigner = Signer | SignerFactory | str | bytes
"""A key of the operator: a signer, a seed's text, or a function of a module that makes a signer where it is called."""


class Accounts(Run[Account]):
    """The accounts of one run, issued as they are asked for, in the order of their names. As `Users`.

    Attributes:
        issued_at: `iat` of all of them, in seconds.
        job: A random text that tells this run from others.
    """

    def __init__(
        self,
        operator: Operator,
        names: Iterable[Row],
        template: AccountTemplate,
        *,
        issued_at: Moment | None,
        signer: AccountSigner | None,
        on_progress: Progress | None,
        entropy: Entropy | None,
        derive_from: bytes | None,
        generations: Mapping[str, int] | None,
        elsewhere: Elsewhere | None,
    ) -> None:
        super().__init__(names, on_progress, elsewhere)
        given, factory = made(signer)
        self._operator = operator
        self._template = template
        self._signer = operator.account_signer(given)
        self._entropy = urandom if entropy is None else entropy
        self.issued_at = issue_second(issued_at)
        self._exp = expiry(
            template.expires_in, template.expires_at, second=self.issued_at, past_is_fine=issued_at is not None
        )
        self._derivation = derivation_of(derive_from, generations, self._entropy, "operator", operator.public)
        if self._derivation is not None and template.signing_keys > 1:
            raise InvalidClaimsError.one(
                "signing_keys", "derived-signing-keys", "a name and generation derive one signing key, not more"
            )
        if elsewhere is not None and elsewhere.executor is not None and factory is None:
            raise WrongKeyTypeError(
                "an operator's key never leaves for an executor: give signer= a function that makes the signer there"
            )
        self._carried = carried(self._signer, factory) if elsewhere is not None else ""

    def _press(self) -> Issuing[Account]:
        # The same press as elsewhere, with the signer that is here.
        signer = self._signer
        carried_here = signer.seed if isinstance(signer, KeyPair) else lambda: signer
        return self._made(carried_here).press()

    def _recipe(self) -> AccountRecipe:
        return self._made(self._carried)

    def _made(self, carried_key: str | SignerFactory) -> AccountRecipe:
        return AccountRecipe(self._operator, self._template, carried_key, second=self.issued_at, exp=self._exp)

    def _one_by_one(self) -> bool:
        return True

    def _seeds(self, rows: list[Row]) -> bytes:
        each = 1 + self._template.signing_keys
        if self._derivation is None:
            if self._entropy is urandom:
                return urandom(32 * each * len(rows))
            return b"".join([self._entropy(32) for _ in range(each * len(rows))])
        purposes = ("account", "account-signing-key")[:each]
        return b"".join([self._derivation.seed_of_row(name_in(row), purpose) for row in rows for purpose in purposes])
