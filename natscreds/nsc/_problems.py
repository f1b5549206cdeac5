"""Everything that is wrong, or doubtful, in a store: told, not raised."""

from collections.abc import Iterable
from contextlib import suppress
from stat import S_IMODE, S_ISLNK, S_ISREG
from typing import TypeVar

from natscreds import tokens
from natscreds.chain import Account, Operator
from natscreds.claims import AccountClaims, Claims, OperatorClaims, UserClaims
from natscreds.creds import Creds
from natscreds.errors import NatsCredsError, Problem, Severity, StorageError
from natscreds.nkeys import is_public
from natscreds.nsc._keyfiles import CREDS, CREDS_SUFFIX, KEYS, SUFFIX, key_parts
from natscreds.nsc._names import fault_in, file_of
from natscreds.nsc._reading import MARK, entries, is_directory, mode_of, opened, read_mark
from natscreds.nsc._tree import ACCOUNTS, USERS, Tree

__all__ = ["find_problems"]

_DEEPEST = 32

ClaimsT = TypeVar("ClaimsT", bound=Claims)


def find_problems(tree: Tree, *, operator: str | None) -> list[Problem]:
    """Walk the directories and return what is wrong in them, file by file."""
    finder = _Finder(tree)
    finder.look_at_operators(operator)
    finder.look_at_keys()
    return finder.found


