"""Users written down: a directory of .creds files, JSON lines, Kubernetes Secrets, a zip or a tar.

Whatever yields users can be written, in the order it yields them and in constant memory. What is written is for its
owner only, whole or absent, and never over something else. A manifest says what was issued, without secrets: JSON lines
of name, public key, account, `iat`, `exp`, `jti` and file. Directories and lines have a record of their job, too, so
that a run that was interrupted can be gone on with.

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

from natscreds.writers._archives import write_tar, write_zip
from natscreds.writers._directory import write_directory
from natscreds.writers._kubernetes import secret_name, write_kubernetes
from natscreds.writers._lines import write_jsonl
from natscreds.writers._manifest import Row
from natscreds.writers._report import Report
from natscreds.writers._users import CredsText, NamedUser

__all__ = [
    "CredsText",
    "NamedUser",
    "Report",
    "Row",
    "secret_name",
    "write_directory",
    "write_jsonl",
    "write_kubernetes",
    "write_tar",
    "write_zip",
]
