import json
from base64 import b32encode as std_b32encode
from base64 import urlsafe_b64encode as std_b64encode
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from leaks import told

from natscreds import _codec
from natscreds._codec import crc16

B32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
B64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


class Codec:
    """One of the two encodings, beside the standard library's as its oracle."""

    def __init__(self, name: str, alphabet: str, group: int, oracle: Callable[[bytes], bytes]) -> None:
        self.name = name
        self.alphabet = alphabet
        self.group = group
        self.decode: Callable[[str], bytes] = getattr(_codec, f"{name}decode")
        self.oracle = oracle

    def encode(self, data: bytes) -> str:
        encoded: str | bytes = getattr(_codec, f"{self.name}encode")(data)
        return encoded.decode("ascii") if isinstance(encoded, bytes) else encoded

    def text(self, data: bytes) -> str:
        return self.oracle(data).decode().rstrip("=")

    def accepts(self, text: str) -> bool:
        """Tell whether *text* decodes; a refusal is one ValueError that says nothing of the text."""
        try:
            self.decode(text)
        except ValueError as error:
            refusal = error
        else:
            return True
        assert type(refusal) is ValueError
        assert refusal.__context__ is None
        assert len(text) < 4 or text not in "\n".join(told(refusal))
        return False


CODECS = [Codec("b32", B32, 8, std_b32encode), Codec("b64", B64, 4, std_b64encode)]
each = pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.name)
sizes = pytest.mark.parametrize("size", range(71))
small_sizes = pytest.mark.parametrize("size", range(1, 12))


def samples(size: int) -> list[bytes]:
    return [
        bytes(size),
        b"\xff" * size,
        bytes(range(size)),
        bytes(at * 89 % 251 for at in range(size)),
        b"\xfb\xef" * size,
    ]


@each
@sizes
def test_text_is_the_standard_library_s_without_padding(codec: Codec, size: int) -> None:
    for data in samples(size):
        assert codec.encode(data) == codec.text(data)


@each
@sizes
def test_text_reads_as_the_bytes_it_was_made_of(codec: Codec, size: int) -> None:
    for data in samples(size):
        assert codec.decode(codec.text(data)) == data


@each
@small_sizes
def test_only_last_characters_that_some_bytes_have_are_read(codec: Codec, size: int) -> None:
    """RFC 4648 §3.5: the bits that fill up the last character are zero."""
    for data in (bytes(size), b"\xff" * size):
        text = codec.text(data)
        written = {codec.text(data[:-1] + bytes([last])) for last in range(256)}
        codes = [*map(chr, range(0x250)), "\u212a", "\uff21", "\u0662"]
        assert {code for code in codes if codec.accepts(text[:-1] + code)} == {
            other[-1] for other in written if other[:-1] == text[:-1]
        }


@each
@small_sizes
def test_no_character_outside_the_alphabet_is_read_anywhere(codec: Codec, size: int) -> None:
    text = codec.text(bytes(size))
    foreign = [chr(code) for code in range(256) if chr(code) not in codec.alphabet] + ["\u017f", "\uff21", "\ud800"]
    for at in range(len(text)):
        for code in foreign:
            assert not codec.accepts(text[:at] + code + text[at + 1 :])


@each
@small_sizes
@pytest.mark.parametrize("extra", ["\n", "\r\n", "\r", " ", "\t", "\0", "="])
def test_nothing_is_skipped(codec: Codec, size: int, extra: str) -> None:
    text = codec.text(b"\xa5" * size)
    for at in range(len(text) + 1):
        assert not codec.accepts(text[:at] + extra + text[at:])


@each
@pytest.mark.parametrize("size", range(12))
def test_padding_is_refused(codec: Codec, size: int) -> None:
    padded = codec.oracle(b"\xa5" * size).decode()
    if "=" in padded:
        assert not codec.accepts(padded)
    for count in range(1, 9):
        assert not codec.accepts(codec.text(b"\xa5" * size) + "=" * count)


@pytest.mark.parametrize(
    ("codec", "sizes"), [(CODECS[0], (1, 3, 6, 9, 11, 14)), (CODECS[1], (1, 5, 9))], ids=["b32", "b64"]
)
def test_lengths_that_no_bytes_have_are_refused(codec: Codec, sizes: tuple[int, ...]) -> None:
    for size in sizes:
        assert not codec.accepts(codec.alphabet[0] * size)


@each
def test_the_standard_alphabet_is_refused(codec: Codec) -> None:
    assert not codec.accepts("+/+/" * 2)
    assert codec.accepts("-_-_" * 2) is (codec.name == "b64")


@each
@settings(deadline=None)
@given(data=st.data())
def test_what_decodes_is_written_back_as_it_was(codec: Codec, data: st.DataObject) -> None:
    """If it parses, writing it back gives the same text."""
    text = data.draw(st.text(codec.alphabet) | st.text(codec.alphabet + "=\n") | st.text())
    with suppress(ValueError):
        assert codec.encode(codec.decode(text)) == text


@each
@settings(deadline=None)
@given(data=st.binary(max_size=2_000))
def test_any_bytes_survive(codec: Codec, data: bytes) -> None:
    assert codec.encode(data) == codec.text(data)
    assert codec.decode(codec.encode(data)) == data


def bitwise_crc(data: bytes) -> int:
    """CRC-16/XMODEM by its definition, one bit after the other."""
    crc = 0
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ (0x1021 if crc & 0x8000 else 0)) & 0xFFFF
    return crc


def test_the_checksum_has_its_check_value() -> None:
    assert crc16(b"123456789") == 0x31C3
    reference = json.loads((Path(__file__).parent / "vectors" / "reference.json").read_bytes())["crc16"]
    assert crc16(b"123456789") == reference["123456789"]


@given(data=st.binary(max_size=70))
def test_the_checksum_is_the_crc_by_its_definition(data: bytes) -> None:
    assert crc16(data) == bitwise_crc(data)
