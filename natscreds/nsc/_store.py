"""The stores of nsc, as one object."""

import os
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta

from natscreds.chain import Account, Operator, User
from natscreds.creds import Creds
from natscreds.errors import Problem
from natscreds.nkeys import KeyPair, PublicKey
from natscreds.nsc._importing import Imported, import_creds, import_keys, undecorated
from natscreds.nsc._keyfiles import KeyFiles
from natscreds.nsc._lock import Locks
from natscreds.nsc._places import Places, Selection, find_places, read_selection
from natscreds.nsc._problems import find_problems
from natscreds.nsc._tree import Tree
from natscreds.nsc._writing import Written, lock, write_accounts, write_operator, write_users

__all__ = ["Store"]

Path = str | os.PathLike[str]


class Store:
    """What nsc has on disk: operators, their accounts, the accounts' users, and keys.

    Making one reads nothing but `nsc.json`; every call reads the disk anew, so it sees what nsc has done meanwhile.
    An *operator* or *account* is, wherever it stands, the chain object, its token's text, its public key, or its name
    in the store. With one operator in the store *operator* can be left out; what is selected in nsc is not asked.

    What is read is checked: signatures, who signed whom, that a key file holds the key it is called after. What does
    not hold raises, `StorageError` where it is about files; `problems` tells it all and raises nothing. Below the three
    directories no symbolic link is followed.

    What is written takes the place of an older token of the same operator, account or user. Anything else that is
    there stays, and the call raises, unless *overwrite* is true. Each file is whole or absent.

    Attributes:
        places: The three directories.
    """

    __slots__ = ("_tree", "places")

    def __init__(
        self,
        directory: Path | None = None,
        *,
        config: Path | None = None,
        stores: Path | None = None,
        keys: Path | None = None,
        environ: Mapping[str, str] | None = None,
        timeout: timedelta = timedelta(seconds=30),
    ) -> None:
        """Find the directories as nsc does, but for the working directory, which is not asked.

        Args:
            directory: One directory for everything, as nsc's `--all-dirs` (`-H`).
            config: As `--config-dir`: where `nsc.json` is.
            stores: As `--data-dir`: where the operators' directories are.
            keys: As `--keystore-dir`: where keys and creds are.
            environ: Where `HOME`, `XDG_CONFIG_HOME`, `XDG_DATA_HOME`, `NSC_HOME`, `NKEYS_PATH`, `NSC_CWD_ONLY` and
                `NSC_NO_GIT_IGNORE` are looked up; `None` is the process's environment.
            timeout: How long writing waits for another natscreds process that writes.

        Raises:
            TypeError: *directory* and one of the others.
            StorageError: `nsc.json` is damaged.
        """
        environ = os.environ if environ is None else environ
        self.places: Places = find_places(directory, config=config, stores=stores, keys=keys, environ=environ)
        files = KeyFiles(self.places.keys, git_ignore="NSC_NO_GIT_IGNORE" not in environ)
        self._tree = Tree(self.places, files, Locks(timeout))

    @property
    def selection(self) -> Selection:
        """What is selected in nsc, for programs that want to go by it."""
        return read_selection(self.places.config)

    def operator_names(self) -> tuple[str, ...]:
        """Return the operators' names, sorted."""
        return self._tree.operator_names()

    def account_names(self, operator: Operator | str | None = None) -> tuple[str, ...]:
        """Return the names of an operator's accounts, sorted."""
        return self._tree.account_names(self._tree.find_operator(operator))

    def user_names(self, account: Account | str, *, operator: Operator | str | None = None) -> tuple[str, ...]:
        """Return the names of an account's users, sorted."""
        return self._tree.user_names(*self._find(account, operator))

    def creds_names(self, account: Account | str, *, operator: Operator | str | None = None) -> tuple[str, ...]:
        """Return the names under which an account has creds files, sorted."""
        return self._tree.creds_names(*self._find(account, operator))

    def public_keys(self) -> tuple[PublicKey, ...]:
        """Return the public keys that have a key file, of all operators and of every type, sorted by their text."""
        return tuple(sorted(self._tree.keys.publics()))

    def key(self, public: str) -> KeyPair | None:
        """Return the key pair of *public*; `None` if the store has no seed of it.

        Raises:
            StorageError: Its file holds another key, or none.
            WrongKeyTypeError: A curve key, which signs nothing.
        """
        return self._tree.keys.read(public)

    def operator(self, name: Operator | str | None = None) -> Operator:
        """Return an operator with the keys found, and with its system account if the store has it.

        Args:
            name: Its name in the store; its public key, its token or the chain object do as well. `None` is the only
                one.

        Returns:
            The operator. `system_account` is `None` unless an account in the store is the one its token names, and is
            signed by this operator; in a managed store it may not be yet.

        Raises:
            StorageError: No such operator, or a file that is damaged.
            NatsCredsError: Its token does not hold.
        """
        top = self._tree.find_operator(name)
        operator = self._tree.load_operator(top)
        operator.system_account = self._tree.load_system_account(top, operator)
        return operator

    def account(self, name: Account | str, *, operator: Operator | str | None = None) -> Account:
        """Return an account with the keys found: the identity's, signing keys', roles'.

        In a managed store an account may have signed itself, and wait for its operator.

        Args:
            name: Its name in the store; its public key, its token or the chain object do as well.
            operator: Whose account.

        Raises:
            StorageError: No such account, or a file that is damaged.
            UntrustedIssuerError: Not signed by its operator.
            NatsCredsError: Its token does not hold.
        """
        top, folder = self._find(name, operator)
        return self._tree.load_account(top, folder, self._tree.load_operator(top))

    def accounts(self, operator: Operator | str | None = None) -> Iterator[Account]:
        """Yield an operator's accounts in the order of their names; each is what `account` returns or raises."""
        return self._tree.load_accounts(self._tree.find_operator(operator))

    def user(self, name: str, *, account: Account | str, operator: Operator | str | None = None) -> User:
        """Return a user, with its key if the store has it.

        Args:
            name: Its name in the store.
            account: Whose user.
            operator: Whose account.

        Raises:
            StorageError: No such user, or a file that is damaged.
            UntrustedIssuerError: Not signed by its account.
            NatsCredsError: Its token does not hold.
        """
        top, folder = self._find(account, operator)
        holder = self._tree.load_account(top, folder, self._tree.load_operator(top))
        return self._tree.load_user(top, folder, name, holder)

    def users(self, account: Account | str, *, operator: Operator | str | None = None) -> Iterator[User]:
        """Yield an account's users in the order of their names; each is what `user` returns or raises."""
        return self._tree.load_users(*self._find(account, operator))

    def creds(self, name: str, *, account: Account | str, operator: Operator | str | None = None) -> Creds:
        """Return what a user's creds file holds.

        Its token may be older than the one in the store: `store.user(…).creds` is the newest.

        Args:
            name: The user's name in the store.
            account: Whose user.
            operator: Whose account.

        Raises:
            StorageError: No such file, a damaged one, or creds of another user than the store has under that name.
        """
        return self._tree.load_creds(*self._find(account, operator), name)

    def problems(self, operator: Operator | str | None = None) -> list[Problem]:
        """Return what is wrong, or doubtful, in the store. Nothing that is in it makes this raise.

        A problem's `path` is that of a file, `stores/…` or `keys/…`; what is about claims has their path after it.

        Args:
            operator: Look at the store of this one, and at all keys; `None` looks at all.
        """
        return find_problems(self._tree, operator=None if operator is None else self._tree.find_operator(operator))

    def lock(self, operator: Operator | str | None = None) -> AbstractContextManager[None]:
        """Keep other natscreds processes from writing to an operator's store inside a `with` block.

        Every writing call does so by itself. This is for what reads, changes and writes: without it, another process
        may write in between, and be overwritten. nsc locks nothing, and is not kept out.

        Raises:
            StorageError: On entering: another process writes for longer than *timeout*.
        """
        return self._locked(self._tree.find_operator(operator))

    @contextmanager
    def _locked(self, top: str) -> Generator[None, None, None]:
        with lock(self._tree, top):
            yield

    def write_operator(self, operator: Operator, *, name: str | None = None, overwrite: bool = False) -> None:
        """Write an operator: its token, the keys held for it, and its system account if it has one.

        In a new store nsc signs accounts with the keys that are written. If none of them may, the store is *managed*,
        as after `nsc add operator --url`: there nsc lets accounts sign themselves, and asks the operator to. What a
        store is, it stays.

        Args:
            operator: With its keys; those that are no `KeyPair` stay where they are.
            name: The name in the store; `None` is the token's.
            overwrite: Also take the place of a newer token, or of another operator's.

        Raises:
            StorageError: A name nsc would not find again, a newer token, another operator, or another key in a file.
        """
        write_operator(self._tree, operator, name=name, overwrite=overwrite)

    def write_account(
        self, account: Account, *, operator: Operator | str | None = None, overwrite: bool = False
    ) -> None:
        """Write an account: its token, and the keys held for it.

        Args:
            account: Signed by the operator as the store has it. In a managed store it may have signed itself.
            operator: Whose account.
            overwrite: Also take the place of a newer token, of one that another has signed, or of another account's.

        Raises:
            UntrustedIssuerError: Not signed by the operator, or the one in the store is not.
            StorageError: A name nsc would not find again, a newer token, another account, or another key in a file.
        """
        self.write_accounts([account], operator=operator, overwrite=overwrite, fsync=True)

    def write_accounts(
        self,
        accounts: Iterable[Account],
        *,
        operator: Operator | str | None = None,
        overwrite: bool = False,
        fsync: bool = False,
    ) -> Written:
        """Write many accounts of one operator, in constant memory.

        The first that cannot be written ends it; what was written before stays, each account whole.

        Args:
            accounts: Taken a few at a time; none is taken if the operator does not hold.
            operator: Whose accounts.
            overwrite: As for `write_account`.
            fsync: Bring every file to the disk before it gets its name; else a power cut may leave empty ones.

        Raises:
            TypeError: *accounts* is a text.
            UntrustedIssuerError: As `write_account`.
            StorageError: As `write_account`.
        """
        if isinstance(accounts, str | bytes | bytearray):
            raise TypeError(f"accounts are several, got {type(accounts).__name__}")
        return write_accounts(
            self._tree, self._tree.find_operator(operator), accounts, overwrite=overwrite, fsync=fsync
        )

    def write_user(
        self,
        user: User,
        *,
        account: Account | str,
        operator: Operator | str | None = None,
        overwrite: bool = False,
    ) -> None:
        """Write a user: its token and, if its key is held here or in the store, seed and creds file.

        Args:
            user: Signed by the account as the store has it.
            account: Whose user.
            operator: Whose account.
            overwrite: Also take the place of a newer token, or of another user's.

        Raises:
            UntrustedIssuerError: Not signed by the account, or the one in the store is not.
            StorageError: A name nsc would not find again, a newer token, another user, or another key in a file.
        """
        self.write_users([user], account=account, operator=operator, overwrite=overwrite, fsync=True)

    def write_users(
        self,
        users: Iterable[User],
        *,
        account: Account | str,
        operator: Operator | str | None = None,
        overwrite: bool = False,
        fsync: bool = False,
    ) -> Written:
        """Write many users of one account, such as `natscreds.issue_users` yields them, in constant memory.

        The first that cannot be written ends it; what was written before stays, each user whole.

        Args:
            users: Taken a few at a time; none is taken if the account does not hold.
            account: Whose users.
            operator: Whose account.
            overwrite: As for `write_user`.
            fsync: Bring every file to the disk before it gets its name; else a power cut may leave empty ones.

        Raises:
            TypeError: *users* is a text.
            UntrustedIssuerError: As `write_user`.
            StorageError: As `write_user`.
        """
        if isinstance(users, str | bytes | bytearray):
            raise TypeError(f"users are several, got {type(users).__name__}")
        return write_users(self._tree, *self._find(account, operator), users, overwrite=overwrite, fsync=fsync)

    def write_key(self, pair: KeyPair) -> None:
        """Write a seed; nothing is done if it is there.

        Raises:
            StorageError: Its file holds something else.
        """
        if not isinstance(pair, KeyPair):
            raise TypeError(f"a KeyPair has a seed to write, got {type(pair).__name__}")
        with self._tree.keys.writer(fsync=True) as keys:
            keys.write(pair)

    def import_operator(
        self, text: str | bytes, keys: Iterable[KeyPair | str] = (), *, name: str | None = None, overwrite: bool = False
    ) -> Operator:
        """Write an operator from its token's text, as a file or the answer of an account server has it.

        Args:
            text: The token, bare or between lines of dashes. Where it comes from is yours to trust.
            keys: Seeds or key pairs held for it. None: the store is managed, see `write_operator`.
            name: The name in the store; `None` is the token's.
            overwrite: As for `write_operator`.

        Raises:
            NatsCredsError: The token does not hold, or a key is not the operator's.
            StorageError: As `write_operator`.
        """
        operator = Operator.load(undecorated(text), keys)
        self.write_operator(operator, name=name, overwrite=overwrite)
        return operator

    def import_keys(self, source: Path, *, recursive: bool = False) -> Imported:
        """Take seeds from a file, or from the `.nk` files of a directory, into the store.

        Args:
            source: The file or directory. It stays as it is.
            recursive: Look into directories below, too; links are not followed.

        Returns:
            The public keys, and what was left out.

        Raises:
            OSError: There is no *source*.
        """
        return import_keys(self._tree, source, recursive=recursive)

    def import_creds(
        self,
        source: Path,
        *,
        account: Account | str,
        operator: Operator | str | None = None,
        recursive: bool = False,
        overwrite: bool = False,
    ) -> Imported:
        """Take users from a creds file, or from the `.creds` files of a directory, into the store.

        Args:
            source: The file or directory, such as `natscreds.writers.write_directory` makes. It stays as it is.
            account: Whose users; those of others are left out.
            operator: Whose account.
            recursive: Look into directories below, too; links are not followed.
            overwrite: As for `write_user`.

        Returns:
            The users' names, and what was left out.

        Raises:
            OSError: There is no *source*.
        """
        top, folder = self._find(account, operator)
        return import_creds(self._tree, top, folder, source, recursive=recursive, overwrite=overwrite)

    def _find(self, account: Account | str, operator: Operator | str | None) -> tuple[str, str]:
        top = self._tree.find_operator(operator)
        return top, self._tree.find_account(top, account)

    def __repr__(self) -> str:
        return f"<Store {self.places.stores!a}, keys in {self.places.keys!a}>"
