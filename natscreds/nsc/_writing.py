"""What natscreds writes into a store, as nsc would: names, places, modes and bytes.

Keys come before the token that needs them, and a user's creds before its token: who is killed in between leaves files
that nothing refers to, and never a user without its key.
"""

import os
from collections.abc import Generator, Iterable
from contextlib import ExitStack, contextmanager
from itertools import islice
from typing import Self, TypeVar

import msgspec

from natscreds import tokens
from natscreds.chain import Account, Operator, User
from natscreds.claims import AccountClaims, OperatorClaims, UserClaims
from natscreds.creds.files import SecretDirectory
from natscreds.errors import NatsCredsError, StorageError, UntrustedIssuerError
from natscreds.nkeys import KeyPair, KeyType, Signer
from natscreds.nsc._keyfiles import CREDS, CREDS_SUFFIX, KEYS, key_parts, write_key
from natscreds.nsc._lock import LOCK
from natscreds.nsc._names import file_of, name_to_write
from natscreds.nsc._reading import MARK, read_mark, shown
from natscreds.nsc._tree import ACCOUNTS, USERS, Tree

__all__ = ["Desk", "Written", "lock", "write_account", "write_operator", "write_users"]

# As for a directory of creds: signing and writing push each other out of the processor's caches.
_AT_ONCE = 32

ClaimsT = TypeVar("ClaimsT", OperatorClaims, AccountClaims, UserClaims)


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """What was written to a store.

    Attributes:
        users: Tokens of users.
        keys: Seeds of users; one that was there already does not count.
        creds: Creds files. A user whose seed is not held has none.
    """

    users: int = 0
    keys: int = 0
    creds: int = 0


@contextmanager
def lock(tree: Tree, top: str, *, fsync: bool = False) -> Generator[SecretDirectory, None, None]:
    """Open the directory of an operator for writing, and keep other natscreds processes from doing so."""
    with _stores(tree, fsync=fsync) as stores, stores.below(top, make=False) as folder, tree.locks.hold(folder):
        yield folder


def _stores(tree: Tree, *, fsync: bool) -> SecretDirectory:
    return SecretDirectory(os.path.realpath(tree.places.stores), fsync=fsync)


def write_operator(tree: Tree, operator: Operator, *, name: str | None, overwrite: bool) -> str:
    """Write an operator's token, its mark, the keys held, and its system account; return the directory's name."""
    claims = tokens.verify(operator.jwt, OperatorClaims).claims
    top = name_to_write(claims.name if name is None else name, "an operator")
    with _stores(tree, fsync=True) as stores:
        _refuse_other_case(top, stores, "operator")
        with stores.below(top) as folder, tree.locks.hold(folder):
            title = _title(tree, folder, top)
            old = _stored(folder, file_of(title), OperatorClaims, overwrite=overwrite)
            if _may_replace(old, claims, operator.jwt, what=f"operator {top!a}", overwrite=overwrite):
                _write_keys(tree, (operator.key, *operator.signers))
                folder.below(ACCOUNTS).close()
                _put(folder, file_of(title), operator.jwt)
            folder.add(MARK, _mark(title, managed=not _can_sign(operator)))
            folder.sync()
            if operator.system_account is not None:
                _put_account(tree, top, folder, operator.system_account, overwrite=overwrite)
    return top


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


def write_account(tree: Tree, top: str, account: Account, *, overwrite: bool) -> None:
    """Write an account's token and the keys held for it."""
    with lock(tree, top, fsync=True) as folder:
        _put_account(tree, top, folder, account, overwrite=overwrite)


def _put_account(tree: Tree, top: str, folder: SecretDirectory, account: Account, *, overwrite: bool) -> None:
    operator = tree.load_operator(top)
    claims = tokens.verify(account.jwt, AccountClaims).claims
    waits = claims.iss == claims.sub
    if not (waits and tree.is_managed(top)):
        operator.check_signed(claims)
    name = name_to_write(claims.name, "an account")
    what = f"account {name!a}"
    with folder.below(ACCOUNTS) as accounts:
        _refuse_other_case(name, accounts, "account")
        with accounts.below(name) as own:
            old = _stored(own, file_of(name), AccountClaims, overwrite=overwrite)
            if not _may_replace(old, claims, account.jwt, what=what, overwrite=overwrite):
                return
            if old is not None and not overwrite:
                known = (claims.sub, *(() if waits else operator.claims.trusted_keys))
                _refuse_other_issuer(old[0], known, what)
            _write_keys(tree, (account.key, *account.signers))
            _put(own, file_of(name), account.jwt)
            own.sync()


def _refuse_other_issuer(old: AccountClaims | UserClaims, known: Iterable[str], what: str) -> None:
    """Refuse to take away a token that the new one does not follow on: somebody else has put it there."""
    if old.iss not in known:
        raise UntrustedIssuerError(
            f"the token of {what} in the store is signed by {old.iss}, another issuer than is expected:"
            " overwrite=True puts another in its place"
        )


def _refuse_other_case(name: str, folder: SecretDirectory, what: str) -> None:
    """Refuse a name that differs only by case from one that is there: nsc does, and some file systems cannot tell."""
    folded = name.casefold()
    for other in folder.names():
        if other != name and other.casefold() == folded:
            raise StorageError(f"names differ by more than case, got {what} {name!a} beside {other!a}")


