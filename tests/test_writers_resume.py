"""Going on with a directory: what is whole and of this job stays, what is not is made anew, another's is left alone."""

import json
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from written_people import TWO_NAMES_ONE_FILE, contents, rows

from natscreds import Account, Creds, Operator, User, UserTemplate, issue_users
from natscreds.bulk import Users
from natscreds.creds.files import file_name
from natscreds.errors import StorageError
from natscreds.writers import Report, write_directory

OPERATOR = Operator.create("acme")
ACCOUNT = OPERATOR.add_role(OPERATOR.create_account("orders"), "device", publish=["d.{{name()}}.>"])
OTHER = OPERATOR.create_account("other")
TEMPLATE = UserTemplate(publish=["devices.{name}.>"], private_inbox=True, expires_in=timedelta(days=1))
NAMES = [f"d-{number}" for number in range(40)]
SECRET = bytes(range(32))


def users(names: Any = NAMES, template: UserTemplate = TEMPLATE, account: Account = ACCOUNT, **keywords: Any) -> Users:  # noqa: ANN401
    return issue_users(account, names, template, **keywords)


def counts(report: Report) -> tuple[int, int, int]:
    return report.written, report.kept, report.replaced


def plain(names: list[str], **keywords: Any) -> Iterator[User]:  # noqa: ANN401
    """Yield users that do not know what job they are of, as a wrapper would."""
    yield from users(names, **keywords)


def check_whole(out: Path, names: list[str] = NAMES) -> None:
    """Every name has one sound credential, and its row tells of that one."""
    found = {row["name"]: row for row in rows(out / "manifest.jsonl")}
    assert len(found) == len(rows(out / "manifest.jsonl"))
    assert sorted(found) == sorted(names)
    for name, row in found.items():
        assert row["file"] == file_name(name) + ".creds"
        creds = Creds.read(out / row["file"])
        claims = User.load(creds.jwt, key=creds.seed).claims
        told = (claims.name, claims.sub, claims.account, claims.iat, claims.exp, claims.jti)
        assert told == (name, row["public"], row["account"], row["iat"], row["exp"], row["jti"])
    assert len(contents(out)) == len(names)


both = pytest.mark.parametrize("make", [users, plain], ids=["issued", "plain"])


# --- what stays


@both
def test_a_run_that_is_gone_on_with_keeps_what_is_there(tmp_path: Path, make: Any) -> None:  # noqa: ANN401
    first = write_directory(make(NAMES[:25]), tmp_path / "out", resume=True)
    before = contents(tmp_path / "out")
    again = write_directory(make(NAMES), tmp_path / "out", resume=True)
    assert (counts(first), counts(again)) == ((25, 0, 0), (15, 25, 0))
    assert before.items() <= contents(tmp_path / "out").items()
    assert [row["name"] for row in rows(tmp_path / "out" / "manifest.jsonl")] == NAMES
    check_whole(tmp_path / "out")


@both
def test_nothing_is_left_to_do_after_a_whole_run(tmp_path: Path, make: Any) -> None:  # noqa: ANN401
    write_directory(make(NAMES), tmp_path / "out")
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert counts(write_directory(make(NAMES), tmp_path / "out", resume=True)) == (0, 40, 0)
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


def test_users_that_are_whole_are_not_issued_again(tmp_path: Path) -> None:
    write_directory(users(NAMES[:25]), tmp_path / "out")
    again = users()
    write_directory(again, tmp_path / "out", resume=True)
    assert len(again) == 15


def test_only_resume_goes_on(tmp_path: Path) -> None:
    write_directory(users(), tmp_path / "out")
    before = contents(tmp_path / "out")
    again = users(["new"])
    with pytest.raises(StorageError, match=r"a directory holds one job, .* resume=True goes on with it"):
        write_directory(again, tmp_path / "out")
    assert contents(tmp_path / "out") == before
    assert list(again) == []  # closed


# --- what is made anew


def damage_empty(path: Path) -> None:
    path.write_bytes(b"")


def damage_torn(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:300])


def damage_zeros(path: Path) -> None:
    path.write_bytes(bytes(len(path.read_bytes())))


def damage_seed(path: Path) -> None:
    own, other = (User.load(user.jwt, key=user.seed) for user in users(["x", "y"]))
    path.write_text(path.read_text().replace(Creds.read(path).seed, other.seed))
    assert own.seed != other.seed


