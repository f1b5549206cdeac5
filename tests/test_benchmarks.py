"""The benchmarks run and answer their question. How fast anything is, no test judges."""

import json
import platform
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

BENCH = Path(__file__).parent.parent / "benchmarks" / "bench_issue.py"


def run(*options: str, cwd: Path) -> str:
    command = [sys.executable, str(BENCH), "--users", "50", "--no-peers", *options]
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("options", [[], ["--profile"]], ids=["figures", "profile"])
def test_the_issue_benchmark_prints_its_question_and_a_ratio(options: list[str], tmp_path: Path) -> None:
    printed = run("--rounds", "1", *options, cwd=tmp_path)
    assert printed.startswith("How many users a second does one process issue?")
    ratios = [float(found) for found in re.findall(r"ratio to the floor: (\d+\.\d+)", printed)]
    assert len(ratios) == 2
    assert all(ratio > 0 for ratio in ratios)


def test_the_issue_benchmark_writes_its_figures_as_json(tmp_path: Path) -> None:
    run("--rounds", "2", "--json", "figures.json", cwd=tmp_path)
    cases = json.loads((tmp_path / "figures.json").read_text())["cases"]
    assert [case["kind"] for case in cases] == ["permissions", "role"]
    for case in cases:
        assert {name: len(rates) for name, rates in case["rates"].items()} == {"floor": 2, "natscreds": 2}
        assert case["users_per_second"]["natscreds"] > 0
        assert case["signing_input_bytes"] > 400


def test_the_trust_benchmark_prints_its_question_and_its_figures(tmp_path: Path) -> None:
    command = [sys.executable, str(BENCH.with_name("bench_trust.py")), "--rounds", "1", "--json", "figures.json"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("What do reading, checking and signing cost")
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert len(figures) == 4
    assert all(figure > 0 for figure in figures.values())


STREAMED = {
    "bench_workers.py": ["--users", "60"],
    "bench_memory.py": ["--few", "20", "--many", "60"],
    "bench_growth.py": ["--users", "20", "60"],
}


@pytest.mark.parametrize("script", STREAMED)
def test_the_benchmarks_of_streams_print_their_question_and_write_their_figures(script: str, tmp_path: Path) -> None:
    command = [sys.executable, str(BENCH.with_name(script)), *STREAMED[script], "--json", "figures.json"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[0].endswith("?")
    record = json.loads((tmp_path / "figures.json").read_text())
    if "growth" in record:
        assert [point["users"] for point in record["growth"]] == [20, 60]
        assert all(point["users_per_second"] > 0 and point["peak_mib"] > 1 for point in record["growth"])
    else:
        assert len(record["figures"]) >= 3
        assert any(figure > 0 for figure in record["figures"].values())


def run_all(*options: str, cwd: Path) -> str:
    command = [sys.executable, str(BENCH.with_name("run.py")), *options]
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_run_of_all_keeps_figures_and_draws_them(tmp_path: Path) -> None:
    chosen = ["--only", "bench_growth", "--more=--users 20 60", "--results", "kept.json", "--images", "images"]
    printed = run_all(*chosen, cwd=tmp_path)
    assert "60 users, users/s" in printed
    kept = json.loads((tmp_path / "kept.json").read_text())
    assert kept["rows"][0]["what"] == "20 users, users/s"
    drawn = ElementTree.parse(tmp_path / "images" / "issue-growth.svg").getroot()  # noqa: S314  # ours
    assert [text for text in drawn.itertext() if text.strip() == "60"]


def test_the_charts_that_are_shown_are_those_of_the_figures_that_are_kept(tmp_path: Path) -> None:
    run_all("--draw", "--images", "images", cwd=tmp_path)
    shown = BENCH.parent.parent / "docs" / "images"
    for name in ("issue-rate.svg", "issue-growth.svg"):
        assert (tmp_path / "images" / name).read_text() == (shown / name).read_text()


def test_what_is_kept_names_no_host_and_no_path() -> None:
    kept = BENCH.with_name("results.json").read_text()
    assert platform.node() not in kept
    assert not re.search(r'(?:^|[\s"])(?:/[\w.-]+){2,}', kept)
    assert str(Path.home()) not in kept


def test_the_start_benchmark_prints_its_question_and_its_figures(tmp_path: Path) -> None:
    words = ["--accounts", "20", "--rounds", "1", "--json", "figures.json", "--scratch", "."]
    command = [sys.executable, str(BENCH.with_name("bench_server_start.py")), *words]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("How long does a server take to start")
    [case] = json.loads((tmp_path / "figures.json").read_text())["cases"]
    assert case["accounts"] == 20
    assert case["multiples"]["memory preload"] == 1
    for what in ("seconds", "mebibytes", "multiples"):
        assert len(case[what]) == 5
        assert all(figure > 0 for figure in case[what].values())
    assert [entry.name for entry in tmp_path.iterdir()] == ["figures.json"]


def test_the_push_benchmark_prints_its_question_and_a_ratio_for_each(tmp_path: Path) -> None:
    options = ["--accounts", "40", "--rounds", "1", "--json", "figures.json"]
    command = [sys.executable, str(BENCH.with_name("bench_push.py")), *options]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("How many accounts a second can be handed to a server?")
    assert len(re.findall(r" \d+\.\d\d +\d+\.\d\d$", done.stdout, re.MULTILINE)) == 4
    rates = json.loads((tmp_path / "figures.json").read_text())["rates"]
    assert {name: len(found) for name, found in rates.items()} == dict.fromkeys(
        ("bare pipelined loop", "push(guard=False)", "push", "one by one"), 1
    )


def test_the_writers_benchmark_prints_its_question_and_both_ratios(tmp_path: Path) -> None:
    options = ["--users", "20", "--rounds", "2", "--all", "--json", "figures.json", "--directory", "."]
    command = [sys.executable, str(BENCH.with_name("bench_writers.py")), *options]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("What does it cost to write users down, beside issuing them?")
    assert len(re.findall(r"ratio to issuing and .*: \d+\.\d{3} \(rounds", done.stdout)) == 2
    record = json.loads((tmp_path / "figures.json").read_text())
    assert {name: len(found) for name, found in record["costs"].items()} == dict.fromkeys(record["costs"], 2)
    assert len(record["costs"]) == 10
    assert len(record["figures"]) == 12
    assert all(figure > 0 for figure in record["figures"].values())
    assert [entry.name for entry in tmp_path.iterdir()] == ["figures.json"]


def test_the_store_benchmark_prints_its_question_and_a_ratio(tmp_path: Path) -> None:
    command = [sys.executable, str(BENCH.with_name("bench_nsc_store.py")), "--users", "50", "--rounds", "2"]
    command += ["--directory", str(tmp_path), "--json", "figures.json"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("How many files a second go into a store of nsc?")
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert {name: len(rates) for name, rates in figures["rates"].items()} == {"store": 2, "directory": 2}
    assert figures["ratio"] > 0


def test_the_access_benchmark_prints_its_question_and_its_rates(tmp_path: Path) -> None:
    options = ["--subjects", "600", "--rounds", "2", "--json", "figures.json"]
    command = [sys.executable, str(BENCH.with_name("bench_access.py")), *options]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("How many decisions a second does one process make for one user?")
    assert "600 subjects, 200 of them refused" in done.stdout
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert set(figures) == {"floor", "publish", "subscribe"}
    assert all(figure > 0 for figure in figures.values())
