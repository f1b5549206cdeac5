"""Every Python block of the README and the docs runs, page by page, as a reader would run it."""

import asyncio
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def python_of(page: Path) -> str:
    """Return the page's Python blocks in one text, every line at its own number."""
    text = page.read_text(encoding="utf-8")
    lines = [""] * (text.count("\n") + 1)
    for block in BLOCK.finditer(text):
        if block[1] == "python":
            first = text.count("\n", 0, block.start(2))
            for number, line in enumerate(block[2].splitlines()):
                lines[first + number] = line
    return "\n".join(lines)


def named_files(page: Path) -> dict[str, str]:
    """Return the page's Python blocks that begin with a file's name as a comment, by that name."""
    blocks = [text for language, text in BLOCK.findall(page.read_text(encoding="utf-8")) if language == "python"]
    return {named[1]: text for text in blocks if (named := re.match(r"# (\w+\.py)\n", text))}


@pytest.mark.parametrize("page", [page for page in PAGES if python_of(page).strip()], ids=lambda page: page.name)
def test_the_python_blocks_of_a_page_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    files = named_files(page)
    for name, text in files.items():  # blocks that are files may be imported by those that follow
        (tmp_path / name).write_text(text, encoding="utf-8")
        monkeypatch.delitem(sys.modules, name.removesuffix(".py"), raising=False)
    if files:
        monkeypatch.syspath_prepend(tmp_path)
    code = compile(python_of(page), str(page), "exec", flags=0x2000)  # top-level await, as in a notebook
    space: dict[str, object] = {"__name__": page.stem}
    result = eval(code, space)  # noqa: S307  # our own pages
    if asyncio.iscoroutine(result):
        asyncio.run(result)
    for name in files:
        sys.modules.pop(name.removesuffix(".py"), None)


def test_the_readme_has_python_to_run() -> None:
    assert python_of(ROOT / "README.md").strip()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_blocks_say_their_language(page: Path) -> None:
    blocks = BLOCK.findall(page.read_text(encoding="utf-8"))
    assert [text.splitlines()[0] for language, text in blocks if not language] == []
