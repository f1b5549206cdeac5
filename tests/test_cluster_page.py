"""The page on clusters shows code that the engines' tests run: the programs of docs/examples, as they are written."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "howto" / "cluster.md").read_text(encoding="utf-8")
SHOWN = re.findall(r"^```py\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
PROGRAMS = {path.name: path.read_text(encoding="utf-8") for path in sorted((DOCS / "examples").glob("cluster_*.py"))}


def test_there_is_a_program_for_each_engine() -> None:
    assert list(PROGRAMS) == ["cluster_dask.py", "cluster_ray.py", "cluster_spark.py"]


@pytest.mark.parametrize("block", SHOWN, ids=lambda block: block.split("\n")[0].strip())
def test_what_is_shown_stands_in_a_program(block: str) -> None:
    assert [name for name, text in PROGRAMS.items() if block in text]


@pytest.mark.parametrize("name", PROGRAMS)
def test_each_program_is_shown_and_linked(name: str) -> None:
    assert any(block in PROGRAMS[name] for block in SHOWN)
    assert f"](../examples/{name})" in PAGE


@pytest.mark.parametrize("name", PROGRAMS)
def test_each_program_is_run_by_its_engines_test(name: str) -> None:
    engine = name.removeprefix("cluster_")
    assert f'"{name}"' in (Path(__file__).parent / f"test_engine_{engine}").read_text(encoding="utf-8")
