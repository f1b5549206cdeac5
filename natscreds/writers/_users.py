"""What writers take: anything that yields users, and more where it knows what job they are of."""

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Protocol, cast

from natscreds.chain import Terms, Verdict, refuse_throwaway
from natscreds.creds import Creds
from natscreds.creds.text import split_creds
from natscreds.errors import CredsError, StorageError

__all__ = [
    "CredsText",
    "IssuedUsers",
    "NamedUser",
    "clash",
    "closed_on_error",
    "each_turn",
    "issued",
    "length",
    "refuse_text",
    "refused",
    "text_of",
]

# Signing and writing push each other out of the processor's caches: in turns of one user a file costs twice what it
# does in turns of 32, and the time over issuing, bare open, write and close goes from 1.05 to 1.21 (seen on tmpfs).
_AT_ONCE = 32

_BEGIN = "-----BEGIN NATS USER JWT-----\n"


class CredsText(Protocol):
    """What is written of a user: `natscreds.Creds` has it."""

    @property
    def text(self) -> str:
        """The .creds file, ASCII. A secret."""
        ...


class NamedUser(Protocol):
    """What can be written: `natscreds.User` has both."""

    @property
    def name(self) -> str:
        """What the file is called after."""
        ...

    @property
    def creds(self) -> CredsText:
        """Token and seed."""
        ...


class IssuedUsers(Protocol):
    """Users that know what job they are of: what `natscreds.issue_users` returns."""

    @property
    def terms(self) -> Terms:
        """What all of them have in common."""
        ...

    @property
    def job(self) -> str:
        """The job's id: 32 hex digits."""
        ...

    @property
    def issued_at(self) -> int:
        """`iat` of all of them, in seconds."""
        ...

    def skip(self, names: Iterable[str], /) -> object:
        """Leave users of these names out."""
        ...

    def verdict(self, name: str, creds: Creds, /) -> Verdict:
        """Judge what was found written for *name*."""
        ...

    def generation(self, name: str, /) -> int:
        """Return which key of that name it is, where keys are derived."""
        ...


def issued(users: object) -> IssuedUsers | None:
    """Return *users*, if they know what job they are of."""
    return cast("IssuedUsers", users) if isinstance(getattr(users, "terms", None), Terms) else None


def refuse_text(users: object) -> None:
    """Refuse what would be read by character."""
    if isinstance(users, str | bytes | bytearray):
        raise TypeError(f"users are an iterable of users, got {type(users).__name__}")


def length(users: object) -> int | None:
    """Return how many *users* there will be, if they know."""
    try:
        return len(users)  # type: ignore[arg-type]
    except TypeError:
        return None


def text_of(user: NamedUser) -> tuple[bytes, str]:
    """Return the .creds file of *user*, and the token in it.

    Raises:
        StorageError: It is none.
        ThrowAwayError: It is of a throw-away chain, whose keys everybody knows.
    """
    text = user.creds.text
    refuse_throwaway(text)
    fault = ""
    if not text.isascii():  # an encoding error would carry the whole secret
        fault = f"the text of a .creds file is ASCII, that of {user.name!r:.200} is not"
    elif text.startswith(_BEGIN):
        return text.encode("ascii"), text[len(_BEGIN) : text.find("\n", len(_BEGIN))]
    else:
        try:
            return text.encode("ascii"), split_creds(text)[0]
        except CredsError as error:
            fault = f"{error}; that of {user.name!r:.200}"
    raise StorageError(fault)


def each_turn(users: Iterator[NamedUser], write: Callable[[list[NamedUser]], None]) -> None:
    """Hand *users* to *write*, a few at a time; when they fail, too, those that came before."""
    while True:
        some: list[NamedUser] = []
        try:
            for user in islice(users, _AT_ONCE):
                some.append(user)
        finally:
            write(some)
        if len(some) < _AT_ONCE:
            return


def clash(name: str, file: str, suffix: str) -> str:
    """Return what is wrong when *name* goes to a *file* that an earlier user of this run went to."""
    if file.endswith(f"{name}{suffix}"):
        return f"a name is written once, {name!r} came twice"
    return f"a file holds one user: {name!r:.200} goes to {file!r}, and so did an earlier name, or the same"


def refused(fault: str, written: int) -> StorageError:
    """Return the error that says how far it went."""
    return StorageError(f"{fault}; files written before, each whole: {written}")


@contextmanager
def closed_on_error(users: object) -> Generator[None]:
    """Close *users*, if they can be closed, when something goes wrong."""
    try:
        yield
    except BaseException as error:
        _close(users, error)
        raise


def _close(users: object, error: BaseException) -> None:
    """Close *users* if it can be closed; *error* is what the caller will see, whatever happens here."""
    close = getattr(users, "close", None)
    if not callable(close):
        return
    try:
        close()
    except Exception as second:  # the first error is the one to act on; its note tells of this one
        error.add_note(f"closing the users failed too: {type(second).__name__}")
