"""What is read: sound tokens of any writer, and each fault by the name of its error and its rule."""

import contextlib
import json
import time
from typing import Any

import property_profiles  # noqa: F401  # chooses the profile
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from nkey_vectors import outcome
from token_forge import ACCOUNT, HEADER, KINDS, SIGNERS, chunk, document, forge, payload_of, seal, unchunk
from token_vectors import REFERENCE, ROWS, Reference, Vector, each

from natscreds import tokens
from natscreds.claims import AccountClaims, Claims, UserClaims, encode
from natscreds.claims._json import reread
from natscreds.errors import BadSignatureError, MalformedError, TokenError, VerificationError, WrongKeyTypeError

SOUND = [row for row in ROWS if row.verify == "ok"]
FAULTY = [row for row in ROWS if row.verify != "ok"]
every_kind = pytest.mark.parametrize("kind", list(KINDS))


@each(SOUND)
def test_a_sound_token_is_read_and_verified(row: Vector) -> None:
    read = tokens.parse(row.token, KINDS[row.reads])
    verified = tokens.verify(row.token, KINDS[row.reads])
    assert type(read) is tokens.UnverifiedToken
    assert type(verified) is tokens.Token
    assert read.claims == verified.claims == tokens.verify(row.token).claims
    assert read.text == verified.text == row.token
    assert type(verified.claims) is KINDS[row.reads]


@each(row for row in SOUND if row.written is not None)
def test_a_sound_token_is_written_as_the_reference_would(row: Vector) -> None:
    assert encode(tokens.parse(row.token, KINDS[row.reads]).claims).decode() == row.written


@each(SOUND)
def test_a_sound_token_may_come_as_bytes(row: Vector) -> None:
    assert tokens.verify(row.token.encode()).text == row.token
    assert tokens.verify(row.token.encode(), KINDS[row.reads]).claims == tokens.verify(row.token).claims


@each(FAULTY)
def test_a_faulty_token_is_refused_by_name_and_rule(row: Vector) -> None:
    kind = KINDS[row.reads]
    assert outcome(tokens.parse, row.token, kind) == row.parse
    with pytest.raises((TokenError, VerificationError, WrongKeyTypeError)) as caught:
        tokens.verify(row.token, kind)
    assert type(caught.value).__name__ == row.verify
    assert row.rule is not None
    assert row.rule in str(caught.value)
    assert caught.value.__context__ is None or isinstance(caught.value.__context__, MalformedError)


# Without a kind, claims that name none which is known are generic data, and that is another matter.
OF_NO_KIND = ("nats as null", "no nats", "type says", "claims of")


@each(row for row in FAULTY if not row.name.startswith(OF_NO_KIND))
def test_a_faulty_token_is_refused_when_no_kind_is_asked_for(row: Vector) -> None:
    assert outcome(tokens.verify, row.token) == row.verify


@pytest.mark.parametrize(
    "given", [None, 5, [], memoryview(b"a.b.c"), ("a", "b", "c")], ids=lambda value: type(value).__name__
)
def test_what_is_no_text_is_a_type_error(given: Any) -> None:  # noqa: ANN401  # wrong on purpose
    with pytest.raises(TypeError, match="a token is str or bytes"):
        tokens.parse(given)


# Sizes that do not fit in a vector.


@pytest.mark.parametrize("size", [tokens.MAX_TOKEN_SIZE + 1, 4 * tokens.MAX_TOKEN_SIZE])
@pytest.mark.parametrize("filling", ["A", ".", "é"])
def test_a_token_above_a_mebibyte_is_not_looked_at(size: int, filling: str) -> None:
    with pytest.raises(TokenError, match="at most 1048576 bytes"):
        tokens.parse(filling * size)
    with pytest.raises(TokenError, match="at most 1048576 bytes"):
        tokens.parse((filling * size).encode())


