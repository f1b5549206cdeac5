"""What do reading, checking and signing cost beside the cryptography that nobody can leave out?

Questions: 1. parse + verify a user token; 2. `check()` of a typical account, and each activation in it; 3. signing
           an account with 10,000 revocations.
Floors:    1. one libsodium verification of the same bytes; 2. none: microseconds; 3. encoding the account's JSON once
           with msgspec, one SHA-512/256 and one libsodium signature, bare.
Units:     1. share of the floor (1.00 cannot be reached); 2. microseconds; 3. time, as a multiple of the floor's.
Goals:     1. at least 0.75; 2. at most 500 µs, and 60 µs for each activation; 3. at most 1.3.

Floor and natscreds take turns; figures are medians over the rounds.

    python benchmarks/bench_trust.py [--rounds 15] [--json FILE]
"""

import argparse
import gc
import hashlib
import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from statistics import median

import msgspec
from nacl.bindings import crypto_sign, crypto_sign_open, crypto_sign_seed_keypair

import natscreds
from natscreds import KeyPair, KeyType, Operator
from natscreds.claims import AccountClaims, ActivationBody, ActivationClaims, Export, Import, UserClaims

NOW = 1_795_000_000


def timed(work: Callable[[], object], times: int) -> float:
    """Return the seconds of one call, over so many."""
    start = time.perf_counter()
    for _ in range(times):
        work()
    return (time.perf_counter() - start) / times


def interleaved(works: dict[str, Callable[[], object]], *, rounds: int, times: int) -> dict[str, list[float]]:
    """Return the seconds of each work, round by round, the works taking turns."""
    found: dict[str, list[float]] = {name: [] for name in works}
    gc.collect()
    for _ in range(rounds):
        for name, work in works.items():
            found[name].append(timed(work, times))
    return found


def verify_share(rounds: int) -> float:
    """Return the share of a bare libsodium verification in parsing and verifying a user token."""
    account = Operator.create("acme").create_account("orders")
    user = account.create_user(
        "svc-1", publish=["orders.>", "audit.*.log"], subscribe=["orders.new"], private_inbox=True, tags=["team:blue"]
    )
    envelope = natscreds.envelope.open_token(user.jwt)
    issuer = natscreds.nkeys.raw_public(user.claims.iss)[1]
    signed = envelope.signature + envelope.signed(2)
    times = interleaved(
        {
            "floor": lambda: crypto_sign_open(signed, issuer),
            "natscreds": lambda: natscreds.tokens.verify(user.jwt, UserClaims),
        },
        rounds=rounds,
        times=400,
    )
    return median(floor / ours for floor, ours in zip(times["floor"], times["natscreds"], strict=True))


def typical_account(activations: int) -> AccountClaims:
    """Return an account with 20 exports and 20 imports, so many of them with an activation token."""
    exporter = KeyPair.generate(KeyType.ACCOUNT)
    own = KeyPair.generate(KeyType.ACCOUNT)
    exports = [
        Export(name=f"export {at}", subject=f"orders.{at}.>" if at % 2 else f"orders.{at}.*.new", type="stream")
        for at in range(10)
    ] + [Export(name=f"service {at}", subject=f"ask.{at}.*", type="service") for at in range(10)]
    imports: list[Import] = []
    for at in range(20):
        subject = f"prices.{at}.>"
        token = ""
        if at < activations:
            body = ActivationBody(subject=subject, kind="stream")
            token = natscreds.tokens.sign(ActivationClaims(sub=own.public, nats=body), exporter, issued_at=NOW)
        kind = "stream" if at < 10 or at < activations else "service"
        imports.append(
            Import(name=f"import {at}", subject=subject, account=exporter.public, type=kind, token=token)  # type: ignore[arg-type]
        )
    limits = {"imports": -1, "exports": -1, "wildcards": True, "subs": -1, "conn": -1}
    return AccountClaims(name="orders", sub=own.public).replace(exports=exports, imports=imports, limits=limits)


def check_times(rounds: int) -> tuple[float, float]:
    """Return the microseconds of checking a typical account, and of each activation token in one."""
    plain, activated = typical_account(0), typical_account(20)
    if plain.check() or activated.check():
        raise SystemExit("the typical account has problems")
    times = interleaved({"plain": plain.check, "activated": activated.check}, rounds=rounds, times=20)
    return (
        median(times["plain"]) * 1e6,
        median(one - other for one, other in zip(times["activated"], times["plain"], strict=True)) / 20 * 1e6,
    )


def signing_multiple(rounds: int) -> float:
    """Return how much longer signing 10,000 revocations takes than encoding, hashing and signing them bare."""
    operator = KeyPair.generate(KeyType.OPERATOR)
    keys = [KeyPair.generate(KeyType.USER).public for _ in range(10_000)]
    claims = AccountClaims(name="orders", sub=KeyPair.generate(KeyType.ACCOUNT).public)
    claims = claims.replace(revocations=dict.fromkeys(keys, NOW), limits={"subs": -1, "conn": -1})
    encoder = msgspec.json.Encoder(order="deterministic")
    _, secret = crypto_sign_seed_keypair(bytes(32))
    standard = msgspec.structs.replace(claims, nats=natscreds.claims.AccountBody())

    def bare() -> bytes:
        hashlib.new("sha512_256", encoder.encode(standard)).digest()
        signed: bytes = crypto_sign(b"eyJ." + urlsafe_b64encode(encoder.encode(claims)).rstrip(b"="), secret)
        return signed

    times = interleaved(
        {"floor": bare, "natscreds": lambda: natscreds.tokens.sign(claims, operator, issued_at=NOW)},
        rounds=rounds,
        times=3,
    )
    return median(ours / floor for floor, ours in zip(times["floor"], times["natscreds"], strict=True))


def main() -> None:
    """Measure, print the table, and write it as JSON if asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    check, activation = check_times(options.rounds)
    figures = {
        "parse + verify a user token, share of the floor": (verify_share(options.rounds), "≥ 0.75"),
        "check() of an account with 20 exports and 20 imports, µs": (check, "≤ 500"),
        "each activation token in it, µs": (activation, "≤ 60"),
        "signing 10,000 revocations, multiple of the floor": (signing_multiple(options.rounds), "≤ 1.3"),
    }
    print("What do reading, checking and signing cost beside the cryptography?")
    for what, (figure, goal) in figures.items():
        print(f"{figure:>10.2f}   goal {goal:<8} {what}")
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({what: figure for what, (figure, _) in figures.items()}, file, indent=2)


if __name__ == "__main__":
    main()
