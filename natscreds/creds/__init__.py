"""The .creds text, in memory or in one file; and seed files.

A creds file holds a user's token and its seed, so it is a secret: it is written readable by its owner only, never over
another file, and whole or not at all.

>>> from natscreds.chain import Operator
>>> user = Operator.create("acme").create_account("orders").create_user("svc-1", publish=["orders.>"])
>>> Creds.parse(user.creds.text).public == user.public
True
"""

import os
from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import TypedDict

from natscreds import tokens
from natscreds.claims import UserClaims
from natscreds.creds.files import read_secret, write_secret
from natscreds.creds.text import format_creds, split_creds
from natscreds.errors import CredsError, MalformedError, MissingKeyError, NkeyError, WrongKeyTypeError
from natscreds.nkeys import KeyPair, KeyType, PublicKey

__all__ = ["Creds", "NatsPyArguments", "inbox_prefix", "read_seed", "write_seed"]

Path = str | os.PathLike[str]


class NatsPyArguments(TypedDict, total=False):
    """Keyword arguments for `nats.connect` of nats-py 2.x."""

    user_jwt_cb: Callable[[], bytes]
    signature_cb: Callable[[str], bytes]
    inbox_prefix: str


def inbox_prefix(public: str) -> str:
    """Return the reply subjects that only user *public* listens on, without the last dot."""
    return f"_INBOX.{public}"


class Creds:
    """A user's token and seed. `repr` and errors show the public key only; equality goes by token and key.

    Reading checks that both are sound and belong together. The token's signature is not verified here: the server does,
    and `natscreds.verify_chain`.

    Attributes:
        jwt: The user's token.
        public: The user's public nkey.
        seed: The user's secret seed.
    """

    __slots__ = ("_key", "_prefix", "jwt", "public", "seed")

    _key: KeyPair | None
    _prefix: str | None

    def __init__(self, jwt: str, seed: str | KeyPair) -> None:
        """Put a token and its seed together.

        Raises:
            CredsError: One of them does not parse, or the seed is another user's.
        """
        self._key = key = _matching_key(jwt, seed)
        self.jwt = jwt
        self.public = key.public
        self.seed = key.seed
        self._prefix = None

    @classmethod
    def issued(cls, jwt: str, public: PublicKey, seed: str, prefix: str | None) -> "Creds":
        """Return creds of a token just signed for the key of *seed*; nothing is checked again."""
        made = object.__new__(cls)
        made.jwt = jwt
        made.public = public
        made.seed = seed
        made._key = None
        made._prefix = prefix
        return made

    @classmethod
    def parse(cls, text: str | bytes | bytearray) -> "Creds":
        """Read the text of a creds file.

        Raises:
            CredsError: Not what every client reads, or token and seed do not belong together.
        """
        return cls(*split_creds(text))

    @classmethod
    def parse_base64(cls, text: str | bytes) -> "Creds":
        """Read the one-line form that `base64` gives.

        Raises:
            CredsError: Not base64, or not creds inside.
        """
        fault = ""
        try:
            data = b64decode(text.strip(), validate=True)
        except ValueError:
            fault, data = "the one-line form is base64", b""
        if fault:
            raise CredsError(fault)
        return cls.parse(data)

    @classmethod
    def read(cls, path: Path) -> "Creds":
        """Read a creds file.

        Raises:
            CredsError: As `parse`.
            OSError: The file cannot be read.
        """
        return cls.parse(read_secret(path))

    @property
    def text(self) -> str:
        """The .creds file, byte for byte what nsc writes. A secret."""
        return format_creds(self.jwt, self.seed)

    @property
    def base64(self) -> str:
        """The text as one line of standard base64, for places that take no line ends.

        A secret: an environment variable is readable by the same user and inherited by every child process.
        """
        return b64encode(self.text.encode("ascii")).decode("ascii")

    def write(self, path: Path, *, replace: bool = False) -> None:
        """Write the file: readable by its owner only, whole or not at all.

        Args:
            path: In a directory that exists.
            replace: Take the place of a file that is there, instead of refusing.

        Raises:
            StorageError: Something of that name exists.
            OSError: The directory is missing, the disk full.
        """
        write_secret(path, self.text.encode("ascii"), replace=replace)

    def nats_py(self, *, private_inbox: bool | None = None) -> NatsPyArguments:
        """Return keyword arguments for `nats.connect` (nats-py 2.x): credentials in memory, no file.

        Args:
            private_inbox: Listen for replies on `_INBOX.<public>.` only. `None`: if the user was made so, or its token
                allows that inbox. A user of a role that was read from a file must say it.
        """
        key, jwt = self._key or KeyPair.parse(self.seed), self.jwt.encode("ascii")
        arguments = NatsPyArguments(
            user_jwt_cb=lambda: jwt,
            signature_cb=lambda nonce: b64encode(key.sign(nonce.encode())),
        )
        prefix = self._own_prefix() if private_inbox is None else inbox_prefix(self.public) if private_inbox else None
        if prefix is not None:
            arguments["inbox_prefix"] = prefix
        return arguments

    def _own_prefix(self) -> str | None:
        if self._prefix is None:
            allowed = tokens.parse(self.jwt, UserClaims).claims.nats.sub.allow or ()
            prefix = inbox_prefix(self.public)
            return prefix if f"{prefix}.>" in allowed else None
        return self._prefix

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Creds) and (self.jwt, self.public) == (other.jwt, other.public)

    def __hash__(self) -> int:
        return hash((self.jwt, self.public))

    def __repr__(self) -> str:
        return f"<Creds {self.public}>"

    def __reduce__(self) -> tuple[object, ...]:
        """Pickles, seed and all: treat the pickle as the secret it is."""
        return _restore, (self.jwt, self.seed, self._prefix)


