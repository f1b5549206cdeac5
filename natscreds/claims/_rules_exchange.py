"""The rules of imports, exports and mappings."""

from collections.abc import Mapping, Sequence

from natscreds import subjects
from natscreds.claims._json import decode
from natscreds.claims._mappings import destination_fault
from natscreds.claims._rules import Found, check_info
from natscreds.claims._v1 import migrate
from natscreds.claims.activation import ActivationClaims
from natscreds.claims.exchange import Export, Import, WeightedMapping
from natscreds.envelope import open_token, peek
from natscreds.errors import NatsCredsError, TokenError

__all__ = ["check_exports", "check_imports", "check_mappings", "read_activation"]

RESPONSE_TYPES = ("", "Singleton", "Chunked", "Stream")


def check_exports(exports: Sequence[Export], path: str, found: Found) -> None:
    """Check each export, and that none of a kind lies within another."""
    for at, export in enumerate(exports):
        _check_export(export, f"{path}[{at}]", found)
    for service in (True, False):
        of_kind = [(at, export.subject) for at, export in enumerate(exports) if (export.type == "service") is service]
        _check_overlap(of_kind, path, found)


def _check_overlap(held: list[tuple[int, str]], path: str, found: Found) -> None:
    """Note each subject that contains another's, once."""
    places: dict[str, list[int]] = {}
    for at, subject in held:
        places.setdefault(subject, []).append(at)
    for subject, where in places.items():
        within: list[str] = [subject] if len(where) > 1 else []
        if not within and ("*" in subject or ">" in subject):
            within = [other for other in places if other != subject and subjects.is_contained(other, subject)]
        if within:
            found.error(f"{path}[{where[0]}].subject", "export-contains", f"contains the export {within[0]!a}")


def _check_export(export: Export, path: str, found: Found) -> None:
    service = export.type == "service"
    stream = export.type == "stream"
    if export.type is None:
        found.error(f"{path}.type", "export-type", "an export is a stream or a service")
    if service and export.response_type not in RESPONSE_TYPES:
        found.error(f"{path}.response_type", "response-type", "a response is Singleton, Stream or Chunked")
    if stream and export.response_type:
        found.error(f"{path}.response_type", "response-of-stream", "a stream has no response type")
    if stream and export.allow_trace:
        found.error(f"{path}.allow_trace", "trace-of-stream", "message traces go on into services, not streams")
    latency = export.service_latency
    if latency is not None:
        if not service:
            found.error(f"{path}.service_latency", "latency-of-stream", "latency is measured of services")
        if latency.sampling not in ("headers", 0) and not 1 <= int(latency.sampling) <= 100:
            found.error(
                f"{path}.service_latency.sampling", "latency-sampling", "a percentage from 1 to 100, or headers"
            )
        found.subject(f"{path}.service_latency.results", latency.results)
        if subjects.has_wildcards(latency.results):
            found.error(f"{path}.service_latency.results", "latency-wildcards", "measurements go to one subject")
    if export.response_threshold < 0:
        found.error(f"{path}.response_threshold", "threshold-negative", "a threshold is not negative")
    elif export.response_threshold and not service:
        found.error(f"{path}.response_threshold", "threshold-of-stream", "a stream has no response threshold")
    found.subject(f"{path}.subject", export.subject)
    if export.account_token_position:
        _check_position(export, path, found)
    check_info(export.description, export.info_url, path, found)


def _check_position(export: Export, path: str, found: Found) -> None:
    position = export.account_token_position
    tokens = export.subject.split(".")
    place = f"{path}.account_token_position"
    if not subjects.has_wildcards(export.subject):
        found.error(place, "position-without-wildcard", "the subject has no wildcard to stand for an account")
    elif position > len(tokens):
        found.error(place, "position-too-far", f"the subject has {len(tokens)} tokens")
    elif tokens[position - 1] != "*":
        found.error(place, "position-no-star", "the token at the position is *")
    if export.token_req:
        found.warning(place, "token-ignored", "with a position servers ask for no activation token")


def check_imports(imports: Sequence[Import], path: str, account: str, found: Found, *, now: int | None) -> None:
    """Check each import, and that services of one exporter do not meet under their local names.

    Args:
        imports: The imports.
        path: Where they stand.
        account: The importing account's key, which activations must be about.
        found: What was found.
        now: The moment that activations are looked at; `None` is none.
    """
    names: dict[str, dict[str, None]] = {}
    for at, import_ in enumerate(imports):
        place = f"{path}[{at}]"
        if import_.type == "service":
            local = local_name(import_)
            earlier = names.setdefault(import_.account, {})
            if local in earlier:
                found.error(place, "import-repeated", f"a service of that account is {local!a} here already")
            for other in earlier:
                if other != local and (subjects.is_contained(local, other) or subjects.is_contained(other, local)):
                    found.error(place, "import-overlap", f"{local!a} meets the import {other!a}")
            earlier[local] = None
        _check_import(import_, place, account, found, now=now)


def local_name(import_: Import) -> str:
    """Return the subject an import has in its own account, references to wildcards told as `*`."""
    return import_.to or (
        subjects.renaming_to_subject(import_.local_subject) if import_.local_subject else import_.subject
    )


