"""Do the accounts of an operator fit together? That is what no token tells by itself.

`check_hierarchy` lays every import beside the export it names, and accounts beside one another and their operator.
`diagram` draws who exports to whom. Both read tokens only, and neither asks a server or the clock.

The rules are those of nats-server 2.15, which tells no client when an import does not count: its subject just never
carries a message. Whatever works there by chance, because the server takes what it meets first, is an error here.

>>> from natscreds.chain import Operator
>>> from natscreds.claims import Export, Import
>>> operator = Operator.create("acme")
>>> orders, shop = operator.create_account("orders"), operator.create_account("shop")
>>> orders = operator.reissue(orders, orders.claims.with_export(Export(subject="orders.*", type="service")))
>>> asked = Import(subject="orders.new", account=orders.public, type="stream")
>>> shop = operator.reissue(shop, shop.claims.with_import(asked))
>>> [problem.code for problem in check_hierarchy(operator, [orders, shop]) if problem.severity == "error"]
['export-other-type']
"""

from collections.abc import Iterable

from natscreds.chain import Account, Operator
from natscreds.chain.moments import Moment
from natscreds.claims import seconds
from natscreds.errors import Problem
from natscreds.hierarchy._accounts import Hierarchy
from natscreds.hierarchy._diagram import diagram
from natscreds.hierarchy._imports import Grants, check_meetings
from natscreds.hierarchy._rules import (
    check_callout,
    check_issuer,
    check_operator,
    check_own,
    check_signing_keys,
    holders,
)

__all__ = ["check_hierarchy", "diagram"]


def check_hierarchy(
    operator: Operator | str, accounts: Iterable[Account | str], *, now: Moment | None = None
) -> list[Problem]:
    """Return what is wrong or doubtful with an operator and its accounts, each by itself and all together.

    Users are not looked at, nor what servers were told besides these tokens.

    Args:
        operator: The operator or its token. A system account that the object holds is looked at too.
        accounts: All accounts that the operator signed, or their tokens. Where one is left out, imports from it cannot
            be told.
        now: The moment asked about; `None` asks about no time at all.

    Returns:
        The operator's problems, then the accounts' in the order of their keys; empty is good. A path begins with the
        key of the token it is in: `$[AB…].nats.imports[0]`. Errors keep something from working, or are a hole.

    Raises:
        TypeError: *accounts* is one text instead of several, or something is neither chain object nor text.
        TokenError: A text that is not a token of its kind.
        WrongKeyTypeError: A key of a type that does not stand there.
        BadSignatureError: A signature that does not hold.
        UntrustedIssuerError: The operator's token is signed by a key that is not the operator's.
    """
    hierarchy = Hierarchy(operator, accounts)
    moment = None if now is None else seconds(now, "now")
    grants, held_by = Grants(hierarchy), holders(hierarchy)
    all_found = check_operator(hierarchy, moment)
    names: dict[str, str] = {}
    for key, claims in hierarchy.accounts.items():
        found = check_own(hierarchy, claims, moment)
        if key in hierarchy.repeated:
            told = "an account stands once: servers take one of its tokens, here the newest is looked at"
            found.error(key, "$.sub", "same-account", told)
        first = names.setdefault(claims.name, key)
        if claims.name and first != key:
            found.warning(key, "$.name", "name-repeated", f"account {first} has this name too")
        check_issuer(hierarchy, claims, found)
        check_signing_keys(hierarchy, claims, held_by, found)
        check_callout(hierarchy, claims, found)
        for _, faults in grants.checked[key]:
            found += faults
        check_meetings(grants, key, found)
        all_found += found
    return list(all_found)
