"""The rules of imports: whether the exporter grants them, and what granted ones do to one another."""

import re
from collections.abc import Iterator

from natscreds import subjects, tokens
from natscreds.claims import ActivationClaims, Export
from natscreds.errors import NatsCredsError
from natscreds.hierarchy._accounts import Found, Hierarchy, Taken, signing_keys

__all__ = ["Grants", "check_export", "check_meetings"]

_REFERENCE = re.compile(r"\*|\$[+-]?[0-9]+")


class _BySubject:
    """Imports by one of their two subjects: which of them meet another subject is a look-up for most."""

    def __init__(self) -> None:
        self._literal: dict[str, list[Taken]] = {}
        self._wide: list[tuple[str, Taken]] = []

    def add(self, subject: str, taken: Taken) -> None:
        """Note an import."""
        if "*" in subject or ">" in subject:
            self._wide.append((subject, taken))
        else:
            self._literal.setdefault(subject, []).append(taken)

    def meeting(self, subject: str) -> Iterator[Taken]:
        """Yield the imports whose subject has a literal subject in common with *subject*."""
        if "*" in subject or ">" in subject:
            for held, those in self._literal.items():
                if subjects.overlaps(held, subject):
                    yield from those
        else:
            yield from self._literal.get(subject, ())
        for held, taken in self._wide:
            if subjects.overlaps(held, subject):
                yield taken


class Grants:
    """All imports of a hierarchy, each with what keeps its exporter from granting it.

    Attributes:
        hierarchy: Whose imports.
        checked: The imports by account, with what `check_export` found.
        circles: The granted imports that servers find to lead back to their own importer.
    """

    def __init__(self, hierarchy: Hierarchy) -> None:
        self.hierarchy = hierarchy
        self.checked = {
            key: [(taken, check_export(hierarchy, taken)) for taken in hierarchy.imports(key)]
            for key in hierarchy.accounts
        }
        self._granted: dict[tuple[str, str], tuple[list[Taken], _BySubject, _BySubject]] = {}
        for key, checked in self.checked.items():
            for taken, faults in checked:
                sound = subjects.is_valid(taken.local) and subjects.is_valid(taken.remote)
                if taken.said.type and sound and not faults:
                    place = (key, taken.said.type)
                    listed, by_local, by_remote = self._granted.setdefault(place, ([], _BySubject(), _BySubject()))
                    listed.append(taken)
                    by_local.add(taken.local, taken)
                    by_remote.add(taken.remote, taken)
        self.circles: frozenset[tuple[str, int]] = frozenset()
        self.circles = frozenset(
            (key, taken.at)
            for (key, kind), (listed, _, _) in self._granted.items()
            for taken in listed
            if _comes_back(self, taken, kind, to={key})
        )

    def of(self, importer: str, kind: str) -> list[Taken]:
        """Return the imports of an account that its exporters grant."""
        return self._granted[importer, kind][0] if (importer, kind) in self._granted else []

    def meeting(self, importer: str, kind: str, *, local: str = "", remote: str = "") -> Iterator[Taken]:
        """Yield those of them whose local or remote subject meets the one given."""
        if (importer, kind) in self._granted:
            _, by_local, by_remote = self._granted[importer, kind]
            yield from by_local.meeting(local) if local else by_remote.meeting(remote)


def check_export(hierarchy: Hierarchy, taken: Taken) -> Found:
    """Return what keeps the exporter from granting an import; nothing of what the importer's own claims tell."""
    found, said, key = Found(), taken.said, taken.importer
    kind = said.type
    if kind is None or not said.account or subjects.faults(taken.remote) or subjects.faults(taken.local):
        return found
    if _check_names(taken, found):
        return found
    if taken.exporter not in hierarchy.accounts:
        told = f"account {said.account!a} is not among those given: whether it exports this cannot be told"
        found.warning(key, f"{taken.path}.account", "exporter-unknown", told)
        return found
    path = f"{taken.path}.subject"
    covering = hierarchy.covering(taken.exporter, kind, taken.remote)
    if not covering:
        other = "service" if kind == "stream" else "stream"
        if hierarchy.covering(taken.exporter, other, taken.remote):
            told = f"account {said.account} exports {taken.remote!a} as a {other}, not as a {kind}"
            found.error(key, path, "export-other-type", told)
        else:
            told = f"account {said.account} has no {kind} export that covers {taken.remote!a}"
            found.error(key, path, "export-missing", told)
        return found
    faults = [_fault(hierarchy, taken, export) for export in covering]
    refused = [fault for fault in faults if fault is not None]
    if refused and len(refused) < len(faults):
        told = f"several exports cover {taken.remote!a}, and servers take any of them; of one, {refused[0][1]}"
        found.error(key, path, "export-ambiguous", told)
    elif refused:
        member = "subject" if refused[0][0] == "position-other-account" else "token"
        found.error(key, f"{taken.path}.{member}", *refused[0])
    return found


def _check_names(taken: Taken, found: Found) -> bool:
    """Check what servers mind in the two names of an import; tell whether they skip it for that."""
    said, key = taken.said, taken.importer
    if not (subjects.is_valid(taken.remote) and subjects.is_valid(taken.local)):
        found.error(key, taken.path, "import-invalid", "servers take no such subject: > is last, no white space in it")
    elif said.local_subject:
        if not subjects.renaming_faults(said.local_subject, said.subject) and not _keeps_all(taken):
            told = "each wildcard of the subject stands in the local one once, as * or $1, $2 and so on"
            found.error(key, f"{taken.path}.local_subject", "import-renaming", told)
    elif said.to and said.type == "stream" and subjects.has_wildcards(said.to):
        found.error(key, f"{taken.path}.to", "import-renaming", "what goes before a stream's subject has no wildcards")
    elif said.to and subjects.has_wildcards(said.to) and subjects.renaming_faults(said.subject, said.to):
        found.error(key, f"{taken.path}.to", "import-renaming", "a service has as many wildcards there as here")
    return bool(found)


