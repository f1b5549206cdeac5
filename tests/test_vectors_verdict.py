"""The reference's own vectors, of every kind: what it signed, what it read, and what it thought of it."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, cast

import msgspec
import pytest
from both_sides import MODELS, count, known, told_once
from claim_choices import NOW
from reference_words import code_of
from token_forge import payload_of
from token_vectors import CLOCK, FOLDER, MORE, REFERENCE, SEEDS, More, Reference, each

from natscreds import tokens
from natscreds.claims import ActivationClaims, Claims, GenericClaims, decode, encode
from natscreds.errors import TokenError
from natscreds.nkeys import KeyPair


class Version1(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A version 1 token, and the claims that the reference reads from it."""

    name: str
    token: str
    payload_json: str
    generic_json: str
    migrated_json: str = ""
    issues_after_decode: list[Any] = []
    decode_rejected: bool = False


class HashId(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    issuer: str
    subject: str
    import_subject: str
    hash_id: str


FILE = msgspec.json.decode((FOLDER / "reference.json").read_bytes(), type=dict[str, msgspec.Raw])
VERSION_1 = msgspec.json.decode(FILE["jwt_v1"], type=list[Version1])
HASH_IDS = msgspec.json.decode(FILE["activation_hash_id"], type=list[HashId])
READ_AS_KIND = [row for row in VERSION_1 if row.migrated_json and row.name != "v1-generic"]
more = pytest.mark.parametrize("row", MORE, ids=[f"{row.kind}-{at}" for at, row in enumerate(MORE)])


def read(token: str, kind: str) -> Claims:
    return tokens.verify(token, MODELS[kind]).claims


def test_every_kind_is_there() -> None:
    assert {row.claim_type for row in REFERENCE} == set(MODELS)
    assert {row.kind for row in MORE} == set(MODELS) - {"generic"}
    assert len(MORE) == 180
    assert len(VERSION_1) == 7
    assert len(READ_AS_KIND) == 4


@each(REFERENCE)
def test_a_token_is_signed_byte_for_byte(row: Reference) -> None:
    # Once from claims in memory, once from those read from the token: a role's zeros are in the first only.
    signer = KeyPair.parse(SEEDS[row.signer])
    for claims in (decode(row.payload_json.encode(), MODELS[row.claim_type]), read(row.token, row.claim_type)):
        signed = tokens.sign(claims, signer, issued_at=CLOCK, check=False)
        assert json.loads(payload_of(signed))["jti"] == row.jti
        if payload_of(signed) == row.payload_json.encode():
            assert signed == row.token
        else:
            assert row.payload_json != row.reencoded_json
            assert claims == read(row.token, row.claim_type)


@each(REFERENCE)
def test_a_token_is_read_as_the_reference_reads_it(row: Reference) -> None:
    assert encode(read(row.token, row.claim_type)).decode() == row.reencoded_json


@each(REFERENCE)
def test_the_verdict_on_a_token_is_the_references(row: Reference) -> None:
    issues = [cast("dict[str, bool]", msgspec.json.decode(raw)) for raw in row.issues_after_decode]
    said = Counter("error" if one["blocking"] else "time" if one["time_check"] else "warning" for one in issues)
    ours = known(read(row.token, row.claim_type).check(NOW))
    assert Counter(name.split()[0] for name in ours.elements()) == said


@more
def test_the_verdict_on_a_random_token_is_the_references(row: More) -> None:
    ours = known(read(row.token, row.kind).check(NOW))
    theirs = Counter(f"error {code_of(issue, row.kind)}" for issue in row.issues or ())
    once = told_once(theirs)
    assert Counter(name.split()[1] for name in ours.elements()) == Counter(name.split()[1] for name in once.elements())
    wanted = (row.errors - (theirs - once).total(), row.warnings, row.time_checks, row.blocking)
    assert tuple(count(ours, severity) for severity in ("error", "warning", "time")) == wanted[:3]
    assert bool(count(ours, "error")) is row.blocking


@pytest.mark.parametrize("row", READ_AS_KIND, ids=lambda row: row.name)
def test_a_version_1_token_is_migrated_as_the_reference_does(row: Version1) -> None:
    token = tokens.verify(row.token)
    assert (token.version, encode(token.claims).decode()) == (1, row.migrated_json)
    assert known(token.claims.check(NOW)) == Counter()
    assert not row.issues_after_decode


@pytest.mark.parametrize("row", VERSION_1, ids=lambda row: row.name)
def test_a_version_1_token_is_read_as_generic_claims_too(row: Version1) -> None:
    # What stands beside the data and is not of it is dropped there, kept here.
    claims = json.loads(encode(tokens.verify(row.token, GenericClaims).claims))
    claims.pop("issuer_account", None)
    assert claims == json.loads(row.generic_json)


@pytest.mark.parametrize("row", [row for row in VERSION_1 if row.decode_rejected], ids=lambda row: row.name)
def test_a_kind_that_is_gone_is_refused_but_as_generic_claims(row: Version1) -> None:
    with pytest.raises(TokenError, match="are read no more"):
        tokens.verify(row.token)


@pytest.mark.parametrize("row", HASH_IDS, ids=lambda row: row.import_subject)
def test_an_activation_has_the_references_hash_id(row: HashId) -> None:
    claims = ActivationClaims(iss=row.issuer, sub=row.subject).replace(subject=row.import_subject)
    assert claims.hash_id() == row.hash_id
