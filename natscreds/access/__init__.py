"""For tests, not an enforcement point: would the server allow it, and why?

`Access` reads the tokens of an operator, an account and a user, and answers what nats-server 2.15 would let that user
do, without a server. Only servers enforce anything.

>>> from natscreds import Operator
>>> operator = Operator.create("acme")
>>> orders = operator.create_account("orders")
>>> user = orders.create_user("svc-1", publish=["orders.>"], subscribe=["orders.new"])
>>> rules = Access(operator=operator, account=orders, user=user)
>>> bool(rules.publish("orders.new")), bool(rules.publish("invoices.new"))
(True, False)
>>> rules.publish("orders.new").reason.entry
'orders.>'
"""

from natscreds.access._imports import Imported
from natscreds.access._table import Cell, Matrix, matrix
from natscreds.access.decision import Decision, Reason
from natscreds.access.rules import Access
from natscreds.access.session import Session, Subscription

__all__ = ["Access", "Cell", "Decision", "Imported", "Matrix", "Reason", "Session", "Subscription", "matrix"]
