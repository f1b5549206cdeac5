"""Issue a fleet on Spark: here in two threads' worth of Python workers, the same way on a cluster. Java 17 is needed.

uv run --isolated --group engines docs/examples/cluster_spark.py [DIRECTORY]
"""

import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from datetime import timedelta

from pyspark import SparkConf, SparkContext

import natscreds
from natscreds import Account, Operator, UserTemplate, bulk


def issue(chunks: Iterable[bulk.Chunk]) -> Iterator[bulk.Issued]:
    """Issue the chunks of one partition."""
    for chunk in chunks:
        yield from bulk.run(chunk)


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
    os.environ["PYSPARK_PYTHON"] = sys.executable
    minting = account_with_one_role()
    names = [f"truck-{number:04}" for number in range(2_000)]
    template = UserTemplate(role="device", expires_in=timedelta(days=30))
    settings = SparkConf().setMaster("local[2]").setAppName("fleet").set("spark.ui.enabled", "false")
    settings.set("spark.authenticate", "true").set("spark.network.crypto.enabled", "true")  # on the wire
    settings.set("spark.io.encryption.enabled", "true")  # shuffle and spill files
    with SparkContext(conf=settings) as spark:
        plan = bulk.plan(minting, names, template, chunk_size=500)
        chunks = list(plan)
        rows = spark.parallelize(chunks, len(chunks)).mapPartitions(issue)
        users = (user for row in rows.toLocalIterator() for user in plan.users([row]))
        report = natscreds.writers.write_directory(users, directory)
    print(f"{report.written} users, written by their driver to {report.directory}")


if __name__ == "__main__":
    main(sys.argv[1] if sys.argv[1:] else tempfile.mkdtemp(prefix="natscreds-spark-"))
