"""A peer of `bench_issue.py`: users of the same names, issued by one `nsc` process each.

    python issue.py PATH_OF_NSC

It reads one job as JSON from standard input and answers with one JSON object. nsc keeps keys in a store of its own, so
it makes an operator and an account like ours in a directory that is removed afterwards; no seed is among its arguments.
A user's inbox cannot be named after a key that nsc is about to make: `_INBOX.>` stands there.
"""

import base64
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path


class Nsc:
    """nsc with a home of its own."""

    def __init__(self, program: str, home: Path) -> None:
        """Use *home* for all that nsc writes."""
        self._program = program
        self._home = home
        self._environment = {
            "PATH": os.environ.get("PATH", ""),
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home / "config"),
            "XDG_DATA_HOME": str(home / "data"),
            "NKEYS_PATH": str(home / "keys"),
            "NSC_HOME": str(home / "nsc"),
            "NSC_NO_GIT_IGNORE": "true",
        }

    def run(self, *arguments: str) -> None:
        """Run it once."""
        command = [self._program, *arguments]
        done = subprocess.run(command, env=self._environment, cwd=self._home, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"nsc {arguments[0]}: {done.stderr.strip().splitlines()[-1:]}")

    def found(self, pattern: str) -> str:
        """Return the text of the one file of that name that nsc wrote."""
        (path,) = self._home.rglob(pattern)
        return path.read_text()


def prepare(nsc: Nsc, *, role: bool) -> str:
    """Make operator and account; return what names the key that signs users."""
    nsc.run("add", "operator", "--name", "acme")
    nsc.run("add", "account", "--name", "orders")
    if role:
        scope = ["--allow-pub", "devices.{{name()}}.>", "--allow-sub", "_INBOX.{{subject()}}.>"]
        nsc.run("edit", "signing-key", "--account", "orders", "--sk", "generate", "--role", "device", *scope)
        return "device"
    nsc.run("edit", "account", "--name", "orders", "--sk", "generate")
    token = nsc.found("orders.jwt").split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    return str(claims["nats"]["signing_keys"][0])


def main() -> None:
    """Time one job."""
    job = json.load(sys.stdin)
    days = round((int(job["expires"]) - time.time()) / 86_400)
    with tempfile.TemporaryDirectory() as home:
        nsc = Nsc(sys.argv[1], Path(home))
        signer = prepare(nsc, role=job["role"])

        def issue(name: str) -> None:
            rights = [] if job["role"] else ["--allow-pub", f"devices.{name}.>", "--allow-sub", "_INBOX.>"]
            common = ["--account", "orders", "--name", name, "--private-key", signer, "--expiry", f"{days}d"]
            nsc.run("add", "user", *common, *rights)

        issue("warm-up")
        names = [f"device-{number:07d}" for number in range(job["users"])]
        start = time.perf_counter()
        for name in names:
            issue(name)
        took = time.perf_counter() - start
        creds = list(Path(home).rglob("device-*.creds"))
        if len(creds) != len(names):
            sys.exit(f"nsc wrote {len(creds)} creds files for {len(names)} users")
        sample = nsc.found(f"{names[0]}.jwt").strip()
    sys.stdout.write(json.dumps({"rates": {"creds": len(names) / took}, "sample": sample}))


if __name__ == "__main__":
    main()
