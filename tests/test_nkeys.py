import inspect
import json
import os
import runpy
from base64 import b32decode
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nkey_vectors import (
    CURVES,
    FOLDER,
    REFERENCE,
    ROWS,
    SIGNING,
    SMALL,
    ReferenceKey,
    Vector,
    each,
    each_reference,
    outcome,
    read_reference,
    read_vectors,
)

from natscreds import _sodium, errors, nkeys
from natscreds.errors import BadSignatureError, NkeyError
from natscreds.nkeys import KeyPair, KeyType, PublicKey, Signer

GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493


def test_the_kept_script_makes_the_committed_vectors() -> None:
    made: str = runpy.run_path(str(FOLDER / "make_nkeys.py"))["dump"]()
    assert made == (FOLDER / "nkeys.json").read_text()


DOCUMENT = json.loads((FOLDER / "nkeys.json").read_bytes())
FIRST = DOCUMENT["vectors"][0]


@pytest.mark.parametrize(
    "changed",
    [
        {"vectors": []},
        {"more": []},
        {"vectors": [*DOCUMENT["vectors"], FIRST | {"name": "one more", "expected": "ok"}]},
        {"vectors": [*DOCUMENT["vectors"], FIRST | {"name": "one more", "expect": "Failure"}]},
        {"vectors": [*DOCUMENT["vectors"], FIRST | {"name": "one more", "reads": "token"}]},
        {"vectors": [*DOCUMENT["vectors"], FIRST]},
        {"vectors": [row for row in DOCUMENT["vectors"] if row["reads"] == "public"]},
    ],
    ids=["no vectors", "unknown section", "unknown key", "unknown error", "unknown reader", "a name twice", "no seeds"],
)
def test_an_empty_or_unknown_vector_file_fails_the_run(changed: dict[str, object]) -> None:
    assert read_vectors(json.dumps(DOCUMENT).encode()) == ROWS
    with pytest.raises((AssertionError, msgspec.ValidationError)):
        read_vectors(json.dumps(DOCUMENT | changed).encode())


def test_a_section_no_test_reads_fails_the_run() -> None:
    document = json.loads((FOLDER / "reference.json").read_bytes())
    with pytest.raises(msgspec.ValidationError):
        read_reference(json.dumps(document | {"ykeys": []}).encode())
    with pytest.raises(AssertionError):
        read_reference(json.dumps(document | {"nkeys": []}).encode())


# --- the reference's keys, both ways


@each_reference(SIGNING)
def test_a_seed_of_the_reference_reads_as_its_key(row: ReferenceKey) -> None:
    pair = KeyPair.parse(row.seed)
    assert (pair.public, pair.key_type, pair.seed) == (row.public_key, row.type, row.seed)
    assert pair.key_type.name.lower() == row.kind


@each_reference(SIGNING)
def test_the_raw_seed_of_the_reference_writes_its_texts(row: ReferenceKey) -> None:
    pair = KeyPair.generate(row.type, entropy=lambda _: bytes.fromhex(row.raw_seed_hex))
    assert (pair.public, pair.seed) == (row.public_key, row.seed)


@each_reference(SIGNING)
def test_signatures_are_the_reference_s_byte_for_byte(row: ReferenceKey) -> None:
    assert row.signature_of_hello_hex is not None
    signature = bytes.fromhex(row.signature_of_hello_hex)
    assert KeyPair.parse(row.seed).sign(b"hello") == signature
    nkeys.verify(row.public_key, b"hello", signature)


@each_reference(REFERENCE)
def test_a_public_key_of_the_reference_is_read_and_written(row: ReferenceKey) -> None:
    assert nkeys.parse_public(row.public_key, row.type) == row.public_key
    assert nkeys.key_type(row.public_key) is row.type
    assert nkeys.format_public(*nkeys.raw_public(row.public_key)) == row.public_key
    assert nkeys.is_public(row.public_key)


@each_reference(REFERENCE)
def test_a_private_key_of_the_reference_is_neither_public_nor_seed(row: ReferenceKey) -> None:
    assert outcome(nkeys.parse_public, row.private_key) == "NkeyError"
    assert outcome(KeyPair.parse, row.private_key) == "NkeyError"


@each_reference(CURVES)
def test_a_curve_key_neither_signs_nor_verifies(row: ReferenceKey) -> None:
    assert outcome(KeyPair.parse, row.seed) == "WrongKeyTypeError"
    assert outcome(KeyPair, row.type, bytes.fromhex(row.raw_seed_hex)) == "WrongKeyTypeError"
    assert outcome(KeyPair.generate, row.type) == "WrongKeyTypeError"
    assert outcome(nkeys.verify, row.public_key, b"", bytes(64)) == "WrongKeyTypeError"


