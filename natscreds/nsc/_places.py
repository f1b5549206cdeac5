"""Where nsc keeps things: three directories, each found for itself."""

import os
from collections.abc import Mapping

import msgspec

from natscreds.errors import StorageError

__all__ = ["Places", "Selection", "find_places", "read_selection"]

Path = str | os.PathLike[str]

_CONFIG = "nsc.json"
_LIMIT = 1 << 16


class Places(msgspec.Struct, frozen=True, kw_only=True):
    """The directories of nsc, as absolute paths. They need not exist.

    Attributes:
        config: Holds `nsc.json`.
        stores: Holds a directory for each operator.
        keys: Holds `keys`, `creds` and a `.gitignore`; all operators share it.
    """

    config: str
    stores: str
    keys: str


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """What `nsc.json` says: the store that nsc works on by itself. Empty where nothing is selected.

    Attributes:
        store_root: The stores directory.
        operator: A name in it.
        account: The name of one of its accounts.
    """

    store_root: str = ""
    operator: str = ""
    account: str = ""


def find_places(
    directory: Path | None, *, config: Path | None, stores: Path | None, keys: Path | None, environ: Mapping[str, str]
) -> Places:
    """Find the directories as nsc 2.13 does, but for the working directory, which is not asked.

    Each is the first of: what is given here; `NSC_HOME` for *config* and `NKEYS_PATH` for *keys*; for *stores* what
    `nsc.json` says; below `XDG_CONFIG_HOME` or `XDG_DATA_HOME`, or their defaults in the home directory. There a
    legacy place (`~/.nsc`, `~/.nsc/nats`, `~/.nkeys`) is taken if it is there and the new one is not.
    """
    if directory is not None:
        if not config is stores is keys is None:
            raise TypeError("either one directory for all, as nsc's --all-dirs, or config, stores and keys")
        config = stores = keys = directory
    home = environ.get("HOME") or os.path.expanduser("~")
    if config is None:
        config = environ.get("NSC_HOME") or _config_home(environ, home)
    config = _expanded(config, home)
    if stores is None and "NSC_CWD_ONLY" not in environ:
        stores = read_selection(config).store_root or None
    if stores is None:
        stores = _data_home(environ, home, "stores", ".nsc", "nats")
    if keys is None:
        keys = environ.get("NKEYS_PATH") or _data_home(environ, home, "keys", ".nkeys")
    return Places(config=config, stores=_expanded(stores, home), keys=_expanded(keys, home))


def read_selection(config: str) -> Selection:
    """Read `nsc.json`; one that is missing selects nothing.

    Raises:
        StorageError: It is damaged.
    """
    path = os.path.join(config, _CONFIG)
    fault = ""
    try:
        with open(path, "rb") as file:
            return msgspec.json.decode(file.read(_LIMIT), type=Selection)
    except (FileNotFoundError, NotADirectoryError):
        return Selection()
    except OSError as error:
        fault = error.strerror or type(error).__name__
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        fault = "not a JSON object with texts where nsc has them"
    raise StorageError(f"nsc's selection is read from {path!r}: {fault}")


def _config_home(environ: Mapping[str, str], home: str) -> str:
    base = environ.get("XDG_CONFIG_HOME") or os.path.join(home, ".config")
    new, old = os.path.join(base, "nats", "nsc"), os.path.join(home, ".nsc")
    takes_old = not os.path.exists(os.path.join(new, _CONFIG)) and os.path.exists(os.path.join(old, _CONFIG))
    return old if takes_old else new


def _data_home(environ: Mapping[str, str], home: str, name: str, *legacy: str) -> str:
    base = environ.get("XDG_DATA_HOME") or os.path.join(home, ".local", "share")
    new, old = os.path.join(base, "nats", "nsc", name), os.path.join(home, *legacy)
    return old if not os.path.exists(new) and os.path.exists(old) else new


def _expanded(path: Path, home: str) -> str:
    """Return *path* as an absolute one, with a `~` in front as the home directory."""
    text = os.fspath(path)
    if not isinstance(text, str) or not text or "\0" in text:
        raise StorageError(f"a path is text without NUL, got {text!r:.200}")
    if text == "~" or text.startswith("~/"):
        text = home + text[1:]
    return os.path.abspath(text)
