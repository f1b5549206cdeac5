"""Which names can stand in a store: each is one part of a path."""

import re

from natscreds.errors import StorageError

__all__ = ["check_name", "fault_in", "file_of", "name_to_write"]

# C0 and C1 controls, the two separators that end a line for some readers, and what has no UTF-8.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_LONGEST = 255 - len(".creds")


def fault_in(name: str) -> str:
    """Return the rule that *name* breaks as one part of a path; empty if it breaks none."""
    if name.strip() in ("", ".", "..") or "/" in name or "\\" in name:
        return "one part of a path"
    if _CONTROL.search(name):
        return "text without control characters"
    if len(name.encode()) > _LONGEST:
        return f"at most {_LONGEST} bytes long"
    return ""


def check_name(name: object, what: str) -> str:
    """Return *name* if it is one part of a path.

    Raises:
        TypeError: It is no text.
        StorageError: It would lead elsewhere.
    """
    if not isinstance(name, str):
        raise TypeError(f"the name of {what} is a text, got {type(name).__name__}")
    fault = fault_in(name)
    if fault:
        raise StorageError(f"the name of {what} is {fault}, got {name!a:.200}")
    return name


def name_to_write(name: str, what: str) -> str:
    """Return *name* if nsc will find under it what is written under it.

    Raises:
        StorageError: It would lead elsewhere or hide; or has white space at its ends, which nsc takes off for files
            and leaves on for directories.
    """
    fault = fault_in(name)
    if not fault and name != name.strip():
        fault = "without white space at its ends"
    if not fault and name.startswith("."):
        fault = "without a dot in front"
    if fault:
        raise StorageError(f"the name of {what} in a store of nsc is {fault}, got {name!a:.200}")
    return name


def file_of(name: str) -> str:
    """Return the name of the file that holds the token of *name*."""
    return f"{name.strip()}.jwt"
