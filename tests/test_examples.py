"""The examples do what they print. The one with a fleet is the README's first command; this one has three servers."""

import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).parent.parent / "docs" / "examples"


def test_the_cluster_example_holds_what_it_promises(tmp_path: Path) -> None:
    """With fewer accounts; CI runs it with all 1,000."""
    command = [sys.executable, str(EXAMPLES / "push_cluster.py"), "--accounts", "60"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert [line for line in lines if line.startswith("NO")] == []
    assert sum(line.startswith("yes") for line in lines) == 10
