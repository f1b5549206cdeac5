"""Single artefacts, taken into a store: tokens as files or servers give them, key files, creds files."""

import os
import re
from collections.abc import Iterator

import msgspec

from natscreds.chain import User
from natscreds.creds import Creds
from natscreds.creds.files import SecretDirectory, read_secret
from natscreds.errors import NatsCredsError, Problem, StorageError, TokenError
from natscreds.nkeys import KeyPair, PublicKey, is_public
from natscreds.nsc._keyfiles import CREDS_SUFFIX, SUFFIX, KeyWriter
from natscreds.nsc._reading import is_directory
from natscreds.nsc._tree import Tree
from natscreds.nsc._writing import UserDesk

__all__ = ["Imported", "import_creds", "import_keys", "undecorated"]

_ARMOUR = re.compile(r"\s*-{3,}[^\n]*-{3,}\r?\n([\w\-.=]+)\r?\n-{3,}[^\n]*-{3,}\r?(?:\n|\Z)", re.ASCII)
_LONGEST = (1 << 20) + (1 << 13)
_DEEPEST = 32


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """What was taken into a store.

    Attributes:
        names: Public keys, or names of users, in the order of the files.
        problems: A file that was left out, and why; `path` is that of the file.
    """

    names: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()


def undecorated(text: str | bytes) -> str:
    r"""Return the token in what a file or an account server gives: bare, or between lines of dashes.

    >>> undecorated("-----BEGIN NATS OPERATOR JWT-----\neyJ0.eyJq.c2ln\n------END NATS OPERATOR JWT------\n\n")
    'eyJ0.eyJq.c2ln'

    Raises:
        TokenError: Too long to be a token.
    """
    if isinstance(text, bytes | bytearray):
        text = text.decode("latin-1")
    if not isinstance(text, str):
        raise TypeError(f"a token is str or bytes, got {type(text).__name__}")
    if len(text) > _LONGEST:
        raise TokenError(f"a token has at most {_LONGEST} characters, got {len(text)}")
    found = _ARMOUR.search(text)
    return found[1] if found else text.strip()


def import_keys(tree: Tree, source: str | os.PathLike[str], *, recursive: bool) -> Imported:
    """Take the seeds in a file, or in the `.nk` files of a directory, into the keys directory."""
    files = [_read_one(source)] if os.path.isfile(source) else _files(source, SUFFIX, recursive)
    names: list[str] = []
    problems: list[Problem] = []
    with tree.keys.writer(fsync=True) as keys:
        for path, data in files:
            fault: NatsCredsError | None = None
            try:
                names.append(_import_key(keys, path, data))
            except NatsCredsError as error:
                fault = error
            if fault is not None:
                problems.append(_left_out(path, "key-left-out", fault))
    return Imported(names=tuple(names), problems=tuple(problems))


def _import_key(keys: KeyWriter, path: str, data: bytes | NatsCredsError) -> PublicKey:
    if isinstance(data, NatsCredsError):
        raise data
    pair = KeyPair.parse(data.strip())
    stem = os.path.basename(path).removesuffix(SUFFIX)
    if is_public(stem) and stem != pair.public:
        raise StorageError(f"a file called after a key holds that key, this one holds {pair.public}")
    keys.write(pair)
    return pair.public


def import_creds(
    tree: Tree, top: str, folder: str, source: str | os.PathLike[str], *, recursive: bool, overwrite: bool
) -> Imported:
    """Take the users in a creds file, or in the `.creds` files of a directory, into the store of their account."""
    files = [_read_one(source)] if os.path.isfile(source) else _files(source, CREDS_SUFFIX, recursive)
    names: list[str] = []
    problems: list[Problem] = []
    with UserDesk(tree, top, folder, overwrite=overwrite, fsync=False) as desk:
        for path, data in files:
            fault: NatsCredsError | None = None
            try:
                if isinstance(data, NatsCredsError):
                    raise data
                creds = Creds.parse(data)
                user = User.load(creds.jwt, key=creds.seed)
                desk.write([user])
                names.append(user.name)
            except NatsCredsError as error:
                fault = error
            if fault is not None:
                problems.append(_left_out(path, "creds-left-out", fault))
        desk.finish()
    return Imported(names=tuple(names), problems=tuple(problems))


def _left_out(path: str, code: str, fault: NatsCredsError) -> Problem:
    return Problem(path=path, severity="error", code=code, message=str(fault))


def _read_one(path: str | os.PathLike[str]) -> tuple[str, bytes | NatsCredsError]:
    return os.fspath(path), read_secret(path)


def _files(
    source: str | os.PathLike[str], suffix: str, recursive: bool
) -> Iterator[tuple[str, bytes | NatsCredsError]]:
    """Yield path and content, or what is wrong with it, of the files with that suffix; no link is followed."""
    with SecretDirectory(os.path.realpath(source), shared=True, make=False) as folder:
        yield from _files_of(folder, "", suffix, _DEEPEST if recursive else 0)


def _files_of(
    folder: SecretDirectory, prefix: str, suffix: str, depth: int
) -> Iterator[tuple[str, bytes | NatsCredsError]]:
    for name in sorted(folder.names()):
        path = prefix + name
        if depth and is_directory(folder, name):
            with folder.below(name, make=False) as below:
                yield from _files_of(below, f"{path}/", suffix, depth - 1)
        elif name.endswith(suffix):
            yield path, _content(folder, name)


def _content(folder: SecretDirectory, name: str) -> bytes | NatsCredsError:
    try:
        return folder.read(name)
    except StorageError as error:
        return error
    except OSError as error:
        return StorageError(f"{name!a} cannot be read: {error.strerror or type(error).__name__}")
