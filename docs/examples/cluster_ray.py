"""Issue a fleet on Ray: here two processes of this machine, the same way on a cluster.

uv run --isolated --group engines docs/examples/cluster_ray.py [DIRECTORY]
"""

import os
import sys
import tempfile
from concurrent.futures import Future
from datetime import timedelta
from functools import cache
from typing import Any

# Under `uv run` Ray would start its workers by the same command, in a copy of the working directory.
os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")

import ray

import natscreds
from natscreds import Account, Operator, UserTemplate


class RayExecutor:
    """What `issue_users` asks of an executor, on Ray."""

    def __init__(self) -> None:
        """Prepare; each function is sent to the cluster once."""
        self._remote = cache(ray.remote)

    def submit(self, function: Any, *arguments: Any) -> "Future[Any]":  # noqa: ANN401  # any function of anything
        """Run *function* somewhere on the cluster."""
        answer: Future[Any] = self._remote(function).remote(*arguments).future()
        return answer


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
    with tempfile.TemporaryDirectory(prefix="ray-") as scratch:  # 0700, and gone afterwards
        ray.init(num_cpus=2, include_dashboard=False, _temp_dir=scratch)
        users = natscreds.issue_users(minting, names, template, executor=RayExecutor(), in_flight=8)
        report = natscreds.writers.write_directory(users, directory)
        ray.shutdown()
    print(f"{report.written} users, written by their driver to {report.directory}")


if __name__ == "__main__":
    main(sys.argv[1] if sys.argv[1:] else tempfile.mkdtemp(prefix="natscreds-ray-"))