def _keeps_all(taken: Taken) -> bool:
    """Tell whether a renaming uses each wildcard once; the reference lets others pass, which servers cannot undo."""
    stars = 0
    named: list[str] = []
    for word in filter(_REFERENCE.fullmatch, taken.said.local_subject.split(".")):
        stars += word == "*"
        named.append(f"${stars}" if word == "*" else word)
    wanted = range(1, subjects.wildcard_count(taken.remote) + 1)
    return sorted(named) == sorted(f"${number}" for number in wanted)


def _fault(hierarchy: Hierarchy, taken: Taken, export: Export) -> tuple[str, str] | None:
    """Return code and sentence of why *export* does not grant the import; `None` if it does."""
    position = export.account_token_position
    if position:  # it takes the place of activations
        spelled = taken.remote.split(".")
        if position <= len(spelled) and spelled[position - 1] == taken.importer:
            return None
        return "position-other-account", f"token {position} of the subject is the importing account's key"
    if not export.token_req:
        return None
    if not taken.said.token:
        return "activation-missing", "the export asks for an activation token"
    try:
        activation = tokens.verify(taken.said.token, ActivationClaims).claims
    except NatsCredsError:
        return None  # told by the claims' own check
    exporter = hierarchy.accounts[taken.exporter]
    named = activation.nats.issuer_account
    signers = (*signing_keys(exporter), *(() if hierarchy.strict else (exporter.sub,)))
    if named and (named != exporter.sub or activation.iss not in signers):
        return "activation-signer", f"the activation is by {activation.iss}, which does not sign for the exporter"
    revoked = [until for held, until in export.revocations.items() if held in (taken.importer, "*")]
    if revoked and max(revoked) >= activation.iat:
        return "activation-revoked", f"the export refuses activations issued up to {max(revoked)}"
    return None


def check_meetings(grants: Grants, key: str, found: Found) -> None:
    """Check what the granted imports of an account do to one another, and to those of other accounts."""
    told_before = {problem.path for problem in found if problem.code == "import-repeated"}
    for kind in ("service", "stream"):
        seen: dict[tuple[str, str], Taken] = {}
        for taken in grants.of(key, kind):
            first = seen.setdefault((taken.exporter, taken.local if kind == "service" else taken.remote), taken)
            if first is not taken and f"$[{key}]{taken.path[1:]}" not in told_before:
                told = f"servers take {first.path} and skip this: an account's subject is imported once"
                found.error(key, taken.path, "import-repeated", told)
            if (key, taken.at) in grants.circles or _comes_back(grants, taken, kind):
                told = f"accounts import {kind}s from one another in a circle: servers skip what closes it"
                found.error(key, taken.path, "import-cycle", told)
    for taken in grants.of(key, "stream"):
        if any(True for _ in grants.meeting(taken.exporter, "stream", local=taken.remote)):
            told = f"what account {taken.exporter} imports itself does not come along: streams are not passed on"
            found.warning(key, taken.path, "stream-not-passed-on", told)
    for taken in grants.of(key, "service"):
        met = grants.meeting(key, "service", local=taken.local)
        before = [other for other in met if other.at < taken.at and other.exporter != taken.exporter]
        if before:
            other = min(before, key=lambda one: one.at)
            told = f"a request may go to account {other.exporter} as well, by {other.path}"
            found.warning(key, taken.path, "import-collision", told)


def _comes_back(grants: Grants, taken: Taken, kind: str, *, to: set[str] | None = None) -> bool:
    """Tell whether servers see a circle when this import comes after all others: their search, not a better one.

    Args:
        grants: All imports; those that are in `circles` are left out, as servers skip one of them.
        taken: The import.
        kind: Its type.
        to: The accounts that close a circle. `None`: every account that was passed before, as for servers, which call
            it a circle as well when two ways meet.
    """
    starts = (taken.local,) if kind == "service" else (taken.local, taken.remote)
    return any(_search(grants, taken, kind, start, to) for start in dict.fromkeys(starts))


def _search(grants: Grants, taken: Taken, kind: str, subject: str, to: set[str] | None) -> bool:
    visited = {taken.importer}
    path = [(taken.exporter, subject, _onward(grants, taken.exporter, kind, subject))]
    while path:
        account, subject, onward = path[-1]
        for other in onward:
            if other is taken:
                continue
            if other.exporter in (visited if to is None else to):
                return True
            if other.exporter in visited:
                continue
            visited.add(account)
            narrowed = other.local if subjects.is_subset(other.local, subject) else subject
            path.append((other.exporter, narrowed, _onward(grants, other.exporter, kind, narrowed)))
            break
        else:
            path.pop()
    return False


def _onward(grants: Grants, account: str, kind: str, subject: str) -> Iterator[Taken]:
    """Yield the imports that servers look at next: services by the far name, streams by the near one if exported."""
    if kind == "service":
        met = grants.meeting(account, kind, remote=subject)
    elif grants.hierarchy.covering(account, kind, subject):
        met = grants.meeting(account, kind, local=subject)
    else:
        return
    for taken in met:
        if (taken.importer, taken.at) not in grants.circles:
            yield taken
