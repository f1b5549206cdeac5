"""What stands beside the users' files: the manifest and the job's record; and where many files lie."""

import fcntl
import json
import os
import stat
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from written_people import BESIDE, Someone, contents, rows

from natscreds import Account, Creds, Operator, User, UserTemplate, issue_users
from natscreds.bulk import Users
from natscreds.creds.files import SecretDirectory, file_name
from natscreds.errors import MissingKeyError, StorageError
from natscreds.nkeys import KeyPair, KeyType
from natscreds.writers import write_directory, write_jsonl, write_kubernetes

OPERATOR = Operator.create("acme")
ACCOUNT = OPERATOR.add_role(OPERATOR.create_account("orders"), "device", publish=["d.{{name()}}.>"])
TEMPLATE = UserTemplate(role="device", expires_at=4_000_000_000)
SECRET = bytes(range(32))


def users(names: Any, **keywords: Any) -> Users:  # noqa: ANN401
    return issue_users(ACCOUNT, names, TEMPLATE, **keywords)


# --- the manifest


def test_a_row_tells_of_one_user_and_holds_no_secret(tmp_path: Path) -> None:
    issued = list(users(["d-1", "D-2"]))
    report = write_directory(iter(issued), tmp_path / "out")
    assert report.manifest == str(tmp_path / "out" / "manifest.jsonl")
    text = Path(report.manifest).read_text()
    assert not any(user.seed in text or user.jwt.rpartition(".")[2] in text for user in issued)
    assert rows(Path(report.manifest)) == [
        {
            "name": user.name,
            "public": user.public,
            "account": ACCOUNT.public,
            "iat": user.claims.iat,
            "exp": 4_000_000_000,
            "jti": user.claims.jti,
            "file": file_name(user.name) + ".creds",
        }
        for user in issued
    ]


def test_rows_tell_the_generation_of_derived_keys(tmp_path: Path) -> None:
    write_directory(users(["a", "b"], derive_from=SECRET, generations={"b": 3}), tmp_path / "out")
    write_directory(users(["a", "b", "c"], derive_from=SECRET, generations={"b": 3}), tmp_path / "out", resume=True)
    assert [row["generation"] for row in rows(tmp_path / "out" / "manifest.jsonl")] == [0, 3, 0]
    assert json.loads((tmp_path / "out" / "job.json").read_text())["terms"]["derived"] is True
    for path in (tmp_path / "out").iterdir():
        assert SECRET.hex() not in path.read_text()


def test_an_account_that_signs_itself_is_told_too(tmp_path: Path) -> None:
    account = Operator.create("acme").create_account("bare")
    own = Account.load(account.jwt, keys=[account.key] if account.key else [])
    write_directory([own.create_user("a")], tmp_path / "out")
    assert [row["account"] for row in rows(tmp_path / "out" / "manifest.jsonl")] == [account.public]


def test_a_row_comes_after_its_file(tmp_path: Path) -> None:
    def looking() -> Iterator[Someone]:
        for number in range(200):
            told = rows(tmp_path / "out" / "manifest.jsonl") if number else []
            assert len(told) >= number - 32
            assert {row["file"] for row in told} <= set(os.listdir(tmp_path / "out")) if number else True
            yield Someone(str(number))

    write_directory(looking(), tmp_path / "out")
    assert len(rows(tmp_path / "out" / "manifest.jsonl")) == 200


def test_users_that_were_written_before_an_error_have_their_rows(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="'a' came twice"):
        write_directory([Someone("a"), Someone("b"), Someone("a")], tmp_path / "out")
    assert [row["name"] for row in rows(tmp_path / "out" / "manifest.jsonl")] == ["a", "b"]


def test_a_first_run_writes_what_one_that_may_go_on_writes(tmp_path: Path) -> None:
    """A first run takes the quick path, the other one the plain path."""
    names = [f"d-{number}" for number in range(70)]
    for shard in (False, True):
        for resume in (False, True):
            run = users(names, derive_from=SECRET, issued_at=1_700_000_000)
            write_directory(run, tmp_path / f"{shard} {resume}", resume=resume, shard=shard)
        quick, plain = (
            {
                str(path.relative_to(out)): path.read_bytes()
                for path in out.rglob("*")
                if path.is_file() and path.name != "job.json"
            }
            for out in (tmp_path / f"{shard} False", tmp_path / f"{shard} True")
        )
        assert quick == plain
        assert len(quick) == 71


def test_users_before_one_without_a_seed_are_written_and_noted(tmp_path: Path) -> None:
    device = KeyPair.generate(KeyType.USER)
    last = ACCOUNT.create_user("c", publish=["a"], key=device.public)
    with pytest.raises(MissingKeyError):
        write_directory([*users(["a", "b"]), last, *users(["d"])], tmp_path / "out")
    assert sorted(contents(tmp_path / "out")) == ["a.creds", "b.creds"]
    assert [row["name"] for row in rows(tmp_path / "out" / "manifest.jsonl")] == ["a", "b"]


