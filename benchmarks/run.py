"""Run all benchmarks, one after another; print one table; keep the figures and draw the charts.

    uv run --group peers python benchmarks/run.py              # some ten minutes on two quiet cores
    uv run --group peers python benchmarks/run.py --quick      # a minute: does all of it run?
    uv run python benchmarks/run.py --only bench_workers       # one of them: a table, no files
    uv run python benchmarks/run.py --draw                     # the charts again, from results.json

What is kept: figures, date, Python's version, the processor's model and how many of it; no names of hosts or people,
and no paths. A script that is not there, or fails, is named with the reason, and the others run.
"""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from charts import draw

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"
IMAGES = HERE.parent / "docs" / "images"
LONGEST = 1_800  # seconds that one script may take


class Bench(NamedTuple):
    """One script.

    Attributes:
        script: Its name, without the ending.
        usual: Its options in a usual run.
        quick: Its options in a quick one.
        goals: What is hoped for, by words in what a figure is called; the first that fit count.
    """

    script: str
    usual: str
    quick: str
    goals: Mapping[str, str] = {}


# What is not there is passed over with a word, so that a script can be taken away or come later.
BENCHES = (
    Bench(
        "bench_issue",
        "--users 3000 --rounds 3",
        "--users 400 --rounds 1",
        {
            "share of the floor": "≥ 0.80",
            "ratio to Go, nats-io/jwt v2.8.2, token": "≥ 2",
            "ratio to Go, nats-io/jwt v2.8.2, creds": "≥ 3.5",
        },
    ),
    Bench("bench_workers", "--users 300000", "--users 4000", {"two workers against one": "≥ 1.75"}),
    Bench("bench_memory", "--many 1000000", "--few 1000 --many 5000", {"MiB more": "≤ 48"}),
    Bench("bench_growth", "--users 1000 10000 100000 1000000", "--users 500 1000 2000 4000"),
    Bench("bench_writers", "--all", "--users 100 --rounds 1", {"of issuing and open": "≤ 1.15"}),
    Bench(
        "bench_trust",
        "--rounds 5",
        "--rounds 1",
        {"parse + verify": "≥ 0.75", "check()": "≤ 500", "each activation": "≤ 60", "signing 10,000": "≤ 1.3"},
    ),
    Bench("bench_access", "", "--subjects 2000 --rounds 1", {"publish": "≥ 200000"}),
    Bench("bench_nsc_store", "--users 10000 --rounds 3", "--users 300 --rounds 1", {"ratio": "≥ 0.50"}),
    Bench("bench_server_start", "--accounts 1000 --rounds 2", "--accounts 100 --rounds 1"),
    Bench("bench_push", "--accounts 10000 --rounds 1", "--accounts 200 --rounds 1", {"push, of": "≥ 0.8"}),
)


class Skipped(Exception):  # noqa: N818  # not an error of ours: a benchmark that gave no figures
    """A benchmark gave no figures; the message says why."""


def run(bench: Bench, options: str) -> dict[str, Any]:
    """Run one script and return what it keeps.

    Raises:
        Skipped: It is not there, fails, or takes too long.
    """
    path = HERE / f"{bench.script}.py"
    if not path.exists():
        raise Skipped("not here yet")
    with tempfile.TemporaryDirectory() as scratch:
        kept = Path(scratch) / "figures.json"
        command = [sys.executable, str(path), *options.split(), "--json", str(kept)]
        try:
            done = subprocess.run(command, stderr=subprocess.PIPE, text=True, timeout=LONGEST)
        except subprocess.TimeoutExpired:
            raise Skipped(f"took more than {LONGEST} seconds") from None
        if done.returncode or not kept.exists():
            raise Skipped((done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1])
        record: dict[str, Any] = json.loads(kept.read_text())
    return record


def figures_of(record: dict[str, Any]) -> Iterator[tuple[str, float]]:
    """Return what a script found, as {what: figure}, whether it says so itself or by cases."""
    if "growth" in record:
        for point in record["growth"]:
            yield f"{point['users']:,} users, users/s", point["users_per_second"]
            yield f"{point['users']:,} users, MiB at most", point["peak_mib"]
    elif record.get("cases") and "of_floor" in record["cases"][0]:
        for case in record["cases"]:
            kind = {"permissions": "users with permissions", "role": "users under a role"}[case["kind"]]
            yield f"{kind}: share of the floor", case["of_floor"]["natscreds"]
            yield from ((f"{kind}: ratio to {name}", ratio) for name, ratio in case["of_go"].items())
            yield from ((f"{kind}: users/s, {name}", rate) for name, rate in case["users_per_second"].items())
    elif "ratio" in record:
        yield from ((f"{name}, a second", median(rates)) for name, rates in record["rates"].items())
        yield "ratio", record["ratio"]
    elif "rates" in record:  # of each contender, round by round, the floor first
        floor, *_ = record["rates"]
        for name, rates in record["rates"].items():
            yield f"{name}, a second", median(rates)
            if name != floor:
                ratios = [one / other for one, other in zip(rates, record["rates"][floor], strict=True)]
                yield f"{name}, of {floor}", median(ratios)
    elif "cases" in record:
        for case in record["cases"]:
            yield from flat(case, f"{case['accounts']:,} accounts" if "accounts" in case else "")
    else:
        yield from flat(record.get("figures", record))


