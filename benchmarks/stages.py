"""Where the time of one user goes: the pieces of natscreds, each timed in a loop of its own.

Rows are measured apart, and some contain others, so they do not add up; the last row of a block is the whole thing. The
best of the rounds is shown: what disturbs a loop only ever makes it longer.
"""

import gc
import os
import time
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from nacl.bindings import crypto_sign, crypto_sign_seed_keypair

import natscreds
from natscreds import KeyPair, KeyType, PublicKey, User
from natscreds._codec import b32_texts, b64encode
from natscreds.chain.press import Press
from natscreds.claims import UserClaims, encode, standard
from natscreds.creds import Creds
from natscreds.envelope import seal_token
from natscreds.nkeys import nkey_texts
from natscreds.tokens import digest

if TYPE_CHECKING:
    from bench_issue import Case

LIFE = timedelta(days=30)
BATCH = 32  # users that `issue_users` makes at once

Work = Callable[[int], object]
Stage = tuple[str, Work]


def loop(piece: Callable[[], object]) -> Work:
    """Return what runs *piece* so many times."""

    def run(times: int) -> None:
        for _ in range(times):
            piece()

    return run


def of_the_floor(case: "Case") -> list[Stage]:
    """What no library can go below."""
    _, secret = crypto_sign_seed_keypair(os.urandom(32))
    message = case.message

    def both() -> None:
        crypto_sign_seed_keypair(os.urandom(32))
        crypto_sign(message, secret)

    return [
        ("32 random bytes", loop(lambda: os.urandom(32))),
        ("libsodium key pair, with its random bytes", loop(lambda: crypto_sign_seed_keypair(os.urandom(32)))),
        ("libsodium signature", loop(lambda: crypto_sign(message, secret))),
        ("the floor", loop(both)),
    ]


def one_at_a_time(case: "Case") -> list[Stage]:
    """What `Account.create_user` is made of: every room on its own."""
    account, signer = case.account, case.signer
    pair = KeyPair.generate(KeyType.USER)
    claims = natscreds.tokens.parse(case.token, UserClaims).claims
    payload = encode(claims)
    keywords: dict[str, object] = {"publish": ["devices.d.>"], "private_inbox": True}
    if case.kind == "role":
        keywords = {"role": "device"}

    def build() -> UserClaims:
        return UserClaims(name="d", sub=pair.public, exp=claims.exp, nats=case.template.fill("d", pair.public))

    mint = account.mint(role=case.template.role)

    def issue() -> None:
        mint.issue(case.template, "d", pair.public, pair, second=claims.iat, exp=claims.exp)

    return [
        ("KeyPair.generate: with the public key's text", loop(lambda: KeyPair.generate(KeyType.USER))),
        ("KeyPair.seed: the seed's text", loop(lambda: pair.seed)),
        ("UserTemplate.fill and UserClaims", loop(build)),
        ("claims: check", loop(claims.check)),
        ("claims: encode", loop(lambda: encode(claims))),
        ("tokens: token_id, the jti", loop(lambda: natscreds.tokens.token_id(claims))),
        ("envelope: seal_token, base64 and signature", loop(lambda: seal_token(payload, signer))),
        ("tokens: sign, all of it", loop(lambda: natscreds.tokens.sign(claims, signer, issued_at=claims.iat))),
        (
            "creds: Creds.issued and its text, with the seed's",
            loop(lambda: Creds.issued(case.token, pair.public, pair.seed, None).text),
        ),
        ("Mint.issue: fill, checks, sign, User", loop(issue)),
        ("create_user and creds.text", loop(lambda: account.create_user("d", expires_in=LIFE, **keywords).creds.text)),
    ]


