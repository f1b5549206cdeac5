"""What natscreds writes into a store, as nsc would: names, places, modes and bytes.

Keys come before the token that needs them, and a user's creds before its token: who is killed in between leaves files
that nothing refers to, and never a user without its key.
"""

import os
from collections.abc import Callable, Generator, Iterable
from contextlib import ExitStack, contextmanager
from itertools import islice
from typing import Self, TypeVar

import msgspec

from natscreds import tokens
from natscreds.chain import Account, Operator, User
from natscreds.claims import AccountClaims, OperatorClaims, UserClaims
from natscreds.creds import Creds
from natscreds.creds.files import SecretDirectory
from natscreds.errors import StorageError
from natscreds.nkeys import KeyPair, Signer
from natscreds.nsc._keyfiles import CREDS_SUFFIX, KeyWriter
from natscreds.nsc._lock import LOCK
from natscreds.nsc._names import file_of, name_to_write
from natscreds.nsc._reading import MARK, read_mark
from natscreds.nsc._replacing import may_replace, put, refuse_other_case, refuse_other_issuer, stored
from natscreds.nsc._tree import ACCOUNTS, USERS, Tree

__all__ = ["UserDesk", "Written", "lock", "write_accounts", "write_operator", "write_users"]

# As for a directory of creds: signing and writing push each other out of the processor's caches.
_AT_ONCE = 32

T = TypeVar("T", Account, User)


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """What was written to a store.

    Attributes:
        accounts: Tokens of accounts.
        users: Tokens of users.
        keys: Seeds; one that was there already does not count.
        creds: Creds files. A user whose seed is not held has none.
    """

    accounts: int = 0
    users: int = 0
    keys: int = 0
    creds: int = 0


@contextmanager
def lock(tree: Tree, top: str) -> Generator[None, None, None]:
    """Keep other natscreds processes from writing to the store of an operator."""
    with _stores(tree, fsync=False) as stores, stores.below(top, make=False) as folder, tree.locks.hold(folder):
        yield


def _stores(tree: Tree, *, fsync: bool) -> SecretDirectory:
    return SecretDirectory(os.path.realpath(tree.places.stores), fsync=fsync)


def write_operator(tree: Tree, operator: Operator, *, name: str | None, overwrite: bool) -> None:
    """Write an operator's token, its mark, the keys held, and its system account."""
    claims = tokens.verify(operator.jwt, OperatorClaims).claims
    top = name_to_write(claims.name if name is None else name, "an operator")
    with _stores(tree, fsync=True) as stores:
        refuse_other_case(top, stores.names(), "operator")
        with stores.below(top) as folder, tree.locks.hold(folder):
            title = _title(tree, folder, top)
            old = stored(folder, file_of(title), OperatorClaims, overwrite=overwrite)
            fresh = may_replace(old, claims, operator.jwt, what=f"operator {top!a}", overwrite=overwrite)
            with tree.keys.writer(fsync=True) as keys:
                _write_keys(keys, (operator.key, *operator.signers))
            folder.below(ACCOUNTS).close()
            if fresh:
                put(folder, file_of(title), operator.jwt)
            folder.add(MARK, _mark(title, managed=not _can_sign(operator)))
            folder.sync()
            if operator.system_account is not None:
                write_accounts(tree, top, [operator.system_account], overwrite=overwrite, fsync=True)


def _title(tree: Tree, folder: SecretDirectory, top: str) -> str:
    """Return the name in the mark, or the one that goes there; refuse a directory that is something else's."""
    try:
        return name_to_write(read_mark(tree.places.stores, top).name, "an operator")
    except FileNotFoundError:
        strange = {*folder.names()} - {LOCK, ACCOUNTS, file_of(top)}  # what an earlier call that was killed may leave
    if strange:
        raise StorageError(f"an operator gets a directory of its own, {folder.path!a} holds {min(strange)!a}")
    return top


def _mark(name: str, *, managed: bool) -> bytes:
    return msgspec.json.encode({"managed": managed, "name": name, "kind": "operator", "version": "1"})


def _can_sign(operator: Operator) -> bool:
    return any(signer.public in operator.claims.trusted_keys for signer in operator.signers)


def _write_keys(keys: KeyWriter, signers: Iterable[Signer | None]) -> int:
    """Write the seeds of *signers*, and return how many; one that lives elsewhere has none to write."""
    return sum(keys.write(signer) for signer in signers if isinstance(signer, KeyPair))


def write_accounts(tree: Tree, top: str, accounts: Iterable[Account], *, overwrite: bool, fsync: bool) -> Written:
    """Write tokens of accounts and the keys held for them, a few at a time."""
    with _AccountDesk(tree, top, overwrite=overwrite, fsync=fsync) as desk:
        _in_turns(accounts, desk.write)
        return desk.finish()


def write_users(tree: Tree, top: str, folder: str, users: Iterable[User], *, overwrite: bool, fsync: bool) -> Written:
    """Write tokens, keys and creds of users of one account, a few at a time."""
    with UserDesk(tree, top, folder, overwrite=overwrite, fsync=fsync) as desk:
        _in_turns(users, desk.write)
        return desk.finish()


