"""Users written down: a directory of .creds files.

Whatever yields users can be written, in the order it yields them and in constant memory. Each user becomes one file,
`<file name of its name>.creds`, as `natscreds.creds.files.file_name` spells it; the directory is for its owner only,
and no file is ever written over another.

>>> import os, tempfile
>>> from natscreds import Operator, UserTemplate, issue_users
>>> account = Operator.create("acme").create_account("orders")
>>> template = UserTemplate(publish=["orders.>"])
>>> with tempfile.TemporaryDirectory() as scratch:
...     first = write_directory(issue_users(account, ["d-1", "d-2"], template), f"{scratch}/out")
...     again = write_directory(issue_users(account, ["d-1", "d-2", "d-3"], template), f"{scratch}/out", resume=True)
...     first.written, again.kept, again.written, sorted(os.listdir(again.directory))
(2, 2, 1, ['d-1.creds', 'd-2.creds', 'd-3.creds', 'job.json', 'manifest.jsonl'])
"""

from natscreds.writers._directory import write_directory
from natscreds.writers._manifest import Row
from natscreds.writers._report import Report
from natscreds.writers._users import CredsText, IssuedUsers, NamedUser

__all__ = ["CredsText", "IssuedUsers", "NamedUser", "Report", "Row", "write_directory"]
