"""The .creds text: byte for byte what nsc writes, and what is read or refused."""

import base64
import json
import os
import pickle
import stat
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from nats.aio.client import RawCredentials

from natscreds import Creds, KeyPair, KeyType, Operator, User
from natscreds.creds import read_seed, write_seed
from natscreds.errors import CredsError, MissingKeyError, NkeyError, StorageError, WrongKeyTypeError

REFERENCE: dict[str, Any] = json.loads((Path(__file__).parent / "vectors" / "reference.json").read_text())["creds"]
TEXT: str = REFERENCE["creds_file"]
JWT_BLOCK, SEED_BLOCK = TEXT.split("\n\n", 1)
ACCOUNT = Operator.create("acme").create_account("orders")


@pytest.fixture(scope="module")
def user() -> User:
    return ACCOUNT.create_user("svc", publish=["a"], subscribe=["b"], expires_in=timedelta(hours=1))


def test_the_text_is_the_references_byte_for_byte() -> None:
    assert Creds(REFERENCE["token"], REFERENCE["seed"]).text == TEXT


def test_what_is_written_reads_back_the_same(user: User) -> None:
    again = Creds.parse(user.creds.text)
    assert (again.jwt, again.seed, again.public, again.text) == (user.jwt, user.seed, user.public, user.creds.text)
    assert again == user.creds
    assert hash(again) == hash(user.creds)


ACCEPTED = {
    "as written": TEXT,
    "as bytes": TEXT.encode(),
    "CRLF": TEXT.replace("\n", "\r\n"),
    "without the last line end": TEXT.rstrip("\n"),
    "ended by the seed's END line": TEXT[: TEXT.index("------END USER NKEY SEED------") + 30],
    "words in front": "made for tests\n\n" + TEXT,
    "words behind": TEXT + "\nnever use it\n",
    "more dashes": TEXT.replace("-----BEGIN", "--------BEGIN"),
    "three dashes": TEXT.replace("-----BEGIN", "---BEGIN").replace("WT-----", "WT---", 1),
}


