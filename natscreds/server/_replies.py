"""What servers say, read with limits: whoever is in the system account can send anything.

A reply to a claims request is `{"server": {"id", "name", …}, "data": …}` or has `"error"` instead of `data`; the answer
to a ping is `{"name", "host", "id"}` alone (nats-server 2.15). What cannot be read is None, never an exception.
"""

import re
from typing import TypeVar

import msgspec

from natscreds.server._reports import Server

__all__ = ["MAX_LIST", "MAX_REPLY", "Claimed", "read_claimed", "read_list", "read_pong"]

MAX_REPLY = 1 << 16
"""Bytes of a reply, at most; the real ones have a few hundred."""

MAX_LIST = 1 << 26
"""Bytes of a list of accounts, at most: 59 for each, so a million of them."""

_DEPTH = 64
_TEXT = 500
_NAME = 100
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class _Source(msgspec.Struct):
    id: str
    name: str = ""


class _Data(msgspec.Struct):
    code: int = 0
    message: str = ""


class _Fault(msgspec.Struct):
    code: int = 0
    description: str = ""


class _Claims(msgspec.Struct):
    server: _Source
    data: _Data | None = None
    error: _Fault | None = None


class _Listing(msgspec.Struct):
    server: _Source
    data: list[str] | None = None
    error: _Fault | None = None


class Claimed(msgspec.Struct):
    """One server's answer to a request about claims.

    Attributes:
        server: Who says so.
        code: 200 or 500.
        text: Its own text.
    """

    server: Server
    code: int
    text: str


ReplyT = TypeVar("ReplyT")

_claims = msgspec.json.Decoder(_Claims)
_listing = msgspec.json.Decoder(_Listing)
_pong = msgspec.json.Decoder(_Source)


def read_claimed(data: bytes) -> Claimed | None:
    """Read the answer to an update or a delete."""
    read = _read(data, _claims, MAX_REPLY)
    if read is None:
        return None
    if read.error is not None:
        return Claimed(_server(read.server), read.error.code or 500, _shown(read.error.description, _TEXT))
    if read.data is None:
        return None
    return Claimed(_server(read.server), read.data.code or 500, _shown(read.data.message, _TEXT))


def read_list(data: bytes) -> tuple[Server, list[str]] | None:
    """Read the answer to a list: who has which names. An error counts as unreadable."""
    read = _read(data, _listing, MAX_LIST)
    return None if read is None or read.data is None else (_server(read.server), read.data)


def read_pong(data: bytes) -> Server | None:
    """Read the answer to a ping."""
    read = _read(data, _pong, MAX_REPLY)
    return None if read is None else _server(read)


def _read(data: bytes, decoder: "msgspec.json.Decoder[ReplyT]", limit: int) -> ReplyT | None:
    # As many opening brackets as that cannot nest deeper; no reply has more than a dozen.
    if len(data) > limit or data.count(b"{") + data.count(b"[") > _DEPTH:
        return None
    try:
        return decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _server(source: _Source) -> Server:
    return Server(_shown(source.id, _NAME), _shown(source.name, _NAME))


def _shown(text: str, limit: int) -> str:
    """Return *text* on one line and of a bearable length."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text[:limit])
