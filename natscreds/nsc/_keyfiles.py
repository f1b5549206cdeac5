"""The keys directory: one file for each seed, one for each user's creds."""

import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import Self

from natscreds.creds import Creds
from natscreds.creds.files import SecretDirectory
from natscreds.errors import CredsError, NkeyError, StorageError, WrongKeyTypeError
from natscreds.nkeys import KeyPair, KeyType, PublicKey, is_public
from natscreds.nsc._reading import entries, read_file, shown

__all__ = ["CREDS", "CREDS_SUFFIX", "KEYS", "SUFFIX", "KeyFiles", "KeyWriter", "key_parts"]

KEYS, CREDS = "keys", "creds"
SUFFIX, CREDS_SUFFIX = ".nk", ".creds"
GIT_IGNORE = ".gitignore"
_IGNORED = b"# ignore all nk files \n**/*.nk\n\n# ignore all creds files\n**/*.creds\n"


class KeyFiles:
    """The keys and creds of all operators, at `keys/<letter>/<two more>/<public>.nk` and `creds/<operator>/<account>/`.

    Attributes:
        root: The keys directory.
        git_ignore: A `.gitignore` is made along with the first key.
    """

    __slots__ = ("git_ignore", "root")

    def __init__(self, root: str, *, git_ignore: bool) -> None:
        self.root = root
        self.git_ignore = git_ignore

    def read(self, public: str) -> KeyPair | None:
        """Return the key pair of *public*; `None` if its seed is not there.

        Raises:
            StorageError: The file holds another key, or none.
            WrongKeyTypeError: A curve key, which signs nothing.
        """
        if not is_public(public):  # from a token, so perhaps a path
            return None
        if public.startswith(KeyType.CURVE.letter):
            raise WrongKeyTypeError("a curve key seals and opens, it does not sign: its key file is not read here")
        parts = key_parts(public)
        try:
            text = read_file(self.root, *parts).strip()
        except FileNotFoundError:
            return None
        fault = ""
        found = ""
        try:
            pair = KeyPair.parse(text)
        except (NkeyError, WrongKeyTypeError) as error:
            fault = str(error)
        else:
            if pair.public == public:
                return pair
            found = pair.public
        if fault and is_public(public_text := text.decode("latin-1")):
            if public_text == public:  # nsc takes a file with the public key alone for no key, too
                return None
            found = public_text
        told = f"holds the key {found}" if found else f"does not: {fault}"
        raise StorageError(
            f"a key file holds the seed of the key it is called after, {shown(self.root, *parts)} {told}"
        )

    def held(self, publics: Iterable[str]) -> list[KeyPair]:
        """Return the key pairs of those of *publics* whose seeds are there; what does not sign is passed over."""
        signing = (public for public in publics if not public.startswith(KeyType.CURVE.letter))
        return [pair for public in signing if (pair := self.read(public)) is not None]

    def publics(self) -> Iterator[PublicKey]:
        """Yield the public keys that key files are called after, sorted; what is in the files is not looked at."""
        for letter in entries(self.root, KEYS):
            for shard in _below(self.root, KEYS, letter):
                for name in _below(self.root, KEYS, letter, shard):
                    public = name.removesuffix(SUFFIX)
                    if is_public(public) and key_parts(public) == (KEYS, letter, shard, name):
                        yield PublicKey(public)

    def writer(self, *, fsync: bool) -> "KeyWriter":
        """Open the keys directory for writing, made as nsc makes it."""
        return KeyWriter(self, fsync=fsync)

    def read_creds(self, operator: str, account: str, user: str) -> Creds | None:
        """Return what the creds file of a user holds; `None` if there is none.

        Raises:
            StorageError: It holds no creds.
        """
        parts = (CREDS, operator, account, f"{user}{CREDS_SUFFIX}")
        fault = ""
        try:
            return Creds.parse(read_file(self.root, *parts))
        except FileNotFoundError:
            return None
        except CredsError as error:
            fault = str(error)
        raise StorageError(f"a creds file of nsc is read, {shown(self.root, *parts)} is not: {fault}")


class KeyWriter:
    """The keys directory, open for writing inside a `with` block."""

    def __init__(self, files: KeyFiles, *, fsync: bool) -> None:
        self._files = files
        self._kinds: dict[str, SecretDirectory] = {}
        with ExitStack() as stack:
            enter = stack.enter_context
            root = enter(SecretDirectory(os.path.realpath(files.root), fsync=fsync))
            self._keys, self._creds = enter(root.below(KEYS)), enter(root.below(CREDS))
            if files.git_ignore:
                root.add(GIT_IGNORE, _IGNORED)
            self._stack = stack.pop_all()

    def write(self, pair: KeyPair) -> bool:
        """Write a seed; return false, with nothing done, if it is there.

        Raises:
            StorageError: The file is there and holds something else.
        """
        _, letter, shard, name = key_parts(pair.public)
        if letter not in self._kinds:
            self._kinds[letter] = self._stack.enter_context(self._keys.below(letter))
        with self._kinds[letter].below(shard) as folder:
            if folder.add(name, pair.seed.encode("ascii")):
                return True
        if self._files.read(pair.public) is None:
            path = shown(self._files.root, KEYS, letter, shard, name)
            raise StorageError(f"a key file is never written over: {path} has no seed")
        return False

    def creds(self, operator: str, account: str) -> SecretDirectory:
        """Open the directory of an account's creds; it is closed for itself."""
        with self._creds.below(operator) as above:
            return above.below(account)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


def key_parts(public: str) -> tuple[str, str, str, str]:
    """Return where the key file of *public* lies below the keys directory."""
    return KEYS, public[0], public[1:3], f"{public}{SUFFIX}"


def _below(root: str, *parts: str) -> list[str]:
    try:
        return entries(root, *parts)
    except StorageError:  # a file, or a link: no keys of nsc's; `problems` tells of it
        return []
