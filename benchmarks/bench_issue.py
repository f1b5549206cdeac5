"""How many users a second does one process issue?

Question: users per second for key pair + token + creds text, by `natscreds.issue_users` in one process.
Floor:    what no library can go below: one libsodium key pair and one libsodium signature of as many bytes as the
          token's signing input, called as natscreds calls them, and nothing else.
Unit:     users per second; share of the floor (1.00 cannot be reached); ratio to nats-io/jwt v2 in Go, one thread.
Goal:     0.50 of the floor at first, 0.80 in the end; 2x Go's Encode, 3.5x Go's Encode + FormatUserConfig.

Floor and natscreds take turns every few hundred users, they and the peers round after round; rates and ratios are
medians over the rounds. Two kinds of user: with permissions of its own, and under a role (the smallest tokens).

    python benchmarks/bench_issue.py
    python benchmarks/bench_issue.py --users 2000 --rounds 3 --no-peers --json issue.json
    python benchmarks/bench_issue.py --profile
"""

import argparse
import base64
import gc
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterable
from datetime import timedelta
from itertools import islice
from pathlib import Path
from statistics import median

from nacl.bindings import crypto_sign, crypto_sign_seed_keypair
from peers.contenders import CONTENDERS, Peer, Skipped

import natscreds
from natscreds import Account, KeyPair, Operator, User, UserTemplate

EXPIRES = timedelta(days=30)
KINDS = {"permissions": "users with permissions of their own", "role": "users under a role"}
SLICE = 250
FLOOR, OURS = "floor", "natscreds"
COVERS = {FLOOR: "libsodium: key pair + signature", OURS: "issue_users, reading user.creds.text"}


class Case:
    """One kind of user: who signs it, by which template, and a token as natscreds writes it."""

    def __init__(self, kind: str) -> None:
        """Make the chain; *kind* is one of `KINDS`."""
        operator = Operator.create("acme")
        account = operator.create_account("orders")
        account = operator.add_role(account, "device", publish=["devices.{{name()}}.>"], private_inbox=True)
        self.kind = kind
        self.account: Account = account
        if kind == "role":
            self.template = UserTemplate(role="device", expires_in=EXPIRES)
            signer = account.roles["device"].key
        else:
            self.template = UserTemplate(publish=["devices.{name}.>"], private_inbox=True, expires_in=EXPIRES)
            signer = account.signing_keys[0]
        assert isinstance(signer, KeyPair)
        assert isinstance(account.key, KeyPair)
        self.identity = account.key
        self.signer = signer
        self.token = next(iter(natscreds.issue_users(account, names(1), self.template))).jwt
        self.message = self.token.rpartition(".")[0].encode()
        self.secret = crypto_sign_seed_keypair(os.urandom(32))[1]

    def job(self) -> dict[str, object]:
        """Return what a peer needs to know to issue the same users."""
        expires = int(time.time() + EXPIRES.total_seconds())
        signer = {"seed": self.signer.seed, "account": self.account.public}
        identity = {"identity": self.identity.seed, "account_jwt": self.account.jwt}
        return {**signer, **identity, "role": self.kind == "role", "expires": expires}


def names(users: int) -> list[str]:
    """Return the names that every contender issues for."""
    return [f"device-{number:07d}" for number in range(users)]


def floor(case: Case, users: int) -> None:
    """Do the cryptography of *users* users, and nothing else."""
    message, secret = case.message, case.secret
    for _ in range(users):
        crypto_sign_seed_keypair(os.urandom(32))
        crypto_sign(message, secret)


def issue(case: Case, users: Iterable[User]) -> int:
    """Issue the *users*, read the creds text of each, and return how many they were."""
    size = issued = 0
    for user in users:
        size += len(user.creds.text)
        issued += 1
    assert size > issued * len(case.message)
    return issued


def duel(case: Case, wanted: list[str]) -> tuple[float, float]:
    """Return users per second of the floor and of one run of natscreds, which take turns every `SLICE` users."""
    bare = ours = 0.0
    gc.collect()
    start = time.perf_counter()
    users = natscreds.issue_users(case.account, wanted, case.template)
    ours += time.perf_counter() - start
    left = len(wanted)
    while left:
        count = min(left, SLICE)
        start = time.perf_counter()
        floor(case, count)
        middle = time.perf_counter()
        issued = issue(case, islice(users, count))
        ours += time.perf_counter() - middle
        bare += middle - start
        assert issued == count
        left -= count
    return len(wanted) / bare, len(wanted) / ours


def claims_of(token: str) -> dict[str, object]:
    """Return the claims of *token* by path, without what differs from one issue to the next."""
    chunk = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(chunk + "=" * (-len(chunk) % 4)))
    flat: dict[str, object] = {}

    def walk(value: object, path: str) -> None:
        if isinstance(value, dict) and value:
            for name, inner in value.items():
                walk(inner, f"{path}.{name}" if path else name)
        else:
            flat[path] = json.dumps(value).replace(claims["sub"], "its key")

    walk(claims, "")
    for name in ("jti", "iat", "exp"):
        flat[name] = name in flat
    return flat


def difference(ours: str, theirs: str) -> str:
    """Return the claims in which two tokens for the same user differ; nothing if in none."""
    one, other = claims_of(ours), claims_of(theirs)
    return ", ".join(sorted(path for path in one | other if one.get(path) != other.get(path)))


