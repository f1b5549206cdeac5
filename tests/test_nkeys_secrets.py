import copy
import json
import pickle
import pprint
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import msgspec
import pytest
from leaks import holds, told
from nkey_vectors import REFERENCE, ROWS, SIGNING, ReferenceKey, each_reference

from natscreds import errors, nkeys
from natscreds.errors import NkeyError
from natscreds.nkeys import KeyPair, KeyType

PLANTED = {row.name: row.text for row in ROWS if row.reads == "seed" and len(row.text) > 1}
del PLANTED["seed: a public key"]  # the one text among them that is no secret
PLANTED |= {f"private key {row.label}": row.private_key for row in REFERENCE}
PLANTED |= {f"seed {row.label}": row.seed for row in REFERENCE}


def verify(text: str) -> None:
    nkeys.verify(text, b"", bytes(64))


def parse_other(text: str) -> None:
    KeyPair.parse(text, KeyType.CURVE)


READERS: list[Callable[[Any], object]] = [
    KeyPair.parse,
    parse_other,
    nkeys.parse_public,
    nkeys.raw_public,
    nkeys.key_type,
    verify,
]


def as_str(text: str) -> str:
    return text


def as_bytes(text: str) -> bytes:
    return text.encode()


def as_bytearray(text: str) -> bytearray:
    return bytearray(text.encode())


@pytest.mark.parametrize("given", [as_str, as_bytes, as_bytearray])
@pytest.mark.parametrize("secret", PLANTED.values(), ids=PLANTED.keys())
def test_no_error_repeats_a_secret(given: Callable[[str], object], secret: str) -> None:
    raised = []
    for read in READERS:
        try:
            read(given(secret))
        except errors.NatsCredsError as error:
            raised.append(error)
    assert len(raised) >= len(READERS) - 1, "a sound seed is read by KeyPair.parse alone"
    for refusal in raised:
        assert refusal.__cause__ is None
        assert refusal.__context__ is None
        assert not holds("\n".join(told(refusal)), secret)


@pytest.mark.parametrize("size", [31, 33, 64])
@pytest.mark.parametrize(
    "make",
    [
        lambda raw: KeyPair(KeyType.USER, raw),
        lambda raw: KeyPair.generate(KeyType.USER, entropy=lambda _: raw),
    ],
    ids=["of raw bytes", "of entropy"],
)
def test_no_error_repeats_raw_seed_bytes(make: Callable[[bytes], KeyPair], size: int) -> None:
    raw = bytes.fromhex(SIGNING[0].raw_seed_hex * 2)[:size]
    with pytest.raises(NkeyError) as caught:
        make(raw)
    assert not holds("\n".join(told(caught.value)), repr(raw)[2:-1])
    assert not holds("\n".join(told(caught.value)), raw.hex())


def assert_hidden(text: str, row: ReferenceKey) -> None:
    assert not holds(text, row.seed)
    assert not holds(text.lower(), row.raw_seed_hex)
    assert not holds(text, repr(bytes.fromhex(row.raw_seed_hex))[2:-1])


SHOWN: dict[str, Callable[[KeyPair], str]] = {
    "repr": repr,
    "str": str,
    "ascii": ascii,
    "format": format,
    "f-string": lambda pair: f"{pair}{pair!r}{pair!s}",
    "percent": lambda pair: "%s %r" % (pair, pair),  # noqa: UP031 - one of the ways text is made
    "in a container": lambda pair: repr({pair: [pair]}),
    "pprint": pprint.pformat,
    "json by str": lambda pair: json.dumps(pair, default=str),
    "msgspec by repr": lambda pair: msgspec.json.encode(pair, enc_hook=repr).decode(),
    "an exception's arguments": lambda pair: "".join(told(ValueError(pair))),
}


@pytest.mark.parametrize("show", SHOWN.values(), ids=SHOWN.keys())
@each_reference(SIGNING)
def test_what_shows_a_pair_shows_its_public_key(show: Callable[[KeyPair], str], row: ReferenceKey) -> None:
    text = show(KeyPair.parse(row.seed))
    assert row.public_key in text
    assert_hidden(text, row)


REFUSED: dict[str, Callable[[Any], object]] = {
    **{f"pickle {protocol}": lambda pair, p=protocol: pickle.dumps(pair, p) for protocol in range(6)},  # type: ignore[misc]
    "pickle in a container": lambda pair: pickle.dumps([{"key": pair}]),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "deepcopy in a container": lambda pair: copy.deepcopy([{"key": pair}]),
}
UNREADABLE: dict[str, Callable[[Any], object]] = {
    "json": json.dumps,
    "json by vars": lambda pair: json.dumps(pair, default=vars),
    "msgspec.json": msgspec.json.encode,
    "msgspec.msgpack": msgspec.msgpack.encode,
    "msgspec.to_builtins": msgspec.to_builtins,
    "msgspec.structs.asdict": msgspec.structs.asdict,
    "dataclasses.asdict": asdict,
    "vars": vars,
    "list": list,
    "bytes": bytes,
    "format with a width": lambda pair: format(pair, ">80"),
}


@pytest.mark.parametrize("take", [*REFUSED.values(), *UNREADABLE.values()], ids=[*REFUSED, *UNREADABLE])
def test_nothing_takes_a_pair_apart(take: Callable[[Any], object]) -> None:
    row = SIGNING[0]
    with pytest.raises(TypeError) as caught:
        take(KeyPair.parse(row.seed))
    assert_hidden("\n".join(told(caught.value)), row)


@pytest.mark.parametrize("take", REFUSED.values(), ids=REFUSED.keys())
def test_a_refused_copy_names_the_door(take: Callable[[Any], object]) -> None:
    with pytest.raises(TypeError, match=r"neither pickled nor copied.*\.seed"):
        take(KeyPair.parse(SIGNING[0].seed))


def test_a_pair_has_no_dictionary() -> None:
    pair = KeyPair.parse(SIGNING[0].seed)
    assert not hasattr(pair, "__dict__")
    with pytest.raises(AttributeError):
        pair.note = "a pair takes no more members"  # type: ignore[attr-defined]