def damage_signature(path: Path) -> None:
    jwt = Creds.read(path).jwt
    head, signature = jwt.rsplit(".", 1)
    path.write_text(
        path.read_text().replace(jwt, f"{head}.{signature[:-3]}{'AAA' if signature[-3:-1] != 'AA' else 'QQA'}")
    )


damages = pytest.mark.parametrize(
    "damage", [damage_empty, damage_torn, damage_zeros, damage_seed, damage_signature, Path.unlink]
)


@both
@damages
def test_what_is_damaged_is_replaced(tmp_path: Path, make: Any, damage: Any) -> None:  # noqa: ANN401
    out = tmp_path / "out"
    write_directory(make(NAMES), out)
    before = contents(out)
    for name in ("d-3", "d-39"):
        damage(out / f"{name}.creds")
    gone = damage is Path.unlink
    report = write_directory(make(NAMES), out, resume=True)
    assert counts(report) == ((2, 38, 0) if gone else (0, 38, 2))
    after = contents(out)
    assert {name for name in before if before[name] != after[name]} == {"d-3.creds", "d-39.creds"}
    check_whole(out)


@both
def test_what_has_expired_is_replaced(tmp_path: Path, make: Any) -> None:  # noqa: ANN401
    long_ago = make(NAMES[:2], issued_at=1_700_000_000)
    write_directory(list(long_ago), tmp_path / "out")
    assert counts(write_directory(make(NAMES), tmp_path / "out", resume=True)) == (38, 0, 2)
    check_whole(tmp_path / "out")


def test_what_the_account_revokes_is_replaced(tmp_path: Path) -> None:
    write_directory(users(), tmp_path / "out")
    thief = Creds.read(tmp_path / "out" / "d-7.creds")
    account = OPERATOR.revoke(ACCOUNT, User.load(thief.jwt))
    assert counts(write_directory(users(account=account), tmp_path / "out", resume=True)) == (0, 39, 1)
    assert Creds.read(tmp_path / "out" / "d-7.creds").public != thief.public
    check_whole(tmp_path / "out")


# --- what is left alone


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("template", {"template": UserTemplate(publish=["other.>"], expires_in=timedelta(days=1))}),
        ("account", {"account": OTHER}),
        ("role", {"template": UserTemplate(role="device", expires_in=timedelta(days=1))}),
        ("issuer", {"template": UserTemplate(role="device", expires_in=timedelta(days=1))}),
        ("derived", {"derive_from": SECRET}),
        ("generations", {"derive_from": SECRET, "generations": {"d-1": 1}}),
        ("issued_at", {"issued_at": 1_700_000_000}),
    ],
)
def test_another_job_is_refused_and_told_by_what_differs(tmp_path: Path, name: str, said: Any) -> None:  # noqa: ANN401
    write_directory(users(NAMES[:3]), tmp_path / "out")
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    with pytest.raises(StorageError, match=rf"is of another job: .*\b{name} ") as caught:
        write_directory(users(**said), tmp_path / "out", resume=True)
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before
    assert caught.value.__context__ is None
    assert SECRET.hex() not in str(caught.value)


def test_the_same_terms_are_the_same_job_whatever_the_run(tmp_path: Path) -> None:
    first, second = users(), users()
    assert first.job != second.job
    write_directory(first, tmp_path / "out")
    write_directory(second, tmp_path / "out", resume=True)
    assert json.loads((tmp_path / "out" / "job.json").read_text())["job"] == first.job


STRANGERS = {
    "of another name": lambda: next(users(["somebody"])),
    "of another account": lambda: OTHER.create_user("d-1", publish=["devices.d-1.>"]),
    "of another template": lambda: ACCOUNT.create_user("d-1", publish=["everything.>"]),
    "of a role": lambda: ACCOUNT.create_user("d-1", role="device"),
}


@both
@pytest.mark.parametrize("stranger", STRANGERS.values(), ids=STRANGERS)
def test_a_sound_credential_of_something_else_is_never_written_over(tmp_path: Path, make: Any, stranger: Any) -> None:  # noqa: ANN401
    out = tmp_path / "out"
    write_directory(make(["d-0"]), out)
    text = stranger().creds.text
    (out / "d-1.creds").write_text(text)
    with pytest.raises(StorageError, match=r"never written over: 'd-1' goes to 'd-1\.creds'") as caught:
        write_directory(make(NAMES), out, resume=True)
    assert "; files written before, each whole: " in str(caught.value)
    assert (out / "d-1.creds").read_text() == text
    assert caught.value.__context__ is None


