"""What lies in the directories of nsc: found by name or key, read, and loaded.

A *top* is the name of an operator's directory, a *folder* that of an account's. Both have been checked.
"""

from collections.abc import Iterator
from contextlib import suppress

from natscreds import tokens
from natscreds.chain import Account, Operator, User
from natscreds.claims import AccountClaims, Claims, OperatorClaims, UserClaims
from natscreds.creds import Creds
from natscreds.errors import NatsCredsError, StorageError
from natscreds.nkeys import KeyType, is_public
from natscreds.nsc._keyfiles import CREDS, CREDS_SUFFIX, KeyFiles
from natscreds.nsc._lock import Locks
from natscreds.nsc._names import check_name, fault_in, file_of
from natscreds.nsc._places import Places
from natscreds.nsc._reading import MARK, entries, is_file, opened, read_mark, read_text, shown

__all__ = ["ACCOUNTS", "SYSTEM", "USERS", "Tree"]

ACCOUNTS, USERS, SYSTEM = "accounts", "users", "SYS"
_SUFFIX = ".jwt"


class Tree:
    """The directories, and how things are found in them.

    Attributes:
        places: The three directories.
        keys: What is in the last of them.
        locks: Who writes.
    """

    __slots__ = ("keys", "locks", "places")

    def __init__(self, places: Places, keys: KeyFiles, locks: Locks) -> None:
        self.places = places
        self.keys = keys
        self.locks = locks

    # Names, sorted; odd ones are left out, and told of by `find_problems`.

    def operator_names(self) -> tuple[str, ...]:
        return tuple(name for name in entries(self.places.stores) if not fault_in(name) and self._has(MARK, name))

    def account_names(self, top: str) -> tuple[str, ...]:
        found = entries(self.places.stores, top, ACCOUNTS)
        return tuple(name for name in found if not fault_in(name) and self._has(file_of(name), top, ACCOUNTS, name))

    def user_names(self, top: str, folder: str) -> tuple[str, ...]:
        return _stems(entries(self.places.stores, top, ACCOUNTS, folder, USERS), _SUFFIX)

    def creds_names(self, top: str, folder: str) -> tuple[str, ...]:
        return _stems(entries(self.places.keys, CREDS, self.title(top), folder), CREDS_SUFFIX)

    # Texts.

    def title(self, top: str) -> str:
        """Return the name in the operator's mark, after which nsc calls its token and the directory of its creds."""
        title = ""
        with suppress(FileNotFoundError):
            title = read_mark(self.places.stores, top).name
        if not title:
            raise StorageError(f"no operator {top!a:.200} in {shown(self.places.stores)}")
        return check_name(title, "an operator")

    def is_managed(self, top: str) -> bool:
        return read_mark(self.places.stores, top).managed

    def operator_text(self, top: str) -> str:
        return self._text(f"no token of operator {top!a}", top, file_of(self.title(top)))

    def account_text(self, top: str, folder: str) -> str:
        return self._text(f"no account {folder!a:.200}", top, ACCOUNTS, folder, file_of(folder))

    def user_text(self, top: str, folder: str, name: str) -> str:
        check_name(name, "a user")
        return self._text(f"no user {name!a:.200}", top, ACCOUNTS, folder, USERS, file_of(name))

    def _text(self, fault: str, *parts: str) -> str:
        text = ""
        with suppress(FileNotFoundError):
            text = read_text(self.places.stores, *parts)
        if not text:
            raise StorageError(f"{fault}: {shown(self.places.stores, *parts)} is missing or empty")
        return text

    def _has(self, file: str, *parts: str) -> bool:
        try:
            with opened(self.places.stores, *parts) as directory:
                return is_file(directory, file)
        except (FileNotFoundError, StorageError):
            return False

    # Finding, by the chain object, its token, its public key or its name.

    def find_operator(self, operator: Operator | str | None) -> str:
        if operator is None:
            return self._only_operator()
        public = _key_of(operator, KeyType.OPERATOR, OperatorClaims)
        if public is None:
            name = check_name(operator, "an operator")
            self.title(name)
            return name
        found = [name for name in self.operator_names() if self._is_of(name, public)]
        if len(found) != 1:
            there = f"under these names: {', '.join(map(ascii, found))}" if found else "not there"
            raise StorageError(f"an operator is in a store once, {public} is {there}")
        return found[0]

    def _is_of(self, top: str, public: str) -> bool:
        try:
            return tokens.parse(self.operator_text(top), OperatorClaims).claims.sub == public
        except NatsCredsError:  # a damaged neighbour is not the one
            return False

    def _only_operator(self) -> str:
        names = self.operator_names()
        if len(names) != 1:
            found = ", ".join(map(ascii, names[:10])) or "no operator"
            raise StorageError(f"the only operator need not be named, {shown(self.places.stores)} has {found}")
        return names[0]

    def find_account(self, top: str, account: Account | str) -> str:
        public = _key_of(account, KeyType.ACCOUNT, AccountClaims)
        if public is None:
            name = check_name(account, "an account")
            self.account_text(top, name)
            return name
        found = self.account_by_key(top, public, first=account.name if isinstance(account, Account) else "")
        if found is None:
            raise StorageError(f"no account {public} in {shown(self.places.stores, top)}")
        return found

    def account_by_key(self, top: str, public: str, *, first: str) -> str | None:
        """Return the name of the account with that key, *first* looked at first; `None` if there is none."""
        if first and not fault_in(first) and self._is_about(top, first, public):
            return first
        return next((name for name in self.account_names(top) if self._is_about(top, name, public)), None)

    def _is_about(self, top: str, folder: str, public: str) -> bool:
        try:
            claims = tokens.parse(self.account_text(top, folder), AccountClaims).claims
        except NatsCredsError:  # a damaged neighbour is not the one
            return False
        return (claims.sub, claims.name) == (public, folder)

    # Loading.

    def load_operator(self, top: str) -> Operator:
        """Load an operator with the keys found, without its system account."""
        text = self.operator_text(top)
        claims = tokens.parse(text, OperatorClaims).claims
        return Operator.load(text, self.keys.held((claims.sub, *claims.nats.signing_keys)))

    def load_system_account(self, top: str, operator: Operator) -> Account | None:
        """Load the system account if it is there and signed by *operator*."""
        public = operator.claims.nats.system_account
        folder = self.account_by_key(top, public, first=SYSTEM) if public else None
        if folder is None:
            return None
        claims = tokens.parse(self.account_text(top, folder), AccountClaims).claims
        return self.load_account(top, folder, operator) if claims.iss in operator.claims.trusted_keys else None

    def load_account(self, top: str, folder: str, operator: Operator) -> Account:
        """Load an account of *operator* with the keys found; in a managed store it may have signed itself."""
        text = self.account_text(top, folder)
        claims = tokens.parse(text, AccountClaims).claims
        if claims.name != folder:
            raise StorageError(f"an account's directory has its name, got {folder!a} for {claims.name!a:.200}")
        waits = claims.iss == claims.sub and self.is_managed(top)
        keys = self.keys.held((claims.sub, *claims.plain_signing_keys, *(scope.key for scope in claims.scopes)))
        if not waits:
            return Account.load(text, keys, operator=operator)
        return Account.load(text, keys).issued_again(text, claims, strict=operator.claims.nats.strict_signing_key_usage)

    def load_accounts(self, top: str) -> Iterator[Account]:
        operator = self.load_operator(top)
        for name in self.account_names(top):
            yield self.load_account(top, name, operator)

    def load_user(self, top: str, folder: str, name: str, account: Account) -> User:
        """Load a user of *account*, with its key if found."""
        text = self.user_text(top, folder, name)
        claims = tokens.parse(text, UserClaims).claims
        if file_of(claims.name) != file_of(name):
            raise StorageError(f"a user's file has its name, got {name!a:.200} for {claims.name!a:.200}")
        account.check_signed(claims)
        return User.load(text, key=self.keys.read(claims.sub))

    def load_users(self, top: str, folder: str) -> Iterator[User]:
        account = self.load_account(top, folder, self.load_operator(top))
        for name in self.user_names(top, folder):
            yield self.load_user(top, folder, name, account)

    def load_creds(self, top: str, folder: str, name: str) -> Creds:
        """Read a creds file; it is of the user whose name it has."""
        check_name(name, "a user")
        title = self.title(top)
        path = shown(self.places.keys, CREDS, title, folder, f"{name}{CREDS_SUFFIX}")
        creds = self.keys.read_creds(title, folder, name)
        if creds is None:
            raise StorageError(f"no creds of user {name!a:.200}: {path} is missing")
        try:
            text = read_text(self.places.stores, top, ACCOUNTS, folder, USERS, file_of(name))
        except FileNotFoundError:  # nsc may delete a user and leave its creds
            return creds
        known = tokens.parse(text, UserClaims).claims.sub
        if known != creds.public:
            raise StorageError(f"user {name!a:.200} is {known}, but {path} holds creds of {creds.public}")
        return creds


def _stems(names: list[str], suffix: str) -> tuple[str, ...]:
    stems = (name.removesuffix(suffix) for name in names if name.endswith(suffix))
    return tuple(sorted(stem for stem in stems if not fault_in(stem)))


def _key_of(value: Operator | Account | str, kind: KeyType, claims: type[Claims]) -> str | None:
    """Return the public key that *value* stands for; `None` if it is a name."""
    if not isinstance(value, str):
        public = getattr(value, "public", None)
        if not isinstance(value, Operator | Account) or not is_public(public or "", kind):
            raise TypeError(f"expected the {kind.name.lower()}, its token, key or name, got {type(value).__name__}")
        return public
    if is_public(value, kind):
        return value
    if value.startswith("eyJ") and value.count(".") == 2:
        return tokens.verify(value, claims).claims.sub
    return None
