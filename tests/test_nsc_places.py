"""The three directories of nsc are found where nsc finds them."""

import os
from pathlib import Path

import pytest
from nsc_stores import unpack

from natscreds import Operator
from natscreds.errors import StorageError
from natscreds.nsc import Places, Store


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


def places(home: Path, **environ: str) -> tuple[str, str, str]:
    """Return config, stores and keys, below *home* where they are."""
    found = Store(environ={"HOME": str(home), **environ}).places
    return tuple(place.removeprefix(f"{home}/") for place in (found.config, found.stores, found.keys))  # type: ignore[return-value]


NEW = (".config/nats/nsc", ".local/share/nats/nsc/stores", ".local/share/nats/nsc/keys")


def make(home: Path, *paths: str) -> None:
    for path in paths:
        target = home / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.endswith(".json"):
            target.write_text("{}")
        else:
            target.mkdir(exist_ok=True)


def test_the_defaults_lie_in_the_home_directory(home: Path) -> None:
    assert places(home) == NEW
    assert list(home.iterdir()) == []


def test_xdg_variables_move_them(home: Path) -> None:
    moved = places(home, XDG_CONFIG_HOME=f"{home}/c", XDG_DATA_HOME=f"{home}/d")
    assert moved == ("c/nats/nsc", "d/nats/nsc/stores", "d/nats/nsc/keys")
    assert places(home, XDG_CONFIG_HOME="", XDG_DATA_HOME="") == NEW


@pytest.mark.parametrize(
    ("there", "found"),
    [
        pytest.param([".nsc/nsc.json"], (".nsc", NEW[1], NEW[2]), id="old configuration"),
        pytest.param([".nsc"], NEW, id="old configuration without nsc.json"),
        pytest.param([".nsc/nsc.json", f"{NEW[0]}/nsc.json"], NEW, id="both configurations"),
        pytest.param([".nsc/nats"], (NEW[0], ".nsc/nats", NEW[2]), id="old stores"),
        pytest.param([".nsc/nats", NEW[1]], NEW, id="both stores"),
        pytest.param([".nkeys"], (NEW[0], NEW[1], ".nkeys"), id="old keys"),
        pytest.param([".nkeys", NEW[2]], NEW, id="both keys"),
    ],
)
def test_a_legacy_place_is_taken_if_only_that_is_there(home: Path, there: list[str], found: tuple[str, ...]) -> None:
    make(home, *there)
    assert places(home) == found


def test_deprecated_variables_move_configuration_and_keys(home: Path) -> None:
    assert places(home, NSC_HOME=f"{home}/c", NKEYS_PATH=f"{home}/k") == ("c", NEW[1], "k")


def test_what_is_selected_in_nsc_says_where_the_stores_are(home: Path) -> None:
    make(home, f"{NEW[0]}/nsc.json")
    said = f'{{"store_root":"{home}/s","operator":"acme","account":"orders","github_updates":"x","last_update":1}}'
    (home / NEW[0] / "nsc.json").write_text(said)
    assert places(home) == (NEW[0], "s", NEW[2])
    assert places(home, NSC_CWD_ONLY="")[1] == NEW[1]
    store = Store(environ={"HOME": str(home)})
    assert (store.selection.operator, store.selection.account) == ("acme", "orders")
    assert Store(stores=home / "t", environ={"HOME": str(home)}).places.stores == f"{home}/t"


@pytest.mark.parametrize(
    "text", ["", "[]", '{"store_root": 7}', "\xff", "[" * 100_000], ids=lambda text: repr(text[:9])
)
def test_a_damaged_selection_is_an_error(home: Path, text: str) -> None:
    make(home, f"{NEW[0]}/nsc.json")
    (home / NEW[0] / "nsc.json").write_text(text, encoding="latin-1")
    with pytest.raises(StorageError, match=r"nsc\.json"):
        Store(environ={"HOME": str(home)})
    assert Store(home / "x", environ={}).operator_names() == ()


def test_one_directory_has_everything(home: Path) -> None:
    store = Store(home / "one", environ={"NSC_HOME": "/elsewhere", "NKEYS_PATH": "/elsewhere"})
    assert store.places == Places(config=f"{home}/one", stores=f"{home}/one", keys=f"{home}/one")
    with pytest.raises(TypeError, match="one directory for all"):
        Store(home, keys=home)


def test_paths_are_made_whole(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home)
    store = Store(config="~/c", stores="s", keys="~", environ={"HOME": "/home/me"})
    assert store.places == Places(config="/home/me/c", stores=f"{os.getcwd()}/s", keys="/home/me")


@pytest.mark.parametrize("path", ["", "a\0b", b"x"], ids=repr)
def test_an_odd_path_is_refused(path: str) -> None:
    with pytest.raises(StorageError, match="a path is text"):
        Store(path)


def test_the_environment_of_the_process_is_asked(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(home))
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "NSC_HOME", "NKEYS_PATH", "NSC_CWD_ONLY"):
        monkeypatch.delenv(name, raising=False)
    assert Store().places.stores == f"{home}/{NEW[1]}"


def test_the_working_directory_is_not_asked(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nsc would work on the store it stands in."""
    store = unpack("plain", home / "here")
    monkeypatch.chdir(Path(store.places.stores) / "acme")
    assert Store(environ={"HOME": str(home)}).operator_names() == ()


def test_a_root_may_be_a_link(home: Path) -> None:
    unpack("one-directory", home / "real")
    (home / "link").symlink_to(home / "real" / "all")
    store = Store(home / "link", environ={})
    assert store.operator().name == "small"
    store.write_account(store.operator().create_account("second"))
    assert store.account_names() == ("first", "second")
    store.write_operator(Operator.create("third"))
    assert store.operator_names() == ("small", "third")