def test_a_key_that_is_not_the_derived_one_is_something_else(tmp_path: Path) -> None:
    write_directory(users(NAMES[:1], derive_from=SECRET), tmp_path / "out")
    (tmp_path / "out" / "d-1.creds").write_text(next(users(["d-1"])).creds.text)
    with pytest.raises(StorageError, match="'d-1' goes to"):
        write_directory(users(derive_from=SECRET), tmp_path / "out", resume=True)


@both
def test_files_in_nobodys_way_are_left_alone(tmp_path: Path, make: Any) -> None:  # noqa: ANN401
    out = tmp_path / "out"
    write_directory(make(NAMES[:5]), out)
    strangers = {
        "clock.creds": OTHER.create_user("clock", publish=["time.>"]).creds.text,
        "watch me.creds": OTHER.create_user("watch me").creds.text,
        "half.creds": "-----BEGIN NATS USER JWT-----\n",
        "README": "hello",
    }
    for name, text in strangers.items():
        (out / name).write_text(text)
    (out / "folder.creds").mkdir()
    (out / "link.creds").symlink_to("d-1.creds")
    (out / "nowhere.creds").symlink_to("nowhere")
    os.mkfifo(out / "pipe.creds")
    assert counts(write_directory(make(NAMES), out, resume=True)) == (35, 5, 0)
    assert {name: (out / name).read_text() for name in strangers} == strangers
    assert (out / "link.creds").is_symlink()
    assert sorted(row["name"] for row in rows(out / "manifest.jsonl")) == sorted(NAMES)


@both
def test_a_name_that_comes_twice_is_never_already_there(tmp_path: Path, make: Any) -> None:  # noqa: ANN401
    write_directory(make(["a"]), tmp_path / "out")
    twice = [*make(["a", "b"]), *make(["b"])]
    with pytest.raises(StorageError, match="a name is written once, 'b' came twice"):
        write_directory(twice, tmp_path / "out", resume=True)
    twice = [*make(["a"]), *make(["a"])]
    with pytest.raises(StorageError, match="a name is written once, 'a' came twice"):
        write_directory(twice, tmp_path / "out", resume=True)


@both
def test_two_names_for_one_file_are_never_already_there(tmp_path: Path, make: Any) -> None:  # noqa: ANN401
    template = UserTemplate(publish=["a"])
    one, other = TWO_NAMES_ONE_FILE
    write_directory(make([one], template=template), tmp_path / "out")
    with pytest.raises(StorageError, match=r"something else is never written over|a file holds one user"):
        write_directory(make([one, other], template=template), tmp_path / "out", resume=True)
    with pytest.raises(StorageError, match="a file holds one user"):
        write_directory([*make([one, other], template=template)], tmp_path / "new", resume=True)


# --- the manifest after an interruption


def tear(manifest: Path) -> None:
    manifest.write_bytes(manifest.read_bytes()[:-20])


def forget(manifest: Path) -> None:
    manifest.unlink()


def forget_some(manifest: Path) -> None:
    lines = manifest.read_bytes().splitlines(keepends=True)
    manifest.write_bytes(b"".join(lines[:10] + lines[13:-1]))


def spoil(manifest: Path) -> None:
    lines = manifest.read_bytes().splitlines(keepends=True)
    lines[4] = bytes(len(lines[4]) - 1) + b"\n"
    lines[7] = lines[7].replace(b'"jti":"', b'"jti":"X')
    manifest.write_bytes(b"".join([*lines, lines[2], b'{"name":"nobody"}\n']))


def invent(manifest: Path) -> None:
    row = rows(manifest)[3]
    ghosts = [
        {**row, "name": "ghost", "file": "ghost.creds"},
        {**row, "name": "ghost", "file": row["file"]},
        {**row, "file": "../d-3.creds"},
        {**row, "file": "/made/d-3.creds"},
        {**row, "file": "made/d-3.creds"},
        {**row, "name": "d-5"},
    ]
    manifest.write_text("".join(json.dumps(ghost) + "\n" for ghost in ghosts) + manifest.read_text())


