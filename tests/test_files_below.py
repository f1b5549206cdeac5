"""Directories below a directory of secrets: opened one level at a time, never through a link."""

import os
import stat
from pathlib import Path

import pytest

from natscreds.creds.files import SecretDirectory
from natscreds.errors import StorageError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = tmp_path / "root"
    path.mkdir(mode=0o700)
    return path


def test_a_directory_below_is_made_for_its_owner_only(root: Path) -> None:
    old = os.umask(0)
    try:
        with SecretDirectory(root) as top, top.below("a") as below:
            below.write("seed", b"secret")
            assert below.path == f"{root}/a"
    finally:
        os.umask(old)
    assert stat.S_IMODE((root / "a").stat().st_mode) == 0o700
    assert stat.S_IMODE((root / "a" / "seed").stat().st_mode) == 0o600


def test_a_directory_below_outlives_the_one_above(root: Path) -> None:
    with SecretDirectory(root) as top:
        below = top.below("a")
    with below:
        below.write("seed", b"secret")
        assert below.read("seed") == b"secret"


def test_one_that_is_there_is_opened_as_it_is(root: Path) -> None:
    (root / "a").mkdir(mode=0o750)
    with SecretDirectory(root) as top, top.below("a"):
        pass
    assert stat.S_IMODE((root / "a").stat().st_mode) == 0o750


def test_nothing_is_made_unless_it_is_asked_for(root: Path) -> None:
    with SecretDirectory(root, make=False) as top, pytest.raises(FileNotFoundError):
        top.below("a", make=False)
    with pytest.raises(FileNotFoundError):
        SecretDirectory(root / "b", make=False)
    assert list(root.iterdir()) == []


@pytest.mark.parametrize("make", [True, False])
def test_a_link_is_not_a_directory_below(root: Path, tmp_path: Path, make: bool) -> None:
    (tmp_path / "elsewhere").mkdir()
    (root / "a").symlink_to(tmp_path / "elsewhere")
    with SecretDirectory(root) as top, pytest.raises(StorageError, match="symbolic link"):
        top.below("a", make=make)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/", "a\0"], ids=repr)
def test_a_name_that_leads_elsewhere_is_refused(root: Path, name: str) -> None:
    with SecretDirectory(root) as top, pytest.raises(StorageError, match="one part of a path"):
        top.below(name)


def test_the_terms_of_the_directory_above_hold_below(root: Path) -> None:
    (root / "a").mkdir()
    (root / "a").chmod(0o777)
    with SecretDirectory(root) as top, pytest.raises(StorageError, match="writable by everybody"):
        top.below("a")
    with SecretDirectory(root, shared=True) as top, top.below("a") as below:
        below.write("seed", b"secret")


def test_opening_and_closing_leaves_no_descriptor(root: Path) -> None:
    before = set(os.listdir("/proc/self/fd"))
    with SecretDirectory(root) as top:
        for _ in range(3):
            with top.below("a") as below:
                below.add("seed", b"secret")
        assert os.fstat(top.fileno()).st_ino == root.stat().st_ino
    assert set(os.listdir("/proc/self/fd")) == before
