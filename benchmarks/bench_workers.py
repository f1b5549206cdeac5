"""What do worker processes gain?

Question: users per second by `issue_users(workers=2)`, from the call to the last user's creds text in this process,
          the start of the workers ("spawn") included.
Floor:    the same by one worker process; beside it, the same without any.
Unit:     users per second; ratio of two workers to one (2.00 cannot be reached, as one process gathers).
Goal:     two workers at least 1.75 times one, over 300,000 users, where two cores are free.

The three take turns; rates and ratios are medians over the rounds.

    python benchmarks/bench_workers.py [--users 300000] [--rounds 1] [--json FILE]
"""

import argparse
import json
from pathlib import Path
from statistics import median

from stream import stream

WAYS = {"in this process": 0, "1 worker": 1, "2 workers": 2}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=300_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    options = parser.parse_args()
    if options.users < 1 or options.rounds < 1:
        parser.error("--users and --rounds are at least 1")
    print((__doc__ or "").split("\n\n    ")[0], end="\n\n")
    rates: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(options.rounds):
        for way, workers in WAYS.items():
            rates[way].append(options.users / stream(options.users, workers=workers).seconds)
    for way, found in rates.items():
        print(f"  {way:<16} {median(found):>9,.0f} users/s")

    def ratio(other: str) -> float:
        return median(two / one for two, one in zip(rates["2 workers"], rates[other], strict=True))

    print(f"  ratio of two workers to one: {ratio('1 worker'):.2f}")
    print(f"  ratio of two workers to none: {ratio('in this process'):.2f}")
    if options.json:
        figures = {f"{way}, users/s": median(found) for way, found in rates.items()}
        figures["two workers against one"] = ratio("1 worker")
        figures["two workers against none"] = ratio("in this process")
        options.json.write_text(json.dumps({"users": options.users, "figures": figures}, indent=2) + "\n")


if __name__ == "__main__":
    main()
