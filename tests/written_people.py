"""Users that stand in for issued ones where only the writing is looked at, and what is expected of them on disk."""

import base64
import json
import os
from pathlib import Path
from typing import Any

from natscreds.creds.files import file_name

BESIDE = {"job.json", "manifest.jsonl"}
"""What a writer puts beside the files of the users."""

# Made by a search for two names whose SHA-256 begins with the same 64 bits, 26df3ab185fbe76b.
TWO_NAMES_ONE_FILE = ("NIEPLPDOBDAPFKIJ", "NALDDFNHJNAKGADO")

BANNER = "-----BEGIN NATS USER JWT-----\n"


def token(name: str) -> str:
    """Return what a reader of tokens finds, without a signature: writers do not verify what they are given."""
    claims = {"jti": "X", "iat": 1, "iss": "A", "name": name, "sub": "U", "nats": {"type": "user", "version": 2}}
    return f"e30.{base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.c2ln"


class Text:
    """What stands in for creds where only the writing is looked at."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


class Someone:
    """A user of that name, with that text after its token."""

    __slots__ = ("creds", "name")

    def __init__(self, name: str, text: str | None = None) -> None:
        self.name = name
        shown = name.encode(errors="replace").decode()
        self.creds = Text(f"{BANNER}{token(shown)}\n" + (f"a secret of {name!a}\n" if text is None else text))


def contents(path: Path) -> dict[str, str]:
    """Return the users' files by name."""
    return {name: (path / name).read_text() for name in os.listdir(path) if name not in BESIDE}


def expected(*users: Someone) -> dict[str, str]:
    """Return what `contents` gives when *users* were written."""
    return {file_name(user.name) + ".creds": user.creds.text for user in users}


def rows(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a manifest, each of which must be whole."""
    text = path.read_text()
    assert not text or text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]