def _in_turns(things: Iterable[T], write: Callable[[list[T]], None]) -> None:
    rest = iter(things)
    while True:
        some: list[T] = []
        try:
            for thing in islice(rest, _AT_ONCE):
                some.append(thing)
        finally:  # when *things* fail, too: those that came before are written first
            write(some)
        if len(some) < _AT_ONCE:
            return


class _Desk:
    """The directories of an operator and of the keys, open for writing inside a `with` block."""

    def __init__(self, tree: Tree, top: str, *, overwrite: bool, fsync: bool) -> None:
        self._tree, self._top, self._overwrite, self._fsync = tree, top, overwrite, fsync
        self._issuer = tree.load_operator(top)
        self._counts = {"accounts": 0, "users": 0, "keys": 0, "creds": 0}
        with ExitStack() as stack:
            self._enter(stack)
            self._stack = stack.pop_all()

    def _enter(self, stack: ExitStack) -> None:
        """Open what is needed, on *stack*."""
        enter = stack.enter_context
        self._operator = enter(enter(_stores(self._tree, fsync=self._fsync)).below(self._top, make=False))
        self._accounts = enter(self._operator.below(ACCOUNTS))
        self._keys = enter(self._tree.keys.writer(fsync=self._fsync))

    def finish(self) -> Written:
        """Bring the names to the disk, if asked for, and return what was done."""
        if self._fsync:
            self._sync()
        return Written(**self._counts)

    def _sync(self) -> None:
        self._accounts.sync()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


class _AccountDesk(_Desk):
    """Where accounts are written."""

    def write(self, accounts: list[Account]) -> None:
        if accounts:
            with self._tree.locks.hold(self._operator):
                names = {name.casefold(): name for name in self._accounts.names()}
                for account in accounts:
                    self._write_one(account, names)

    def _write_one(self, account: Account, names: dict[str, str]) -> None:
        claims = tokens.verify(account.jwt, AccountClaims).claims
        waits = claims.iss == claims.sub
        if not (waits and self._tree.is_managed(self._top)):
            self._issuer.check_signed(claims)
        name = name_to_write(claims.name, "an account")
        refuse_other_case(name, [names.setdefault(name.casefold(), name)], "account")
        what = f"account {name!a}"
        with self._accounts.below(name) as own:
            old = stored(own, file_of(name), AccountClaims, overwrite=self._overwrite)
            fresh = may_replace(old, claims, account.jwt, what=what, overwrite=self._overwrite)
            if fresh and old is not None and not self._overwrite:
                # Once an operator has signed it, a token that the account signed itself is no successor.
                refuse_other_issuer(old[0], (claims.sub, *(() if waits else self._issuer.claims.trusted_keys)), what)
            self._counts["keys"] += _write_keys(self._keys, (account.key, *account.signers))
            if fresh:
                put(own, file_of(name), account.jwt)
                self._counts["accounts"] += 1
            if self._fsync:
                own.sync()


class UserDesk(_Desk):
    """Where the users of one account are written."""

    def __init__(self, tree: Tree, top: str, folder: str, *, overwrite: bool, fsync: bool) -> None:
        self._folder = folder
        super().__init__(tree, top, overwrite=overwrite, fsync=fsync)

    def _enter(self, stack: ExitStack) -> None:
        self._account = self._tree.load_account(self._top, self._folder, self._issuer)
        super()._enter(stack)
        self._users = stack.enter_context(stack.enter_context(self._accounts.below(self._folder)).below(USERS))
        self._creds = stack.enter_context(self._keys.creds(self._tree.title(self._top), self._folder))

    def _sync(self) -> None:
        self._users.sync()
        self._creds.sync()

    def write(self, users: list[User]) -> None:
        """Write a few users while nobody else writes."""
        if users:
            with self._tree.locks.hold(self._operator):
                for user in users:
                    self._write_one(user)

    def _write_one(self, user: User) -> None:
        claims, jwt = user.claims, user.jwt
        name = name_to_write(claims.name, "a user")
        self._account.check_signed(claims)
        file, what = file_of(name), f"user {name!a}"
        old = stored(self._users, file, UserClaims, overwrite=self._overwrite)
        fresh = may_replace(old, claims, jwt, what=what, overwrite=self._overwrite)
        if fresh and old is not None and not self._overwrite:
            refuse_other_issuer(old[0], self._account.known_keys, what)
        pair = user.key or self._tree.keys.read(claims.sub)
        if pair is not None:
            self._counts["keys"] += self._keys.write(pair)
            self._write_creds(Creds.issued(jwt, pair.public, pair.seed, None), name, there=old is not None, fresh=fresh)
        if fresh:
            put(self._users, file, jwt)
            self._counts["users"] += 1

    def _write_creds(self, creds: Creds, name: str, *, there: bool, fresh: bool) -> None:
        """Write creds; *there* is whether the store has the user, *fresh* whether its token is about to change."""
        data, file = creds.text.encode("ascii"), name + CREDS_SUFFIX
        if fresh and (there or self._overwrite):
            self._creds.write(file, data, replace=True)
        elif not self._creds.add(file, data):
            if there:
                return
            raise StorageError(
                f"creds are never written over, unless overwrite=True: those of a user {name!a} are there, without the"
                " user"
            )
        self._counts["creds"] += 1
