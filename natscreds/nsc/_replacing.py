"""What may take the place of what is there, and how it does."""

from collections.abc import Iterable
from typing import TypeVar

from natscreds import tokens
from natscreds.chain import refuse_throwaway
from natscreds.claims import AccountClaims, OperatorClaims, UserClaims
from natscreds.creds.files import SecretDirectory
from natscreds.errors import NatsCredsError, StorageError, UntrustedIssuerError
from natscreds.nsc._reading import shown

__all__ = ["may_replace", "put", "refuse_other_case", "refuse_other_issuer", "stored"]

ClaimsT = TypeVar("ClaimsT", OperatorClaims, AccountClaims, UserClaims)


def stored(folder: SecretDirectory, name: str, kind: type[ClaimsT], *, overwrite: bool) -> tuple[ClaimsT, str] | None:
    """Return what the store has under that name; `None` if nothing, or what *overwrite* may take away unread."""
    fault = ""
    try:
        text = folder.read(name).decode("latin-1").strip("\r\n")
        return tokens.parse(text, kind).claims, text
    except FileNotFoundError:
        return None
    except (NatsCredsError, OSError) as error:
        fault = f"{type(error).__name__}: {error}"
    if overwrite:
        return None
    path = shown(folder.path, name)
    raise StorageError(f"what is not understood is not written over, unless overwrite=True: {path}, {fault}")


def may_replace(old: tuple[ClaimsT, str] | None, claims: ClaimsT, jwt: str, *, what: str, overwrite: bool) -> bool:
    """Tell whether there is anything to write; raise if that would undo what is there, or bring in what never lasts."""
    refuse_throwaway(jwt)
    if old is None:
        return True
    known, text = old
    if text == jwt:
        return False
    if overwrite:
        return True
    if known.sub != claims.sub:
        raise StorageError(f"{what} in the store is {known.sub}, got {claims.sub}: overwrite=True puts it in its place")
    if known.iat >= claims.iat:
        when = "is newer" if known.iat > claims.iat else "is of the same second, and another"
        raise StorageError(
            f"the token of {what} in the store {when}, {known.iat} and {claims.iat}: load that one and change it, or"
            " say overwrite=True"
        )
    return True


def refuse_other_issuer(old: AccountClaims | UserClaims, known: Iterable[str], what: str) -> None:
    """Refuse to take away a token that the new one does not follow on: somebody else has put it there."""
    if old.iss not in known:
        raise UntrustedIssuerError(
            f"the token of {what} in the store is signed by {old.iss}, another issuer than is expected:"
            " overwrite=True puts another in its place"
        )


def refuse_other_case(name: str, others: Iterable[str], what: str) -> None:
    """Refuse a name that differs only by case from one that is there: nsc does, and some file systems cannot tell."""
    folded = name.casefold()
    for other in others:
        if other != name and other.casefold() == folded:
            raise StorageError(f"names differ by more than case, got {what} {name!a} beside {other!a}")


def put(folder: SecretDirectory, name: str, jwt: str) -> None:
    """Write a token, or let it take the place of another in one step."""
    data = jwt.encode("ascii")
    if not folder.add(name, data):
        folder.write(name, data, replace=True)
