"""The charts, as SVG text: how many users a second, and how the cost grows.

Colours follow the reader's light or dark mode; where that is not understood, the light ones stand on a ground of their
own. Rates lie so far apart that they stand on a logarithmic scale, as dots, for there the length of a bar says nothing.
"""

from collections.abc import Mapping, Sequence
from html import escape
from math import log10
from pathlib import Path
from typing import Any

__all__ = ["draw"]

STYLE = """
  .ground { fill: #ffffff; stroke: #d0d7de; }
  .line { stroke: #d8dee4; stroke-width: 1; }
  .stem { stroke: #afb8c1; stroke-width: 2; }
  .peer { fill: #6e7781; }
  .ours { fill: #0969da; }
  .floor { fill: #ffffff; stroke: #6e7781; stroke-width: 2; }
  .curve { fill: none; stroke: #0969da; stroke-width: 2; }
  text { font: 13px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: #1f2328; }
  .title { font-size: 15px; font-weight: 600; }
  .small { font-size: 11px; fill: #59636e; }
  .strong { font-weight: 600; }
  .over { paint-order: stroke; stroke: #ffffff; stroke-width: 4; }
  .end { text-anchor: end; }
  .middle { text-anchor: middle; }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #0d1117; stroke: #30363d; }
    .line { stroke: #21262d; }
    .stem { stroke: #484f58; }
    .peer { fill: #8b949e; }
    .ours { fill: #4493f8; }
    .floor { fill: #0d1117; stroke: #8b949e; }
    .curve { stroke: #4493f8; }
    text { fill: #e6edf3; }
    .small { fill: #9198a1; }
    .over { stroke: #0d1117; }
  }
"""

# What the chart of rates calls whom; what is not named here stands under its own name.
CALLED = {
    "floor": "libsodium alone: the floor",
    "natscreds": "natscreds, one process",
    "Go, nats-io/jwt v2.8.2, token": "Go, Encode",
    "Go, nats-io/jwt v2.8.2, creds": "Go, Encode + FormatUserConfig",
    "PyPI, nats-jwt 0.2.2, token": "nats-jwt (PyPI), token only",
    "PyPI, nats-nsc 0.4.1, token": "nats-nsc (PyPI), token only",
    "npm, @nats-io/jwt 0.0.11, creds": "jwt.js (npm)",
}


def called(name: str) -> str:
    """Return what the chart of rates calls a contender."""
    return "nsc, one process a user" if name.startswith("nsc ") else CALLED.get(name, name)


def draw(results: Mapping[str, Any], images: Path) -> list[Path]:
    """Draw what *results* have figures for into the directory *images*, and return the files."""
    records = results["records"]
    images.mkdir(parents=True, exist_ok=True)
    drawn = []
    if "bench_issue" in records:
        drawn.append(images / "issue-rate.svg")
        drawn[-1].write_text(rates(results), encoding="utf-8")
    if "bench_growth" in records:
        drawn.append(images / "issue-growth.svg")
        drawn[-1].write_text(growth(results), encoding="utf-8")
    return drawn


def svg(width: int, height: int, told: str, body: Sequence[str]) -> str:
    """Return the document; *told* is what it says to those who do not see it."""
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    ground = f'<rect class="ground" x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="6"/>'
    label = f'role="img" aria-label="{escape(told)}"'
    return "\n".join([f"{head} {label}>", f"<style>{STYLE}</style>", ground, *body, "</svg>", ""])


def text(x: float, y: float, words: str, style: str = "") -> str:
    """Return one line of text."""
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{style}">{escape(words)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, style: str = "line") -> str:
    """Return one straight line."""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{style}"/>'


def dot(x: float, y: float, style: str) -> str:
    """Return one dot."""
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" class="{style}"/>'


def footnote(results: Mapping[str, Any]) -> str:
    """Return where and when it was measured."""
    machine = results["machine"]
    words = f"{machine['cpu']}, {machine['cores']} cores, Python {results['python']}, {results['date']}"
    return f"{words}; a quick run, with little weight" if results["quick"] else words