def batch(piece: Callable[[], object]) -> Work:
    """Return what runs *piece*, which is the work for `BATCH` users, for so many users."""

    def run(times: int) -> None:
        for _ in range(max(1, times // BATCH)):
            piece()

    return run


def the_fast_path(case: "Case") -> list[Stage]:
    """What `natscreds.chain.press` does for each user, by batches, the cryptography left out but for the last row."""
    claims = natscreds.tokens.parse(case.token, UserClaims).claims
    raws = [os.urandom(32) for _ in range(BATCH)]
    payload = encode(claims)
    signed, signature = case.message, os.urandom(64)
    identity = encode(standard(claims)).decode()
    size = len(payload) // 10
    pieces = [payload.decode()[at : at + size] for at in range(0, len(payload), size)]
    jwt, seed, public = case.token, KeyPair.generate(KeyType.USER).seed, PublicKey(claims.sub)
    user = User.issued(jwt, claims.name, public, seed, True)
    press = Press(case.account.mint(role=case.template.role), case.template, second=claims.iat, exp=claims.exp)
    rows = [f"device-{number:07d}" for number in range(BATCH)]
    seeds = b"".join(raws)
    press.issue(rows[:1], seeds[:32])  # the first is made both ways

    def checked() -> None:
        for _ in natscreds.issue_users(case.account, rows, case.template).batches(BATCH):
            pass

    return [
        ("names: checked and cut into batches, a run begun", batch(checked)),
        ("public keys' texts", batch(lambda: nkey_texts(KeyType.USER.public_head, raws))),
        ("seeds' texts", batch(lambda: nkey_texts(KeyType.USER.seed_head, raws))),
        ("ids: SHA-512/256 of the identity", loop(lambda: digest(identity.encode("ascii")))),
        ("ids: their texts", batch(lambda: b32_texts(raws))),
        ("payload: joined", loop(lambda: "".join(pieces).encode("ascii"))),
        ("payload: base64, all of it", loop(lambda: b64encode(payload))),
        ("signature: base64, and the token joined", loop(lambda: b"%b.%b" % (signed, b64encode(signature)))),
        ("User.issued", loop(lambda: User.issued(jwt, claims.name, public, seed, True))),
        ("user.creds.text", loop(lambda: user.creds.text)),
        ("Press.issue: users, cryptography and all", batch(lambda: press.issue(rows, seeds))),
    ]


def in_bulk(case: "Case") -> list[Stage]:
    """What `issue_users` is made of."""
    account, template = case.account, case.template

    def wanted(times: int) -> list[str]:
        return [f"device-{number:07d}" for number in range(times)]

    def users(times: int) -> None:
        for _ in natscreds.issue_users(account, wanted(times), template):
            pass

    def texts(times: int) -> None:
        for user in natscreds.issue_users(account, wanted(times), template):
            _ = user.creds.text

    return [
        ("issue_users, nothing read", users),
        ("issue_users and creds.text", texts),
    ]


BLOCKS = {
    "the floor": of_the_floor,
    "one at a time": one_at_a_time,
    "the fast path, by batches": the_fast_path,
    "in bulk": in_bulk,
}


def microseconds(work: Work, times: int) -> float:
    """Return what one of *times* costs."""
    gc.collect()
    start = time.perf_counter()
    work(times)
    return (time.perf_counter() - start) / times * 1e6


def profile(case: "Case", users: int, rounds: int) -> str:
    """Return the table of one case: microseconds a user, stage by stage, the best of the rounds."""
    blocks = {heading: stages(case) for heading, stages in BLOCKS.items()}
    costs: dict[str, float] = {}
    for _ in range(rounds):
        for stages in blocks.values():
            for name, work in stages:
                costs[name] = min(microseconds(work, users), costs.get(name, float("inf")))
    floor = costs[blocks["the floor"][-1][0]]
    whole = costs[blocks["in bulk"][-1][0]]
    lines = [f"{case.kind}: µs a user, the best of {rounds} rounds, and in floors"]
    for heading, stages in blocks.items():
        lines.append(f"  {heading}")
        lines += [f"    {name:<50} {costs[name]:>8.2f} {costs[name] / floor:>6.2f}" for name, _ in stages]
    lines.append(f"  ratio to the floor: {floor / whole:.3f}")
    return "\n".join(lines)
