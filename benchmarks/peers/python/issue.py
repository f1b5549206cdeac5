"""A peer of `bench_issue.py`: the same users, issued by the PyPI package nats-jwt.

It reads one job as JSON from standard input and answers with one JSON object. The package has no scoped users and no
creds text: what is timed is key pair, seed and token.
"""

import json
import sys
import time

from nats_jwt.nkeys_ext import create_user_pair
from nats_jwt.v2.types import Permission
from nats_jwt.v2.user_claims import UserClaims
from nkeys import KeyPair, from_seed


def issue(job: dict[str, str], signer: KeyPair, name: str) -> tuple[str, bytes]:
    """Return the token and the seed of one user."""
    pair = create_user_pair()
    public = pair.public_key.decode()
    claims = UserClaims(public, name, exp=int(job["expires"]))
    claims.nats.issuer_account = job["account"]
    claims.nats.pub = Permission(allow=[f"devices.{name}.>"])
    claims.nats.sub = Permission(allow=[f"_INBOX.{public}.>"])
    return claims.encode(signer), pair.seed


def main() -> None:
    """Time one job."""
    job = json.load(sys.stdin)
    if job["role"]:
        sys.exit("nats-jwt has no users under a role")
    signer = from_seed(job["seed"].encode())
    names = [f"device-{number:07d}" for number in range(job["users"])]
    for name in names[: job["warm_up"]]:
        issue(job, signer, name)
    size = 0
    start = time.perf_counter()
    for name in names:
        token, seed = issue(job, signer, name)
        size += len(token) + len(seed)
    took = time.perf_counter() - start
    sys.stdout.write(json.dumps({"rates": {"token": len(names) / took}, "sample": issue(job, signer, names[0])[0]}))


if __name__ == "__main__":
    main()
