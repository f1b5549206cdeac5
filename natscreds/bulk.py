"""Many users of one account, one after another, in constant memory.

>>> from natscreds.chain import Operator, UserTemplate
>>> orders = Operator.create("acme").create_account("orders")
>>> users = issue_users(orders, ["d-1", "d-2"], UserTemplate(publish=["devices.{name}.>"]))
>>> len(users), [user.name for user in users]
(2, ['d-1', 'd-2'])
"""

import time
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping
from os import urandom
from types import TracebackType
from typing import Self

from natscreds.chain import Account, User, UserTemplate
from natscreds.chain.moments import Moment, expiry, forward
from natscreds.errors import InvalidClaimsError
from natscreds.nkeys import Entropy, KeyPair, KeyType, Signer

__all__ = ["Progress", "Users", "issue_users"]

Row = str | Mapping[str, str]
"""A name, or a row with a `name` and values for the template's other fields."""

Progress = Callable[[int, int | None], object]
"""Called with how many are done and how many there will be (`None`: not known), at most ten times a second."""

_PAUSE = 0.1


class Users(Iterator[User]):
    """The users of one run, issued as they are asked for, in the order of their names.

    Nothing is issued before the first `next`. `len` is how many will be issued, where the names have a length. Closing
    ends the run; leaving a `with` block closes.

    Attributes:
        issued_at: `iat` of all of them, in seconds.
        job: A random text that tells this run from others.
    """

    def __init__(
        self,
        account: Account,
        names: Iterable[Row],
        template: UserTemplate,
        *,
        issued_at: Moment | None,
        signer: Signer | str | bytes | None,
        on_progress: Progress | None,
        entropy: Entropy,
    ) -> None:
        self._account = account
        self._names = names
        self._template = template
        self._mint = account.mint(role=template.role, signer=signer)
        self._entropy = entropy
        self._on_progress = on_progress
        self._skipped: frozenset[str] = frozenset()
        self._total = len(names) if isinstance(names, Collection) else None
        self.issued_at = forward(issued_at, account.claims.nats.revocations.get("*", 0), "the revocation of everybody")
        self._exp = expiry(
            template.expires_in, template.expires_at, second=self.issued_at, past_is_fine=issued_at is not None
        )
        self.job = urandom(16).hex()
        self._run: Generator[User, None, None] | None = None
        self._closed = False

    def skip(self, names: Iterable[str]) -> Self:
        """Leave out users of these *names*, before the first is issued; they count as issued no more.

        Raises:
            RuntimeError: The run has begun.
        """
        if isinstance(names, str | bytes):
            raise TypeError("names takes several: give a list")
        if self._run is not None:
            raise RuntimeError("skip() comes before the first user is issued")
        self._skipped = self._skipped | frozenset(names)
        if isinstance(self._names, Collection):
            self._total = sum(_name(row) not in self._skipped for row in self._names)
        return self

    def __len__(self) -> int:
        if self._total is None:
            raise TypeError("these names have no length")
        return self._total

    def __bool__(self) -> bool:
        return True

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> User:
        if self._closed:
            raise StopIteration
        if self._run is None:
            self._run = self._issue()
        return next(self._run)

    def close(self) -> None:
        """End the run; no further user is issued."""
        self._closed = True
        if self._run is not None:
            self._run.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _issue(self) -> Generator[User, None, None]:
        seen: set[str] = set()
        done, told = 0, time.monotonic()
        issue, mint, template, entropy = self._account.issue, self._mint, self._template, self._entropy
        for row in self._names:
            name = _name(row)
            if name in self._skipped:
                continue
            if name in seen:
                raise InvalidClaimsError.one(
                    "$.name", "name-repeated", f"a name stands once in a run, got {name!a} again"
                )
            seen.add(name)
            pair = KeyPair.generate(KeyType.USER, entropy=entropy)
            values = None if isinstance(row, str) else row
            yield issue(mint, template, name, pair.public, pair, second=self.issued_at, exp=self._exp, row=values)
            done += 1
            if self._on_progress is not None and (now := time.monotonic()) - told >= _PAUSE:
                told = now
                self._on_progress(done, self._total)
        if self._on_progress is not None:
            self._on_progress(done, self._total)


def _name(row: Row) -> str:
    if isinstance(row, str):
        return row
    if "name" not in row:
        raise InvalidClaimsError.one("$.name", "field-missing", "a row has a 'name'")
    return row["name"]


def issue_users(
    account: Account | str,
    names: Iterable[Row],
    template: UserTemplate,
    *,
    signer: Signer | str | bytes | None = None,
    issued_at: Moment | None = None,
    on_progress: Progress | None = None,
    entropy: Entropy = urandom,
) -> Users:
    """Make a user for each name: an iterator with a length, in the order of the names.

    Args:
        account: The account, with a key that may sign: the role's, a plain signing key, or the identity.
        names: Names, or rows with a `name` and values for the template's *fields*. A name stands once. Any iterable;
            it is read as users are asked for.
        template: What the users have in common.
        signer: A key of the account to sign with, instead of the usual choice.
        issued_at: `iat` of all users, above what the account revokes for everybody. `None` is the clock, read now.
        on_progress: Called with (done, total), at most ten times a second and at the end.
        entropy: What gives the 32 bytes of each seed.

    Raises:
        TypeError: *names* is a bare text.
        MissingKeyError: No key held may sign.
        InvalidClaimsError: The template does not fit the account; while iterating: a name that does not fit the
            template, or that came before.
    """
    if isinstance(names, str | bytes | bytearray):
        raise TypeError("names takes several: give a list, a single text would be read by character")
    if not isinstance(template, UserTemplate):
        raise TypeError(f"template is a UserTemplate, got {type(template).__name__}")
    if not isinstance(account, Account):
        account = Account.load(account)
    return Users(account, names, template, issued_at=issued_at, signer=signer, on_progress=on_progress, entropy=entropy)
