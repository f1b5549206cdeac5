"""How does the cost grow with the number of users?

Question: users per second, and the most memory held at once, for 1,000 to 1,000,000 users from a list of names, in one
          process, each number in a process of its own.
Floor:    none: level lines are what is hoped for.
Unit:     users per second; MiB in all, the interpreter's, the library's and the list of names among them.

    python benchmarks/bench_growth.py [--users 1000 10000 100000 1000000] [--json FILE]
"""

import argparse
import json
from pathlib import Path

from stream import stream


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, nargs="+", default=[1_000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    options = parser.parse_args()
    if min(options.users) < 1:
        parser.error("--users are 1 or more")
    print((__doc__ or "").split("\n\n    ")[0], end="\n\n")
    print(f"  {'users':>10} {'users/s':>9} {'MiB':>7} {'of these names':>15}")
    growth = []
    for users in options.users:
        found = stream(users)
        rate = users / found.seconds
        print(f"  {users:>10,} {rate:>9,.0f} {found.peak:>7.1f} {found.names:>15.1f}", flush=True)
        growth.append({"users": users, "users_per_second": rate, "peak_mib": found.peak, "names_mib": found.names})
    if options.json:
        options.json.write_text(json.dumps({"growth": growth}, indent=2) + "\n")


if __name__ == "__main__":
    main()
