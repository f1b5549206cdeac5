"""Write nkeys.json: sound keys in each spelling that must be refused, one fault a vector.

Run as `python tests/vectors/make_nkeys.py`. It uses nothing of natscreds: base32 and the checksum are the standard
library's, keys come from `cryptography`, point arithmetic is the few lines below. Every seed is the SHA-256 of a label,
so each run writes the same bytes, and each key is a throw-away.

A vector holds `name` (what is wrong with it), `reads` ("public" for parse_public, "seed" for KeyPair.parse), `text`,
`allowed` (names of the types that may stand there) and `expect` ("ok" or the name of the error class). `raw` is what
raw_public says where that differs from `expect`. Sound keys come with their `type`, sound seeds also with `public` and
`signature` (of "hello", hex).
"""

import json
from base64 import b32encode
from binascii import crc_hqx
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

PREFIX = {"OPERATOR": 14, "ACCOUNT": 0, "USER": 20, "SERVER": 13, "CLUSTER": 2, "CURVE": 23}
SEED, PRIVATE, UNKNOWN = 18, 15, 25
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
SPELT = "vector-spelling-8"  # the first whose seed and user key both have O, I, B and 2 to be misread

# Ed25519 (RFC 8032 §5.1): the field, the curve's constant, and points as affine pairs.
P = 2**255 - 19
D = -121665 * pow(121666, -1, P) % P
Point = tuple[int, int]


