"""nsc's stores: read what nsc wrote, and write what nsc works on.

nsc keeps a directory for each operator, with its accounts and their users as bare tokens, and one directory of keys and
creds for all of them. Everything goes by names.

>>> import tempfile
>>> from natscreds import Operator
>>> acme = Operator.create("acme")
>>> with tempfile.TemporaryDirectory() as home:
...     store = Store(home)
...     store.write_operator(acme)
...     store.write_account(acme.create_account("orders"))
...     store.account_names(), store.operator("acme").signing_keys == acme.signing_keys
(('SYS', 'orders'), True)
"""

from natscreds.nsc._importing import Imported, undecorated
from natscreds.nsc._places import Places, Selection
from natscreds.nsc._store import Store
from natscreds.nsc._writing import Written

__all__ = ["Imported", "Places", "Selection", "Store", "Written", "undecorated"]