def test_a_user_without_a_token_is_refused(tmp_path: Path) -> None:
    for text in ("no creds", "-----BEGIN NATS USER JWT-----\nno.token.\n", "-----BEGIN NATS USER JWT-----\nx"):
        bad = Someone("b")
        bad.creds.text = text
        with pytest.raises(StorageError) as caught:
            write_directory([Someone("a"), bad], tmp_path / f"{len(text)}")
        assert caught.value.__context__ is None
        assert list(contents(tmp_path / f"{len(text)}")) == ["a.creds"]


def test_creds_that_others_wrote_are_written_as_they_are(tmp_path: Path) -> None:
    user = next(users(["d-1"]))
    loose = Someone("d-1")
    loose.creds.text = "hello\r\n" + user.creds.text.replace("\n", "\r\n")
    write_directory([loose], tmp_path / "out")
    assert (tmp_path / "out" / "d-1.creds").read_bytes() == loose.creds.text.encode()
    assert rows(tmp_path / "out" / "manifest.jsonl")[0]["public"] == user.public


# --- the record of the job


def test_the_record_says_what_job_it_is(tmp_path: Path) -> None:
    run = users(["a"], issued_at=1_700_000_000)
    write_directory(run, tmp_path / "out")
    record = json.loads((tmp_path / "out" / "job.json").read_text())
    assert record == {
        "format": 1,
        "job": run.job,
        "writer": "directory",
        "sharded": False,
        "terms": {
            "account": ACCOUNT.public,
            "issuer": ACCOUNT.roles["device"].public,
            "role": "device",
            "template": TEMPLATE.digest,
            "derived": False,
            "generations": "",
            "issued_at": 1_700_000_000,
        },
    }
    assert stat.S_IMODE((tmp_path / "out" / "job.json").stat().st_mode) == 0o600


def test_of_plain_users_the_first_tells_account_and_issuer(tmp_path: Path) -> None:
    write_directory(list(users(["a"])), tmp_path / "out")
    record = json.loads((tmp_path / "out" / "job.json").read_text())
    assert record["terms"] == {"account": ACCOUNT.public, "issuer": ACCOUNT.roles["device"].public}
    write_directory([], tmp_path / "none")
    assert write_directory(users(["a"]), tmp_path / "none", resume=True).written == 1


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format":1}', "\0" * 100])
def test_a_damaged_record_is_refused(tmp_path: Path, text: str) -> None:
    write_directory(users(["a"]), tmp_path / "out")
    (tmp_path / "out" / "job.json").write_text(text)
    with pytest.raises(StorageError, match=r"'job.json', which says what job .*, does not parse"):
        write_directory(users(["a"]), tmp_path / "out", resume=True)


def test_a_record_of_a_later_format_is_refused(tmp_path: Path) -> None:
    write_directory(users(["a"]), tmp_path / "out")
    record = json.loads((tmp_path / "out" / "job.json").read_text())
    (tmp_path / "out" / "job.json").write_text(json.dumps({**record, "format": 2}))
    with pytest.raises(StorageError, match="is of format 2, not 1"):
        write_directory(users(["a"]), tmp_path / "out", resume=True)


def test_a_link_in_the_place_of_the_record_is_not_followed(tmp_path: Path) -> None:
    write_directory(users(["a"]), tmp_path / "real")
    (tmp_path / "out").mkdir(0o700)
    for name in BESIDE:
        (tmp_path / "out" / name).symlink_to(tmp_path / "real" / name)
    with pytest.raises(StorageError, match="is a symbolic link"):
        write_directory(users(["a"]), tmp_path / "out", resume=True)
    (tmp_path / "out" / "job.json").unlink()
    os.link(tmp_path / "real" / "job.json", tmp_path / "out" / "job.json")
    with pytest.raises(StorageError, match="has another name"):
        write_directory(users(["a"]), tmp_path / "out", resume=True)


def test_another_writer_is_not_let_in(tmp_path: Path) -> None:
    """While one writes, a second one is refused, and takes no user."""
    out = tmp_path / "out"
    second = users(["x", "y"])

    def first() -> Iterator[User]:
        for number, user in enumerate(users([f"d-{number}" for number in range(70)])):
            if number == 50:
                for resume in (True, False):
                    with pytest.raises(StorageError, match="one writer at a time: another one is at"):
                        write_directory(second, out, resume=resume)
            yield user

    assert write_directory(first(), out).written == 70
    assert len(second) == 2
    assert write_directory(users(["x"]), out, resume=True).written == 1


