"""What `bench_issue.py` is measured against: other libraries, each in a process of its own.

A peer reads a job (JSON on standard input: how many users, the account's public key, the seed of a throw-away signing
key, and what else one of them needs) and answers with what it measured of itself and one token. What is not on the
machine is skipped, with the reason.
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
NATS_NSC = "nats-nsc==0.4.1"
NSC = "v2.12.2"


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
        interpreter = throw_away(NATS_JWT, "nats_jwt")
    figures = {"token": "token only: it writes no creds text"}
    return Peer("PyPI, nats-jwt 0.2.2", [*interpreter, str(HERE / "python" / "issue.py")], figures, False, 0.1)


def nats_nsc(_: Path) -> Peer:
    """Fetch nats-nsc, which needs an older nkeys than nats-jwt: always a throw-away environment of uv's."""
    interpreter = throw_away(NATS_NSC, "nats_nsc")
    figures = {"token": "token only: it makes no keys (nkeys 0.1 does) and writes no creds text"}
    return Peer("PyPI, nats-nsc 0.4.1", [*interpreter, str(HERE / "nats_nsc" / "issue.py")], figures, False, 0.05)


def throw_away(requirement: str, module: str) -> list[str]:
    """Return what starts Python in an environment of uv's with that *requirement*, seen to import its *module*."""
    # The interpreter itself, not the environment's: that would bring its packages along.
    interpreter = [need("uv"), "run", "-q", "--no-project", "--isolated", "--python", os.path.realpath(sys.executable)]
    interpreter += ["--with", requirement, "python"]
    run([*interpreter, "-c", f"import {module}"])
    return interpreter


def nsc(scratch: Path) -> Peer:
    """Find nsc, or build it into the scratch directory."""
    program, version = shutil.which("nsc"), "as installed"
    if program is None:
        program, version = str(scratch / "nsc"), NSC
        # By a module that requires it, so that all it is made of is pinned.
        run([need("go"), "build", "-o", program, "github.com/nats-io/nsc/v2"], cwd=HERE / "nsc")
    figures = {"creds": "one `nsc add user` each: key, token and creds in files"}
    command = [sys.executable, str(HERE / "nsc" / "issue.py"), program]
    return Peer(f"nsc {version}", command, figures, share=0.002)


def js(scratch: Path) -> Peer:
    """Install the npm peer into the scratch directory."""
    node, npm = need("node"), need("npm")
    home = shutil.copytree(HERE / "js", scratch / "js", ignore=shutil.ignore_patterns("node_modules"))
    run([npm, "install", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error"], cwd=home)
    figures = {"creds": "encodeUser + fmtCreds"}
    return Peer("npm, @nats-io/jwt 0.0.11", [node, str(home / "issue.mjs")], figures, share=0.003)


CONTENDERS: Mapping[str, Callable[[Path], Peer]] = {
    "Go": go,
    "nats-jwt": python,
    "nats-nsc": nats_nsc,
    "npm": js,
    "nsc": nsc,
}
