"""Kubernetes Secret manifests, one JSON file for each user."""

import os
import re
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from hashlib import sha256

import msgspec

from natscreds.creds import Creds
from natscreds.creds.files import file_name
from natscreds.errors import CredsError, StorageError
from natscreds.writers._files import write_files
from natscreds.writers._report import Report
from natscreds.writers._users import NamedUser

__all__ = ["secret_name", "write_kubernetes"]

# What a cluster takes: names of objects (RFC 1123 subdomains), of namespaces (RFC 1123 labels), keys of data, labels.
_LABEL = "[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_is_subdomain = re.compile(rf"{_LABEL}(?:\.{_LABEL})*").fullmatch
_is_namespace = re.compile(rf"(?=.{{1,63}}\Z){_LABEL}").fullmatch
_is_key = re.compile(r"(?!\.\.)(?!\.\Z)[-._a-zA-Z0-9]{1,253}").fullmatch
_is_word = re.compile(r"(?=.{1,63}\Z)[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?").fullmatch
_LARGEST = 1 << 20

_looks_mapped = re.compile(r"(?:.*-)?[0-9a-f]{16}").fullmatch
_to_dashes = re.compile("[^a-z0-9]+").sub
_PREFIX_LIMIT = 60


def secret_name(name: str) -> str:
    """Return what the Secret of the user *name* is called: an RFC 1123 subdomain of at most 253 characters.

    A name whose `natscreds.creds.files.file_name` is the name itself, and which is such a subdomain, is used as it is.
    Any other becomes the letters and digits of its file name with single dashes between them, at most 60, a dash, and
    16 hex digits of its SHA-256; so does a name that ends like that already. So `a_b` and `a-b` never share a Secret.

    >>> secret_name("device-17"), secret_name("a.b"), secret_name("a_b")
    ('device-17', 'a.b', 'a-b-648fa9b31bc7ff7e')

    Raises:
        StorageError: The name holds half of a surrogate pair, so it has no UTF-8.
    """
    file = file_name(name)
    if file == name and _is_subdomain(name) and not _looks_mapped(name):
        return name
    rest = _to_dashes("-", file.partition("~")[0]).strip("-")[:_PREFIX_LIMIT].rstrip("-")
    digest = sha256(name.encode()).hexdigest()[:16]
    return f"{rest}-{digest}" if rest else digest


class _Meta(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    name: str
    namespace: str
    labels: dict[str, str] = {}


class _Secret(msgspec.Struct, frozen=True, kw_only=True, rename={"api_version": "apiVersion"}):
    """A Secret: `data` in base64, so that what any tool does with it gives the same bytes."""

    api_version: str = "v1"
    kind: str = "Secret"
    metadata: _Meta
    type: str = "Opaque"
    immutable: bool = True
    data: dict[str, str]


_read_secret = msgspec.json.Decoder(_Secret).decode


class _SecretForm:
    """Secrets as `kubectl create -f` takes them."""

    writer = "kubernetes"
    folder = "secrets"
    suffix = ".json"

    def __init__(self, namespace: str, key: str, labels: Mapping[str, str]) -> None:
        self._namespace, self._key, self._labels = namespace, key, dict(labels)
        told = [f"{label}={value}" for label, value in sorted(self._labels.items())]
        self.settings: Mapping[str, str] = {"namespace": namespace, "key": key, "labels": ",".join(told)}

    def stem(self, name: str) -> str:
        return secret_name(name)

    def write(self, name: str, text: bytes) -> bytes:
        if len(text) > _LARGEST:
            raise StorageError(f"a Secret holds at most {_LARGEST} bytes, that of {name!r:.200} would hold {len(text)}")
        secret = _Secret(
            metadata=_Meta(name=secret_name(name), namespace=self._namespace, labels=self._labels),
            data={self._key: b64encode(text).decode("ascii")},
        )
        return msgspec.json.format(msgspec.json.encode(secret), indent=2) + b"\n"

    def read(self, data: bytes) -> Creds:
        try:
            read = _read_secret(data)
            if read.metadata.namespace == self._namespace:
                return Creds.parse(b64decode(read.data[self._key], validate=True))
        except (msgspec.MsgspecError, UnicodeDecodeError, KeyError, ValueError):
            pass
        raise CredsError("a Secret of this job holds a credential in base64")


def write_kubernetes(
    users: Iterable[NamedUser],
    directory: str | os.PathLike[str],
    *,
    namespace: str = "default",
    key: str = "user.creds",
    labels: Mapping[str, str] | None = None,
    resume: bool = False,
    shared: bool = False,
    fsync: bool = False,
    shard: bool | None = None,
) -> Report:
    """Write one Kubernetes Secret for each user as a JSON file; base64 is not encryption: who has it has their keys.

    The files are in `secrets` below *directory*, named as `secret_name` names the Secrets, for
    `kubectl create -f directory/secrets`. (`kubectl apply` would copy each secret into an annotation; with
    `--server-side` it does not.) Secrets are immutable: a new credential is a new Secret of that name, created after
    the old one is deleted. Beside `secrets` stand `manifest.jsonl` and `job.json`, as of `write_directory`.

    Args:
        users: As for `write_directory`.
        directory: Made, with missing parents, for its owner only; may hold other files.
        namespace: Where the Secrets belong: an RFC 1123 label.
        key: The member of `data` that holds the .creds file, and the file's name where the Secret is mounted.
        labels: For all of the Secrets.
        resume: As for `write_directory`.
        shared: As for `write_directory`.
        fsync: As for `write_directory`.
        shard: As for `write_directory`; then it is `kubectl create -R -f directory/secrets`.

    Raises:
        StorageError: A namespace, key or label that a cluster refuses, or as for `write_directory`.
        MissingKeyError: A user whose seed is not held has no creds to write.
        OSError: The disk is full, the directory cannot be made.
    """
    form = _SecretForm(_namespace(namespace), _key(key), _labels(labels))
    return write_files(users, directory, form, resume=resume, shared=shared, fsync=fsync, shard=shard)


def _namespace(namespace: str) -> str:
    if not isinstance(namespace, str) or not _is_namespace(namespace):
        raise StorageError(
            f"a namespace is an RFC 1123 label: at most 63 of a to z, 0 to 9 and inner dashes, got {namespace!r:.200}"
        )
    return namespace


def _key(key: str) -> str:
    if not isinstance(key, str) or not _is_key(key):
        raise StorageError(f"a key of a Secret is at most 253 of letters, digits, - _ and ., got {key!r:.200}")
    return key


def _labels(labels: Mapping[str, str] | None) -> Mapping[str, str]:
    """Return *labels*, each of which a cluster would take."""
    if isinstance(labels, str | bytes):
        raise TypeError("labels takes several: give a mapping")
    for label, value in (labels or {}).items():
        prefix, slash, word = label.rpartition("/")
        if slash and not (_is_subdomain(prefix) and len(prefix) <= 253):
            raise StorageError(f"what stands before the slash of a label is an RFC 1123 subdomain, got {label!r:.200}")
        if not _is_word(word):
            raise StorageError(
                f"a label is at most 63 of letters, digits and inner - _ and ., after an optional prefix and a slash,"
                f" got {label!r:.200}"
            )
        if value and not _is_word(value):
            raise StorageError(
                f"a label's value is at most 63 of letters, digits and inner - _ and ., got {value!r:.200}"
            )
    return labels or {}