class _Finder:
    def __init__(self, tree: Tree) -> None:
        self.found: list[Problem] = []
        self._tree = tree
        self._stores, self._keys = tree.places.stores, tree.places.keys

    def _add(self, path: Iterable[str], code: str, message: object, severity: Severity = "error") -> None:
        text = ascii("/".join(path))[1:-1]
        self.found.append(Problem(path=text, severity=severity, code=code, message=str(message)))

    def _names(self, root: str, place: str, *parts: str) -> list[str]:
        """Return the sound names in a directory; tell of odd ones and of links."""
        sound: list[str] = []
        try:
            with opened(root, *parts) as folder:
                for name in sorted(folder.names()):
                    fault = fault_in(name)
                    if fault:
                        self._add((place, *parts, name), "name-odd", f"a name is {fault}")
                    elif S_ISLNK(mode_of(folder, name)):
                        self._add((place, *parts, name), "link", "a symbolic link is not followed")
                    else:
                        sound.append(name)
        except StorageError as error:
            self._add((place, *parts), "unreadable", error)
        except FileNotFoundError:
            pass
        return sound

    def _is_directory(self, root: str, *parts: str) -> bool:
        try:
            with opened(root, *parts[:-1]) as folder:
                return is_directory(folder, parts[-1])
        except (StorageError, FileNotFoundError):
            return False

    # Operators, accounts, users.

    def look_at_operators(self, only: str | None) -> None:
        names = [name for name in self._names(self._stores, "stores") if self._is_directory(self._stores, name)]
        keys: dict[str, str] = {}
        for top in names:
            if only not in (None, top):
                continue
            inside = self._names(self._stores, "stores", top)
            if MARK in inside:
                claims = self._look_at_operator(top)
                if claims is not None and (other := keys.setdefault(claims.sub, top)) != top:
                    self._add(("stores", top), "key-twice", f"operator {claims.sub} is {other!a}, too")
            elif ACCOUNTS in inside:
                self._add(("stores", top, MARK), "mark-missing", "without it, a directory is no operator's")

    def _look_at_operator(self, top: str) -> OperatorClaims | None:
        place = ("stores", top)
        try:
            mark = read_mark(self._stores, top)
            title = self._tree.title(top)
            text = self._tree.operator_text(top)
        except (NatsCredsError, FileNotFoundError) as error:
            self._add(place, "operator-damaged", error)
            return None
        if mark.name != top:
            self._add((*place, MARK), "operator-renamed", f"its mark says {mark.name!a}", "warning")
        file = (*place, file_of(title))
        claims = self._read(text, OperatorClaims, file)
        if claims is None:
            return None
        operator: Operator | None = None
        try:
            operator = Operator.load(text)
        except NatsCredsError as error:
            self._add(file, "token-untrusted", error)
        if operator is not None:
            self._look_at_accounts(top, operator)
        return claims

    def _look_at_accounts(self, top: str, operator: Operator) -> None:
        place = ("stores", top, ACCOUNTS)
        keys: dict[str, str] = {}
        cases: dict[str, str] = {}
        for folder in self._names(self._stores, "stores", top, ACCOUNTS):
            if not self._is_directory(self._stores, top, ACCOUNTS, folder):
                continue
            other = cases.setdefault(folder.casefold(), folder)
            if other != folder:
                self._add((*place, folder), "name-case", f"differs from {other!a} by case only", "warning")
            claims = self._look_at_account(top, folder, operator)
            if claims is not None:
                other = keys.setdefault(claims.sub, folder)
                if other != folder:
                    self._add((*place, folder), "key-twice", f"account {claims.sub} is {other!a}, too")

    def _look_at_account(self, top: str, folder: str, operator: Operator) -> AccountClaims | None:
        place = ("stores", top, ACCOUNTS, folder)
        file = (*place, file_of(folder))
        try:
            text = self._tree.account_text(top, folder)
            waits = self._tree.is_managed(top)
        except (NatsCredsError, FileNotFoundError) as error:
            self._add(file, "token-missing", error)
            return None
        claims = self._read(text, AccountClaims, file)
        if claims is None:
            return None
        if claims.name != folder:
            self._add(file, "name-differs", f"the directory is {folder!a}, the token's name {claims.name!a:.200}")
        try:
            if not (waits and claims.iss == claims.sub):
                operator.check_signed(claims)
        except NatsCredsError as error:
            self._add(file, "token-untrusted", error)
        self._look_at_users(top, folder, Account.load(text))
        return claims

    def _look_at_users(self, top: str, folder: str, account: Account) -> None:
        place = ("stores", top, ACCOUNTS, folder, USERS)
        users: dict[str, UserClaims] = {}
        keys: dict[str, str] = {}
        for file in self._names(self._stores, *place):
            name = file.removesuffix(".jwt")
            if name == file:
                continue
            claims = self._look_at_user(top, folder, name, account)
            if claims is not None:
                users[name] = claims
                other = keys.setdefault(claims.sub, name)
                if other != name:
                    self._add((*place, file), "key-twice", f"user {claims.sub} is {other!a}, too")
        self._look_at_creds(top, folder, users)

    def _look_at_user(self, top: str, folder: str, name: str, account: Account) -> UserClaims | None:
        file = ("stores", top, ACCOUNTS, folder, USERS, file_of(name))
        try:
            text = self._tree.user_text(top, folder, name)
        except (NatsCredsError, FileNotFoundError) as error:
            self._add(file, "token-missing", error)
            return None
        claims = self._read(text, UserClaims, file)
        if claims is None:
            return None
        if file_of(claims.name) != file_of(name):
            self._add(file, "name-differs", f"the file is {name!a}, the token's name {claims.name!a:.200}")
        try:
            account.check_signed(claims)
        except NatsCredsError as error:
            self._add(file, "token-untrusted", error)
        return claims

    def _read(self, text: str, kind: type[ClaimsT], path: tuple[str, ...]) -> ClaimsT | None:
        """Return what a token says, signature verified, and tell what is wrong with it."""
        try:
            claims = tokens.verify(text, kind).claims
        except NatsCredsError as error:
            self._add(path, "token-damaged", error)
            return None
        for problem in claims.check():
            self._add((*path, problem.path), problem.code, problem.message, problem.severity)
        return claims

    def _look_at_creds(self, top: str, folder: str, users: dict[str, UserClaims]) -> None:
        title = self._tree.title(top)
        for file in self._names(self._keys, "keys", CREDS, title, folder):
            name = file.removesuffix(CREDS_SUFFIX)
            if name != file:
                self._look_at_one_creds((CREDS, title, folder, file), name, users.get(name))

    def _look_at_one_creds(self, parts: tuple[str, str, str, str], name: str, user: UserClaims | None) -> None:
        path = ("keys", *parts)
        self._look_at_mode(*parts)
        try:
            creds: Creds | None = self._tree.keys.read_creds(parts[1], parts[2], name)
        except NatsCredsError as error:
            self._add(path, "creds-damaged", error)
            return
        if creds is None:
            return
        if user is None:
            self._add(path, "creds-alone", "the store has no such user", "warning")
        elif user.sub != creds.public:
            self._add(path, "creds-differ", f"user {name!a} is {user.sub}, these are creds of {creds.public}")
        elif tokens.parse(creds.jwt, UserClaims).claims != user:
            self._add(path, "creds-stale", "the store has another token of this user", "warning")

    # Keys.

    def look_at_keys(self) -> None:
        for name in self._entries():
            if name == KEYS:
                self._look_at_key_files()
            elif name != CREDS:
                self._look_for_old_files((name,), _DEEPEST)

    def _look_at_key_files(self) -> None:
        for letter in self._names(self._keys, "keys", KEYS):
            for shard in self._below(KEYS, letter):
                for file in self._below(KEYS, letter, shard):
                    self._look_at_key((KEYS, letter, shard, file))

    def _below(self, *parts: str) -> list[str]:
        if not self._is_directory(self._keys, *parts):
            self._add(("keys", *parts), "key-misplaced", "key files lie two directories deep, and here is none")
            return []
        return self._names(self._keys, "keys", *parts)

    def _look_at_key(self, parts: tuple[str, str, str, str]) -> None:
        public = parts[3].removesuffix(SUFFIX)
        if public == parts[3]:
            return
        if not is_public(public) or key_parts(public) != parts:
            self._add(("keys", *parts), "key-misplaced", "a key file is called after its public key, and lies by it")
            return
        self._look_at_mode(*parts)
        if public.startswith("X"):  # a curve key signs nothing, and is not loaded
            return
        try:
            self._tree.keys.read(public)
        except NatsCredsError as error:
            self._add(("keys", *parts), "key-damaged", error)

    def _look_at_mode(self, *parts: str) -> None:
        mode = 0
        with suppress(FileNotFoundError, StorageError), opened(self._keys, *parts[:-1]) as folder:
            mode = mode_of(folder, parts[-1])
        if S_ISREG(mode) and mode & 0o077:
            told = f"others than its owner may use a secret, its mode is {S_IMODE(mode):04o}"
            self._add(("keys", *parts), "mode-open", told, "warning")

    def _look_for_old_files(self, parts: tuple[str, ...], depth: int) -> None:
        """Tell of keys and creds where nsc of old kept them: with one of them there, nsc refuses to run."""
        if parts[-1].endswith((SUFFIX, CREDS_SUFFIX)):
            told = "keys and creds lie below 'keys' and 'creds', or nsc asks for 'nsc keys migrate'"
            self._add(("keys", *parts), "keys-old", told)
        elif depth and self._is_directory(self._keys, *parts):
            for name in self._entries(*parts):
                self._look_for_old_files((*parts, name), depth - 1)

    def _entries(self, *parts: str) -> list[str]:
        try:
            return entries(self._keys, *parts)
        except StorageError as error:
            self._add(("keys", *parts), "unreadable", error)
            return []
