"""What every check is made of: the list of problems found, and the rules that kinds share.

Codes of the reference's own rules and of what only servers punish stand side by side; `BEYOND_REFERENCE` names the
latter.
"""

from collections.abc import Callable, Iterator

from natscreds import subjects
from natscreds.claims._claims import Claims
from natscreds.claims._formats import info_url_fault, is_network, is_time_of_day, is_time_zone
from natscreds.claims._json import encode
from natscreds.claims.permissions import Permissions, UserPermissionLimits
from natscreds.claims.templates import has_calls
from natscreds.errors import InvalidClaimsError, Problem, Severity
from natscreds.nkeys import KeyType, is_public, is_sound, raw_public

__all__ = [
    "BEYOND_REFERENCE",
    "LONGEST_INFO",
    "Found",
    "check_info",
    "check_limits",
    "check_permissions",
    "json_size",
    "texts_of",
    "token_size",
]

LONGEST_INFO = 8192
"""Bytes of a description or a URL, at most."""

CONNECTION_TYPES = ("STANDARD", "WEBSOCKET", "LEAFNODE", "LEAFNODE_WS", "MQTT", "MQTT_WS", "IN_PROCESS")

BEYOND_REFERENCE = frozenset(
    {
        "account-subs-zero",
        "activation-expired",
        "activation-not-yet-valid",
        "allow-ends-in-star",
        "bearer-disallowed",
        "bearer-without-expiry",
        "connect-line",
        "deny-only",
        "empty-list",
        "entry-dropped",
        "expires-negative",
        "issuer-unknown",
        "key-unsound",
        "limit-negative",
        "limit-zero",
        "mapping-dropped",
        "mapping-repeated",
        "no-expiry",
        "payload-zero",
        "role-and-permissions",
        "role-name-repeated",
        "role-tag-missing",
        "role-does-not-resolve",
        "shared-inbox",
        "signing-key-repeated",
        "subs-zero",
        "template-calls-unscoped",
        "template-entry",
        "template-format",
        "template-queue",
        "times-empty",
        "token-ignored",
        "token-too-large",
        "unknown-connection-type",
        "unknown-connection-types",
        "user-unrestricted",
    }
)
"""Codes of rules that the reference does not have."""


class Found(list[Problem]):
    """Problems, in the order they were found."""

    def add(self, severity: Severity, path: str, code: str, message: str) -> None:
        """Note a problem."""
        self.append(Problem(path=path, severity=severity, code=code, message=message))

    def error(self, path: str, code: str, message: str) -> None:
        """Note what nothing is signed with."""
        self.add("error", path, code, message)

    def warning(self, path: str, code: str, message: str) -> None:
        """Note what is allowed, and perhaps not meant."""
        self.add("warning", path, code, message)

    def subject(self, path: str, subject: str) -> bool:
        """Note what is wrong with a *subject*; tell whether it is sound."""
        faults = subjects.faults(subject)
        for fault in faults:
            self.error(path, fault, subjects.RULES[fault])
        return not faults

    def time(self, exp: int, nbf: int, now: int | None) -> None:
        """Note that *now* lies outside; without a moment there is nothing to note."""
        if exp < 0:
            self.error("$.exp", "expires-negative", "exp is a moment, or 0 for never")
        if now is None:
            return
        if 0 < exp < now:
            self.add("time", "$.exp", "expired", f"expired at {exp}, asked about {now}")
        if nbf > now:
            self.add("time", "$.nbf", "not-yet-valid", f"valid from {nbf}, asked about {now}")

    def key(self, path: str, code: str, key: str, kind: KeyType) -> None:
        """Note a text that is not a public key of that kind."""
        if not is_public(key, kind):
            self.error(path, code, f"a public {kind.name.lower()} key belongs here")
        elif kind is not KeyType.CURVE and not is_sound(raw_public(key)[1]):
            self.error(path, "key-unsound", "a public key is a point of the prime-order group, this one is not")


def check_permissions(permissions: Permissions | UserPermissionLimits, path: str, found: Found) -> None:
    """Check permission lists by the reference's rules, and for what servers drop or read otherwise."""
    for direction, permission in (("pub", permissions.pub), ("sub", permissions.sub)):
        for which, entries in (("allow", permission.allow), ("deny", permission.deny)):
            for at, entry in enumerate(entries or ()):
                place = f"{path}.{direction}.{which}[{at}]"
                faults = subjects.entry_faults(entry, queue=direction == "sub")
                for fault in faults:
                    found.error(place, fault, subjects.RULES[fault])
                if not faults:
                    _check_served(entry, place, which == "deny", direction == "sub", found)


