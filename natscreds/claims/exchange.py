"""What accounts give one another: exports, imports, and the mappings of subjects."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal, Self

import msgspec

from natscreds.claims._edit import latest
from natscreds.claims._model import Int64, Model, Uint8, Uint64
from natscreds.claims._time import seconds
from natscreds.nkeys import KeyType, parse_public

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["Export", "ExportKind", "Import", "ServiceLatency", "WeightedMapping"]

ExportKind = Literal["stream", "service"]


def revoked(revocations: Mapping[str, int], key: str, at: "int | datetime", kind: KeyType) -> dict[str, int]:
    """Return *revocations* with tokens of *key* (`*` is everybody) refused up to *at*; a later entry stays."""
    if key != "*":
        parse_public(key, kind)
    return {**revocations, key: max(seconds(at, "at"), revocations.get(key, 0))}


class ServiceLatency(Model, frozen=True, kw_only=True, omit_defaults=False):
    """Measuring a service.

    Attributes:
        sampling: Percent of requests, 1 to 100, or `"headers"`: those that ask for it.
        results: The subject that measurements are published on.
    """

    sampling: Int64 | Literal["headers"] = "headers"
    results: str = ""

    @classmethod
    def tolerate(cls, name: str, raw: bytes) -> bytes:
        """Read `headers` in any letter case."""
        return raw.lower() if name == "sampling" and raw.lower() == b'"headers"' else raw


class Export(Model, frozen=True, kw_only=True, omit_defaults=True):
    """Subjects that other accounts may import.

    Attributes:
        name: For people.
        subject: What is exported; wildcards allowed.
        type: `stream` (messages flow out) or `service` (requests come in).
        token_req: Importers need an activation token.
        revocations: Account key, or `*`, to the second up to which its activations are refused.
        response_type: Of a service: `Singleton` (also when empty), `Stream` or `Chunked`.
        response_threshold: Nanoseconds a service has for its answer.
        service_latency: Measuring a service.
        account_token_position: The 1-based token of *subject*, a `*`, that must be the importer's account key.
        advertise: Told to others.
        allow_trace: Message traces go on into a service's account.
        description: For people, up to 8,192 bytes.
        info_url: More of that.
    """

    null_refused: ClassVar[frozenset[str]] = frozenset({"type"})

    name: str = ""
    subject: str = ""
    type: ExportKind | None = None
    token_req: bool = False
    revocations: Mapping[str, Int64] = {}
    response_type: str = ""
    response_threshold: Int64 = 0
    service_latency: ServiceLatency | None = None
    account_token_position: Uint64 = 0
    advertise: bool = False
    allow_trace: bool = False
    description: str = ""
    info_url: str = ""

    def revoke(self, key: str, *, at: "int | datetime") -> Self:
        """Return the export with activations of account *key* (or `*`) refused up to the second *at*."""
        return msgspec.structs.replace(self, revocations=revoked(self.revocations, key, at, KeyType.ACCOUNT))

    def unrevoke(self, key: str) -> Self:
        """Return the export without that entry: every old activation of *key* counts again."""
        return msgspec.structs.replace(
            self, revocations={held: until for held, until in self.revocations.items() if held != key}
        )

    def is_revoked(self, key: str, *, issued_at: "int | datetime") -> bool:
        """Tell whether an activation of account *key* issued then is refused; the same second counts as refused."""
        return bool(self.revocations) and latest(self.revocations, key) >= seconds(issued_at, "issued_at")


class Import(Model, frozen=True, kw_only=True, omit_defaults=True):
    """Subjects taken from another account.

    Attributes:
        name: For people.
        subject: The subject as the exporter has it.
        account: The exporter, a public account nkey.
        token: An activation token, where the export asks for one.
        to: Deprecated on the wire; *local_subject* replaces it.
        local_subject: What it is called here; `$1` and so on stand for the wildcards of *subject*.
        type: `stream` or `service`.
        share: Tell the exporter who asks (services).
        allow_trace: Message traces come in with a stream.
    """

    null_refused: ClassVar[frozenset[str]] = frozenset({"type"})

    name: str = ""
    subject: str = ""
    account: str = ""
    token: str = ""
    to: str = ""
    local_subject: str = ""
    type: ExportKind | None = None
    share: bool = False
    allow_trace: bool = False


class WeightedMapping(Model, frozen=True, kw_only=True, omit_defaults=True):
    """Where a mapped subject goes.

    Attributes:
        subject: The new subject.
        weight: Percent of the messages, 1 to 100; 0 is written for 100.
        cluster: Only in that cluster; empty is everywhere.
    """

    subject: str = msgspec.field(default_factory=str)
    weight: Uint8 = 0
    cluster: str = ""