def _write_keys(tree: Tree, signers: Iterable[Signer | None]) -> None:
    """Write the seeds of *signers*; one that lives elsewhere has none to write."""
    for signer in signers:
        if isinstance(signer, KeyPair):
            tree.keys.write(signer)


def _put(folder: SecretDirectory, name: str, jwt: str) -> None:
    """Write a token, or let it take the place of another in one step."""
    data = jwt.encode("ascii")
    if not folder.add(name, data):
        folder.write(name, data, replace=True)


def _stored(folder: SecretDirectory, name: str, kind: type[ClaimsT], *, overwrite: bool) -> tuple[ClaimsT, str] | None:
    """Return what the store has under that name; `None` if nothing, or what *overwrite* may take away unread."""
    fault = ""
    try:
        text = folder.read(name).decode("latin-1").strip("\r\n")
        return tokens.parse(text, kind).claims, text
    except FileNotFoundError:
        return None
    except (NatsCredsError, OSError) as error:
        fault = f"{type(error).__name__}: {error}"
    if overwrite:
        return None
    path = shown(folder.path, name)
    raise StorageError(f"what is not understood is not written over, unless overwrite=True: {path}, {fault}")


def _may_replace(old: tuple[ClaimsT, str] | None, claims: ClaimsT, jwt: str, *, what: str, overwrite: bool) -> bool:
    """Tell whether there is anything to write; raise if that would undo what is there."""
    if old is None:
        return True
    known, text = old
    if text == jwt:
        return False
    if overwrite:
        return True
    if known.sub != claims.sub:
        raise StorageError(f"{what} in the store is {known.sub}, got {claims.sub}: overwrite=True puts it in its place")
    if known.iat >= claims.iat:
        when = "is newer" if known.iat > claims.iat else "is of the same second, and another"
        raise StorageError(
            f"the token of {what} in the store {when}, {known.iat} and {claims.iat}: load that one and change it, or"
            " say overwrite=True"
        )
    return True


def write_users(tree: Tree, top: str, folder: str, users: Iterable[User], *, overwrite: bool, fsync: bool) -> Written:
    """Write tokens, keys and creds of users of one account, a few at a time."""
    with Desk(tree, top, folder, overwrite=overwrite, fsync=fsync) as desk:
        rest = iter(users)
        while True:
            some: list[User] = []
            try:
                for user in islice(rest, _AT_ONCE):
                    some.append(user)
            finally:  # when *users* fail, too: those that came before are written first
                desk.write(some)
            if len(some) < _AT_ONCE:
                return desk.finish()


class Desk:
    """The directories that the users of one account go to, open inside a `with` block."""

    def __init__(self, tree: Tree, top: str, folder: str, *, overwrite: bool, fsync: bool) -> None:
        self._tree, self._overwrite, self._fsync = tree, overwrite, fsync
        self._account = tree.load_account(top, folder, tree.load_operator(top))
        self._counts = {"users": 0, "keys": 0, "creds": 0}
        with ExitStack() as stack:
            enter = stack.enter_context
            self._operator = enter(enter(_stores(tree, fsync=fsync)).below(top, make=False))
            self._users = enter(enter(enter(self._operator.below(ACCOUNTS)).below(folder)).below(USERS))
            keys = enter(tree.keys.prepared(fsync=fsync))
            self._seeds = enter(enter(keys.below(KEYS)).below(KeyType.USER.letter))
            self._creds = enter(enter(enter(keys.below(CREDS)).below(tree.title(top))).below(folder))
            self._stack = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def finish(self) -> Written:
        if self._fsync:
            self._users.sync()
            self._creds.sync()
        return Written(**self._counts)

    def write(self, users: list[User]) -> None:
        if not users:
            return
        with self._tree.locks.hold(self._operator):
            for user in users:
                self._write_one(user)

    def _write_one(self, user: User) -> None:
        claims, jwt = user.claims, user.jwt
        name = name_to_write(claims.name, "a user")
        self._account.check_signed(claims)
        file, what = file_of(name), f"user {name!a}"
        old = _stored(self._users, file, UserClaims, overwrite=self._overwrite)
        if not _may_replace(old, claims, jwt, what=what, overwrite=self._overwrite):
            return
        if old is not None and not self._overwrite:
            _refuse_other_issuer(old[0], self._account.known_keys, what)
        pair = user.key or self._tree.keys.read(claims.sub)
        if pair is not None:
            self._write_key(pair)
            self._write_creds(User.load(jwt, key=pair) if user.key is None else user, name, replace=old is not None)
        if not self._users.add(file, jwt.encode("ascii")):
            self._users.write(file, jwt.encode("ascii"), replace=True)
        self._counts["users"] += 1

    def _write_key(self, pair: KeyPair) -> None:
        _, _, shard, name = key_parts(pair.public)
        if write_key(self._seeds, shard, name, pair):
            self._counts["keys"] += 1
        elif self._tree.keys.read(pair.public) is None:
            raise StorageError(f"a key file is never written over: that of {pair.public} has no seed")

    def _write_creds(self, user: User, name: str, *, replace: bool) -> None:
        data, file = user.creds.text.encode("ascii"), name + CREDS_SUFFIX
        if replace or self._overwrite:
            self._creds.write(file, data, replace=True)
        elif not self._creds.add(file, data):
            raise StorageError(
                f"creds are never written over, unless overwrite=True: those of a user {name!a} are there, without the"
                " user"
            )
        self._counts["creds"] += 1
