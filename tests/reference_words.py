"""What the reference calls a fault, and which of our codes that is.

The reference tells its issues apart by sentences only, so each row is just as much of one as it takes to know it.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Iterable, Mapping

__all__ = ["CODES", "ITSELF", "code_of", "codes"]

ITSELF = "import-overlaps-itself"
"""Not one of our codes: an import that is there twice is told as an overlap with itself first, and then once more."""

WORDS = [
    (r"subject cannot be empty", "subject-empty"),
    (r"cannot have spaces$", "subject-space"),
    (r"cannot start or end with", "subject-dot-at-end"),
    (r"cannot contain consecutive", "subject-empty-token"),
    (r"not allowed to contain queue", "entry-queue"),
    (r"contains too many spaces", "entry-spaces"),
    (r"^both, renaming", "renaming-tail"),
    (r"^Reference \$", "renaming-reference"),
    (r"does not contain enough \*", "renaming-count"),
    (r"is expired$", "expired"),
    (r"is not yet valid$", "not-yet-valid"),
    (r"contains more imports", "too-many-imports"),
    (r"contains more exports", "too-many-exports"),
    (r"wildcard exports", "export-wildcards"),
    (r"already exports", "export-contains"),
    (r'^overlapping subject namespace for (".*") and \1 in same', ITSELF),
    (r'^overlapping subject namespace for ".*" and ', "import-overlap"),
    (r"^overlapping subject namespace", "import-repeated"),
    (r"^invalid import type", "import-type"),
    (r"^AllowTrace .* stream import", "trace-of-service"),
    (r"^AllowTrace .* service export", "trace-of-stream"),
    (r"^account to import from", "import-account"),
    (r"^the field to ", "import-to"),
    (r"^Local Subject replaces", "import-renamed-twice"),
    (r"^sharing information", "share-of-stream"),
    (r"^import .* invalid activation token$", "activation-unreadable"),
    (r"^activation token doesn't match account for", "activation-issuer"),
    (r"^activation token doesn't match account it", "activation-subject"),
    (r"^mismatch between token import type", "activation-type"),
    (r"^activation token import subject", "activation-covers"),
    (r"^invalid export type", "export-type"),
    (r"^invalid response type for service", "response-type"),
    (r"^invalid response type for stream", "response-of-stream"),
    (r"^latency tracking only", "latency-of-stream"),
    (r"^sampling percentage", "latency-sampling"),
    (r"^results subject", "latency-wildcards"),
    (r"^negative response threshold", "threshold-negative"),
    (r"^response threshold only", "threshold-of-stream"),
    (r"^Account Token Position can only", "position-without-wildcard"),
    (r"^Account Token Position \d+ exceeds", "position-too-far"),
    (r"^Account Token Position \d+ matches", "position-no-star"),
    (r"^(Description|Info URL) is too long", "info-too-long"),
    (r"^error parsing info url", "info-url"),
    (r"mutually exclusive$", "limits-flat-and-tiered"),
    (r"^Tiered .* blank", "tier-without-name"),
    (r"^Mapping .* has a weight", "mapping-weight"),
    (r'^Mapping ".*" in cluster ', "mapping-cluster-sum"),
    (r"^Mapping .* exceeds 100%", "mapping-sum"),
    (r"^External authorization cannot have accounts", "callout-without-users"),
    (r"^AuthUser ", "callout-user"),
    (r"^AllowedAccounts can only", "callout-any-and-more"),
    (r"^Account .* is not a valid account public key", "callout-account"),
    (r"^XKey ", "callout-xkey"),
    (r"^the account Trace.Destination subject .* not a valid publish", "trace-wildcards"),
    (r"^the account Trace.Sampling", "trace-sampling"),
    (r"is not a valid account signing key$", "signing-key"),
    (r"is not an operator public key$", "signing-key"),
    (r"^(account_id|issuer_account) is not an account public key", "issuer-account"),
    (r"^unknown cluster traffic", "cluster-traffic"),
    (r"^self-signed account", "self-signed-limits"),
    (r"^invalid cidr", "not-a-network"),
    (r"must contain an? (start|end)$", "time-missing"),
    (r"^(start|end) in time range is invalid", "not-a-time-of-day"),
    (r"^could not parse iana", "unknown-time-zone"),
    (r"account server url", "account-server-url"),
    (r"operator service url", "service-url"),
    (r"^assert server version", "server-version"),
    (r"^User nkey is required", "user-missing"),
    (r"^(User nkey .* not a valid|Subject must be a) user public key", "user-key"),
    (r"^Audience must be", "server-key"),
    (r"^Error or Jwt", "answer-missing"),
    (r"^Only Error or Jwt", "answer-twice"),
]
# One sentence for two rules: an operator's system account, an account's role.
ACCOUNT_KEY = r"is not an account public key$"

CODES = frozenset(code for _, code in WORDS) | {"system-account"} - {ITSELF}


@functools.cache
def code_of(description: str, kind: str) -> str:
    """Return the code of an issue of claims of a *kind*."""
    for pattern, code in WORDS:
        if re.search(pattern, description, re.DOTALL):
            return code
    if re.search(ACCOUNT_KEY, description, re.DOTALL):
        return "system-account" if kind == "operator" else "signing-key"
    raise AssertionError(f"the reference says what nobody here understands: {description}")


def codes(issues: Iterable[Mapping[str, object]], kind: str) -> Counter[str]:
    """Return what the reference's *issues* of claims of a *kind* are: severity and code, in no order."""
    found: Counter[str] = Counter()
    for issue in issues:
        severity = "error" if issue["blocking"] else "time" if issue["time"] else "warning"
        found[f"{severity} {code_of(str(issue['description']), kind)}"] += 1
    return found
