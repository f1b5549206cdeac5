"""Taking accounts away: disabling them, which is undone easily, and deleting them, which is not."""

from collections.abc import Iterable, Mapping
from functools import partial

from natscreds import tokens
from natscreds.chain import Account, Operator
from natscreds.chain.moments import clock, forward
from natscreds.claims import GenericClaims
from natscreds.errors import InvalidClaimsError, MissingKeyError, NatsCredsError
from natscreds.nkeys import PublicKey, Signer
from natscreds.server._config import AccountLike
from natscreds.server._parcels import Parcel, believed, is_disabled, key_of, refuse_text
from natscreds.server._questions import DELETE, Claim
from natscreds.server._reports import Answer, Outcome
from natscreds.server._session import Progress, Session

__all__ = ["delete", "deleting_key", "disable", "keys_of", "system_accounts"]

_SECONDS = 60
"""How long a disabled account's token is valid: servers then remove it within a minute."""

_AT_ONCE = 1_000
"""Accounts in one delete request: 57 kB."""


def system_accounts(operator: Operator) -> frozenset[str]:
    """Return what is known to be the system account."""
    named = operator.claims.nats.system_account
    known = operator.system_account
    return frozenset(key for key in (named, known.public if known else "") if key)


def keys_of(operator: Operator, accounts: Iterable[AccountLike | str]) -> dict[PublicKey, str]:
    """Return the keys of *accounts*, with their tokens' texts where there are any, each once.

    Raises:
        TypeError: One text instead of several.
        InvalidClaimsError: The system account is among them.
    """
    refuse_text("accounts", accounts)
    found: dict[PublicKey, str] = {}
    for account in accounts:
        key, text = key_of(account)
        if key in system_accounts(operator):
            raise InvalidClaimsError.one(
                "accounts", "system-account", f"servers are reached by the system account, which {key} is: it stays"
            )
        found[key] = text or found.get(key, "")
    return found


def deleting_key(operator: Operator) -> Signer:
    """Return the signing key that signs delete requests.

    Raises:
        MissingKeyError: No signing key is held here.
    """
    if not operator.signing_keys:
        raise MissingKeyError(f"a signing key of operator {operator.public} signs deletions, none is held here")
    return operator.signing_keys[0]


async def disable(
    session: Session, keys: Mapping[PublicKey, str], *, on_progress: Progress | None = None
) -> dict[str, Outcome]:
    """Send accounts that nobody can use and that end soon, made from the newest token that is known of each."""
    stored = await session.lookups(keys)
    found: dict[PublicKey, Outcome | None] = dict.fromkeys(keys)
    parcels: dict[PublicKey, Parcel] = {}
    for key, given in keys.items():
        texts = {text for text in (*stored.get(key, ()), given) if text}
        known = [(claims.iat, text) for text in texts if (claims := believed(text, key, session.operator))]
        if not known:
            found[key] = _not_known(key, asked=bool(stored.get(key)), foreign=bool(texts))
            continue
        newest = max(known)[1]
        account = Account.load(newest, operator=session.operator)
        if is_disabled(account.claims) and set(stored.get(key, ())) == {newest}:
            found[key] = Outcome(account=key, state="unchanged", code="disabled", reason="it is disabled already")
            continue
        fault, shut = "", account
        try:
            shut = _disabled(session.operator, account)
        except NatsCredsError as error:
            fault = str(error)
        if fault:
            found[key] = Outcome(account=key, state="refused", code="not-signed", reason=fault)
            continue
        parcels[key] = Parcel(shut.jwt, shut.claims)
        parcels[key].stored = stored.get(key, ())
    await session.send(parcels.values(), allow=None, on_progress=on_progress)
    return {key: outcome or parcels[key].outcome() for key, outcome in found.items()}


def _not_known(key: PublicKey, *, asked: bool, foreign: bool) -> Outcome:
    """Return why an account of which there is no token to sign anew is not disabled."""
    if foreign:
        reason = "the operator does not stand behind the token that servers have"
        return Outcome(account=key, state="refused", code="foreign", reason=reason)
    if asked:
        return Outcome(account=key, state="refused", code="absent", reason="no server has it")
    return Outcome(account=key, state="failed", code="no-answer", reason="no server with a full resolver answered")


def _disabled(operator: Operator, account: Account) -> Account:
    """Return *account* with everybody revoked, no connection allowed, no signing key, and an end in a minute."""
    now = clock()
    second = forward(None, account.claims.iat, "the stored token's second")
    claims = account.claims.replace(limits={"conn": 0}, signing_keys=[], exp=max(now, second) + _SECONDS)
    return operator.reissue(account, claims.revoke("*", at=second), issued_at=second)


async def delete(session: Session, keys: Iterable[PublicKey], signer: Signer) -> dict[str, Outcome]:
    """Have servers delete accounts. What no server has is left out: servers would count it as a success."""
    keys = list(keys)
    before = await session.lookups(keys)
    listed = set[str]().union(*(await session.listing()).names.values())
    there = [key for key in keys if key in listed or any(before.get(key, ()))]
    answers: dict[PublicKey, tuple[Answer, ...]] = {}

    def keep(asked: list[PublicKey], claim: Claim) -> None:
        for key in asked:
            answers[key] = claim.told()

    def questions() -> Iterable[Claim]:
        for at in range(0, len(there), _AT_ONCE):
            asked = there[at : at + _AT_ONCE]
            request = GenericClaims(sub=signer.public, nats={"accounts": list(asked)})
            text = tokens.sign(request, signer, issued_at=clock())
            yield Claim(DELETE, text.encode("ascii"), session.roster, partial(keep, asked))

    await session.ask(questions())
    after = await session.lookups(key for key in there if all(answer.ok for answer in answers[key]))
    return {
        key: _deleted(key, answers[key], after.get(key, ()))
        if key in answers
        else Outcome(account=key, state="unchanged", code="absent", reason="no server has it")
        for key in keys
    }


def _deleted(key: PublicKey, answers: tuple[Answer, ...], after: tuple[str | None, ...]) -> Outcome:
    agreed = sum(answer.ok for answer in answers)
    code, reason = "", ""
    if any(answer.code and not answer.ok for answer in answers):
        code, reason = "server-refused", f"{agreed} of {len(answers)} servers deleted it"
    elif agreed < len(answers):
        code, reason = "no-answer", f"{agreed} of {len(answers)} servers deleted it"
    elif held := sum(text is not None for text in after):
        code, reason = "read-back", f"all servers deleted it, but asked again, {held} of them have it"
    return Outcome(account=key, state="failed" if code else "done", code=code, reason=reason, answers=answers)
