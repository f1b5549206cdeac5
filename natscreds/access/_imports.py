"""Which imports of an account carry messages: `natscreds.check_hierarchy` tells what keeps one from it."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from natscreds import subjects
from natscreds.access._admission import account_decision
from natscreds.access.decision import Decision, no, unknown, yes
from natscreds.claims import AccountClaims, Import, OperatorClaims
from natscreds.errors import Problem
from natscreds.hierarchy import check_hierarchy
from natscreds.tokens import Token, UnverifiedToken

__all__ = ["Imported", "decide_imports"]

_BY_CHANCE: Final = ("export-ambiguous", "import-cycle", "exporter-unknown")
"""What servers decide by the order in which they read accounts, or by an account that is not given."""

_GRANTED: Final = yes("import-granted", "the exporter grants the import")


class Imported(NamedTuple):
    """An import, and whether it carries messages.

    Attributes:
        said: What the account's token says.
        local: The subject that users of the account subscribe to (a stream) or publish to (a service).
        decision: Whether anything comes through.
    """

    said: Import
    local: str
    decision: Decision


def decide_imports(
    operator: Token[OperatorClaims],
    account: UnverifiedToken[AccountClaims],
    others: Iterable[UnverifiedToken[AccountClaims]],
    now: int,
) -> tuple[Imported, ...]:
    """Decide about each import of *account*, in the order of its token; *others* are the accounts servers know too."""
    key = account.claims.sub
    refusal = account_decision(operator.claims, account, now)
    known = {other.claims.sub: other for other in others if other.claims.sub != key}
    exporters = {sub: account_decision(operator.claims, other, now) for sub, other in known.items()}
    problems: list[Problem] = []
    if refusal is None:
        problems = check_hierarchy(operator.text, [account.text, *(other.text for other in known.values())], now=now)
    found: list[Imported] = []
    for at, said in enumerate(account.claims.nats.imports):
        decision = refusal if refusal is not None else exporters.get(said.account)
        if decision is None:
            place = f"$[{key}].nats.imports[{at}]"
            decision = _decide([one for one in problems if f"{one.path}.".startswith(f"{place}.")])
        else:
            decision = no(decision.reason.code, f"servers do not load an account of it: {decision.reason.sentence}")
        found.append(Imported(said, _local(said), decision))
    return tuple(found)


def _decide(problems: list[Problem]) -> Decision:
    """Decide about an import of which these *problems* are told."""
    doubt: Decision | None = None
    for problem in problems:
        if problem.code in _BY_CHANCE:
            doubt = unknown(problem.code, problem.message)
        elif problem.severity != "warning":
            return no(problem.code, problem.message)
    return _GRANTED if doubt is None else doubt


def _local(said: Import) -> str:
    if said.local_subject:
        return subjects.renaming_to_subject(said.local_subject)
    return f"{said.to.removesuffix('.')}.{said.subject}" if said.to and said.type == "stream" else said.subject
