"""Provision a fleet: an operator, an account with a role, 10,000 devices with private inboxes as .creds files.

Then a real nats-server is started from the generated configuration, three of the users connect from their files,
publish and request where they may, and are refused where they may not. Exits non-zero when any of it is not so.

    uv run docs/examples/provision_fleet.py [--devices 10000] [--directory DIR]
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from datetime import timedelta
from typing import Any

import nats.errors
from nacl.bindings import crypto_sign, crypto_sign_seed_keypair
from nats.aio.client import Client
from tqdm import tqdm

import natscreds
from natscreds import Account, Creds, Operator, UserTemplate
from natscreds.testing import NatsServer


def set_up() -> tuple[Operator, Account]:
    """Make the operator and an account with two roles. Isolation goes by the user's key, which nobody can choose."""
    operator = Operator.create("acme", strict=True)
    fleet = operator.create_account("fleet")
    fleet = operator.add_role(
        fleet,
        "device",
        publish=["fleet.{{subject()}}.>", "ask.time"],
        subscribe=["fleet.{{subject()}}.orders"],
        private_inbox=True,
    )
    return operator, fleet


def floor_per_second(message_size: int, rounds: int = 2_000) -> float:
    """Return how often libsodium alone makes a key pair and one signature of a token's length in a second."""
    message = os.urandom(message_size)
    start = time.perf_counter()
    for _ in range(rounds):
        _, secret = crypto_sign_seed_keypair(os.urandom(32))
        crypto_sign(message, secret)
    return rounds / (time.perf_counter() - start)


class Session:
    """A connection of one user that keeps the server's complaints."""

    def __init__(self, url: str, creds: Creds) -> None:
        """Prepare a connection with the credentials in memory."""
        self.url = url
        self.creds = creds
        self.client = Client()
        self.complaints: list[str] = []

    async def __aenter__(self) -> "Session":
        """Connect."""
        arguments: Any = self.creds.nats_py(private_inbox=True)
        await self.client.connect(self.url, error_cb=self._complain, allow_reconnect=False, **arguments)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close."""
        await self.client.close()

    async def _complain(self, error: Exception) -> None:
        self.complaints.append(str(error).lower())

    async def refused(self, subject: str) -> bool:
        """Tell whether the server complained about *subject*; the client hands complaints on in its own time."""
        await self.client.flush()
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            if any("permissions violation" in said and subject.lower() in said for said in self.complaints):
                return True
            await asyncio.sleep(0.005)
        return False


async def talk(url: str, service: Creds, first: Creds, second: Creds) -> dict[str, bool]:
    """Let a service and two devices talk, and return what was so."""
    seen: dict[str, bool] = {}
    async with Session(url, service) as clock, Session(url, first) as one, Session(url, second) as two:

        async def tell_time(request: Any) -> None:  # noqa: ANN401  # a message of nats-py
            await request.respond(b"a quarter past")

        await clock.client.subscribe("ask.time", cb=tell_time)
        heard = await clock.client.subscribe(f"fleet.{first.public}.position")
        await clock.client.flush()  # may go out ahead of the subscriptions; the second cannot
        await clock.client.flush()

        await one.client.publish(f"fleet.{first.public}.position", b"52.5,13.4")
        seen["a device publishes below its own key"] = (await heard.next_msg(timeout=5)).data == b"52.5,13.4"
        answer = await one.client.request("ask.time", timeout=5)
        seen["it asks the service, and the answer reaches its private inbox"] = answer.data == b"a quarter past"
        seen["nothing of that was refused"] = not one.complaints

        await one.client.publish(f"fleet.{second.public}.position", b"0,0")
        seen["it may not publish for another device"] = await one.refused(f"fleet.{second.public}.position")
        await two.client.subscribe(f"_INBOX.{first.public}.>")
        seen["nobody listens on another user's inbox"] = await two.refused(f"_INBOX.{first.public}.>")
        await two.client.subscribe("_INBOX.>")
        seen["nor on everybody's"] = await two.refused('"_INBOX.>"')
        try:
            await two.client.request("fleet.orders", timeout=0.2)
            seen["a subject nobody granted is refused"] = False
        except (nats.errors.Error, TimeoutError):
            seen["a subject nobody granted is refused"] = await two.refused('"fleet.orders"')
    return seen


def main() -> int:
    """Run it all, print the table, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=10_000)
    parser.add_argument("--directory", help="a directory that does not exist yet; default: a new temporary one")
    options = parser.parse_args()
    directory: str = options.directory or os.path.join(tempfile.mkdtemp(prefix="natscreds-fleet-"), "creds")

    operator, fleet = set_up()
    names = [f"truck-{number:05}" for number in range(options.devices)]
    users = natscreds.issue_users(fleet, names, UserTemplate(role="device", expires_in=timedelta(days=30)))
    start = time.perf_counter()
    with tqdm(users, desc="provisioning", unit=" users", file=sys.stdout, mininterval=0.5) as progress:
        report = natscreds.writers.write_directory(progress, directory)
    seconds = time.perf_counter() - start
    clock = fleet.create_user(
        "clock", publish=[], subscribe=["ask.time", "fleet.>"], allow_responses=1, private_inbox=True,
        expires_in=timedelta(hours=8),
    )  # fmt: skip
    clock.creds.write(os.path.join(directory, "clock.creds"))

    files = [os.path.join(directory, f"{name}.creds") for name in (names[0], names[-1])]
    service, first, second = (Creds.read(path) for path in (os.path.join(directory, "clock.creds"), *files))
    with NatsServer(operator, accounts=[fleet]) as server:
        seen = asyncio.run(talk(server.url, service, first, second))
    modes = {entry.stat().st_mode & 0o777 for entry in os.scandir(directory)}
    seen["every file is its owner's alone"] = modes == {0o600}
    written = [name for name in os.listdir(directory) if name.endswith(".creds")]
    seen["there is one file for each user"] = report.written == len(names) == len(written) - 1

    for what, so in seen.items():
        print(f"{'yes' if so else 'NO '}  {what}")
    rate = report.written / seconds
    print(f"{'users':>10}{'seconds':>10}{'users/s':>10}{'of the libsodium floor':>26}  files")
    share = rate / floor_per_second(len(first.jwt))
    print(f"{report.written:>10,}{seconds:>10.2f}{rate:>10,.0f}{share:>26.2f}  {report.directory}")
    return 0 if all(seen.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
