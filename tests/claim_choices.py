"""Decisions out of bytes, and the texts that claims are made of: sound ones first, then every way to be odd."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from token_forge import key

from natscreds.nkeys import KeyType, PublicKey, format_public

T = TypeVar("T")

OLD, SIGNED, FAR = 1_600_000_000, 1_700_000_000, 4_102_444_800
"""Moments that stay where they are, seen from any day these tests run."""
NOW = 1_795_000_000
"""Such a day."""


class Choices:
    """Decisions, one byte each: 0 is the plainest way on, and where the bytes end all that follows is plain.

    So a case is one byte string. Hypothesis draws and shrinks that in a hundredth of the time of nested strategies.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def under(self, bound: int) -> int:
        """Return a number from 0 to below *bound*, at most 256."""
        at, self._at = self._at, self._at + 1
        return self._data[at] * bound >> 8 if at < len(self._data) else 0

    def one_in(self, bound: int) -> bool:
        return self.under(bound) == bound - 1

    def one(self, options: Sequence[T]) -> T:
        return options[self.under(len(options))]

    def mostly(self, plain: Sequence[T], odd: Sequence[T], share: int = 5) -> T:
        """Return one of the *plain* options, and one time in *share* one of the *odd* ones."""
        return self.one(odd) if self.one_in(share) else self.one(plain)

    def several(self, make: Callable[[Choices], T], most: int = 3) -> list[T]:
        """Return up to *most*, and now and then more than twelve: from there on Go sorts in another way."""
        count = self.under(most + 1)
        if count == most and self.one_in(24):
            count = 13 + self.under(4)
        return [make(self) for _ in range(count)]

    def members(self, share: int, /, **makers: Callable[[Choices], Any]) -> dict[str, Any]:
        """Return an object in which one in *share* of the members stands."""
        return {name.rstrip("_"): make(self) for name, make in makers.items() if self.one_in(share)}


LABELS = ("one", "two", "three")
SIGNING = [kind for kind in KeyType if kind is not KeyType.CURVE]
PUBLIC: dict[KeyType, list[PublicKey]] = {kind: [key(kind, label).public for label in LABELS] for kind in SIGNING}
PUBLIC[KeyType.CURVE] = [format_public(KeyType.CURVE, bytes([number]) * 32) for number in (9, 77, 205)]
SEEDS: dict[KeyType, list[str]] = {kind: [key(kind, label).seed for label in LABELS] for kind in SIGNING}
A_SEED = SEEDS[KeyType.USER][2]
NO_KEYS = ["", "x", "*", "AAAA", PUBLIC[KeyType.USER][0].lower(), PUBLIC[KeyType.ACCOUNT][0][:-1] + "7", A_SEED, "ключ"]

TEXTS = [
    "orders", "", 'a "quoted" \\ / text', "<b> & </b>", "tab\tline\n\r\b\f\x00\x1f\x7f", "gerät 设备 \U0001f389",
    "\u2028\u2029\u0085\ufeff", "{{name()}}", " padded ", "ñ" * 40, "\ufffd", "public", "0",
]  # fmt: skip
TAGS = ["team:blue", "A:B", "", " spaced ", "team:blue", "ÄÖ", "a b", "x" * 60]
INTEGERS = [-1, 0, 1, 2, 10, 100, 500, -2, 2**31, 2**53]
WIDE = [*INTEGERS, 2**53 + 1, 2**63 - 1, -(2**63)]
SUBJECT_TOKENS = [
    "a", "b", "*", "orders", "c", "*", "$1", "$2", "{{name()}}", "x*", "ä", "$0", "$-1", "$+1", "$01", "$x",
]  # fmt: skip
ODD_SUBJECTS = [
    "", " ", "a b", ".a", "a.", "a..b", ".", "..", " a", "a ", "a.b c.d", "a\tb", "a\nb", ">.a", "a.>.b", "*.>",
    "a*", "foo.*>", "$SYS.>", "_INBOX.>", "<&>", "a\u2028b", "$9", "a.$1.$1", "$", "$99999999999999999999", "a. .b",
    ">.", "*", ">", "a.$1x", "a.$1_0", "$1.", "a$1", "A.B",
]  # fmt: skip


def text(c: Choices) -> str:
    return c.one(TEXTS)


def long_text(c: Choices) -> str:
    """A text of about the 8,192 bytes that a description may have, where it is not a short one."""
    return c.one([8191, 8192, 8193, 4096]) * c.one(["x", "é"]) if c.one_in(24) else c.one(TEXTS)


def tags(c: Choices) -> list[str] | None:
    return None if c.one_in(24) else c.several(lambda c: c.one(TAGS))


