"""What a token says: one Struct for each JSON object of operators, accounts and users.

Attribute names are the names on the wire, defaults are the wire's zeros, and claims are values: editing gives new ones.
Members that this version does not know survive editing and signing again.

>>> claims = AccountClaims(name="orders").replace(limits={"conn": 500}, tags=["team:blue"])
>>> claims.nats.limits.conn, claims.nats.tags
(500, ('team:blue',))
>>> claims.with_export(Export(subject="orders.>", type="stream")).nats.exports[0].subject
'orders.>'
"""

from natscreds.claims._claims import Claims, Standard, standard
from natscreds.claims._json import MAX_DEPTH, decode, encode
from natscreds.claims._model import Model, Unknown
from natscreds.claims._readback import read_back
from natscreds.claims._time import LATEST, seconds
from natscreds.claims.account import (
    AccountBody,
    AccountClaims,
    AccountLimits,
    ExternalAuthorization,
    JetStreamLimits,
    MsgTrace,
)
from natscreds.claims.exchange import Export, Import, ServiceLatency, WeightedMapping
from natscreds.claims.operator import OperatorBody, OperatorClaims
from natscreds.claims.permissions import (
    Permission,
    Permissions,
    ResponsePermission,
    Scope,
    Template,
    TimeRange,
    UserPermissionLimits,
)
from natscreds.claims.user import UserBody, UserClaims

__all__ = [
    "LATEST",
    "MAX_DEPTH",
    "AccountBody",
    "AccountClaims",
    "AccountLimits",
    "Claims",
    "Export",
    "ExternalAuthorization",
    "Import",
    "JetStreamLimits",
    "Model",
    "MsgTrace",
    "OperatorBody",
    "OperatorClaims",
    "Permission",
    "Permissions",
    "ResponsePermission",
    "Scope",
    "ServiceLatency",
    "Standard",
    "Template",
    "TimeRange",
    "Unknown",
    "UserBody",
    "UserClaims",
    "UserPermissionLimits",
    "WeightedMapping",
    "decode",
    "encode",
    "read_back",
    "seconds",
    "standard",
]
