"""Laws of nkeys: start from a valid key, break one step, and make the checksum right again."""

from base64 import b32decode, b32encode
from binascii import crc_hqx
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from nacl.bindings import crypto_core_ed25519_add
from nkey_vectors import SMALL, outcome

from natscreds import nkeys
from natscreds.errors import BadSignatureError, MalformedError, WrongKeyTypeError
from natscreds.nkeys import KeyPair, KeyType

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


def spelt(data: bytes, *, crc: int = 0, order: Literal["little", "big"] = "little", spare: int = 0) -> str:
    """Return *data* as nkey text; what is given beside it is the broken step."""
    whole = data + (crc_hqx(data, 0) ^ crc).to_bytes(2, order)
    text = b32encode(whole).decode().rstrip("=")
    return text[:-1] + ALPHABET[ALPHABET.index(text[-1]) ^ spare]


raw_seeds = st.binary(min_size=32, max_size=32)
signing_types = st.sampled_from([key_type for key_type in KeyType if key_type is not KeyType.CURVE])
pairs = st.builds(KeyPair, signing_types, raw_seeds)


def content(text: str) -> bytes:
    """Return what a sound nkey holds, without its checksum."""
    return b32decode(text + "=" * (-len(text) % 8))[:-2]


def other_size(draw: st.DrawFn, raw: bytes) -> bytes:
    size = draw(st.integers(0, 80).filter(lambda size: size != len(raw)))
    return (raw * 3)[:size]


def break_text(draw: st.DrawFn, text: str, step: str) -> str:
    at = draw(st.integers(0, len(text) - 1))
    match step:
        case "a character changed":
            return text[:at] + draw(st.characters().filter(lambda other: other != text[at])) + text[at + 1 :]
        case "a letter changed":
            return text[:at] + draw(st.sampled_from(ALPHABET.replace(text[at], ""))) + text[at + 1 :]
        case "a character put in":
            return text[:at] + draw(st.characters()) + text[at:]
        case "a character left out":
            return text[:at] + text[at + 1 :]
        case "characters after it":
            return text + draw(st.text(min_size=1, max_size=8) | st.text(ALPHABET + "=\r\n ", min_size=1, max_size=8))
        case "lower case":
            return text[:at] + text[at:].lower() if text[at:].lower() != text[at:] else text.lower()
    raise AssertionError(step)


TEXT_STEPS = ["a character changed", "a letter changed", "a character put in", "a character left out",
              "characters after it", "lower case"]  # fmt: skip
CHECKSUM_STEPS = ["checksum changed", "checksum with the high byte first"]


def break_data(draw: st.DrawFn, data: bytes, head: int, step: str) -> str:
    match step:
        case "checksum changed":
            return spelt(data, crc=draw(st.integers(1, 0xFFFF)))
        case "checksum with the high byte first":
            assume(spelt(data, order="big") != spelt(data))
            return spelt(data, order="big")
        case "payload of another size":
            return spelt(data[:head] + other_size(draw, data[head:]))
    raise AssertionError(step)


@pytest.mark.parametrize("step", [*TEXT_STEPS, *CHECKSUM_STEPS, "payload of another size", "prefix"])
@settings(deadline=None)
@given(data=st.data(), pair=pairs)
def test_a_public_key_with_one_broken_step_never_parses(step: str, data: st.DataObject, pair: KeyPair) -> None:
    @st.composite
    def broken(draw: st.DrawFn) -> str:
        sound = content(pair.public)
        if step == "prefix":
            types = {key_type.value for key_type in KeyType}
            return spelt(bytes([draw(st.integers(0, 255).filter(lambda byte: byte not in types))]) + sound[1:])
        return break_text(draw, pair.public, step) if step in TEXT_STEPS else break_data(draw, sound, 1, step)

    text = data.draw(broken())
    for read in (nkeys.parse_public, nkeys.raw_public, nkeys.key_type):
        assert outcome(read, text) == "NkeyError"
    assert not nkeys.is_public(text)


SEED_STEPS = ["mark", "type", "low bits", "spare bits"]


@pytest.mark.parametrize("step", [*TEXT_STEPS, *CHECKSUM_STEPS, "payload of another size", *SEED_STEPS])
@settings(deadline=None)
@given(data=st.data(), pair=pairs)
def test_a_seed_with_one_broken_step_never_parses(step: str, data: st.DataObject, pair: KeyPair) -> None:
    @st.composite
    def broken(draw: st.DrawFn) -> str:
        sound = content(pair.seed)
        first, second, raw = sound[0], sound[1], sound[2:]
        match step:
            case "mark":
                mark = draw(st.integers(0, 31).filter(lambda mark: mark != 18))
                return spelt(bytes([mark << 3 | first & 7, second]) + raw)
            case "type":
                types = {key_type.value for key_type in KeyType}
                found = draw(st.sampled_from([kind for kind in range(0, 256, 8) if kind not in types]))
                return spelt(bytes([18 << 3 | found >> 5, (found & 31) << 3]) + raw)
            case "low bits":
                return spelt(bytes([first, second | draw(st.integers(1, 7))]) + raw)
            case "spare bits":
                return spelt(sound, spare=draw(st.integers(1, 3)))
        return break_text(draw, pair.seed, step) if step in TEXT_STEPS else break_data(draw, sound, 2, step)

    assert outcome(KeyPair.parse, data.draw(broken())) == "NkeyError"


