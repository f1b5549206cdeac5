"""What all users of one run have in common, by which one run is told from another, and a credential from a stranger."""

from collections.abc import Mapping
from enum import Enum

import msgspec

from natscreds import tokens
from natscreds.chain.account import Account
from natscreds.chain.mint import Mint
from natscreds.chain.moments import clock, lifetime
from natscreds.chain.template import UserTemplate
from natscreds.claims import UserClaims
from natscreds.creds import Creds
from natscreds.errors import MalformedError, NatsCredsError

__all__ = ["Terms", "Verdict", "judge"]


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What a run issues, without any secret. Two runs with equal terms may fill one directory.

    Attributes:
        account: The account, a public nkey.
        issuer: The key that signs, a public nkey.
        role: The role's name; empty without one.
        template: `UserTemplate.digest`.
        derived: Keys are derived from a secret.
        generations: SHA-256 over the names whose derived key is not the first, and which it is; empty if there is none.
        issued_at: `iat` of all users, where the caller gave it.
    """

    account: str
    issuer: str
    role: str = ""
    template: str
    derived: bool = False
    generations: str = ""
    issued_at: int | None = None


class Verdict(Enum):
    """What a credential that was found is to a run.

    Attributes:
        KEEP: One of this run's: it need not be issued again.
        STALE: For the same name and account, but expired, revoked, or not soundly signed: a new one takes its place.
        FOREIGN: Sound, and something else: not this run's to touch.
    """

    KEEP = "keep"
    STALE = "stale"
    FOREIGN = "foreign"


def judge(
    creds: Creds,
    name: str,
    *,
    account: Account,
    mint: Mint,
    template: UserTemplate,
    issued_at: int | None = None,
    row: Mapping[str, str] | None = None,
) -> Verdict:
    """Tell what *creds*, found under *name*, are to a run of *mint* and *template*.

    Args:
        creds: Token and seed, already known to belong together.
        name: Whose they should be.
        account: What it revokes counts.
        mint: Who signs in this run.
        template: What its users have in common.
        issued_at: The run's second, where the caller gave it: then the expiry is compared, too.
        row: The name's row, if it has one.
    """
    try:
        claims = tokens.verify(creds.jwt, UserClaims).claims
    except MalformedError:
        return Verdict.STALE
    except NatsCredsError:
        claims = tokens.parse(creds.jwt, UserClaims).claims
        own = claims.account == account.public and claims.name == name
        return Verdict.STALE if own else Verdict.FOREIGN
    if claims.account != account.public or claims.name != name:
        return Verdict.FOREIGN
    revocations = account.claims.nats.revocations
    revoked = max(revocations.get(claims.sub, 0), revocations.get("*", 0))
    if (claims.exp and claims.exp <= clock()) or (revoked and revoked >= claims.iat):
        return Verdict.STALE
    exp = template.expires_at or 0
    life = lifetime(template.expires_in)
    if life is not None:
        exp = (claims.iat if issued_at is None else issued_at) + life
    wanted = mint.claims(template, name, claims.sub, exp=exp, row=row).prepared()
    wanted = msgspec.structs.replace(wanted, iss=mint.signer.public, iat=claims.iat, jti=claims.jti)
    return Verdict.KEEP if wanted == claims else Verdict.FOREIGN
