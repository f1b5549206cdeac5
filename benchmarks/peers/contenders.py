"""What `bench_issue.py` is measured against: other libraries, each in a process of its own.

A peer reads a job (JSON on standard input: how many users, the account's public key, the seed of a throw-away signing
key) and answers with what it measured of itself and one token. What is not on the machine is skipped, with the reason.
"""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
NATS_JWT = "nats-jwt==0.2.2"


class Peer(NamedTuple):
    """One library that can be run here.

    Attributes:
        name: What the table calls it.
        command: What to start.
        figures: The rates it answers with, and what each covers.
        roles: Whether it can issue users under a role.
        share: The part of the users it is given, so that a slow one does not fill the day.
        environment: What is set for its process besides what is set for ours.
    """

    name: str
    command: list[str]
    figures: Mapping[str, str]
    roles: bool = True
    share: float = 1.0
    environment: Mapping[str, str] = {}

    def measure(self, job: Mapping[str, object], users: int) -> tuple[dict[str, float], str]:
        """Return users per second for each figure, and one token.

        Raises:
            Skipped: The peer failed.
        """
        count = max(20, int(users * self.share))
        text = json.dumps({**job, "users": count, "warm_up": min(200, count // 10)})
        answer = json.loads(run(self.command, input=text, env={**os.environ, **self.environment}))
        return answer["rates"], answer["sample"]


class Skipped(Exception):  # noqa: N818  # not an error of the benchmark: a peer that is not there
    """A peer cannot be run here; the message says why."""


def run(command: list[str], **options: object) -> str:
    """Return what *command* prints.

    Raises:
        Skipped: It cannot be started, failed or took more than ten minutes.
    """
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, **options)  # type: ignore[call-overload]
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Skipped(str(error)) from None
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()] or [f"exit code {done.returncode}"]
        raise Skipped(f"{Path(command[0]).name}: {lines[-1].strip()}")
    return str(done.stdout)


def need(program: str) -> str:
    """Return where *program* is."""
    found = shutil.which(program)
    if found is None:
        raise Skipped(f"{program} is not installed")
    return found


def go(scratch: Path) -> Peer:
    """Build the Go peer."""
    built = scratch / "peer-go"
    run([need("go"), "build", "-o", str(built), "."], cwd=HERE / "go")
    figures = {"token": "NewUserClaims + Encode", "creds": "the same + FormatUserConfig, which also verifies"}
    return Peer("Go, nats-io/jwt v2.8.2", [str(built)], figures, environment={"GOMAXPROCS": "1"})


def python(_: Path) -> Peer:
    """Find or fetch nats-jwt: the dependency group `peers`, or a throw-away environment of uv's."""
    interpreter = [sys.executable]
    if importlib.util.find_spec("nats_jwt") is None:
        interpreter = [need("uv"), "run", "-q", "--no-project", "--python", sys.executable]
        interpreter += ["--with", NATS_JWT, "python"]
        run([*interpreter, "-c", "import nats_jwt"])
    figures = {"token": "token only: it writes no creds text"}
    return Peer("PyPI, nats-jwt 0.2.2", [*interpreter, str(HERE / "python" / "issue.py")], figures, False, 0.1)


def js(scratch: Path) -> Peer:
    """Install the npm peer into the scratch directory."""
    node, npm = need("node"), need("npm")
    home = shutil.copytree(HERE / "js", scratch / "js", ignore=shutil.ignore_patterns("node_modules"))
    run([npm, "install", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error"], cwd=home)
    figures = {"creds": "encodeUser + fmtCreds"}
    return Peer("npm, @nats-io/jwt 0.0.11", [node, str(home / "issue.mjs")], figures, share=0.003)


CONTENDERS: Mapping[str, Callable[[Path], Peer]] = {"Go": go, "PyPI": python, "npm": js}