# --- our vectors


@each([row for row in ROWS if row.reads == "public"])
def test_a_public_key_is_what_its_vector_says(row: Vector) -> None:
    assert outcome(nkeys.parse_public, row.text, *row.types) == row.expect
    assert outcome(nkeys.raw_public, row.text) == (row.raw or row.expect)
    assert outcome(nkeys.key_type, row.text) == (row.raw or row.expect)


@each([row for row in ROWS if row.reads == "public"])
def test_is_public_agrees_with_the_parser(row: Vector) -> None:
    found = (row.raw or row.expect) == "ok"
    assert nkeys.is_public(row.text) is found
    assert nkeys.is_public(row.text, *row.types) is (found and row.expect != "WrongKeyTypeError")


@each([row for row in ROWS if row.reads == "seed"])
def test_a_seed_is_what_its_vector_says(row: Vector) -> None:
    assert outcome(KeyPair.parse, row.text, *row.types) == row.expect


@each(ROWS)
@pytest.mark.parametrize("kind", [bytes, bytearray])
def test_bytes_read_as_the_text_does(row: Vector, kind: type[bytes | bytearray]) -> None:
    read: Callable[..., object] = KeyPair.parse if row.reads == "seed" else nkeys.parse_public
    given = kind(row.text.encode("utf-8", "surrogatepass"))
    assert outcome(read, given, *row.types) == row.expect
    if row.expect == "ok":
        assert read(given) == read(row.text)
        assert type(read(given)) is type(read(row.text))


@each([row for row in ROWS if row.expect == "ok"])
def test_a_sound_vector_has_its_type(row: Vector) -> None:
    assert row.type is not None
    public = row.text if row.reads == "public" else KeyPair.parse(row.text).public
    assert nkeys.key_type(public) is KeyType[row.type]
    assert public[0] == KeyType[row.type].letter


@each([row for row in ROWS if row.expect == "ok" and row.reads == "seed"])
def test_a_sound_seed_has_its_public_key_and_signature(row: Vector) -> None:
    assert row.signature is not None
    pair = KeyPair.parse(row.text)
    assert (pair.seed, pair.public, pair.sign(b"hello").hex()) == (row.text, row.public, row.signature)


@each([row for row in ROWS if row.expect != "ok"])
def test_a_message_is_lower_case_without_full_stop(row: Vector) -> None:
    read: Callable[..., object] = KeyPair.parse if row.reads == "seed" else nkeys.parse_public
    with pytest.raises(errors.NatsCredsError, match=r"\A[a-z].*[^.]\Z"):
        read(row.text, *row.types)


@pytest.mark.parametrize("size", [56, 58])
def test_a_lone_surrogate_is_no_character_of_a_key(size: int) -> None:
    """JSON cannot carry it, so it is no vector."""
    text = "A" * (size - 1) + "\ud800"
    assert outcome(nkeys.parse_public, text) == "NkeyError"
    assert outcome(KeyPair.parse, text) == "NkeyError"


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_only_32_bytes_make_a_key(size: int) -> None:
    assert outcome(nkeys.format_public, KeyType.USER, bytes(size)) == "NkeyError"
    assert outcome(KeyPair, KeyType.USER, bytes(size)) == "NkeyError"


@pytest.mark.parametrize(("key_type", "letter"), list(zip(KeyType, "OAUNCX", strict=True)), ids=str)
def test_each_type_has_its_letter(key_type: KeyType, letter: str) -> None:
    assert key_type.letter == letter
    assert nkeys.format_public(key_type, bytes(32))[0] == letter
    if key_type is not KeyType.CURVE:
        assert KeyPair.generate(key_type).seed[:2] == "S" + letter


# --- signatures


def test_the_fourteen_texts_of_small_order_are_all_among_the_vectors() -> None:
    assert len({row.text for row in SMALL}) == 14


@each(SMALL)
def test_whoever_owns_a_point_of_small_order_proves_nothing(row: Vector) -> None:
    """With such a key, R = the identity and S = 0 satisfy the equation for one message in eight, or for each."""
    forged = b"\x01" + bytes(63)
    raw = b32decode(row.text)[1:33]
    for number in range(32):
        assert outcome(nkeys.verify, row.text, b"%d" % number, forged) == "NkeyError"
        assert not _sodium.verify(raw, b"%d" % number, forged)


