"""The directory in which a full resolver keeps accounts, written and read without a server.

One file for each account, `<account key>.jwt`, nothing but the token in it; 0600 in a directory of 0700. A server reads
it once, when it starts, and then writes there itself: write before it starts, or while it is down.

>>> import tempfile
>>> from natscreds import Operator
>>> operator = Operator.create("acme")
>>> with tempfile.TemporaryDirectory() as scratch:
...     accounts = (operator.create_account(f"tenant-{number}") for number in range(3))
...     report = write_resolver_directory(accounts, f"{scratch}/jwt", operator=operator)
...     sorted(file.claims.name for file in read_resolver_directory(f"{scratch}/jwt") if file.claims)
['tenant-0', 'tenant-1', 'tenant-2']
>>> len(report.written), report.refused
(3, {})
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from errno import ELOOP
from os import PathLike

import msgspec

from natscreds import nkeys, tokens
from natscreds.chain.moments import Moment, clock
from natscreds.chain.throwaway import refuse_throwaway
from natscreds.claims import BEYOND_REFERENCE, AccountClaims, OperatorClaims, seconds
from natscreds.creds.files import SecretDirectory
from natscreds.errors import (
    MalformedError,
    Problem,
    StorageError,
    UntrustedIssuerError,
    VerificationError,
    WrongKeyTypeError,
)
from natscreds.nkeys import KeyType, PublicKey
from natscreds.server._succession import steps_back
from natscreds.server._vouched import AccountLike, OperatorLike, account_of, check_vouched, operator_of
from natscreds.tokens import Token

__all__ = ["DirectoryReport", "ResolverFile", "read_resolver_directory", "write_resolver_directory"]

_SUFFIX = ".jwt"
_DELETED = ".jwt.deleted"  # what a server makes of the file when an account is deleted
# What `check` finds and servers do not mind when they load an account.
_NO_REASON = BEYOND_REFERENCE | {"limits-flat-and-tiered"}
_NAMES = ("rollback", "unrevoke", "damaged", "deleted")


class DirectoryReport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of each account.

    Attributes:
        directory: Where, as given.
        written: Accounts that have a file now and had none before, in the order they came.
        replaced: Accounts whose file holds a later token now.
        unchanged: Accounts whose file held the same token already.
        refused: Accounts whose file, or the want of one, was left as it was, and why.
    """

    directory: str
    written: tuple[PublicKey, ...]
    replaced: tuple[PublicKey, ...]
    unchanged: tuple[PublicKey, ...]
    refused: Mapping[PublicKey, tuple[Problem, ...]]


class ResolverFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a resolver's directory, and what a server would have against it.

    Attributes:
        name: The file's name.
        text: What is in it; empty where it cannot be read as text.
        claims: What the token says, if its signature holds.
        problems: Empty for an account that servers serve.
    """

    name: str
    text: str
    claims: AccountClaims | None
    problems: tuple[Problem, ...]


def write_resolver_directory(
    accounts: Iterable[AccountLike | str],
    directory: str | PathLike[str],
    *,
    operator: OperatorLike | str,
    allow: Collection[str] = (),
    now: Moment | None = None,
    shared: bool = False,
    fsync: bool = False,
) -> DirectoryReport:
    """Write accounts where a server with a full resolver finds them when it starts.

    Takes one account after the other, so any number goes through. An account whose file holds the same token is left
    alone, so a run that was broken off is simply repeated. What would be lost is refused, account by account, and told
    in the report; *allow* names what may be lost.

    Args:
        accounts: Accounts or their tokens' texts.
        directory: Made, with missing parents, for its owner only. The server must be able to write to it: run this
            as the server's user.
        operator: Who stands behind the accounts, or its token's text.
        allow: `"rollback"`: a token that was not issued after the one held. `"unrevoke"`: one that lets revoked users
            back in. `"damaged"`: over a file that holds no token of this account, which may have been a later one.
            `"deleted"`: an account that a server deleted; a deletion that somebody kept can be played again.
        now: The moment at which servers would have to take the accounts; None is the clock.
        shared: Write to a directory that others own or everybody may write to.
        fsync: Bring every file to the disk before it gets its name; else a power cut may leave empty ones.

    Raises:
        TypeError: One text instead of several accounts or names, or something that is neither chain object nor text.
        ValueError: An unknown name in *allow*.
        TokenError: A text is not a token, or one of another kind.
        BadSignatureError: A token's signature does not hold.
        UntrustedIssuerError: The operator does not stand behind an account. Like any error it ends the run; the files
            written before stay, each whole.
        ThrowAwayError: The operator or an account is of a throw-away chain, whose keys everybody knows.
        StorageError: A directory that is a symbolic link or not ours alone.
        OSError: The disk is full, the directory cannot be made.
    """
    for several, what in ((accounts, "accounts"), (allow, "allow")):
        if isinstance(several, str | bytes | bytearray):
            raise TypeError(f"{what} takes several: give a list")
    allowed = frozenset(allow)
    unknown = allowed.difference(_NAMES)
    if unknown:
        raise ValueError(f"allow names of {', '.join(_NAMES)}, got {min(map(str, unknown))!a}")
    root = operator_of(operator)
    refuse_throwaway(root.text)
    moment = clock() if now is None else seconds(now, "now")
    outcomes: dict[str, list[PublicKey]] = {"written": [], "replaced": [], "unchanged": []}
    refused: dict[PublicKey, tuple[Problem, ...]] = {}
    with SecretDirectory(directory, shared=shared, fsync=fsync) as files:
        deleted = frozenset(name.removesuffix(_DELETED) for name in files.names() if name.endswith(_DELETED))
        for account in accounts:
            token = account_of(root, account)
            refuse_throwaway(token.text)
            key = PublicKey(token.claims.sub)
            outcome, problems = "", refusals(token.claims, moment)
            if not problems:
                outcome, problems = _put(files, key, token, allowed, deleted=key in deleted)
            if outcome:
                outcomes[outcome].append(key)
            else:
                refused[key] = problems
        if fsync:
            files.sync()
        path = files.path
    return DirectoryReport(
        directory=path,
        written=tuple(outcomes["written"]),
        replaced=tuple(outcomes["replaced"]),
        unchanged=tuple(outcomes["unchanged"]),
        refused=refused,
    )


def read_resolver_directory(
    directory: str | PathLike[str], *, operator: OperatorLike | str | None = None, now: Moment | None = None
) -> Iterator[ResolverFile]:
    """Yield what is in a full or cache resolver's directory, in the order of names, one file read at a time.

    Args:
        directory: A running server may write there meanwhile; each file is whole.
        operator: If given, accounts that it does not stand behind are a problem.
        now: The moment at which servers would have to take the accounts; None is the clock.

    Raises:
        NatsCredsError: The operator's token is none, or its signature does not hold.
        StorageError: The directory is a symbolic link.
        OSError: It is missing, or it or a file in it is not ours to read.
    """
    root = None if operator is None else operator_of(operator)
    moment = clock() if now is None else seconds(now, "now")
    with SecretDirectory(directory, shared=True, make=False) as files:
        for name in sorted(files.names()):
            file = _get(files, name, root, moment)
            if file is not None:
                yield file


def refusals(claims: AccountClaims, moment: int) -> tuple[Problem, ...]:
    """Return why servers would refuse the users of this account at *moment*; empty is good."""
    found = [
        problem for problem in claims.check(moment) if problem.severity != "warning" and problem.code not in _NO_REASON
    ]
    if claims.exp < 0 or claims.exp == moment:  # the last second of users is too late for accounts
        found.append(_error("$.exp", "expired", f"expired at {claims.exp}, asked about {moment}"))
    return tuple(found)


def _put(
    files: SecretDirectory, key: PublicKey, token: Token[AccountClaims], allowed: frozenset[str], *, deleted: bool
) -> tuple[str, tuple[Problem, ...]]:
    """Write one account; return what became of it, or nothing and the problems."""
    name = f"{key}{_SUFFIX}"
    data = token.text.encode("ascii")
    buried = deleted and "deleted" not in allowed
    if not buried and files.add(name, data):
        return "written", ()
    held, fault = _held(files, name)
    if held == data:
        return "unchanged", ()
    if held is None:
        return "", (_error("$.sub", "deleted", f"a server deleted this account, {key}{_DELETED} tells"),)
    problems = tuple(found for found in _lost(held, fault, key, token.claims) if found.code not in allowed)
    if problems:
        return "", problems
    files.write(name, data, replace=True)
    return "replaced", ()


def _held(files: SecretDirectory, name: str) -> tuple[bytes | None, str]:
    """Return what is under that name, None for nothing, and why it cannot be an account's file."""
    try:
        return files.read(name), ""
    except FileNotFoundError:
        return None, ""
    except StorageError as error:
        return b"", str(error)
    except OSError as error:
        if error.errno != ELOOP:
            raise
        return b"", "a symbolic link"


