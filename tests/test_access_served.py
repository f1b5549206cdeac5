"""`natscreds.access` and a real nats-server, asked the same about users drawn at random."""

import random
from collections import Counter

from access_arena import CHECKS, Arena, live
from access_draws import Draws
from property_profiles import PROFILE

WANTED = {"smoke": 10_000, "quick": 100_000, "deep": 5_000_000}[PROFILE]
"""Answers of the server to compare, at least."""

LIVES = 4_000
"""Users of one server, at most; the next one has other accounts."""


def test_a_server_does_what_was_foretold() -> None:
    """For any user of any account: who is let in, may publish, may subscribe, gets a message, may answer."""
    seed, seen, checks = random.SystemRandom().randrange(2**40), Counter[str](), 0
    while checks < WANTED:
        with Arena.open(Draws(seed)) as arena:
            for _ in range(LIVES):
                seed += 1
                seen.update(live(arena, seed))
                checks = sum(seen[what] for what in CHECKS)
                if checks >= WANTED:
                    break
        assert checks > 0
    print(f"{checks:,} answers compared, none differs: {dict(sorted(seen.items()))}")
    if PROFILE != "smoke":
        rare = {"quick": 20, "deep": 1_000}[PROFILE]
        assert min(seen[what] for what in (*CHECKS, "filtered", "answers", "answers refused")) >= rare