@pytest.mark.parametrize("size", [0, 63, 65, 128])
def test_a_signature_has_64_bytes(size: int) -> None:
    pair = KeyPair.generate(KeyType.USER)
    signature = (pair.sign(b"nonce") * 2)[:size]
    with pytest.raises(BadSignatureError):
        nkeys.verify(pair.public, b"nonce", signature)


@pytest.mark.parametrize("moved", [1, 5, 63, 64])
def test_a_signature_s_end_is_not_the_data_s_beginning(moved: int) -> None:
    """The backend reads both in one piece; where one ends is ours to say."""
    pair = KeyPair.generate(KeyType.USER)
    data = bytes(range(80))
    signature = pair.sign(data)
    with pytest.raises(BadSignatureError):
        nkeys.verify(pair.public, signature[-moved:] + data, signature[:-moved])
    with pytest.raises(BadSignatureError):
        nkeys.verify(pair.public, data[moved:], signature + data[:moved])


def test_a_signature_has_one_form() -> None:
    """RFC 8032 §5.1.7: S lies below the order of the group; S plus that order fits the equation as well."""
    pair = KeyPair.generate(KeyType.USER)
    signature = pair.sign(b"nonce")
    scalar = int.from_bytes(signature[32:], "little") + GROUP_ORDER
    with pytest.raises(BadSignatureError):
        nkeys.verify(pair.public, b"nonce", signature[:32] + scalar.to_bytes(32, "little"))


@settings(deadline=None)
@given(data=st.binary(max_size=200), bit=st.integers(0, 511))
def test_a_signature_with_one_bit_changed_never_holds(data: bytes, bit: int) -> None:
    pair = KeyPair.parse(SIGNING[0].seed)
    signature = pair.sign(data)
    nkeys.verify(pair.public, data, signature)
    changed = (int.from_bytes(signature, "little") ^ 1 << bit).to_bytes(64, "little")
    with pytest.raises(BadSignatureError):
        nkeys.verify(pair.public, data, changed)
    with pytest.raises(BadSignatureError):
        nkeys.verify(pair.public, data + b"\0", signature)
    with pytest.raises(BadSignatureError):
        nkeys.verify(SIGNING[1].public_key, data, signature)


class Remote:
    """A signer that is no `KeyPair`."""

    def __init__(self) -> None:
        self._pair = KeyPair.generate(KeyType.OPERATOR)

    @property
    def public(self) -> PublicKey:
        return self._pair.public

    def sign(self, data: bytes, /) -> bytes:
        return self._pair.sign(data)


class Mute:
    public = SIGNING[0].public_key


def test_whatever_has_public_and_sign_is_a_signer() -> None:
    signer: Signer = Remote()
    assert isinstance(signer, Signer)
    assert isinstance(KeyPair.generate(KeyType.USER), Signer)
    assert not isinstance(Mute(), Signer)
    assert not isinstance(SIGNING[0].seed, Signer)
    nkeys.verify(signer.public, b"data", signer.sign(b"data"))


# --- equality, entropy


def test_equality_and_hash_go_by_the_public_key() -> None:
    one, same, other = (KeyPair.parse(row.seed) for row in (SIGNING[0], SIGNING[0], SIGNING[1]))
    assert one == same
    assert hash(one) == hash(same)
    assert one != other
    assert {one, same, other} == {one, other}
    assert one != one.public
    assert one != KeyPair(KeyType.USER, bytes.fromhex(SIGNING[0].raw_seed_hex)), "another type, another key"


def test_entropy_is_asked_once_for_32_bytes() -> None:
    asked: list[int] = []

    def entropy(size: int) -> bytes:
        asked.append(size)
        return bytes(range(size))

    pair = KeyPair.generate(KeyType.ACCOUNT, entropy=entropy)
    assert asked == [32]
    assert b32decode(pair.seed + "======")[2:34] == bytes(range(32))


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_entropy_of_another_size_makes_no_key(size: int) -> None:
    with pytest.raises(NkeyError, match=f"holds 32 bytes, got {size}"):
        KeyPair.generate(KeyType.ACCOUNT, entropy=lambda _: bytes(size))


def test_the_system_is_the_entropy_unless_told() -> None:
    assert inspect.signature(KeyPair.generate).parameters["entropy"].default is os.urandom
    assert KeyPair.generate(KeyType.USER) != KeyPair.generate(KeyType.USER)