class Result:
    """What the rounds of one case gave.

    Attributes:
        case: What was measured.
        rates: Users per second by contender, one for each round.
        covers: What each contender's figure covers.
        notes: Peers that dropped out or write other claims.
    """

    def __init__(self, case: Case) -> None:
        """Begin with nothing measured."""
        self.case = case
        self.rates: dict[str, list[float]] = {FLOOR: [], OURS: []}
        self.covers = dict(COVERS)
        self.notes: list[str] = []

    def ratios(self, one: str, other: str) -> list[float]:
        """Return how *one* compares with *other*, round by round."""
        return [left / right for left, right in zip(self.rates[one], self.rates[other], strict=False)]

    def go(self) -> list[str]:
        """Return the names under which Go ran, bare Encode first; none if it did not."""
        return [name for name in self.rates if name.startswith("Go,")]

    def table(self) -> str:
        """Return the lines to print."""
        go = self.go()
        lines = [f"{KINDS[self.case.kind]} (signing input {len(self.case.message)} bytes)"]
        lines.append(f"  {'':<36} {'users/s':>9} {'µs':>8} {'of floor':>9} {'of Go':>7}")
        for name, found in self.rates.items():
            per_second = median(found)
            share = f"{median(self.ratios(name, FLOOR)):.3f}"
            to_go = f"{median(self.ratios(name, go[0])):.2f}" if go else "-"
            figures = f"{per_second:>9,.0f} {1e6 / per_second:>8,.1f} {share:>9} {to_go:>7}"
            lines.append(f"  {name:<36} {figures}   {self.covers[name]}")
        shares = self.ratios(OURS, FLOOR)
        lines.append(f"  ratio to the floor: {median(shares):.3f} (rounds {min(shares):.3f} to {max(shares):.3f})")
        lines += [f"  ratio to {name}: {median(self.ratios(OURS, name)):.2f}" for name in go]
        lines += [f"  {note}" for note in self.notes]
        return "\n".join(lines)

    def record(self) -> dict[str, object]:
        """Return the same as plain values, for JSON."""
        return {
            "kind": self.case.kind,
            "signing_input_bytes": len(self.case.message),
            "rates": self.rates,
            "users_per_second": {name: median(found) for name, found in self.rates.items()},
            "of_floor": {name: median(self.ratios(name, FLOOR)) for name in self.rates},
            "of_go": {name: median(self.ratios(OURS, name)) for name in self.go()},
            "notes": self.notes,
        }


def measure(case: Case, peers: list[Peer], users: int, rounds: int) -> Result:
    """Let natscreds, with the floor, and the peers take turns; another one begins each round."""
    result = Result(case)
    wanted = names(users)
    running = [peer for peer in peers if peer.roles or case.kind != "role"]
    result.notes += [f"{peer.name} has no users under a role" for peer in peers if peer not in running]
    duel(case, wanted[:SLICE])
    for number in range(rounds):
        turns = [None, *running]
        first = number % len(turns)
        for turn in turns[first:] + turns[:first]:
            if turn is None:
                bare, ours = duel(case, wanted)
                result.rates[FLOOR].append(bare)
                result.rates[OURS].append(ours)
            elif not ask(turn, result, users):
                running.remove(turn)
    return result


def ask(peer: Peer, result: Result, users: int) -> bool:
    """Let *peer* take its turn; False when it failed."""
    try:
        figures, token = peer.measure(result.case.job(), users)
    except Skipped as error:
        result.notes.append(f"{peer.name} dropped out: {error}")
        return False
    for figure, covers in peer.figures.items():
        name = f"{peer.name}, {figure}"
        result.covers[name] = covers
        result.rates.setdefault(name, []).append(figures[figure])
    differs = difference(result.case.token, token)
    note = f"{peer.name} writes other claims: {differs}"
    if differs and note not in result.notes:
        result.notes.append(note)
    return True


def assemble(scratch: Path) -> tuple[list[Peer], dict[str, str]]:
    """Make ready the peers that can be run here; return them, and why the others cannot."""
    peers, skipped = [], {}
    for name, prepare in CONTENDERS.items():
        try:
            peers.append(prepare(scratch))
        except Skipped as error:
            skipped[name] = str(error)
            print(f"skipped: {name}: {error}", flush=True)
    return peers, skipped


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=10_000, help="users in each turn (slow peers get fewer)")
    parser.add_argument("--rounds", type=int, default=7, help="turns of each contender")
    parser.add_argument("--no-peers", action="store_true", help="only the floor and natscreds")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    parser.add_argument("--profile", action="store_true", help="only natscreds, stage by stage")
    options = parser.parse_args()
    if options.users < 1 or options.rounds < 1:
        parser.error("--users and --rounds are at least 1")
    print((__doc__ or "").split("\n\n    ")[0], end="\n\n")
    print(f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} processors, ", end="")
    print(f"{options.users:,} users in a turn, {options.rounds} rounds\n", flush=True)
    cases = [Case(kind) for kind in KINDS]
    if options.profile:
        from stages import profile

        for case in cases:
            print(profile(case, options.users, options.rounds), end="\n\n", flush=True)
        return
    with tempfile.TemporaryDirectory() as scratch:
        peers, skipped = ([], {}) if options.no_peers else assemble(Path(scratch))
        results = []
        for case in cases:
            results.append(measure(case, peers, options.users, options.rounds))
            print(results[-1].table(), end="\n\n", flush=True)
    if options.json:
        record: dict[str, object] = {"users": options.users, "rounds": options.rounds, "python": sys.version}
        record["skipped"] = skipped
        record["cases"] = [result.record() for result in results]
        options.json.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
