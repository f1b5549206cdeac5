"""NATS keys that say what they are for.

An nkey is base32 text of a type prefix, 32 bytes of Ed25519 material and a checksum. A public key has 56 characters and
begins with the letter of its type (`O`, `A`, `U`, `N`, `C`; `X` for curve keys); a seed has 58, begins with `S` and
carries the letter in second place. Each key has exactly one text: anything else is refused (`NkeyError`).

>>> pair = KeyPair.parse("SUAEJADJCTC7ACPCSVLVDC44ELWRNUWQ5KASJNWK5OJR7BRBNJDYHAQPDM")
>>> pair
<KeyPair USER UBK3GPWT5I2MVQSXIWS23UHRWGRWTSYDT537AKANRHZ2YEXXRBP4GBZH>
>>> verify(pair.public, b"nonce", pair.sign(b"nonce"))
"""

from collections.abc import Callable
from enum import Enum
from functools import lru_cache
from os import urandom
from typing import NewType, NoReturn, Protocol, Self, runtime_checkable

from natscreds import _sodium
from natscreds._codec import b32_texts, b32decode, b32encode, crc16
from natscreds.errors import BadSignatureError, MalformedError, NkeyError, WrongKeyTypeError

__all__ = [
    "Entropy",
    "KeyPair",
    "KeyType",
    "PublicKey",
    "Signer",
    "format_public",
    "is_public",
    "is_sound",
    "key_type",
    "parse_public",
    "raw_public",
    "verify",
]

PublicKey = NewType("PublicKey", str)
"""A public nkey that has been checked: 56 characters."""

Entropy = Callable[[int], bytes]
"""What gives that many random bytes; `os.urandom` unless a test or a derivation says otherwise."""

_SEED_MARK = 18 << 3


class KeyType(Enum):
    """What a key is for. The value is the prefix byte; compare with `is` (the account's is 0, which is false)."""

    OPERATOR = 14 << 3
    ACCOUNT = 0 << 3
    USER = 20 << 3
    SERVER = 13 << 3
    CLUSTER = 2 << 3
    CURVE = 23 << 3

    letter: str
    """The first letter of a public key of this type."""
    public_head: bytes
    """The byte in front of a public key."""
    seed_head: bytes
    """The two bytes in front of a seed."""

    def __init__(self, prefix: int) -> None:
        self.letter = b32encode(bytes((prefix,)))[0]
        self.public_head = bytes((prefix,))
        self.seed_head = bytes((_SEED_MARK | prefix >> 5, (prefix & 31) << 3))