def flat(value: object, path: str = "") -> Iterator[tuple[str, float]]:
    """Return the numbers in *value*, each with the way to it."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from flat(inner, f"{path}, {name}" if path else str(name))
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            yield from flat(inner, f"{path} {at}")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield path, value


def rows_of(bench: Bench, how: str, record: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the table's rows of one script."""
    rows = []
    for what, found in figures_of(record):
        goal = next((goal for words, goal in bench.goals.items() if words in what), "")
        rows.append({"what": what, "goal": goal, "found": round(found, 3), "how": how})
    return rows


def holds(goal: str, found: float) -> bool:
    """Tell whether *found* is what was hoped for."""
    sign, figure = goal.split()
    return found >= float(figure) if sign == "≥" else found <= float(figure)


def table(rows: list[dict[str, Any]]) -> str:
    """Return the lines to print."""
    lines = [f"{'found':>12}  {'goal':<8} {'':<7} {'what':<76} how"]
    for row in rows:
        found = row["found"]
        text = f"{found:,.0f}" if abs(found) >= 1_000 else f"{found:,.2f}"
        verdict = "" if not row["goal"] else "holds" if holds(row["goal"], found) else "misses"
        lines.append(f"{text:>12}  {row['goal']:<8} {verdict:<7} {row['what']:<76} {row['how']}")
    return "\n".join(lines)


def machine() -> dict[str, object]:
    """Return what the figures were found on."""
    model = platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return {"cpu": model, "cores": os.cpu_count(), "system": platform.system()}


def without_paths(text: str) -> str:
    """Return *text* with paths left out."""
    return re.sub(r"(?:[A-Za-z]:)?(?:[/\\][\w.+@~-]+){2,}", "…", text)


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small numbers: does all of it run?")
    parser.add_argument("--only", nargs="+", metavar="SCRIPT", help="these, and nothing is kept unless --results says")
    parser.add_argument("--more", default="", metavar="OPTIONS", help="with --only: options for them")
    parser.add_argument("--draw", action="store_true", help="only draw, from what is kept")
    parser.add_argument("--results", type=Path, metavar="FILE", help="where figures are kept")
    parser.add_argument("--images", type=Path, metavar="DIRECTORY", default=IMAGES, help="where charts are drawn")
    options = parser.parse_args()
    known = {bench.script for bench in BENCHES}
    for script in options.only or ():
        if script not in known:
            parser.error(f"--only knows {', '.join(sorted(known))}; got {script}")
    kept = options.results or RESULTS
    if options.draw:
        for path in draw(json.loads(kept.read_text()), options.images):
            print(path.name)
        return
    rows: list[dict[str, Any]] = []
    records: dict[str, Any] = {}
    skipped: dict[str, str] = {}
    for bench in BENCHES:
        if options.only and bench.script not in options.only:
            continue
        given = options.more or (bench.quick if options.quick else bench.usual)
        how = f"{bench.script} {given}".strip()
        print(f"== {how}", flush=True)
        try:
            records[bench.script] = record = run(bench, given)
        except Skipped as error:
            skipped[bench.script] = without_paths(str(error))
            print(f"skipped: {error}")
            continue
        skipped |= {name: without_paths(why) for name, why in record.pop("skipped", {}).items()}
        record.pop("python", None)
        rows += rows_of(bench, how, record)
    print(f"\n{table(rows)}")
    for name, why in skipped.items():
        print(f"{'-':>12}  skipped: {name}: {why}")
    if options.only and not options.results:
        return
    results = {
        "date": datetime.now(UTC).date().isoformat(),
        "python": platform.python_version(),
        "machine": machine(),
        "quick": options.quick,
        "rows": rows,
        "skipped": skipped,
        "records": records,
    }
    kept.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    draw(results, options.images)


if __name__ == "__main__":
    main()
