"""Who may sign whom: operators vouch for accounts, accounts for users.

Objects are values that hold a token and the keys at hand. Everything friendly is here: keywords, defaults, the clock.

>>> operator = Operator.create("acme")
>>> orders = operator.add_role(operator.create_account("orders"), "device", publish=["devices.{{name()}}.>"])
>>> orders.create_user("d-17", role="device").claims.nats.issuer_account == orders.public
True
"""

from natscreds.chain.account import Account, Role
from natscreds.chain.account_template import AccountTemplate
from natscreds.chain.mint import Mint
from natscreds.chain.operator import Operator
from natscreds.chain.template import UserTemplate
from natscreds.chain.terms import Terms, Verdict
from natscreds.chain.throwaway import THROWAWAY_TAG, is_throwaway, refuse_throwaway
from natscreds.chain.user import User
from natscreds.chain.verify import Chain, verify_chain

__all__ = [
    "THROWAWAY_TAG",
    "Account",
    "AccountTemplate",
    "Chain",
    "Mint",
    "Operator",
    "Role",
    "Terms",
    "User",
    "UserTemplate",
    "Verdict",
    "is_throwaway",
    "refuse_throwaway",
    "verify_chain",
]
