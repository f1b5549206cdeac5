"""The files of the testing tutorial, run by a real pytest as its reader would run them."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from test_docs import BLOCK, ROOT, named_files
from test_testing_fixture import run

PAGE = ROOT / "docs" / "tutorial-testing.md"
PUBLIC = re.compile(r"\bU[A-Z2-7]{55}\b")
FILES = named_files(PAGE)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The directory of a reader who has come to the end."""
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def shown() -> list[str]:
    """Return what the page says that a program prints, in its order."""
    return [text for language, text in BLOCK.findall(PAGE.read_text(encoding="utf-8")) if language == "text"]


def test_the_files_are_those_told_of() -> None:
    assert list(FILES) == [
        "authorization.py",
        "scene.py",
        "test_authorization.py",
        "test_reports.py",
        "look.py",
        "conftest.py",
        "test_server.py",
        "test_cluster.py",
        "test_golden.py",
    ]
    assert len(shown()) == 2


def test_all_tests_pass_but_the_one_that_shows_how_it_fails(project: Path) -> None:
    done = run(project)
    assert re.search(r"= 1 failed, 8 passed in ", done.stdout), done.stdout + done.stderr
    said = PUBLIC.sub("U…", "\n".join(re.sub(r"^E {3,7}", "", line) for line in done.stdout.splitlines()))
    assert shown()[0] in said
    assert "FAILED test_reports.py::test_the_warehouse_reports" in said


def test_the_tests_without_a_server_need_no_server(project: Path) -> None:
    """As the page comes to them before there is any conftest."""
    (project / "conftest.py").unlink()
    done = run(project, "test_authorization.py")
    assert "4 passed" in done.stdout, done.stdout + done.stderr


def test_the_table_is_the_one_shown(project: Path) -> None:
    done = subprocess.run([sys.executable, "look.py"], cwd=project, capture_output=True, text=True, check=True)
    assert done.stdout == shown()[1]


@pytest.mark.parametrize(
    ("file", "before", "after", "test"),
    [
        (
            "authorization.py",
            "desks.{{name()}}.order",
            "desks.*.order",
            "test_authorization.py::test_a_desk_orders_in_its_own_name_only",
        ),
        (
            "test_server.py",
            "operator.revoke(orders, emma)",
            "orders",
            "test_server.py::test_a_desk_that_is_revoked_is_thrown_out",
        ),
        (
            "test_golden.py",
            "jetstream=True, ",
            "",
            "test_golden.py::test_the_accounts_token_says_what_it_said_last_week",
        ),
    ],
    ids=["role", "revocation", "golden"],
)
def test_a_mistake_is_found(project: Path, file: str, before: str, after: str, test: str) -> None:
    text = (project / file).read_text(encoding="utf-8")
    assert before in text
    (project / file).write_text(text.replace(before, after).replace("timeout=5", "timeout=1"), encoding="utf-8")
    done = run(project, test)
    assert f"FAILED {test} " in done.stdout
    assert re.search(r"= 1 failed in ", done.stdout), done.stdout + done.stderr