_BY_PREFIX = {key_type.value: key_type for key_type in KeyType}
# The eight points of small order, all their encodings: whoever "owns" one can log in with any signature.
_SMALL_ORDER = frozenset(
    bytes.fromhex(text)
    for text in (
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000080",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    )
)


@lru_cache(maxsize=1024)
def is_sound(raw: bytes) -> bool:
    """Tell whether 32 *raw* bytes are a canonical point of the prime-order group.

    As slow as verifying a signature, so the last answers are kept: issuers come again and again.
    """
    return _sodium.is_sound_point(raw)


@runtime_checkable
class Signer(Protocol):
    """Whatever can sign: a `KeyPair`, or a front for a key that lives elsewhere (a KMS, an HSM).

    Attributes:
        public: The public nkey, 56 characters.
    """

    @property
    def public(self) -> PublicKey:
        """The public nkey, 56 characters."""
        ...

    def sign(self, data: bytes, /) -> bytes:
        """Return the raw 64-byte Ed25519 signature of *data*."""
        ...


def _check_text(text: object, what: str, size: int) -> str:
    """Return *text* as str of *size* characters, or raise without repeating it."""
    if isinstance(text, bytes | bytearray):
        text = text.decode("latin-1")  # any byte outside ASCII then fails as a character
    if not isinstance(text, str):
        raise TypeError(f"{what} is str or bytes, got {type(text).__name__}")
    if len(text) != size:
        raise NkeyError(f"{what} has {size} characters, got {len(text)}")
    return text


def _decode(text: str, what: str) -> bytes:
    """Return prefix and payload of an nkey's *text*, checksum verified."""
    fault = ""
    data = b""
    try:
        data = b32decode(text)
    except ValueError as error:
        fault = str(error)
    if fault:  # raised here, so that no context holds the text
        raise NkeyError(f"{what} is {fault}")
    if crc16(data[:-2]) != data[-2] | data[-1] << 8:
        raise NkeyError(f"{what} has a checksum that does not fit: a character was changed")
    return data[:-2]


def format_public(key_type: KeyType, raw: bytes) -> PublicKey:
    """Return the public nkey of 32 *raw* bytes.

    Raises:
        NkeyError: *raw* is not 32 bytes.
    """
    if len(raw) != 32:
        raise NkeyError(f"a public key holds 32 bytes, got {len(raw)}")
    data = key_type.public_head + raw
    return PublicKey(b32encode(data + crc16(data).to_bytes(2, "little")))


def nkey_texts(head: bytes, raws: list[bytes]) -> list[str]:
    """Return the nkeys of many *raws*, 32 bytes each, behind one *head*: `public_head` or `seed_head` of a type."""
    return b32_texts([(item := head + raw) + crc16(item).to_bytes(2, "little") for raw in raws])


def raw_public(text: str) -> tuple[KeyType, bytes]:
    """Return type and 32 bytes of a public nkey, without asking whether the bytes are a sound point.

    Raises:
        NkeyError: Not the canonical text of a public key, or one of the points of small order.
    """
    data = _decode(_check_text(text, "a public key", 56), "a public key")
    found = _BY_PREFIX.get(data[0])
    if found is None:
        raise NkeyError("a public key begins with O, A, U, N, C or X")
    raw = data[1:]
    if found is not KeyType.CURVE and raw in _SMALL_ORDER:
        raise NkeyError("a public key is a point of the prime-order group, this one has small order")
    return found, raw


def parse_public(text: str, *allowed: KeyType) -> PublicKey:
    """Check a public nkey from outside.

    Args:
        text: 56 characters.
        allowed: The types that may stand here; none given, any type.

    Raises:
        NkeyError: Not the canonical text of a public key, or not a sound curve point.
        WrongKeyTypeError: A sound key of another type.
    """
    found, raw = raw_public(text)
    if found is not KeyType.CURVE and not is_sound(raw):
        raise NkeyError("a public key is a point of the prime-order group, this one is not")
    if allowed and found not in allowed:
        raise WrongKeyTypeError(f"{_these(allowed)} belongs here, got a key of type {found.name.lower()}")
    return PublicKey(text if isinstance(text, str) else bytes(text).decode("ascii"))


def _these(allowed: tuple[KeyType, ...]) -> str:
    return " or ".join(f"a key of type {key_type.name.lower()}" for key_type in allowed)


def is_public(text: str, *allowed: KeyType) -> bool:
    """Tell whether *text* is a public nkey (of one of the *allowed* types); soundness of the point is not asked."""
    try:
        found, _ = raw_public(text)
    except (MalformedError, TypeError):
        return False
    return not allowed or found in allowed


def key_type(text: str) -> KeyType:
    """Return the type of a public nkey.

    Raises:
        NkeyError: Not the canonical text of a public key.
    """
    return raw_public(text)[0]


def verify(public: str, data: bytes, signature: bytes) -> None:
    """Return nothing if *signature* (64 bytes) by *public* holds for *data*.

    Raises:
        BadSignatureError: It does not hold.
        NkeyError: *public* is not a public nkey.
        WrongKeyTypeError: *public* is a curve key, which cannot sign.
    """
    found, raw = raw_public(public)
    if found is KeyType.CURVE:
        raise WrongKeyTypeError("a curve key seals and opens, it does not sign")
    if not is_sound(raw):
        raise NkeyError("a public key is a point of the prime-order group, this one is not")
    if not _sodium.verify(raw, data, signature):
        raise BadSignatureError(f"the signature does not hold for {public} and these bytes")


class KeyPair:
    """An Ed25519 key pair with its NATS type. Equality and hash go by the public key.

    The seed leaves by its name only: `repr`, `str` and errors show the public key, and pickling or copying raises
    `TypeError`. There is no `wipe()`: Python cannot promise that no copy is left in memory.

    Attributes:
        public: The public nkey, 56 characters.
        key_type: What it is for.
    """

    __slots__ = ("_secret", "key_type", "public")

    key_type: KeyType
    public: PublicKey

    def __init__(self, key_type: KeyType, raw_seed: bytes) -> None:
        """Make the pair of 32 raw seed bytes; `generate` and `parse` are the usual ways."""
        if key_type is KeyType.CURVE:
            raise WrongKeyTypeError("a curve key seals and opens, it does not sign: see natscreds.xkeys")
        if len(raw_seed) != 32:
            raise NkeyError(f"a seed holds 32 bytes, got {len(raw_seed)}")
        raw, self._secret = _sodium.key_pair(bytes(raw_seed))
        self.key_type = key_type
        self.public = format_public(key_type, raw)

    @classmethod
    def generate(cls, key_type: KeyType, *, entropy: Entropy = urandom) -> Self:
        """Make a new pair.

        Args:
            key_type: Operator, account, user, server or cluster.
            entropy: Asked once, for 32 bytes.

        Raises:
            WrongKeyTypeError: A curve key.
            NkeyError: *entropy* gave another number of bytes.
        """
        return cls(key_type, entropy(32))

    @classmethod
    def parse(cls, seed: str | bytes | bytearray, *allowed: KeyType) -> Self:
        """Read a seed: 58 characters, `SU…` and the like.

        Args:
            seed: The text, without a line end.
            allowed: The types that may stand here; none given, any type that signs.

        Raises:
            NkeyError: Not the canonical text of a seed.
            WrongKeyTypeError: A sound seed of another type, or a curve key's (see `natscreds.xkeys`).
        """
        data = _decode(_check_text(seed, "a seed", 58), "a seed")
        if data[0] & 0xF8 != _SEED_MARK:
            raise NkeyError("a seed begins with S")
        found = _BY_PREFIX.get((data[0] & 7) << 5 | data[1] >> 3)
        if found is None or data[1] & 7:
            raise NkeyError("a seed begins with S and the letter of its type: O, A, U, N, C or X")
        if allowed and found not in allowed:
            raise WrongKeyTypeError(f"{_these(allowed)} belongs here, got a seed of type {found.name.lower()}")
        return cls(found, data[2:])

    @property
    def seed(self) -> str:
        """The secret, as text of 58 characters."""
        data = self.key_type.seed_head + self._secret[:32]
        return b32encode(data + crc16(data).to_bytes(2, "little"))

    def sign(self, data: bytes, /) -> bytes:
        """Return the raw 64-byte Ed25519 signature of *data*."""
        return _sodium.sign(data, self._secret)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, KeyPair) and self.public == other.public

    def __hash__(self) -> int:
        return hash(self.public)

    def __repr__(self) -> str:
        return f"<KeyPair {self.key_type.name} {self.public}>"

    def __reduce_ex__(self, protocol: object = None, /) -> NoReturn:
        raise TypeError("a KeyPair is neither pickled nor copied: hand on .seed, knowingly")

    __copy__ = __deepcopy__ = __reduce_ex__

    def __getstate__(self) -> NoReturn:
        raise TypeError("a KeyPair gives its state to nobody: hand on .seed, knowingly")