def test_a_lock_of_another_process_counts(tmp_path: Path) -> None:
    write_directory(users(["a"]), tmp_path / "out")
    with open(tmp_path / "out" / "job.json") as record:
        fcntl.flock(record, fcntl.LOCK_EX)
        with pytest.raises(StorageError, match="one writer at a time"):
            write_directory(users(["a"]), tmp_path / "out", resume=True)
    write_directory(users(["a"]), tmp_path / "out", resume=True)


def test_other_writers_do_not_go_on_with_it(tmp_path: Path) -> None:
    write_directory(users(["a"]), tmp_path / "out")
    with pytest.raises(StorageError, match="writer 'directory' there, 'kubernetes' here"):
        write_kubernetes(users(["a"]), tmp_path / "out", resume=True)
    write_kubernetes(users(["a"]), tmp_path / "k8s", namespace="one")
    with pytest.raises(StorageError, match="is of another job: namespace 'one' there, 'two' here"):
        write_kubernetes(users(["a"]), tmp_path / "k8s", namespace="two", resume=True)


def test_unfinished_files_of_this_job_are_removed_and_others_stay(tmp_path: Path) -> None:
    """Where files cannot be without a name, a killed writer leaves one with a passing name."""
    run = users(["a"])
    write_directory(run, tmp_path / "out")
    for mark in (run.job, "0" * 32):
        with SecretDirectory(tmp_path / "out") as files:
            files.mark = mark
            draft = files.draft("b.creds", replace=True)
            draft.file.close()
    assert len(os.listdir(tmp_path / "out")) == 5
    write_directory(users(["a"]), tmp_path / "out", resume=True)
    left = set(os.listdir(tmp_path / "out")) - BESIDE - {"a.creds"}
    assert [name.split(".")[-2] for name in left] == ["0" * 32]


# --- many files


def test_many_files_lie_in_directories_by_a_hash_of_the_name(tmp_path: Path) -> None:
    names = [f"d-{number}" for number in range(600)]
    write_directory(users(names[:500]), tmp_path / "out", shard=True)
    report = write_directory(users(names), tmp_path / "out", resume=True)  # what is recorded wins
    assert (report.written, report.kept) == (100, 500)
    found = {row["name"]: row["file"] for row in rows(tmp_path / "out" / "manifest.jsonl")}
    assert found == {name: f"{sha256(name.encode()).hexdigest()[:2]}/{name}.creds" for name in names}
    for name, file in found.items():
        path = tmp_path / "out" / file
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert User.load(Creds.read(path).jwt).name == name
    assert json.loads((tmp_path / "out" / "job.json").read_text())["sharded"] is True
    assert sum(len(files) for _, _, files in os.walk(tmp_path / "out")) == 602


@pytest.mark.parametrize(
    ("count", "shard", "sharded"),
    [(10_000, None, False), (10_001, None, True), (None, None, False), (10_001, False, False), (None, True, True)],
)
def test_the_length_decides_where_nothing_is_said(
    tmp_path: Path, count: int | None, shard: bool | None, sharded: bool
) -> None:
    class Announced:
        """Says that many come, and yields one."""

        def __iter__(self) -> Iterator[Someone]:
            return iter([Someone("a")])

        def __len__(self) -> int:
            if count is None:
                raise TypeError
            return count

    write_directory(Announced(), tmp_path / "out", shard=shard)
    shards = [path for path in (tmp_path / "out").iterdir() if path.is_dir()]
    assert len(shards) == sharded


def test_what_is_damaged_in_a_shard_is_replaced(tmp_path: Path) -> None:
    names = [f"d-{number}" for number in range(300)]
    write_directory(users(names), tmp_path / "out", shard=True)
    damaged = tmp_path / "out" / rows(tmp_path / "out" / "manifest.jsonl")[7]["file"]
    damaged.write_text("")
    report = write_directory(users(names), tmp_path / "out", resume=True)
    assert (report.written, report.kept, report.replaced) == (0, 299, 1)
    assert Creds.read(damaged)


@pytest.mark.parametrize("shard", [False, True])
def test_no_descriptor_is_left_open(tmp_path: Path, shard: bool) -> None:
    before = set(os.listdir("/proc/self/fd"))
    names = [f"d-{number}" for number in range(400)]
    write_directory(users(names), tmp_path / "out", shard=shard)
    write_directory(users(names), tmp_path / "out", shard=shard, resume=True, fsync=True)
    write_jsonl(users(names), tmp_path / "lines")
    assert set(os.listdir("/proc/self/fd")) == before


def test_a_link_in_the_place_of_a_shard_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir(0o700)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out" / sha256(b"d-1").hexdigest()[:2]).symlink_to("../elsewhere")
    with pytest.raises(StorageError, match="symbolic link"):
        write_directory(users(["d-1"]), tmp_path / "out", shard=True)
    assert os.listdir(tmp_path / "elsewhere") == []
