"""Many users of one account, one after another, in constant memory.

>>> from natscreds.chain import Operator, UserTemplate
>>> orders = Operator.create("acme").create_account("orders")
>>> users = issue_users(orders, ["d-1", "d-2"], UserTemplate(publish=["devices.{name}.>"]))
>>> len(users), [user.name for user in users]
(2, ['d-1', 'd-2'])
"""

import time
from array import array
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping
from os import urandom
from types import TracebackType
from typing import Self

from natscreds.chain import Account, User, UserTemplate
from natscreds.chain.moments import Moment, expiry, forward
from natscreds.errors import InvalidClaimsError, RevokedError
from natscreds.nkeys import Entropy, KeyPair, KeyType, Signer

__all__ = ["Progress", "Users", "issue_users"]

Row = str | Mapping[str, str]
"""A name, or a row with a `name` and values for the template's other fields."""

Progress = Callable[[int, int | None], object]
"""Called with how many are done and how many there will be (`None`: not known), at most ten times a second."""

_PAUSE = 0.1


class _Seen:
    """The names that came by, in 8 to 16 bytes each: a million of them as a set of texts would be most of the memory.

    What is kept is each name's hash of 64 bits. That two of a million names share one, and the second is refused
    although it is new, happens in one of 37 million runs.
    """

    __slots__ = ("_left", "_mask", "_slots")

    def __init__(self) -> None:
        self._resize(1024)

    def add(self, name: str) -> bool:
        """Note *name*; tell whether it is new."""
        slots, mask = self._slots, self._mask
        mark = hash(name) & 0xFFFF_FFFF_FFFF_FFFF or 1
        at = mark & mask
        while found := slots[at]:
            if found == mark:
                return False
            at = (at + 1) & mask
        slots[at] = mark
        self._left -= 1
        if not self._left:
            self._grow()
        return True

    def _resize(self, size: int) -> None:
        self._slots = array("Q", (0,)) * size
        self._mask = size - 1
        self._left = size // 2

    def _grow(self) -> None:
        """Move to twice the slots, at most half of which are taken."""
        old = self._slots
        self._resize(2 * len(old))
        slots, mask = self._slots, self._mask
        for mark in old:
            if mark:
                at = mark & mask
                while slots[at]:
                    at = (at + 1) & mask
                slots[at] = mark
        self._left -= len(old) // 2


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
        entropy: Entropy | None,
    ) -> None:
        if isinstance(names, str | bytes | bytearray):
            raise TypeError("names takes several: give a list, a single text would be read by character")
        if isinstance(names, Mapping):
            raise TypeError("names takes several: give a list of rows, a single row would be read as its columns")
        self._account = account
        self._names = names
        self._template = template
        self._mint = account.mint(role=template.role, signer=signer)
        self._entropy = entropy or urandom
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
        seen = _Seen()
        done, told = 0, time.monotonic()
        issue, mint, template, entropy = self._account.issue, self._mint, self._template, self._entropy
        revoked = self._account.claims.nats.revocations
        for row in self._names:
            name = _name(row)
            if name in self._skipped:
                continue
            if not seen.add(name):
                raise InvalidClaimsError.one(
                    "$.name", "name-repeated", f"a name stands once in a run, got {name!a} again"
                )
            pair = KeyPair.generate(KeyType.USER, entropy=entropy)
            if pair.public in revoked:  # not with random keys, but *entropy* may give the same again
                raise RevokedError(f"the key made for {name!a}, {pair.public}, is one the account revokes")
            values = None if isinstance(row, str) else row
            yield issue(
                mint,
                template,
                name,
                pair.public,
                pair,
                second=self.issued_at,
                exp=self._exp,
                row=values,
                check=not done,
            )
            done += 1
            if self._on_progress is not None and (now := time.monotonic()) - told >= _PAUSE:
                told = now
                self._on_progress(done, self._total)
        if self._on_progress is not None:
            self._on_progress(done, self._total)


def _name(row: Row) -> str:
    if isinstance(row, str):
        return row
    if not isinstance(row, Mapping):
        raise TypeError(f"names holds texts and rows, got {type(row).__name__}")
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
    entropy: Entropy | None = urandom,
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
        entropy: What gives the 32 bytes of each seed; `None` is the system.

    Raises:
        TypeError: *names* is a bare text or a single row.
        MissingKeyError: No key held may sign.
        InvalidClaimsError: The template does not fit the account; while iterating: a name that does not fit the
            template, or that came before.
        RevokedError: While iterating: *entropy* gave a key that the account revokes.
    """
    if not isinstance(template, UserTemplate):
        raise TypeError(f"template is a UserTemplate, got {type(template).__name__}")
    if not isinstance(account, Account):
        account = Account.load(account)
    return Users(account, names, template, issued_at=issued_at, signer=signer, on_progress=on_progress, entropy=entropy)
