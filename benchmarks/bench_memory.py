"""Does memory stay the same however many users are streamed?

Question: the most memory that a process holds while it issues users and forgets each, for a few and for many; names
          from a generator, from a list (less the list, which is the caller's), and with two workers (the process that
          gathers, not the workers).
Floor:    the same for the few users.
Unit:     MiB more than for the few.
Goal:     1,000,000 users take at most 48 MiB more than 10,000.

    python benchmarks/bench_memory.py [--few 10000] [--many 1000000] [--json FILE]
"""

import argparse
import json
from pathlib import Path

from stream import stream

WAYS: dict[str, tuple[int, str]] = {
    "names from a generator": (0, "generator"),
    "names from a list": (0, "list"),
    "2 workers, names from a generator": (2, "generator"),
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--few", type=int, default=10_000)
    parser.add_argument("--many", type=int, default=1_000_000)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    options = parser.parse_args()
    if not 1 <= options.few <= options.many:
        parser.error("--few is at least 1, and --many no less")
    print((__doc__ or "").split("\n\n    ")[0], end="\n\n")
    figures: dict[str, float] = {}
    print(f"  {'MiB at most':<36} {options.few:>10,} {options.many:>10,} {'more':>7}")
    for what, (workers, names) in WAYS.items():
        few = stream(options.few, workers=workers, names=names).own
        many = stream(options.many, workers=workers, names=names).own
        print(f"  {what:<36} {few:>10.1f} {many:>10.1f} {many - few:>7.1f}")
        figures[f"{what}, MiB more"] = many - few
    if options.json:
        record = {"few": options.few, "many": options.many, "figures": figures}
        options.json.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
