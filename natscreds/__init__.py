"""natscreds: NATS credentials from Python.

A key signs claims into a token; an operator vouches for accounts and an account for users; bulk does the last step many
times; creds writes it down.

>>> import natscreds
>>> operator = natscreds.Operator.create("acme")
>>> orders = operator.create_account("orders")
>>> user = orders.create_user("svc-1", publish=["orders.>"], subscribe=[])
>>> natscreds.verify_chain(operator=operator.jwt, account=orders.jwt, user=user.jwt).user.name
'svc-1'
"""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

# Name -> the module that has it. Nothing is loaded before it is asked for.
_DOOR = {
    "Account": "chain",
    "AccountTemplate": "chain",
    "Creds": "creds",
    "KeyPair": "nkeys",
    "KeyType": "nkeys",
    "NatsCredsError": "errors",
    "Operator": "chain",
    "PublicKey": "nkeys",
    "Role": "chain",
    "Signer": "nkeys",
    "User": "chain",
    "UserTemplate": "chain",
    "check_hierarchy": "hierarchy",
    "diagram": "hierarchy",
    "issue_accounts": "bulk",
    "issue_users": "bulk",
    "verify_chain": "chain",
}
_ROOMS = (
    "access",
    "bulk",
    "chain",
    "claims",
    "creds",
    "envelope",
    "errors",
    "hierarchy",
    "nkeys",
    "nsc",
    "server",
    "subjects",
    "testing",
    "tokens",
    "writers",
)

__all__ = [  # the table above, and the modules
    "Account",
    "AccountTemplate",
    "Creds",
    "KeyPair",
    "KeyType",
    "NatsCredsError",
    "Operator",
    "PublicKey",
    "Role",
    "Signer",
    "User",
    "UserTemplate",
    "__version__",
    "access",
    "bulk",
    "chain",
    "check_hierarchy",
    "claims",
    "creds",
    "diagram",
    "envelope",
    "errors",
    "hierarchy",
    "issue_accounts",
    "issue_users",
    "nkeys",
    "nsc",
    "server",
    "subjects",
    "testing",
    "tokens",
    "verify_chain",
    "writers",
]

if TYPE_CHECKING:
    from natscreds import (
        access,
        bulk,
        chain,
        claims,
        creds,
        envelope,
        errors,
        hierarchy,
        nkeys,
        nsc,
        server,
        subjects,
        testing,
        tokens,
        writers,
    )
    from natscreds.bulk import issue_accounts, issue_users
    from natscreds.chain import Account, AccountTemplate, Operator, Role, User, UserTemplate, verify_chain
    from natscreds.creds import Creds
    from natscreds.errors import NatsCredsError
    from natscreds.hierarchy import check_hierarchy, diagram
    from natscreds.nkeys import KeyPair, KeyType, PublicKey, Signer


def __getattr__(name: str) -> object:
    if name in _ROOMS:
        return import_module(f"natscreds.{name}")
    if name in _DOOR:
        value = getattr(import_module(f"natscreds.{_DOOR[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'natscreds' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