@both
@pytest.mark.parametrize("spoiled", [tear, forget, forget_some, spoil, invent])
def test_the_manifest_tells_what_is_there_again(tmp_path: Path, make: Any, spoiled: Any) -> None:  # noqa: ANN401
    out = tmp_path / "out"
    write_directory(make(NAMES), out)
    before = contents(out)
    spoiled(out / "manifest.jsonl")
    assert counts(write_directory(make(NAMES), out, resume=True)) == (0, 40, 0)
    assert contents(out) == before  # and no directory was made for what somebody wrote into it
    check_whole(out)


@both
def test_many_files_without_a_row_are_read_back(tmp_path: Path, make: Any) -> None:  # noqa: ANN401
    names = [f"d-{number}" for number in range(150)]
    write_directory(make(names), tmp_path / "out")
    (tmp_path / "out" / "manifest.jsonl").unlink()
    report = write_directory(make(names[:100]), tmp_path / "out", resume=True)
    assert report.written == report.replaced == 0
    check_whole(tmp_path / "out", names)


def test_a_row_whose_file_is_gone_is_dropped(tmp_path: Path) -> None:
    write_directory(users(), tmp_path / "out")
    (tmp_path / "out" / "d-1.creds").unlink()
    write_directory(users(["d-2"]), tmp_path / "out", resume=True)
    check_whole(tmp_path / "out", [name for name in NAMES if name != "d-1"])


def test_the_report_counts_users_without_an_expiry(tmp_path: Path) -> None:
    endless = UserTemplate(publish=["a"])
    assert write_directory(users(), tmp_path / "ends").without_expiry == 0
    assert write_directory(users(NAMES[:5], endless), tmp_path / "out").without_expiry == 5
    assert write_directory(users(NAMES[:7], endless), tmp_path / "out", resume=True).without_expiry == 7


# --- mixed, and without a record


def test_a_wrapper_may_go_on_with_what_issued_users_began_and_the_other_way_round(tmp_path: Path) -> None:
    write_directory(users(NAMES[:10]), tmp_path / "out")
    assert counts(write_directory(plain(NAMES[:20]), tmp_path / "out", resume=True)) == (10, 10, 0)
    assert counts(write_directory(users(NAMES), tmp_path / "out", resume=True)) == (20, 20, 0)
    write_directory(plain(NAMES[:10]), tmp_path / "back")
    assert counts(write_directory(users(NAMES), tmp_path / "back", resume=True)) == (30, 10, 0)
    check_whole(tmp_path / "out")
    check_whole(tmp_path / "back")


def test_users_of_several_accounts_may_share_a_directory(tmp_path: Path) -> None:
    def mixed() -> Iterator[User]:
        yield from users(NAMES[:3])
        yield from users(["o-1", "o-2"], account=OTHER)

    write_directory(mixed(), tmp_path / "out")
    assert counts(write_directory(mixed(), tmp_path / "out", resume=True)) == (0, 5, 0)
    check_whole(tmp_path / "out", [*NAMES[:3], "o-1", "o-2"])


def test_a_plain_run_of_another_account_is_refused(tmp_path: Path) -> None:
    write_directory(plain(NAMES), tmp_path / "out")
    with pytest.raises(StorageError, match=r"is of another job: account .*; issuer "):
        write_directory(plain(NAMES, account=OTHER), tmp_path / "out", resume=True)


@both
def test_a_directory_without_a_record_is_judged_by_its_files(tmp_path: Path, make: Any) -> None:  # noqa: ANN401
    write_directory(make(NAMES[:10]), tmp_path / "out")
    (tmp_path / "out" / "job.json").unlink()
    assert counts(write_directory(make(NAMES), tmp_path / "out", resume=True)) == (30, 10, 0)
    check_whole(tmp_path / "out")


def test_rows_of_a_template_with_fields_go_on_too(tmp_path: Path) -> None:
    template = UserTemplate(publish=["sites.{site}.{name}.>"], fields=["site"])
    sites = [{"name": name, "site": f"s{len(name)}"} for name in NAMES]
    write_directory(users(sites[:10], template), tmp_path / "out")
    assert counts(write_directory(users(sites, template), tmp_path / "out", resume=True)) == (30, 10, 0)
    moved = [{"name": name, "site": "elsewhere"} for name in NAMES]
    with pytest.raises(StorageError, match="something else"):
        write_directory(users(moved, template), tmp_path / "out", resume=True)
    assert counts(write_directory(users(sites[20:], template), tmp_path / "out", resume=True))[0] == 0
