"""`import natscreds`: the names of the front door, and that nothing comes in before it is asked for."""

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import natscreds


def test_the_table_the_list_and_the_directory_of_the_door_agree() -> None:
    door, rooms = natscreds._DOOR, natscreds._ROOMS
    assert set(natscreds.__all__) == {*door, *rooms, "__version__"}
    assert dir(natscreds) == sorted(natscreds.__all__)


def test_what_type_checkers_see_is_what_the_table_gives() -> None:
    source = Path(str(natscreds.__file__)).read_text(encoding="utf-8")
    block = source.split("if TYPE_CHECKING:\n")[1].split("\n\n\n")[0]
    space: dict[str, object] = {}
    exec("if True:\n" + block, space)
    space.pop("__builtins__")
    assert set(space) == {*natscreds._DOOR, *natscreds._ROOMS}
    assert {name: getattr(natscreds, name) for name in space} == space


@pytest.mark.parametrize("name", sorted(natscreds._DOOR))
def test_a_name_of_the_door_is_its_rooms_own(name: str) -> None:
    room = import_module(f"natscreds.{natscreds._DOOR[name]}")
    assert getattr(natscreds, name) is getattr(room, name)
    assert name in room.__all__


def test_every_public_room_is_behind_the_door() -> None:
    folder = Path(str(natscreds.__file__)).parent
    found = {
        entry.stem
        for entry in folder.iterdir()
        if (entry.suffix == ".py" or (entry / "__init__.py").exists()) and not entry.name.startswith("_")
    }
    assert found == set(natscreds._ROOMS)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nope'"):
        natscreds.nope  # noqa: B018


def test_importing_loads_no_room() -> None:
    code = "import sys, natscreds; print(*[name for name in sys.modules if name.startswith('natscreds.')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_what_is_tested_is_what_was_meant() -> None:
    """CI sets NATSCREDS_WHEEL when the built wheel is tested, and not the sources beside these tests."""
    folder = Path(str(natscreds.__file__)).parent
    assert ("site-packages" in str(folder)) is ("NATSCREDS_WHEEL" in os.environ)
    assert (folder / "py.typed").exists()
