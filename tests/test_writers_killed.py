"""Writers that are killed, again and again: what exists is whole at every moment, and the end is as without a kill."""

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from written_people import BESIDE, rows

from natscreds import Creds, Operator, User
from natscreds.writers import secret_name

KILLED = -signal.SIGKILL
PROGRAM = Path(__file__).parent / "killed_writer.py"
ACCOUNT = Operator.create("acme").create_account("orders")


class Victims:
    """The program whose children are killed."""

    def __init__(self) -> None:
        self._program = subprocess.Popen(
            [sys.executable, str(PROGRAM)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def write(self, writer: str, path: Path, *, after: int, **order: Any) -> int:  # noqa: ANN401
        """Let a child write to *path* and be killed after so many steps; return how it ended."""
        keywords = order.pop("keywords", {"resume": True})
        base = {"users": 300, "derived": True, "exactly": False, "account": ACCOUNT.jwt}
        told = {"seed": ACCOUNT.signing_keys[0].seed, "writer": writer, "path": str(path), "keywords": keywords}  # type: ignore[attr-defined]
        assert self._program.stdin is not None
        assert self._program.stdout is not None
        self._program.stdin.write(json.dumps({**base, **told, **order, "after": after}) + "\n")
        self._program.stdin.flush()
        return int(self._program.stdout.readline())

    def close(self) -> None:
        """Let it end."""
        self._program.communicate()
        assert self._program.returncode == 0


@pytest.fixture(scope="module")
def victims() -> Iterator[Victims]:
    program = Victims()
    yield program
    program.close()


def verified(creds: Creds) -> Creds:
    User.load(creds.jwt, key=creds.seed)
    return creds


class Watch:
    """Looks at a directory after each kill: what was whole stays as it is."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.seen: dict[str, bytes] = {}

    def look(self) -> None:
        """Every file is whole and the same as before; every whole row has its file."""
        if not self.out.exists():
            return
        there = set(os.listdir(self.out))
        assert {name for name in there - BESIDE if not name.endswith(".creds")} <= {
            name for name in there if name.endswith(".part")
        }
        for name in self.seen:
            assert name in there
        for name in there:
            path = self.out / name
            assert path.stat().st_mode & 0o777 == 0o600
            if name.endswith(".creds") and name not in self.seen:
                self.seen[name] = path.read_bytes()
                verified(Creds.parse(self.seen[name]))
            elif name.endswith(".creds"):
                assert path.read_bytes() == self.seen[name]
        manifest = self.out / "manifest.jsonl"
        whole = manifest.read_text().splitlines(keepends=True) if manifest.exists() else []
        for line in whole:
            if line.endswith("\n"):
                assert json.loads(line)["file"] in there


def files(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


def without_job(found: dict[str, bytes]) -> dict[str, bytes]:
    """Drop what differs from run to run: the job's random id."""
    return {name: data for name, data in found.items() if not name.endswith("job.json")}


@pytest.mark.parametrize("derived", [True, False], ids=["derived", "drawn"])
def test_fifty_kills_cost_nothing(victims: Victims, tmp_path: Path, derived: bool) -> None:
    moments = random.Random(f"moments {derived}")  # noqa: S311  # moments, not keys
    out, watch = tmp_path / "out", Watch(tmp_path / "out")
    for _ in range(50):
        # A run that goes on opens each whole file first: the more there are, the later it begins to write.
        seen = len(watch.seen)
        status = victims.write("write_directory", out, derived=derived, after=moments.randrange(2 * seen + 60))
        assert status in (KILLED, 0)
        watch.look()
    assert victims.write("write_directory", out, derived=derived, after=1_000_000) == 0
    watch.look()
    found = rows(out / "manifest.jsonl")
    assert [row["name"] for row in found] == [f"Device-{number}" for number in range(300)]
    assert {row["file"] for row in found} == set(os.listdir(out)) - BESIDE
    creds = {row["name"]: verified(Creds.read(out / row["file"])) for row in found}
    assert all(creds[row["name"]].public == row["public"] for row in found)
    assert len({each.public for each in creds.values()}) == 300
    if derived:
        assert victims.write("write_directory", tmp_path / "whole", after=1_000_000) == 0
        assert without_job(files(out)) == without_job(files(tmp_path / "whole"))


@pytest.mark.parametrize("derived", [True, False], ids=["derived", "drawn"])
def test_a_kill_at_each_single_step_leaves_what_the_next_run_ends(
    victims: Victims, tmp_path: Path, derived: bool
) -> None:
    order: dict[str, Any] = {"users": 3, "derived": derived}
    assert victims.write("write_directory", tmp_path / "whole", after=1_000_000, **order) == 0
    step, status = 0, KILLED
    while status == KILLED:
        out = tmp_path / str(step)
        status = victims.write("write_directory", out, after=step, exactly=True, **order)
        watch = Watch(out)
        watch.look()
        if step % 3 == 0:  # and once more, in the middle of going on
            assert victims.write("write_directory", out, after=step // 2 + 2, exactly=True, **order) in (KILLED, 0)
            watch.look()
        assert victims.write("write_directory", out, after=1_000_000, **order) == 0
        watch.look()
        assert sorted(os.listdir(out)) == sorted(os.listdir(tmp_path / "whole"))
        if derived:
            assert without_job(files(out)) == without_job(files(tmp_path / "whole"))
        step += 1
    assert step > 10


def test_killed_writers_of_sharded_directories_and_secrets_end_as_if_never_killed(
    victims: Victims, tmp_path: Path
) -> None:
    moments = random.Random("other moments")  # noqa: S311
    for writer, keywords in (("write_directory", {"shard": True}), ("write_kubernetes", {"namespace": "prod"})):
        order: dict[str, Any] = {"users": 60, "keywords": {**keywords, "resume": True}}
        out, whole = tmp_path / f"{writer} out", tmp_path / f"{writer} whole"
        for _ in range(10):
            assert victims.write(writer, out, after=moments.randrange(150), **order) in (KILLED, 0)
        assert victims.write(writer, out, after=1_000_000, **order) == 0
        assert victims.write(writer, whole, after=1_000_000, **order) == 0
        assert without_job(files(out)) == without_job(files(whole))
        assert len(files(out)) == 62
    assert f"secrets/{secret_name('Device-7')}.json" in files(whole)


@pytest.mark.parametrize("derived", [True, False], ids=["derived", "drawn"])
def test_killed_writers_of_lines_end_as_if_never_killed(victims: Victims, tmp_path: Path, derived: bool) -> None:
    order: dict[str, Any] = {"users": 400, "derived": derived}
    moments = random.Random(f"lines {derived}")  # noqa: S311
    kept: list[str] = []
    for _ in range(25):
        after = moments.randrange(len(kept) + 60)
        status = victims.write("write_jsonl", tmp_path / "users.jsonl", after=after, **order)
        assert status in (KILLED, 0)
        if (tmp_path / "users.jsonl").exists():
            lines = (tmp_path / "users.jsonl").read_text().splitlines(keepends=True)
            whole = [line for line in lines if line.endswith("\n")]
            assert whole[: len(kept)] == kept
            kept = whole
    assert victims.write("write_jsonl", tmp_path / "users.jsonl", after=1_000_000, **order) == 0
    told = [json.loads(line) for line in (tmp_path / "users.jsonl").read_text().splitlines()]
    assert [line["name"] for line in told] == [f"Device-{number}" for number in range(400)]
    noted = [(row["name"], row["public"]) for row in rows(tmp_path / "users.jsonl.manifest.jsonl")]
    assert noted == [(line["name"], line["public"]) for line in told]
    assert len({line["public"] for line in told}) == 400
    assert all(Creds.parse(line["creds"]).public == line["public"] for line in told)
    assert len(os.listdir(tmp_path)) == 3
    if derived:
        assert victims.write("write_jsonl", tmp_path / "whole.jsonl", after=1_000_000, **order) == 0
        assert (tmp_path / "users.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


@pytest.mark.parametrize("writer", ["write_zip", "write_tar"])
def test_a_killed_archive_is_not_there(victims: Victims, tmp_path: Path, writer: str) -> None:
    (tmp_path / "out").mkdir()
    order: dict[str, Any] = {"users": 3, "keywords": {}, "exactly": True}
    step, status = 0, KILLED
    while status == KILLED:
        status = victims.write(writer, tmp_path / "out" / "users.archive", after=step, **order)
        assert os.listdir(tmp_path / "out") == ([] if status == KILLED else ["users.archive"])
        step += 1
    assert step > 3