def _check_import(import_: Import, path: str, account: str, found: Found, *, now: int | None) -> None:
    if import_.type is None:
        found.error(f"{path}.type", "import-type", "an import is a stream or a service")
    if import_.type == "service" and import_.allow_trace:
        found.error(f"{path}.allow_trace", "trace-of-service", "message traces come in with streams, not services")
    if not import_.account:
        found.error(f"{path}.account", "import-account", "an import names the exporting account")
    if import_.to:
        found.warning(f"{path}.to", "import-to", "deprecated: local_subject says it")
    found.subject(f"{path}.subject", import_.subject)
    if import_.local_subject:
        for fault in subjects.renaming_faults(import_.local_subject, import_.subject):
            found.error(f"{path}.local_subject", fault, subjects.RULES[fault])
        if import_.to:
            found.error(f"{path}.local_subject", "import-renamed-twice", "either local_subject or to")
    if import_.share and import_.type != "service":
        found.error(f"{path}.share", "share-of-stream", "only services tell the exporter who asks")
    if import_.token:
        _check_activation(import_, path, account, found, now=now)


def _check_activation(import_: Import, path: str, account: str, found: Found, *, now: int | None) -> None:
    place = f"{path}.token"
    fault = ""
    activation: ActivationClaims | None = None
    try:
        activation = read_activation(import_.token)
    except NatsCredsError as error:
        fault = str(error)
    if activation is None:
        found.error(place, "activation-unreadable", f"no activation token: {fault}")
        return
    if import_.account not in (activation.iss, activation.nats.issuer_account):
        found.error(place, "activation-issuer", "the activation is not by the exporting account")
    if activation.sub != account:
        found.error(place, "activation-subject", "the activation is for another account")
    if activation.nats.kind != import_.type:
        found.error(place, "activation-type", "the activation is of another type than the import")
    for problem in activation.check():  # at no moment: a stale one does not stop the account
        found.add(problem.severity, place + problem.path[1:], problem.code, problem.message)
    wanted = import_.to if import_.type == "service" and import_.to else import_.subject
    if not subjects.is_contained(wanted, activation.nats.subject):
        found.error(place, "activation-covers", f"the activation is about {activation.nats.subject!a}")
    if now is not None and 0 < activation.exp <= now:
        found.add(
            "time", place, "activation-expired", f"the activation expired at {activation.exp}: servers skip the import"
        )
    if now is not None and activation.nbf > now:
        found.add("time", place, "activation-not-yet-valid", f"the activation is valid from {activation.nbf}")


def read_activation(text: str) -> ActivationClaims:
    """Return what an activation token says, its signature verified.

    Raises:
        TokenError: Not an activation token.
        WrongKeyTypeError: Signed by a key of another type.
        BadSignatureError: The signature does not hold.
    """
    envelope = open_token(text)
    head = peek(envelope.payload)
    if head.kind != ActivationClaims.kind:
        raise TokenError(f"expected activation claims, got {head.kind[:40]!a}")
    if head.version not in (1, 2):
        raise TokenError(f"claims of version 1 and 2 are read, got version {head.version}")
    read = decode if head.version == 2 else _migrate
    claims = read(envelope.payload, ActivationClaims)
    envelope.verify(issuer=claims.iss, allowed=claims.issuers, version=head.version)
    return claims


def _migrate(payload: bytes, model: type[ActivationClaims]) -> ActivationClaims:
    return migrate(payload, model.kind, model)


def check_mappings(mappings: Mapping[str, Sequence[WeightedMapping]], path: str, found: Found) -> None:
    """Check where mapped subjects go, that weights do not add up to more than all, and that servers can do it."""
    for source in sorted(mappings):
        place = f"{path}[{source!a}]"
        sound = found.subject(place, source)
        if sound and not subjects.is_valid(source):
            found.error(place, "mapping-dropped", "servers drop the mapping: > is last, no white space")
            sound = False
        total = 0
        clusters: dict[str, int] = {}
        met: set[str] = set()
        for at, destination in enumerate(mappings[source]):
            if found.subject(f"{place}[{at}].subject", destination.subject) and sound:
                _check_destination(source, destination.subject, f"{place}[{at}].subject", met, found)
            weight = destination.weight or 100
            if weight > 100:
                found.error(f"{place}[{at}].weight", "mapping-weight", "a weight is a percentage, at most 100")
            if destination.cluster:
                clusters[destination.cluster] = clusters.get(destination.cluster, 0) + weight
                if clusters[destination.cluster] > 100:
                    found.error(f"{place}[{at}].weight", "mapping-cluster-sum", "weights in a cluster add up to 100")
            else:
                total += weight
        if total > 100:
            found.error(place, "mapping-sum", f"weights add up to at most 100, got {total}")


def _check_destination(source: str, destination: str, path: str, met: set[str], found: Found) -> None:
    """Note a destination that servers drop the mapping for; *met* are those before it."""
    if destination in met:
        found.error(path, "mapping-repeated", "servers drop a mapping in which a destination stands twice")
    met.add(destination)
    if fault := destination_fault(source, destination):
        found.error(path, "mapping-dropped", f"servers drop the mapping: {fault}")