def _lost(held: bytes, fault: str, key: PublicKey, given: AccountClaims) -> tuple[Problem, ...]:
    """Return what is lost when *given* takes the place of *held*; an empty file, as power cuts leave, is no loss."""
    if not held and not fault:
        return ()
    token, fault = (None, fault) if fault else _read(held)
    if token is None or token.claims.sub != key:
        told = fault or f"a token of {token.claims.sub if token else ''}"
        return (_error("$", "damaged", f"what is there holds no token of this account: {told}"),)
    return steps_back(token.claims, given)


def _read(data: bytes) -> tuple[Token[AccountClaims] | None, str]:
    """Return the account's token in *data*, or what is wrong with it."""
    try:
        return tokens.verify(data.decode("ascii"), AccountClaims), ""
    except UnicodeDecodeError:
        return None, "not ASCII"
    except (MalformedError, VerificationError, WrongKeyTypeError) as error:
        return None, str(error)


def _get(files: SecretDirectory, name: str, root: Token[OperatorClaims] | None, moment: int) -> ResolverFile | None:
    """Return one file; None if it has gone meanwhile."""
    problems: list[Problem] = []
    if name.endswith(_DELETED):
        problems.append(_error("$", "deleted", "a server deleted this account"))
    elif not (name.endswith(_SUFFIX) and nkeys.is_public(name.removesuffix(_SUFFIX), KeyType.ACCOUNT)):
        told = "a file is called <account key>.jwt"
        if name.endswith(_SUFFIX):
            told += "; servers list this one all the same, and hand it on"
        problems.append(_error("$", "foreign", told))
    data, fault = _held(files, name)
    if data is None:
        return None
    token, fault = (None, fault) if fault else _read(data)
    if token is None:
        if not problems:
            problems.append(_error("$", "damaged", f"it holds no token of an account: {fault}"))
    elif not problems:
        problems += _against(token.claims, name, root, moment)
    return ResolverFile(
        name=name,
        text=token.text if token else (data.decode("ascii") if data.isascii() else ""),
        claims=token.claims if token else None,
        problems=tuple(problems),
    )


def _against(claims: AccountClaims, name: str, root: Token[OperatorClaims] | None, moment: int) -> Iterator[Problem]:
    """Yield what servers have against an account under that name."""
    if claims.sub != name.removesuffix(_SUFFIX):
        yield _error("$.sub", "other-account", f"it holds a token of {claims.sub}")
    if root is not None:
        try:
            check_vouched(root, claims)
        except UntrustedIssuerError as error:
            yield _error("$.iss", "untrusted", str(error))
    yield from refusals(claims, moment)


def _error(path: str, code: str, message: str) -> Problem:
    return Problem(path=path, severity="error", code=code, message=message)
