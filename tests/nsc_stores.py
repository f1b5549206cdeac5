"""Stores on disk for tests: those that nsc made, unpacked from their vectors."""

import base64
import json
import os
from pathlib import Path
from typing import Any

from natscreds import KeyPair, tokens
from natscreds.envelope import seal_token
from natscreds.nsc import Store

__all__ = ["MADE", "listing", "recorded", "signed_again", "store_in", "tokens_in", "unpack", "with_limits_said"]

VECTORS = Path(__file__).parent / "vectors" / "nsc"

MADE = ("plain", "strict", "managed", "one-directory")
"""The names of the vectors."""


def recorded(name: str) -> dict[str, dict[str, str]]:
    """Return the files of a vector: path to `mode` and `text`."""
    content: dict[str, Any] = json.loads((VECTORS / f"{name}.json").read_text(encoding="utf-8"))
    assert set(content) == {"commands", "files"}
    assert content["commands"]
    assert content["files"]
    return content["files"]  # type: ignore[no-any-return]


def unpack(name: str, into: Path) -> Store:
    """Write the files of a vector below *into*, with nsc's modes, and return the store."""
    for path, file in recorded(name).items():
        target = into / path
        for parent in reversed(target.relative_to(into).parents):
            (into / parent).mkdir(mode=0o700, parents=True, exist_ok=True)
        target.write_text(file["text"], encoding="utf-8")
        target.chmod(int(file["mode"], 8))
    return store_in(into)


def store_in(home: Path) -> Store:
    """Return the store below *home*: three directories, or one called `all`."""
    if (home / "all").exists():
        return Store(home / "all", environ={})
    return Store(config=home / "config", stores=home / "stores", keys=home / "keys", environ={})


def tokens_in(store: Store) -> dict[str, str]:
    """Return the texts of all tokens in a store by path."""
    root = Path(store.places.stores)
    return {str(path.relative_to(root)): path.read_text() for path in sorted(root.rglob("*.jwt"))}


def signed_again(text: str, pair: KeyPair) -> str:
    """Return what a token's claims are signed to with the same key in the same second."""
    claims = tokens.verify(text).claims
    return tokens.sign(claims, pair, issued_at=claims.iat, check=False)


def with_limits_said(text: str, pair: KeyPair) -> str:
    """Return the token as the reference would write it after reading it.

    nsc leaves a role's limits out when it makes one, which everybody reads as unlimited, and the reference then says so
    when it signs the account the next time. All other bytes stay.
    """
    chunk = text.split(".")[1]
    payload = json.loads(base64.urlsafe_b64decode(chunk + "=" * (-len(chunk) % 4)))
    left_out = [
        key["template"]
        for key in payload["nats"].get("signing_keys", [])
        if isinstance(key, dict) and not {"subs", "data", "payload"} & key["template"].keys()
    ]
    if not left_out:
        return text
    for template in left_out:
        template |= {"subs": -1, "data": -1, "payload": -1}
    said = json.dumps(payload, separators=(",", ":"), ensure_ascii=False)
    return seal_token(said.replace(">", "\\u003e").replace("<", "\\u003c").replace("&", "\\u0026").encode(), pair)


def listing(root: Path) -> dict[str, str]:
    """Return what lies below *root*: path to its mode and kind."""
    found = {}
    for path in sorted(root.rglob("*")):
        mode = os.lstat(path).st_mode
        found[str(path.relative_to(root))] = f"{mode:o}"
    return found
