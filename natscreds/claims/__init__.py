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
from natscreds.claims._formats import is_network, is_time_of_day, is_time_zone
from natscreds.claims._json import MAX_DEPTH, decode, encode
from natscreds.claims._mappings import destination_fault
from natscreds.claims._model import Model, Unknown
from natscreds.claims._readback import read_back
from natscreds.claims._rules import BEYOND_REFERENCE
from natscreds.claims._time import LATEST, seconds
from natscreds.claims._v1 import migrate
from natscreds.claims.account import AccountClaims
from natscreds.claims.account_body import (
    AccountBody,
    AccountLimits,
    ExternalAuthorization,
    JetStreamLimits,
    MsgTrace,
)
from natscreds.claims.activation import ActivationBody, ActivationClaims
from natscreds.claims.authorization import (
    AuthorizationRequestBody,
    AuthorizationRequestClaims,
    AuthorizationResponseBody,
    AuthorizationResponseClaims,
    ClientInformation,
    ClientTls,
    ConnectOptions,
    ServerId,
)
from natscreds.claims.exchange import Export, Import, ServiceLatency, WeightedMapping
from natscreds.claims.generic import GenericClaims
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
    "BEYOND_REFERENCE",
    "LATEST",
    "MAX_DEPTH",
    "AccountBody",
    "AccountClaims",
    "AccountLimits",
    "ActivationBody",
    "ActivationClaims",
    "AuthorizationRequestBody",
    "AuthorizationRequestClaims",
    "AuthorizationResponseBody",
    "AuthorizationResponseClaims",
    "Claims",
    "ClientInformation",
    "ClientTls",
    "ConnectOptions",
    "Export",
    "ExternalAuthorization",
    "GenericClaims",
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
    "ServerId",
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
    "destination_fault",
    "encode",
    "is_network",
    "is_time_of_day",
    "is_time_zone",
    "migrate",
    "read_back",
    "seconds",
    "standard",
]