@every_kind
@pytest.mark.parametrize(
    "nested",
    ["[" * 100_000 + "]" * 100_000, '{"a":' * 100_000 + "1" + "}" * 100_000, "[" * 100_000, '[{"a":' * 50_000],
    ids=["lists", "objects", "lists without an end", "mixed without an end"],
)
@pytest.mark.parametrize("place", ["top", "nats", "known", "alone", "header"])
def test_nesting_of_100_000_is_refused(kind: str, nested: str, place: str) -> None:
    sound = json.dumps(document(kind, {"news": "x"}, new="x"), separators=(",", ":"))
    if place == "header":
        text = seal(sound, SIGNERS[kind], HEADER.replace(b"{", b'{"x":' + nested.encode() + b",", 1))
    else:
        old, new = {
            "top": ('"new":"x"', f'"new":{nested}'),
            "nats": ('"news":"x"', f'"news":{nested}'),
            "known": ('"news":"x"', f'"tags":{nested}'),
            "alone": (sound, nested),
        }[place]
        text = seal(sound.replace(old, new), SIGNERS[kind])
    assert outcome(tokens.parse, text, KINDS[kind]) == "TokenError"
    assert outcome(tokens.parse, text) == "TokenError"


@pytest.mark.parametrize(
    "filling",
    [b'\\"', b'""', b'"', b"\\", b'"\\', b'\\"[', b'"]', b"a", b"[]"],
    ids=["escaped quotes", "empty texts", "quotes", "backslashes", "escapes of nothing", "brackets in a text without an"
         " end", "brackets", "letters", "pairs"],
)  # fmt: skip
def test_a_long_text_with_brackets_is_looked_at_once(filling: bytes) -> None:
    # Seen: a pattern that goes back took 20 s for the first of these, and 40 minutes where a mebibyte is full of it.
    payload = b'{"a":' + b"[" * 65 + b'"' + filling * (60_000 // len(filling))
    began = time.process_time()
    for text in (seal(payload, ACCOUNT), seal(payload + b'"' + b"]" * 65 + b"}", ACCOUNT)):
        assert outcome(tokens.parse, text, UserClaims) == "TokenError"
    assert time.process_time() - began < 1  # a thousand times what it takes


@pytest.mark.parametrize("member", ["name", "new"])
def test_a_long_text_and_a_long_list_are_fine(member: str) -> None:
    text = forge("user", {"tags": ["a"] * 50_000}, **{member: "[{" * 50_000})
    assert len(tokens.verify(text, UserClaims).claims.nats.tags) == 50_000


# The name under which unknown members are kept.


@pytest.mark.parametrize(
    "nats",
    [
        {"revocations": {"natscreds:unknown": 5}},
        {"limits": {"tiered_limits": {"natscreds:unknown": {"streams": 5}}}},
        {"limits": {"tiered_limits": {"natscreds:unknown": {}}}},
        {"mappings": {"natscreds:unknown": []}},
        {"mappings": {"natscreds:unknown": [{"subject": "a"}]}},
        {"exports": [{"subject": "a", "revocations": {"natscreds:unknown": 5}}]},
    ],
    ids=["revocations", "a tier", "an empty tier", "an empty mapping", "a mapping", "an export's revocations"],
)
@pytest.mark.parametrize("news", [{}, {"news": 1}], ids=["alone", "beside a new member"])
def test_the_hidden_name_as_a_maps_key_is_kept_or_not_signed(nats: dict[str, Any], news: dict[str, Any]) -> None:
    text = forge("account", {**nats, **news})
    claims = tokens.verify(text, AccountClaims).claims
    result = outcome(lambda: tokens.sign(claims, SIGNERS["account"], issued_at=5, check=False))
    assert result == ("InvalidClaimsError" if news else "ok")
    if not news:
        again = tokens.sign(claims, SIGNERS["account"], issued_at=5, check=False)
        assert json.loads(payload_of(again))["nats"].items() >= nats.items()


@pytest.mark.parametrize("value", ["{}", '{"a":1}', "null", "1", '"a"', "[]"])
def test_the_hidden_name_as_a_member_of_any_value_is_refused(value: str) -> None:
    sound = json.dumps(document("user", {"news": "x"}))
    text = seal(sound.replace('"news": "x"', f'"natscreds:unknown": {value}'), ACCOUNT)
    with pytest.raises(TokenError, match="kept for this library"):
        tokens.parse(text, UserClaims)


# A token with one step broken never passes.


@each(row for row in REFERENCE if row.claim_type in KINDS)
@given(data=st.data())
def test_a_changed_character_never_verifies(row: Reference, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(row.token) - 1))
    new = data.draw(st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \n\0é"))
    if new == row.token[at]:
        return
    changed = row.token[:at] + new + row.token[at + 1 :]
    assert outcome(tokens.verify, changed) in {"TokenError", "BadSignatureError", "WrongKeyTypeError"}
    assert outcome(tokens.verify, changed.encode("utf-8", "surrogatepass")) != "ok"


@each(row for row in REFERENCE if row.claim_type in KINDS)
@given(data=st.data())
def test_a_changed_byte_before_encoding_never_verifies(row: Reference, data: st.DataObject) -> None:
    parts = [unchunk(part) for part in row.token.split(".")]
    which = data.draw(st.integers(0, 2))
    at = data.draw(st.integers(0, len(parts[which]) - 1))
    flipped = bytearray(parts[which])
    flipped[at] ^= data.draw(st.integers(1, 255))
    parts[which] = bytes(flipped)
    text = ".".join(map(chunk, parts))
    assert outcome(tokens.verify, text) in {"TokenError", "BadSignatureError", "WrongKeyTypeError"}


# Any text gives a value or an error of ours.

OURS = (MalformedError, VerificationError, WrongKeyTypeError)

odd_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def read_all(text: str | bytes) -> None:
    for kind in (None, *KINDS.values()):
        try:
            token = tokens.verify(text, kind) if kind is not None else tokens.verify(text)
        except OURS:
            continue
        assert isinstance(token.claims, Claims)


@given(text=st.text() | st.binary())
@example("\ud800.\ud800.\ud800")
@example("..")
@example(b"\xff.\xff.\xff")
def test_any_text_gives_a_value_or_an_error_of_ours(text: str | bytes) -> None:
    read_all(text)


@given(parts=st.lists(st.text(max_size=20) | st.binary(max_size=80).map(chunk), min_size=3, max_size=3))
def test_any_three_chunks_give_a_value_or_an_error_of_ours(parts: list[str]) -> None:
    read_all(".".join(parts))


@given(payload=st.binary() | st.text().map(lambda text: text.encode("utf-8", "surrogatepass")), header=st.binary())
def test_any_payload_under_a_sound_signature_gives_a_value_or_an_error_of_ours(payload: bytes, header: bytes) -> None:
    read_all(seal(payload, ACCOUNT))
    read_all(seal(payload, ACCOUNT, header))


@every_kind
@given(data=st.data())
def test_any_value_for_a_member_gives_a_value_or_an_error_of_ours(kind: str, data: st.DataObject) -> None:
    claims = document(kind)
    place = claims["nats"] if data.draw(st.booleans()) else claims
    names = (KINDS[kind] if place is claims else type(KINDS[kind]().body)).__struct_fields__
    place[data.draw(st.sampled_from(names[1:]))] = data.draw(odd_json)
    read_all(seal(json.dumps(claims), SIGNERS[kind]))


@every_kind
@given(data=st.data())
def test_a_payload_with_bytes_cut_out_or_put_in_gives_a_value_or_an_error_of_ours(
    kind: str, data: st.DataObject
) -> None:
    rows = [row for row in REFERENCE if row.claim_type == kind]
    payload = data.draw(st.sampled_from(rows)).payload_json.encode()
    first, last = sorted(data.draw(st.tuples(*[st.integers(0, len(payload))] * 2)))
    put = data.draw(
        st.binary(max_size=4) | st.sampled_from([b'"', b"}", b"[", b",", b"\\", b"\\ud800", b"null", b"1e9"])
    )
    broken = payload[:first] + put + payload[first if data.draw(st.booleans()) else last :]
    read_all(seal(broken, SIGNERS[kind]))


@given(payload=st.binary())
def test_the_careful_reading_is_total_by_itself(payload: bytes) -> None:
    for kind in KINDS.values():
        with contextlib.suppress(TokenError):
            assert isinstance(reread(payload, kind), kind)


def test_errors_do_not_repeat_a_seed_that_came_in_place_of_a_token() -> None:
    for text in (ACCOUNT.seed, f"{ACCOUNT.seed}.{ACCOUNT.seed}.{ACCOUNT.seed}"):
        with pytest.raises(TokenError) as caught:
            tokens.parse(text)
        assert ACCOUNT.seed not in str(caught.value)


def test_a_bad_signature_is_told_from_a_malformed_token() -> None:
    head, body, _ = forge("user").split(".")
    assert tokens.parse(f"{head}.{body}.{chunk(bytes(64))}", UserClaims).claims.sub
    with pytest.raises(BadSignatureError):
        tokens.parse(f"{head}.{body}.{chunk(bytes(64))}", UserClaims).verify()
