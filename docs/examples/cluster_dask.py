"""Issue a fleet on a Dask cluster: here one of two processes on this machine, the same way with a thousand elsewhere.

uv run --isolated --group dask docs/examples/cluster_dask.py [DIRECTORY]
"""

import sys
import tempfile
from datetime import timedelta

from distributed import Client, LocalCluster

import natscreds
from natscreds import Account, Operator, UserTemplate


def account_with_one_role() -> Account:
    """Return the account as the program that issues has it: with the role's key and nothing else."""
    operator = Operator.create("acme")
    fleet = operator.create_account("fleet")
    fleet = operator.add_role(fleet, "device", publish=["fleet.{{subject()}}.>"], private_inbox=True)
    key = fleet.roles["device"].key
    assert key is not None
    return Account.load(fleet.jwt, keys=[key], operator=operator)


def main(directory: str) -> None:
    """Issue 2,000 users on the cluster and write their files here."""
    minting = account_with_one_role()
    names = [f"truck-{number:04}" for number in range(2_000)]
    template = UserTemplate(role="device", expires_in=timedelta(days=30))
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, security=True) as cluster,
        Client(cluster) as client,
    ):
        users = natscreds.issue_users(minting, names, template, executor=client.get_executor(), in_flight=8)
        report = natscreds.writers.write_directory(users, directory)
    print(f"{report.written} users, written by their driver to {report.directory}")


if __name__ == "__main__":
    main(sys.argv[1] if sys.argv[1:] else tempfile.mkdtemp(prefix="natscreds-dask-"))