def moment(c: Choices) -> int:
    return c.one([FAR, OLD, 0, 1, -1, -FAR, 2**63 - 1, 1_000 * SIGNED])


def integer(c: Choices) -> int:
    return c.one(INTEGERS)


def wide(c: Choices) -> int:
    return c.one(WIDE)


def truth(c: Choices) -> bool:
    return not c.one_in(4)


def key_of(kind: KeyType, faults: int = 6) -> Callable[[Choices], str]:
    """Return what makes a public key of *kind*; one in *faults* is another text."""

    def make(c: Choices) -> str:
        if not c.one_in(faults):
            return c.one(PUBLIC[kind])
        return c.one(PUBLIC[c.one(list(KeyType))]) if c.one_in(2) else c.one(NO_KEYS)

    return make


def subject(c: Choices) -> str:
    if c.one_in(7):
        return c.one(ODD_SUBJECTS)
    tokens = [c.one(SUBJECT_TOKENS[:6]) if not c.one_in(4) else c.one(SUBJECT_TOKENS) for _ in range(1 + c.under(3))]
    return ".".join([*tokens, ">"] if c.one_in(5) else tokens)


def entry(c: Choices) -> str:
    """A permission entry: a subject, perhaps with queues behind it."""
    return c.one([" ", " ", " ", "  ", "\t", " q "]).join([subject(c), subject(c)]) if c.one_in(6) else subject(c)


def network(c: Choices) -> str:
    odd = ["01.2.3.4", "10.0.0", "256.1.1.1", "", "h", "fe80::1%eth0", "1::2::3", " 10.0.0.0", "1:2:3:4:5:6:7"]
    plain = ["10.0.0.0", "192.168.1.7", "::", "fe80::1", "::ffff:1.2.3.4", "2001:DB8::", "1:2:3:4:5:6:7:8"]
    lengths = ["/33", "/129", "", "/", "/+8", "/255.0.0.0", "/8/8", "/64", "/128"]
    return c.mostly(plain, odd) + c.mostly(["/8", "/32", "/0", "/08"], lengths)


def time_of_day(c: Choices) -> str:
    hour = c.mostly(["08", "9", "00", "23"], ["24", "", "008", "-1", " 8", "8h"])
    minute = c.mostly(["00", "59", "30"], ["60", "5", "", "005"])
    second = c.mostly(["00", "59", "00.5", "00,25"], ["60", "5", "", "00.", "00Z"])
    return "" if c.one_in(12) else c.mostly([":"], ["."], 12).join([hour, minute, second])


def zone(c: Choices) -> str:
    known = ["Europe/Berlin", "", "UTC", "Local", "EST", "America/New_York", "Etc/GMT+5"]
    unknown = ["Mars/Olympus", "europe/berlin", "../UTC", "/UTC", "\\UTC", "Europe", "Europe/Berlin ", "Ü", "a\x00b"]
    return c.one([*known, *unknown])


ODD_URLS = [
    "", "*", "%", "foo", "foo:bar", "mailto:a@b", "localhost:4222", "a/b:c", "./a:b", " nats://h", ":", "#", "//",
]  # fmt: skip
ODD_HOSTS = [
    "::1", "[::1", "a b", "%41", "a,b", "%zz", "", "a%20b", "a\x00b", "[1.2.3.4]", "h<>", "h\\", "[]", "h\x7f",
    "[::1]x", "[fe80::1%25en0]", "%C3%A9",
]  # fmt: skip


def url(c: Choices) -> str:
    if c.one_in(12):
        return c.one(ODD_URLS)
    scheme = c.mostly(["nats", "tls", "ws", "WSS", "https"], ["http", "x", "a+b.c-d", "1a", "", "ä", "na ts"])
    part = c.mostly(["://"], [":", "", "//", ":/", ":///"])
    user = c.mostly([""], ["u@", "u:p@", "@", "u%40:p%@", "ü@", "%zz@", "a b@", "a@b@"])
    host = c.mostly(["h", "h.example", "127.0.0.1", "[::1]", "é", "h_"], ODD_HOSTS)
    port = c.mostly(["", ":4222"], [":", ":port", ":-1", ":99999", ":1:2"])
    path = c.mostly([""], ["/", "/x", "/%zz", "/a b", "/a:b", "/%41", "/é", "/a@b"])
    return scheme + part + user + host + port + path + c.mostly([""], ["?x=1", "?%zz", "#f", "#%zz", "?", "#", "#a#b"])


def server_version(c: Choices) -> str:
    odd = ["01", "+1", "-0", "-1", "", "x", " 1", "1_0", str(2**63 - 1), str(2**63), "٣"]
    parts = c.mostly([3], [1, 2, 4, 0], 12)
    return ".".join(c.mostly(["2", "15", "0"], odd) for _ in range(parts))