def rates(results: Mapping[str, Any]) -> str:
    """Return the chart of users a second."""
    case = next(case for case in results["records"]["bench_issue"]["cases"] if case["kind"] == "permissions")
    found = {called(name): rate for name, rate in case["users_per_second"].items()}
    workers = results["records"].get("bench_workers", {}).get("figures", {})
    for count, processes in (("1 worker", "1 worker process"), ("2 workers", "2 worker processes")):
        if f"{count}, users/s" in workers:
            found[f"natscreds, {processes}"] = workers[f"{count}, users/s"]
    ordered = sorted(found.items(), key=lambda pair: -pair[1])
    left, right, top, step = 250, 640, 76, 28
    lowest, highest = 1.0, 10.0 ** -(-log10(max(found.values())) // 1)

    def across(rate: float) -> float:
        return left + (right - left) * log10(max(rate, lowest) / lowest) / log10(highest / lowest)

    bottom = top + step * len(ordered)
    body = [text(20, 30, "Users a second: key, token, creds text", "title")]
    body.append(text(20, 50, "permissions of their own, thirty days; logarithmic scale", "small"))
    tick = lowest
    while tick <= highest:
        body += [
            line(across(tick), top - 8, across(tick), bottom),
            text(across(tick), bottom + 16, f"{tick:,.0f}", "small middle"),
        ]
        tick *= 10
    for at, (name, rate) in enumerate(ordered):
        y = top + step * (at + 0.5)
        style = "floor" if name == CALLED["floor"] else "ours" if name.startswith("natscreds") else "peer"
        strong = " strong" if style == "ours" else ""
        body.append(text(left - 12, y + 4, name, f"end{strong}"))
        body += [line(left, y, across(rate), y, "stem"), dot(across(rate), y, style)]
        body.append(text(across(rate) + 12, y + 4, f"{rate:,.0f}" if rate >= 100 else f"{rate:,.1f}", strong.strip()))
    body.append(text(20, bottom + 44, footnote(results), "small"))
    told = "Users a second: " + "; ".join(f"{name} {rate:,.0f}" for name, rate in ordered)
    return svg(720, bottom + 60, told, body)


def growth(results: Mapping[str, Any]) -> str:
    """Return the two charts of how the cost grows, side by side."""
    points = results["records"]["bench_growth"]["growth"]
    users = [point["users"] for point in points]
    body = [text(20, 30, "How the cost grows with the number of users", "title")]
    body.append(text(20, 50, "one process, names from a list", "small"))
    panels = (
        ("users a second", [point["users_per_second"] for point in points]),
        ("MiB held at most", [point["peak_mib"] - point["names_mib"] for point in points]),
    )
    for at, (title, values) in enumerate(panels):
        body += panel(70 + 350 * at, title, users, values)
    names = f"without the caller's list of names: {points[-1]['names_mib']:,.0f} MiB for {short(users[-1])}"
    body.append(text(412, 258, names, "small"))
    body.append(text(20, 300, footnote(results), "small"))
    told = "; ".join(f"{point['users']:,} users: {point['users_per_second']:,.0f} a second" for point in points)
    return svg(720, 316, f"How the cost grows: {told}", body)


def panel(left: float, title: str, users: Sequence[int], values: Sequence[float]) -> list[str]:
    """Return one of them: a line over a logarithmic number of users, from zero."""
    width, top, bottom = 260, 100, 220
    step = nice(max(values) / 3)
    high = step * -(-max(values) * 1.02 // step)

    def across(count: int) -> float:
        span = log10(users[-1] / users[0]) or 1.0
        return left + 20 + (width - 40) * log10(count / users[0]) / span

    def up(value: float) -> float:
        return bottom - (bottom - top) * value / high

    drawn = [text(left - 8, top - 18, title, "strong")]
    mark = 0.0
    while mark <= high + step / 2:
        drawn += [
            line(left, up(mark), left + width, up(mark)),
            text(left - 8, up(mark) + 4, f"{mark:,.0f}", "small end"),
        ]
        mark += step
    where = [(across(count), up(value)) for count, value in zip(users, values, strict=True)]
    drawn.append(f'<polyline class="curve" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in where)}"/>')
    beside = 20 if max(values) > 0.8 * high else -10  # figures stand below the line where it is near the top
    for (x, y), count, value in zip(where, users, values, strict=True):
        drawn += [dot(x, y, "ours"), text(x, bottom + 18, short(count), "small middle")]
        drawn.append(text(x, y + beside, f"{value:,.0f}", "small middle over"))
    return drawn


def nice(rough: float) -> float:
    """Return 1, 2 or 5 times a power of ten, no less than *rough*."""
    power = 10.0 ** (log10(rough) // 1)
    return next(power * times for times in (1, 2, 5, 10) if power * times >= rough * 0.999)


def short(count: int) -> str:
    """Return 1,000,000 as 1M and 1,000 as 1k."""
    for unit, letter in ((1_000_000, "M"), (1_000, "k")):
        if count >= unit and count % unit == 0:
            return f"{count // unit}{letter}"
    return f"{count:,}"
