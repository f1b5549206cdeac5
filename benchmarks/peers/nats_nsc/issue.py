"""A peer of `bench_issue.py`: users of the same names, issued by the PyPI package nats-nsc.

It reads one job as JSON from standard input and answers with one JSON object. The package makes tokens itself since
0.3 (before, it ran nsc), but no keys and no creds text, and signs with an account's identity only: what is timed is
key pair, seed and token, the keys made with the nkeys package that it brings.
"""

import base64
import json
import os
import sys
import time
from binascii import crc_hqx
from datetime import timedelta

import nkeys
from nats_nsc import Account
from nats_nsc.create_user import create_user

SEED_OF_A_USER = bytes([18 << 3 | 20 >> 2, (20 & 3) << 6])


def new_seed() -> bytes:
    """Return a user's seed, which the package has no function for."""
    data = SEED_OF_A_USER + os.urandom(32)
    return base64.b32encode(data + crc_hqx(data, 0).to_bytes(2, "little")).rstrip(b"=")


def issue(job: dict[str, str], account: Account, life: timedelta, name: str) -> tuple[str, bytes]:
    """Return the token and the seed of one user."""
    seed = new_seed()
    public = nkeys.from_seed(seed).public_key.decode()
    user = create_user(
        name, account, public, allow_pub=[f"devices.{name}.>"], allow_sub=[f"_INBOX.{public}.>"], expiry=life
    )
    return user.jwt_token, seed


def main() -> None:
    """Time one job."""
    job = json.load(sys.stdin)
    if job["role"]:
        sys.exit("nats-nsc has no users under a role")
    account = Account(job["account_jwt"], job["identity"])
    life = timedelta(seconds=int(job["expires"]) - int(time.time()))
    names = [f"device-{number:07d}" for number in range(job["users"])]
    for name in names[: job["warm_up"]]:
        issue(job, account, life, name)
    size = 0
    start = time.perf_counter()
    for name in names:
        token, seed = issue(job, account, life, name)
        size += len(token) + len(seed)
    took = time.perf_counter() - start
    sample = issue(job, account, life, names[0])[0]
    sys.stdout.write(json.dumps({"rates": {"token": len(names) / took}, "sample": sample}))


if __name__ == "__main__":
    main()
