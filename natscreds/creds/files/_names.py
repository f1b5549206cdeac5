"""What a user's file is called: a name of harmless characters for any text, and never one name for two."""

import re
from hashlib import sha256

from natscreds.errors import StorageError

__all__ = ["file_name"]

# Windows reads `con`, `con.creds` and `con.x.creds` as the console.
_DEVICE = r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?![a-z0-9_-])"
_is_safe = re.compile(rf"(?!{_DEVICE})[a-z0-9][a-z0-9_-]*(?:\.[a-z0-9_-]+)*").fullmatch
_drop_unsafe = re.compile(r"[^a-z0-9_-]+").sub
_has_surrogate = re.compile("[\ud800-\udfff]").search
_NAME_LIMIT = 100
_PREFIX_LIMIT = 60


def file_name(name: str) -> str:
    """Return the file name, without a suffix, that stands for *name* wherever users are written down.

    Lower-case ASCII letters, digits, `_`, `-` and single inner dots are used as they are, up to 100 characters, unless
    Windows takes the name for a device. Any other name becomes what is left of it, `~`, and 16 hex digits of its
    SHA-256. What is left has no dots and does not begin with `_` or `-`, so it neither hides, climbs nor reads as an
    option. No two names differ only by case or Unicode form, so they stay apart on every file system.

    Args:
        name: Any text, the empty one too; taken as given, never normalised.

    Raises:
        StorageError: The name holds half of a surrogate pair, so it has no UTF-8.
    """
    if _is_safe(name) and len(name) <= _NAME_LIMIT:
        return name
    if _has_surrogate(name):
        raise StorageError(f"a name that is written to a file is sound Unicode, got a lone surrogate in {name!r:.200}")
    rest = _drop_unsafe("", name).lstrip("_-")
    return f"{rest[:_PREFIX_LIMIT]}~{sha256(name.encode()).hexdigest()[:16]}"
