"""Making servers hold what they should, and nothing done where nothing is to do."""

from collections.abc import Iterable, Mapping
from typing import Literal, get_args

from natscreds.chain import Operator
from natscreds.chain.moments import clock
from natscreds.errors import InvalidClaimsError, MalformedError, WrongKeyTypeError
from natscreds.nkeys import KeyType, PublicKey, parse_public
from natscreds.server._parcels import Parcel
from natscreds.server._removal import delete, deleting_key, disable, system_accounts
from natscreds.server._reports import SyncReport
from natscreds.server._session import Progress, Session

__all__ = ["Prune", "account_keys", "check_prune", "sync"]

Prune = Literal["disable", "delete"]


def check_prune(prune: Prune | None, wanted: Mapping[PublicKey, Parcel], operator: Operator) -> None:
    """Refuse a pruning that means nothing, or would take too much away.

    Raises:
        ValueError: Another word than `disable` and `delete`, or no accounts to keep.
        InvalidClaimsError: It is not known which account must stay because it is the system account.
        MissingKeyError: No signing key is held to delete with.
    """
    if prune is None:
        return
    if prune not in get_args(Prune):
        raise ValueError(f'prune is "disable", "delete" or None, got {prune!r}')
    if not wanted:
        raise ValueError("prune takes away what is not among accounts, which are none: that would be all")
    if not system_accounts(operator):
        raise InvalidClaimsError.one(
            "$.nats.system_account", "no-system-account", "prune must know the system account, the operator names none"
        )
    if prune == "delete":
        deleting_key(operator)


def account_keys(names: Iterable[str]) -> tuple[frozenset[PublicKey], frozenset[str]]:
    """Return the keys of accounts among *names*, and what is none."""
    keys: set[PublicKey] = set()
    odd: set[str] = set()
    for name in names:
        try:
            keys.add(parse_public(name, KeyType.ACCOUNT))
        except (MalformedError, WrongKeyTypeError):
            odd.add(name[:100])
    return frozenset(keys), frozenset(odd)


async def sync(
    session: Session,
    wanted: Mapping[PublicKey, Parcel],
    *,
    prune: Prune | None,
    allow: frozenset[str],
    on_progress: Progress | None,
) -> SyncReport:
    """Send what some server does not hold, then take away what nobody named."""
    due = [
        parcel for parcel in wanted.values() if parcel.state != "refused" and parcel.judge(session.operator, clock())
    ]
    stored = await session.lookups(parcel.key for parcel in due)
    for parcel in due:
        parcel.stored = stored.get(parcel.key, ())
    if due and session.roster.holders < session.likely_holders:
        # Not all answered the lookups. An update tells who they are: caches say so, others do not answer that either.
        await session.send(due[:1], allow=allow)
        due = due[1:]
    different: list[Parcel] = []
    for parcel in due:
        if len(parcel.stored or ()) >= session.likely_holders and set(parcel.stored or ()) == {parcel.text}:
            parcel.end("unchanged")
        else:
            different.append(parcel)
    await session.send(different, allow=allow, on_progress=on_progress)
    pruned = {}
    if prune is not None:
        names = set[str]().union(*(await session.listing()).names.values())
        others = account_keys(names)[0] - frozenset(wanted) - system_accounts(session.operator)
        if prune == "disable":
            pruned = await disable(session, dict.fromkeys(sorted(others), ""))
        else:
            pruned = await delete(session, sorted(others), deleting_key(session.operator))
    return SyncReport(outcomes=session.outcomes(wanted.values()), pruned=pruned, **session.seen())
