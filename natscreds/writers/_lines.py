"""JSON lines: all users in one file."""

import os
from collections.abc import Iterable, Iterator
from typing import BinaryIO

import msgspec

from natscreds._seen import Seen
from natscreds.chain import Verdict
from natscreds.creds import Creds
from natscreds.creds.files import SecretDirectory, write_all
from natscreds.errors import CredsError, StorageError
from natscreds.writers._files import opening
from natscreds.writers._job import FORMAT, JOB, Job, JobFile
from natscreds.writers._manifest import MANIFEST, Manifest, row_of, told
from natscreds.writers._report import Report
from natscreds.writers._resume import Judge, row_for
from natscreds.writers._users import (
    IssuedUsers,
    NamedUser,
    closed_on_error,
    each_turn,
    issued,
    refuse_text,
    refused,
    text_of,
)

__all__ = ["write_jsonl"]


class _Line(msgspec.Struct, frozen=True, kw_only=True):
    """One user: a secret."""

    name: str
    public: str
    creds: str


_read_line = msgspec.json.Decoder(_Line).decode
_encoder = msgspec.json.Encoder()