@settings(deadline=None)
@given(pair=pairs, torsion=st.sampled_from(sorted({b32decode(row.text)[1:33] for row in SMALL})))
def test_a_key_moved_by_a_point_of_small_order_never_parses(pair: KeyPair, torsion: bytes) -> None:
    sound = content(pair.public)
    moved = crypto_core_ed25519_add(sound[1:], torsion)
    assume(moved != sound[1:])  # the identity moves nothing
    assert outcome(nkeys.parse_public, spelt(sound[:1] + moved)) == "NkeyError"


@settings(deadline=None)
@given(pair=pairs, asked=st.lists(st.sampled_from(KeyType), min_size=1, unique=True))
def test_a_sound_key_of_another_type_is_of_the_wrong_type(pair: KeyPair, asked: list[KeyType]) -> None:
    expect = "ok" if pair.key_type in asked else "WrongKeyTypeError"
    assert outcome(nkeys.parse_public, pair.public, *asked) == expect
    assert outcome(KeyPair.parse, pair.seed, *asked) == expect
    assert nkeys.is_public(pair.public, *asked) is (expect == "ok")


def respell(draw: st.DrawFn, text: str) -> str:
    """Return *text*, or what a forgiving reader would take for it."""
    sound = content(text)
    return draw(
        st.sampled_from(
            [
                text,
                text + "\n",
                text[:20] + "\n" + text[20:],
                text + "=" * (-len(text) % 8),
                text.lower(),
                text + "A",
                text[:-1] + ALPHABET[ALPHABET.index(text[-1]) | 1],
                text[:-1] + ALPHABET[ALPHABET.index(text[-1]) | 2],
                spelt(bytes([sound[0] | 1]) + sound[1:]),
                spelt(bytes([sound[0], sound[1] | 1]) + sound[2:]),
                spelt(sound, order="big"),
                spelt(sound + b"\0"),
            ]
        )
    )


@st.composite
def nearly(draw: st.DrawFn) -> str:
    pair = draw(pairs)
    return respell(draw, draw(st.sampled_from([pair.public, pair.seed])))


@settings(deadline=None)
@given(text=nearly())
def test_what_parses_is_written_back_as_it_was(text: str) -> None:
    """If it parses, writing it back gives the same text (C2SP's law for age)."""
    if outcome(nkeys.raw_public, text) == "ok":
        assert nkeys.format_public(*nkeys.raw_public(text)) == text
    if outcome(KeyPair.parse, text) == "ok":
        assert KeyPair.parse(text).seed == text


anything = st.one_of(
    st.text(),
    st.binary(),
    st.binary().map(bytearray),
    st.text(ALPHABET, min_size=55, max_size=59),
    st.text(min_size=56, max_size=58),
    st.binary(min_size=56, max_size=58),
    st.binary(min_size=35, max_size=36).map(lambda data: b32encode(data).decode().rstrip("=")),
    st.binary(min_size=33, max_size=34).map(spelt),
    nearly(),
)


def verify(text: str) -> None:
    nkeys.verify(text, b"", bytes(64))


READERS: list[Callable[..., object]] = [KeyPair.parse, nkeys.parse_public, nkeys.raw_public, nkeys.key_type]


@pytest.mark.parametrize("read", [*READERS, verify], ids=lambda read: read.__name__)
@settings(deadline=None)
@given(text=anything)
def test_any_text_gives_a_value_or_one_of_two_errors(read: Callable[..., object], text: str | bytes) -> None:
    allowed = (BadSignatureError,) if read is verify else ()
    with suppress(MalformedError, WrongKeyTypeError, *allowed):
        assert (read(text) is None) is (read is verify)


NO_TEXT = {
    "none": None,
    "int": 58,
    "list": ["A"] * 58,
    "memoryview": memoryview(b"A" * 58),
    "path": Path("A" * 58),
}


@pytest.mark.parametrize("read", [*READERS, verify], ids=lambda read: read.__name__)
@pytest.mark.parametrize("other", NO_TEXT.values(), ids=NO_TEXT.keys())
def test_what_is_no_text_is_a_type_error(read: Callable[..., object], other: object) -> None:
    with pytest.raises(TypeError, match="is str or bytes, got"):
        read(other)