def _restore(jwt: str, seed: str, prefix: str | None) -> Creds:
    return Creds.issued(jwt, KeyPair.parse(seed).public, seed, prefix)


def _matching_key(jwt: str, seed: str | KeyPair) -> KeyPair:
    """Return the key pair of *seed*, which must be the one that *jwt* is about."""
    fault, about, key = "", "", None
    try:
        key = seed if isinstance(seed, KeyPair) else KeyPair.parse(seed, KeyType.USER)
    except (NkeyError, WrongKeyTypeError) as error:
        fault = f"the seed in the creds does not parse: {error}"
    try:
        about = tokens.parse(jwt, UserClaims).claims.sub
    except MalformedError as error:
        fault = fault or f"the token in the creds does not parse: {error}"
    if fault or key is None:
        raise CredsError(fault)
    if about != key.public:
        raise CredsError(f"token and seed are of one user, got a token about {about} and a seed of {key.public}")
    return key


def write_seed(pair: KeyPair, path: Path, *, replace: bool = False) -> None:
    """Write the seed of *pair* to a file readable by its owner only, whole or not at all, ended by a line end.

    Args:
        pair: Any key pair with a seed.
        path: In a directory that exists.
        replace: Take the place of a file that is there, instead of refusing.

    Raises:
        StorageError: Something of that name exists.
        MissingKeyError: *pair* is a public key.
        OSError: The directory is missing, the disk full.
    """
    if isinstance(pair, str):
        raise MissingKeyError("a public key has no seed to write")
    write_secret(path, f"{pair.seed}\n".encode("ascii"), replace=replace)


def read_seed(path: Path, *allowed: KeyType) -> KeyPair:
    """Read a seed file; line ends and blanks around the seed are the file's, not the seed's.

    Args:
        path: The file.
        allowed: The key types that may be in it; none given, any type that signs.

    Raises:
        NkeyError: No seed in it.
        WrongKeyTypeError: A seed of another type.
        OSError: The file cannot be read.
    """
    return KeyPair.parse(read_secret(path).strip(), *allowed)