def recover_x(y: int, sign: int) -> int | None:
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * pow(2, (P - 1) // 4, P) % P
    if x * x % P != square:
        return None
    return P - x if x % 2 != sign and x else x


def add(a: Point, b: Point) -> Point:
    product = D * a[0] * b[0] * a[1] * b[1]
    return (
        (a[0] * b[1] + a[1] * b[0]) * pow(1 + product, -1, P) % P,
        (a[1] * b[1] + a[0] * b[0]) * pow(1 - product, -1, P) % P,
    )


def multiply(scalar: int, point: Point) -> Point:
    result = (0, 1)
    while scalar:
        if scalar & 1:
            result = add(result, point)
        point, scalar = add(point, point), scalar >> 1
    return result


def decode_point(raw: bytes) -> Point:
    number = int.from_bytes(raw, "little")
    y = number & (1 << 255) - 1
    x = recover_x(y, number >> 255)
    assert x is not None
    return x, y


def encode_point(point: Point, *, above: int = 0, sign: int | None = None) -> bytes:
    """Return a point's 32 bytes; *above* adds multiples of the field's size to y, which no sound encoding has."""
    y = point[1] + above * P
    assert y < 1 << 255
    return (y | (point[0] & 1 if sign is None else sign) << 255).to_bytes(32, "little")


def eighth() -> Point:
    """Return a point of order 8: the torsion part of the first point whose part is that large."""
    order = 2**252 + 27742317777372353535851937790883648493
    y = 2
    while True:
        x = recover_x(y, 0)
        if x is not None:
            torsion = multiply(order, (x, y))
            if multiply(4, torsion) != (0, 1):
                return torsion
        y += 1


def raw_seed(label: str) -> bytes:
    return sha256(f"natscreds-{label}".encode()).digest()


def public_of(kind: str, seed: bytes) -> bytes:
    if kind == "CURVE":
        return X25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def text(data: bytes, *, crc: int | None = None, order: str = "little") -> str:
    checksum = crc_hqx(data, 0) if crc is None else crc
    return b32encode(data + checksum.to_bytes(2, order)).decode().rstrip("=")  # type: ignore[arg-type]


def public_data(prefix: int, raw: bytes, low: int = 0) -> bytes:
    return bytes([prefix << 3 | low]) + raw


def seed_data(prefix: int, raw: bytes, *, mark: int = SEED, low: int = 0) -> bytes:
    return bytes([mark << 3 | prefix >> 2, (prefix & 3) << 6 | low]) + raw


def swap(sound: str, at: int) -> str:
    """Change the character at *at* to the next one of the alphabet."""
    after = ALPHABET[(ALPHABET.index(sound[at]) + 1) % 32]
    return sound[:at] + after + sound[at + 1 :]


def misread(sound: str, letter: str, other: str) -> str:
    """Write *other* for the first *letter* past the head, as a hand or a forgiving reader would take it."""
    at = sound.index(letter, 3)
    return sound[:at] + other + sound[at + 1 :]


def sound_seed(kind: str, seed: bytes) -> dict[str, str]:
    """Return what a sound seed's vector holds besides name and text."""
    signature = Ed25519PrivateKey.from_private_bytes(seed).sign(b"hello").hex()
    return {"type": kind, "public": text(public_data(PREFIX[kind], public_of(kind, seed))), "signature": signature}


class Vectors:
    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def add(self, name: str, reads: str, key: str, expect: str = "NkeyError", **more: object) -> None:
        self.rows.append({"name": name, "reads": reads, "text": key, "expect": expect} | more)


def sound(out: Vectors) -> None:
    for kind, prefix in PREFIX.items():
        low = kind.lower()
        seed = raw_seed(f"vector-{low}")
        key = text(seed_data(prefix, seed))
        out.add(f"{low} public", "public", text(public_data(prefix, public_of(kind, seed))), "ok", type=kind)
        if kind == "CURVE":  # its seed is sound, but belongs to another class than KeyPair
            out.add(f"{low} seed where a signing key is meant", "seed", key, "WrongKeyTypeError")
        else:
            out.add(f"{low} seed", "seed", key, "ok", **sound_seed(kind, seed))
    for name, seed in {"all zero bits": bytes(32), "all one bits": b"\xff" * 32}.items():
        out.add(f"user seed of {name}", "seed", text(seed_data(PREFIX["USER"], seed)), "ok", **sound_seed("USER", seed))


def spelling(out: Vectors, reads: str, data: bytes) -> None:
    """One text, misspelt: what readers of base32 forgive, and what a slip of the hand or of a file does."""
    key = text(data)
    changed = [("first", 0), ("second", 1), ("middle", len(key) // 2), ("last", len(key) - 1)]
    for name, at in changed:
        if (reads, name) != ("seed", "last"):  # a seed's last character has spare bits, and its own vectors
            out.add(f"{reads}: {name} character changed", reads, swap(key, at))
    for name, broken in {
        "two neighbours swapped": key[:20] + key[21] + key[20] + key[22:],
        "empty": "",
        "one character": key[:1],
        "cut by one": key[:-1],
        "cut by two": key[:-2],
        "cut by eight": key[:-8],
        "first character missing": key[1:],
        "one letter more": key + "A",
        "three letters more": key + "AAA",
        "six letters more": key + "AAAAAA",
        "eight letters more": key + "AAAAAAAA",
        "twice": key + key,
        "lower case": key.lower(),
        "one letter in lower case": misread(key, "B", "b"),
        "trailing newline": key + "\n",
        "trailing carriage return and newline": key + "\r\n",
        "trailing blank": key + " ",
        "leading blank": " " + key,
        "leading byte order mark": "\ufeff" + key,
        "inner newline": key[:28] + "\n" + key[28:],
        "newline for the last character": key[:-1] + "\n",
        "newline for a character inside": key[:28] + "\n" + key[29:],
        "padding": key + "=" * (-len(key) % 8 or 8),
        "padding for the last character": key[:-1] + "=",
        "one for the letter I": misread(key, "I", "1"),
        "zero for the letter O": misread(key, "O", "0"),
        "eight for the letter B": misread(key, "B", "8"),
        "underscore": key[:9] + "_" + key[10:],
        "plus sign first": "+" + key[1:],
        "minus sign first": "-" + key[1:],
        "blank for the first character": " " + key[1:],
        "nul character": key[:9] + "\0" + key[10:],
        "full-width letter": misread(key, "B", "\uff22"),
        "arabic-indic digit": misread(key, "2", "\u0662"),
        "latin letter beyond ascii": key[:9] + "\xc5" + key[10:],
    }.items():
        out.add(f"{reads}: {name}", reads, broken)
    checksum = crc_hqx(data, 0)
    out.add(f"{reads}: checksum off by one bit", reads, text(data, crc=checksum ^ 0x0100))
    out.add(f"{reads}: checksum zero", reads, text(data, crc=0))
    out.add(f"{reads}: checksum with the high byte first", reads, text(data, order="big"))
    out.add(f"{reads}: checksum from 0xffff on", reads, text(data, crc=crc_hqx(data, 0xFFFF)))


def seeds(out: Vectors) -> None:
    prefix = PREFIX["USER"]
    raw = raw_seed(SPELT)
    key = text(seed_data(prefix, raw))
    spelling(out, "seed", seed_data(prefix, raw))
    last = ALPHABET.index(key[-1])
    assert last % 4 == 0
    for spare in (1, 2, 3):
        out.add(f"seed: spare bits {spare:02b}", "seed", key[:-1] + ALPHABET[last + spare])
    for size in (0, 16, 31, 33, 64):
        out.add(f"seed: holds {size} bytes", "seed", text(seed_data(prefix, (raw * 2)[:size])))
    for low in (1, 2, 4, 7):
        out.add(f"seed: low bits {low:03b} in the second byte", "seed", text(seed_data(prefix, raw, low=low)))
    out.add("seed: marked as private", "seed", text(seed_data(prefix, raw, mark=PRIVATE)))
    out.add("seed: marked as a user", "seed", text(seed_data(prefix, raw, mark=prefix)))
    for name, kind in {"seed": SEED, "private": PRIVATE, "unknown": UNKNOWN, "unassigned": 1}.items():
        out.add(f"seed: of type {name}", "seed", text(seed_data(kind, raw)))
    public = public_of("USER", raw)
    out.add("seed: a public key", "seed", text(public_data(prefix, public)))
    out.add("seed: a private key", "seed", text(public_data(PRIVATE, raw + public)))
    out.add("seed: a private curve key", "seed", text(public_data(PRIVATE, raw)))
    account = text(seed_data(PREFIX["ACCOUNT"], raw))
    curve = text(seed_data(PREFIX["CURVE"], raw))
    sound = sound_seed("ACCOUNT", raw)
    out.add("seed: of the type asked for", "seed", account, "ok", allowed=["ACCOUNT"], **sound)
    for name, other, allowed in (
        ("an account's for a user", account, ["USER"]),
        ("an account's for operator or user", account, ["OPERATOR", "USER"]),
        ("a user's for an account", key, ["ACCOUNT"]),
        ("a curve key's for a user", curve, ["USER"]),
    ):
        out.add(f"seed: {name}", "seed", other, "WrongKeyTypeError", allowed=allowed)


def publics(out: Vectors) -> None:
    prefix = PREFIX["USER"]
    seed = raw_seed(SPELT)
    raw = public_of("USER", seed)
    key = text(public_data(prefix, raw))
    spelling(out, "public", public_data(prefix, raw))
    for size in (0, 1, 31, 33, 64):
        out.add(f"public: holds {size} bytes", "public", text(public_data(prefix, (raw * 2)[:size])))
    # 0xA1 is what the reference's IsValidPublicUserKey lets through: it compares under a mask.
    for low in (1, 2, 4, 7):
        out.add(f"public: prefix byte 0x{prefix << 3 | low:02X}", "public", text(public_data(prefix, raw, low)))
    for name, kind in {"seed": SEED, "private": PRIVATE, "unknown": UNKNOWN, "unassigned": 1}.items():
        out.add(f"public: prefix {name}", "public", text(public_data(kind, raw)))
    out.add("public: a seed", "public", text(seed_data(prefix, seed)))
    out.add("public: a private key", "public", text(public_data(PRIVATE, seed + raw)))
    out.add("public: a private curve key", "public", text(public_data(PRIVATE, seed)))
    account = text(public_data(PREFIX["ACCOUNT"], raw))
    curve = text(public_data(PREFIX["CURVE"], public_of("CURVE", seed)))
    out.add("public: of the type asked for", "public", account, "ok", allowed=["ACCOUNT"], type="ACCOUNT")
    out.add("public: of the second type asked for", "public", key, "ok", allowed=["ACCOUNT", "USER"], type="USER")
    for name, other, allowed in (
        ("an account for a user", account, ["USER"]),
        ("an account for operator or server", account, ["OPERATOR", "SERVER"]),
        ("a user for an account", key, ["ACCOUNT"]),
        ("a curve key for an account", curve, ["ACCOUNT"]),
    ):
        out.add(f"public: {name}", "public", other, "WrongKeyTypeError", raw="ok", allowed=allowed)


def points(out: Vectors) -> None:
    """Sound text around 32 bytes that are no sound point."""
    prefix = PREFIX["ACCOUNT"]

    def refuse(name: str, point: bytes, **more: object) -> None:
        out.add(f"point: {name}", "public", text(public_data(prefix, point)), **more)

    torsion = eighth()
    for times in range(8):
        point = multiply(times, torsion)
        order = next(order for order in (1, 2, 4, 8) if multiply(order, point) == (0, 1))
        refuse(f"order {order}, {times} times the point of order 8", encode_point(point))
        if not point[0]:
            refuse(f"order {order}, with the sign of a zero set", encode_point(point, sign=1))
        if point[1] < 19:
            refuse(f"order {order}, y above the field, {times} times", encode_point(point, above=1))
        if point == (0, 1):
            refuse("order 1, y above the field and the sign of a zero set", encode_point(point, above=1, sign=1))
    base = decode_point(public_of("ACCOUNT", raw_seed("vector-account")))
    for times in range(1, 8):
        raw = encode_point(add(base, multiply(times, torsion)))
        refuse(f"an account's key and {times} times the point of order 8", raw, raw="ok")
    y = next(y for y in range(2, 19) if recover_x(y, 0) is not None)
    x = recover_x(y, 0)
    assert x is not None
    # No point of the prime-order group has a second encoding, so this one is of mixed order too.
    refuse(f"y is {y}, above the field", encode_point((x, y), above=1), raw="ok")
    absent = next(y for y in range(2, 99) if recover_x(y, 0) is None)
    refuse(f"y is {absent}, which is no point of the curve", encode_point((0, absent)), raw="ok")
    refuse("all one bits", b"\xff" * 32, raw="ok")


def build() -> dict[str, Any]:
    """Return what nkeys.json holds."""
    out = Vectors()
    for section in (sound, seeds, publics, points):
        section(out)
    return {"note": "Throw-away keys, made by make_nkeys.py. One fault a vector.", "vectors": out.rows}


def dump() -> str:
    """Return the text of nkeys.json."""
    return json.dumps(build(), indent=1) + "\n"


if __name__ == "__main__":
    Path(__file__).with_name("nkeys.json").write_text(dump(), encoding="ascii")
