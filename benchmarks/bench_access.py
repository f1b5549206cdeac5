"""How many decisions a second does one process make for one user?

Question: `Access.publish` and `Access.subscribe` of a typical user with 20 entries (12 to publish, 4 of them denied, 8
          to subscribe), each subject asked about once, a third of them refused. Reading tokens is measured apart.
Floor:    splitting the subject at its dots and looking it up in one dict.
Unit:     decisions a second, and the time of one as a multiple of the floor's.
Goal:     at least 200,000 publish decisions a second.

Floor and natscreds take turns; figures are medians over the rounds.

    python benchmarks/bench_access.py [--subjects 100000] [--rounds 9] [--json FILE]
"""

import argparse
import gc
import json
import time
from collections.abc import Callable
from statistics import median

from natscreds import Operator
from natscreds.access import Access

PUBLISH = [
    "orders.>",
    "audit.*.log",
    "devices.*.state.>",
    "metrics.cpu",
    "metrics.memory",
    "$JS.API.CONSUMER.>",
    "ping",
]
PUBLISH += ["jobs.*.done"]
DENY = ["orders.admin.>", "orders.*.secret", "metrics.memory.raw", "devices.root.>"]
SUBSCRIBE = [
    "orders.*",
    "orders.new.eu",
    "jobs.> workers",
    "jobs.urgent",
    "config.*.current",
    "news.>",
    "ping",
    "a.b.c.d",
]


def typical() -> Access:
    """Return the rules of the user."""
    operator = Operator.create("acme")
    account = operator.create_account("orders")
    user = account.create_user("svc-1", publish=PUBLISH, deny_publish=DENY, subscribe=SUBSCRIBE)
    return Access(operator=operator, account=account, user=user)


def asked(count: int) -> list[str]:
    """Return that many subjects, each once."""
    shapes = ["orders.{}.new", "devices.d-{}.state.x", "audit.{}.log", "orders.admin.{}", "invoices.{}", "jobs.{}.done"]
    return [shapes[at % len(shapes)].format(at) for at in range(count)]


def rate(ask: Callable[[str], object], subjects: list[str]) -> float:
    """Return how many subjects a second are asked about."""
    start = time.perf_counter()
    for subject in subjects:
        ask(subject)
    return len(subjects) / (time.perf_counter() - start)


def floor(subjects: list[str]) -> Callable[[str], object]:
    """Return the floor's work."""
    known = dict.fromkeys(subjects[::2], True)

    def look_up(subject: str) -> object:
        return subject.split("."), known.get(subject)

    return look_up


def main() -> None:
    """Measure, print the table, and write it as JSON if asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subjects", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    rules, subjects = typical(), asked(options.subjects)
    refused = sum(not rules.publish(subject) for subject in subjects)
    works = {"floor": floor(subjects), "publish": rules.publish, "subscribe": rules.subscribe}
    rates: dict[str, list[float]] = {name: [] for name in works}
    gc.collect()
    for _ in range(options.rounds):
        for name, ask in works.items():
            rates[name].append(rate(ask, subjects))
    start = time.perf_counter()
    typical_rules = [typical() for _ in range(20)]
    reading = (time.perf_counter() - start) / len(typical_rules)
    print("How many decisions a second does one process make for one user?")
    print(f"{len(subjects):,} subjects, {refused:,} of them refused to a publisher")
    for name, found in rates.items():
        times = median(one / other for one, other in zip(rates["floor"], found, strict=True))
        print(f"{median(found):>12,.0f} a second   {times:>5.2f} times the floor   {name}")
    print(f"{reading * 1e3:>12.2f} ms   an operator, an account and a user made, and their tokens read")
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({name: median(found) for name, found in rates.items()}, file, indent=2)


if __name__ == "__main__":
    main()