@pytest.mark.parametrize("text", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_what_clients_read_is_read(text: str | bytes) -> None:
    creds = Creds.parse(text)
    assert (creds.jwt, creds.seed) == (REFERENCE["token"], REFERENCE["seed"])


OTHER_SEED = KeyPair.generate(KeyType.USER).seed
BEGIN_SEED = "-----BEGIN USER NKEY SEED-----"
REFUSED = {
    "empty": ("", "token after a line"),
    "only a token": (REFERENCE["token"], "token after a line"),
    "no token": (SEED_BLOCK, "token after a line"),
    "no seed": (JWT_BLOCK + "\n", "seed after a line"),
    "parts swapped": (SEED_BLOCK + "\n" + JWT_BLOCK + "\n", "token first"),
    "another user's seed": (TEXT.replace(REFERENCE["seed"], OTHER_SEED), "of one user"),
    "an account's seed": (
        TEXT.replace(REFERENCE["seed"], KeyPair.generate(KeyType.ACCOUNT).seed),
        "seed in the creds does not parse: a key of type user",
    ),
    "a changed letter": (TEXT.replace(REFERENCE["seed"], REFERENCE["seed"][:-3] + "AAA"), "seed in the creds"),
    "seed cut": (TEXT.replace(REFERENCE["seed"], REFERENCE["seed"][:-1]), "58 characters"),
    "seed in lower case": (TEXT.replace(REFERENCE["seed"], REFERENCE["seed"].lower()), "not base32"),
    "token cut": (TEXT.replace(REFERENCE["token"], REFERENCE["token"][:-1]), "token in the creds"),
    "an account's token": (TEXT.replace(REFERENCE["token"], ACCOUNT.jwt), "expected user claims"),
    "blank line before the token": (TEXT.replace("JWT-----\n", "JWT-----\n\n", 1), "one line"),
    "blank line before END": (TEXT.replace("\n------END NATS", "\n\n------END NATS"), "one line"),
    "token on two lines": (TEXT.replace(".", "\n.", 1), "one line"),
    "blank behind the token": (TEXT.replace(REFERENCE["token"], REFERENCE["token"] + " "), "letters, digits"),
    "indented token": (TEXT.replace(REFERENCE["token"], " " + REFERENCE["token"]), "letters, digits"),
    "lone CR": (TEXT.replace("\n", "\r"), "BEGIN and END lines"),
    "another label for the token": (TEXT.replace("NATS USER JWT", "USER JWT"), "token after a line"),
    "another label for the seed": (TEXT.replace("USER NKEY SEED", "NKEY SEED"), "seed after a line"),
    "no END": (TEXT[: TEXT.index("\n------END USER NKEY")], "one line"),
    "words before the label": ("about BEGIN NATS USER JWT blocks\n" + TEXT, "not the banner"),
    "a block in front": ("-----BEGIN X-----\nabc\n------END X------\n" + TEXT, "not the banner"),
    "a token that is not ASCII": (TEXT.replace(REFERENCE["token"], REFERENCE["token"] + "é"), "letters, digits"),
    "2 MiB": (TEXT + " " * 2_000_000, "at most"),
    "a megabyte of dashes": ("-" * 1_000_000, "token after a line"),
    "lines of dashes": ("BEGIN NATS USER JWT BEGIN USER NKEY SEED" + "\n---------" * 90_000, "not the banner"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "rule"), REFUSED.values(), ids=REFUSED.keys())
def test_what_a_client_hangs_on_or_reads_otherwise_is_refused(text: str, rule: str) -> None:
    with pytest.raises(CredsError) as caught:
        Creds.parse(text)
    assert rule in str(caught.value)
    assert caught.value.__context__ is None
    assert REFERENCE["seed"] not in str(caught.value)
    assert OTHER_SEED not in str(caught.value)


def test_something_else_than_text_is_a_type_error() -> None:
    with pytest.raises(TypeError):
        Creds.parse(5)  # type: ignore[arg-type]


def test_the_one_line_form_is_base64_of_the_text(user: User) -> None:
    line = user.creds.base64
    assert base64.b64decode(line).decode() == user.creds.text
    assert "\n" not in line
    assert Creds.parse_base64(line + "\n") == user.creds


@pytest.mark.parametrize("text", ["", "%%%", "abc", base64.b64encode(b"nothing").decode()])
def test_a_one_line_form_that_holds_no_creds_is_refused(text: str) -> None:
    with pytest.raises(CredsError):
        Creds.parse_base64(text)


def test_the_arguments_for_nats_py_are_what_its_own_reader_makes(user: User) -> None:
    arguments = user.creds.nats_py()
    raw = RawCredentials(user.creds.text)
    assert arguments["user_jwt_cb"]().decode() == user.jwt
    assert user.jwt in str(raw)
    signature = base64.b64decode(arguments["signature_cb"]("a-nonce"))
    assert signature == KeyPair.parse(user.seed).sign(b"a-nonce")
    assert "inbox_prefix" not in arguments


def test_a_private_inbox_is_told_to_nats_py() -> None:
    user = ACCOUNT.create_user("svc", publish=["a"], private_inbox=True, expires_in=timedelta(hours=1))
    prefix = f"_INBOX.{user.public}"
    assert user.creds.nats_py().get("inbox_prefix") == prefix
    read = Creds.parse(user.creds.text)
    assert read.nats_py().get("inbox_prefix") == prefix
    assert "inbox_prefix" not in read.nats_py(private_inbox=False)


def test_a_user_known_by_its_public_key_has_no_creds() -> None:
    user = ACCOUNT.create_user("svc", publish=["a"], key=KeyPair.generate(KeyType.USER).public)
    with pytest.raises(MissingKeyError):
        user.creds  # noqa: B018
    with pytest.raises(MissingKeyError):
        user.seed  # noqa: B018


def test_creds_are_written_for_their_owner_only_and_never_over_a_file(user: User, tmp_path: Path) -> None:
    path = tmp_path / "svc.creds"
    user.creds.write(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert Creds.read(path) == user.creds
    with pytest.raises(StorageError):
        user.creds.write(path)
    user.creds.write(path, replace=True)
    assert os.listdir(tmp_path) == ["svc.creds"]


def test_a_seed_file_holds_the_seed_and_a_line_end(tmp_path: Path) -> None:
    pair = KeyPair.generate(KeyType.OPERATOR)
    path = tmp_path / "op.nk"
    write_seed(pair, path)
    assert path.read_text() == pair.seed + "\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_seed(path).seed == pair.seed
    with pytest.raises(StorageError):
        write_seed(pair, path)
    with pytest.raises(WrongKeyTypeError):
        read_seed(path, KeyType.ACCOUNT)


def test_a_seed_file_without_a_seed_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "op.nk"
    path.write_text("nothing\n")
    with pytest.raises(NkeyError):
        read_seed(path)


def test_a_public_key_has_no_seed_to_write(tmp_path: Path) -> None:
    with pytest.raises(MissingKeyError):
        write_seed(KeyPair.generate(KeyType.USER).public, tmp_path / "u.nk")  # type: ignore[arg-type]
    assert os.listdir(tmp_path) == []


def test_repr_shows_the_public_key_only(user: User) -> None:
    for shown in (repr(user.creds), str(user.creds), f"{user.creds}", repr(user), str(user)):
        assert user.public in shown
        assert user.seed not in shown
    assert not hasattr(user.creds, "__dict__")
    with pytest.raises(TypeError):
        json.dumps(user.creds)


def test_creds_pickle_and_say_so(user: User) -> None:
    assert pickle.loads(pickle.dumps(user.creds)).text == user.creds.text  # noqa: S301
    assert "Pickles" in str(Creds.__reduce__.__doc__)