def _check_served(entry: str, path: str, deny: bool, sub: bool, found: Found) -> None:
    """Check what only servers mind in an *entry* that the reference takes."""
    read = subjects.split_queue(entry) if sub else None
    valid = read is not None and " ".join(filter(None, read)) == entry if sub else subjects.is_valid(entry)
    if not valid:
        note: Callable[[str, str, str], None] = found.error if deny else found.warning
        note(
            path,
            "entry-dropped",
            "servers drop this entry or read it otherwise: > is last, no white space in a subject",
        )
    if sub and not deny:
        subject = entry.partition(" ")[0]
        if subject == "*" or subject.endswith(".*"):
            found.warning(path, "allow-ends-in-star", "nats-server 2.15 also admits a subscription ending in > here")
        if subject == "_INBOX.>":
            found.warning(path, "shared-inbox", "every user of the account can read every reply: use a private inbox")


def check_limits(limits: UserPermissionLimits, path: str, found: Found) -> None:
    """Check networks, times of day and their zone by the reference's rules, and connection types for servers."""
    for at, network in enumerate(limits.src or ()):
        if not is_network(network):
            found.error(f"{path}.src[{at}]", "not-a-network", "a network is address/length")
    for at, times in enumerate(limits.times or ()):
        for name, moment in (("start", times.start), ("end", times.end)):
            if not moment:
                found.error(f"{path}.times[{at}].{name}", "time-missing", "a range has a start and an end")
            elif not is_time_of_day(moment):
                found.error(f"{path}.times[{at}].{name}", "not-a-time-of-day", "a time of day is HH:MM:SS")
        if times.start and times.start == times.end:
            found.warning(f"{path}.times[{at}]", "times-empty", "a range that ends where it starts admits nobody")
    if limits.times_location and not is_time_zone(limits.times_location):
        found.error(f"{path}.times_location", "unknown-time-zone", "a time zone is an IANA name")
    kinds = limits.allowed_connection_types or ()
    unknown = [kind for kind in kinds if kind.upper() not in CONNECTION_TYPES]
    if unknown and len(unknown) == len(kinds):
        told = f"none of these is known, so nobody is admitted: {', '.join(CONNECTION_TYPES)} are"
        found.error(f"{path}.allowed_connection_types", "unknown-connection-types", told)
    elif unknown:
        told = f"servers ignore {unknown[0]!a}"
        found.warning(f"{path}.allowed_connection_types", "unknown-connection-type", told)


def check_calls_unscoped(permissions: Permissions | UserPermissionLimits, path: str, found: Found) -> None:
    """Check that nobody expects `{{…}}` to be filled in where servers take it as it stands."""
    for direction, permission in (("pub", permissions.pub), ("sub", permissions.sub)):
        for which, entries in (("allow", permission.allow), ("deny", permission.deny)):
            for at, entry in enumerate(entries or ()):
                if has_calls(entry):
                    note = found.error if which == "deny" else found.warning
                    note(
                        f"{path}.{direction}.{which}[{at}]",
                        "template-calls-unscoped",
                        "servers fill {{…}} in under a role only; here it is plain text",
                    )


def check_info(description: str, info_url: str, path: str, found: Found) -> None:
    """Check what is for people."""
    if len(description.encode("utf-8", "surrogatepass")) > LONGEST_INFO:
        found.error(f"{path}.description", "info-too-long", f"a description has at most {LONGEST_INFO} bytes")
    if not info_url:
        return
    if len(info_url.encode("utf-8", "surrogatepass")) > LONGEST_INFO:
        found.error(f"{path}.info_url", "info-too-long", f"a URL has at most {LONGEST_INFO} bytes")
    fault = info_url_fault(info_url)
    if fault:
        found.error(f"{path}.info_url", "info-url", fault)


def texts_of(limits: Permissions | UserPermissionLimits) -> Iterator[str]:
    """Yield the texts that permissions and limits hold."""
    for permission in (limits.pub, limits.sub):
        yield from permission.allow or ()
        yield from permission.deny or ()
    if isinstance(limits, UserPermissionLimits):
        yield from limits.src or ()
        yield from limits.allowed_connection_types or ()
        yield limits.times_location
        for times in limits.times or ():
            yield from (times.start, times.end)


def json_size(texts: list[str]) -> int:
    """Return a number of bytes that *texts*, and a member's name for each, surely fit into as JSON."""
    return 6 * sum(map(len, texts)) + 12 * len(texts)


def token_size(claims: Claims) -> int:
    """Return the length of the token that *claims* have, or will have; 0 if they have no JSON form."""
    try:
        payload = len(encode(claims)) + (0 if claims.jti else _FILLED_IN)
    except InvalidClaimsError:  # told by signing
        return 0
    return 48 + (payload * 4 + 2) // 3 + 87  # the header, and the signature


_FILLED_IN = len(',"iat":1000000000,"iss":"","jti":"","type":"","version":2') + 56 + 52
