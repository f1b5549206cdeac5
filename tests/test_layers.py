"""What the rooms may know: imports point down, and importing the library costs little.

The front door (which names it shows) has its own test.
"""

import ast
import json
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from natscreds import nkeys

ROOT = Path(__file__).parents[1]
LINTER = shutil.which("lint-imports", path=sysconfig.get_path("scripts")) or shutil.which("lint-imports")

# What `import natscreds` must not cost. Names stand for their submodules too.
COSTLY = [
    "cryptography", "base58", "sqlite3", "asyncio", "concurrent.futures", "nats", "pathlib", "tempfile", "inspect",
    "dataclasses",
]  # fmt: skip

# Prints the modules loaded by importing what argv names, beyond those its runtime needs anyway. `typing_extensions` is
# what msgspec imports where it happens to be installed, as here; it brings `inspect`, and would hide ours.
PROBE = """
import json, sys
sys.modules["typing_extensions"] = None
import msgspec, nacl.bindings
before = set(sys.modules)
for name in sys.argv[1:]:
    __import__(name)
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def loaded_by(*names: str, cwd: Path) -> list[str]:
    """Return what importing *names* loads in a new interpreter that sees the installed packages alone (-I)."""
    command = [sys.executable, "-I", "-c", PROBE, *names]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60, cwd=cwd)
    found: list[str] = json.loads(done.stdout)
    return found


def costly(modules: list[str]) -> list[str]:
    return [name for name in modules if any(name == cost or name.startswith(cost + ".") for cost in COSTLY)]


@pytest.mark.parametrize("name", ["natscreds", "natscreds.nkeys", "natscreds.chain", "natscreds.bulk", "natscreds.nsc"])
def test_importing_loads_nothing_costly(name: str, tmp_path: Path) -> None:
    modules = loaded_by(name, cwd=tmp_path)
    assert name in modules
    assert costly(modules) == []


@pytest.mark.parametrize("name", COSTLY)
def test_the_probe_sees_what_is_costly(name: str, tmp_path: Path) -> None:
    """Were one of them loaded by msgspec or the interpreter itself, the test above would be blind to it."""
    assert name in costly(loaded_by(name, cwd=tmp_path))


@pytest.mark.skipif(LINTER is None, reason="lint-imports (import-linter, a development tool) is not installed")
def test_imports_point_down_only() -> None:
    assert LINTER is not None
    done = subprocess.run([LINTER, "--no-cache"], capture_output=True, text=True, check=False, timeout=120, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


def test_nkeys_takes_from_os_its_entropy_alone() -> None:
    """No clock, randomness or files below `creds`, save `os.urandom` as the default of an argument, never called."""
    tree = ast.parse(Path(nkeys.__file__).read_text(encoding="utf-8"))
    taken = [
        alias.name if isinstance(node, ast.Import) else f"{node.module}.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    ]
    assert [name for name in taken if name.split(".")[0] in {"os", "posix", "nt", "importlib"}] == ["os.urandom"]
    assert not {"__import__", "import_module"} & {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}

    used = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == "urandom"]
    functions = [node.args for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    defaults = [default for args in functions for default in [*args.defaults, *args.kw_defaults]]
    assert used
    assert all(node in defaults for node in used)
