"""The real nsc, as a process in directories of its own: nothing of the user's is read or written.

It is installed once from the Go module proxy, where there is a `go` command, and kept in the user's cache directory.
`NATSCREDS_NSC` names another binary to use instead.
"""

import fcntl
import functools
import os
import shutil
import subprocess
from pathlib import Path

from natscreds.nsc import Store

__all__ = ["VERSION", "Nsc", "nsc_binary", "why_not"]

VERSION = "v2.13.0"
MODULE = f"github.com/nats-io/nsc/v2@{VERSION}"


@functools.cache
def nsc_binary() -> tuple[str, str]:
    """Return the path of nsc and an empty text, or an empty path and why there is none."""
    if given := os.environ.get("NATSCREDS_NSC"):
        return (given, "") if os.access(given, os.X_OK) else ("", f"NATSCREDS_NSC={given} is no program")
    if shutil.which("go") is None:
        return "", "no go command here to install nsc with"
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "natscreds-tests", f"nsc-{VERSION}")
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another test process may be at it
        if not (cache / "nsc").exists():
            command = ["go", "install", MODULE]
            environment = {**os.environ, "GOBIN": str(cache)}
            try:
                subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=600)
            except subprocess.CalledProcessError as error:
                return "", f"nsc cannot be installed here: {' '.join(error.stderr.split())[-200:]}"
            except subprocess.TimeoutExpired:
                return "", "nsc cannot be installed here: it takes longer than ten minutes"
    return str(cache / "nsc"), ""


def why_not() -> str:
    """Return why nsc cannot be run here; empty if it can."""
    return nsc_binary()[1]


class Nsc:
    """nsc with a home of its own, and its three directories below that, or one for all.

    Attributes:
        home: Where everything is.
    """

    def __init__(self, home: Path, *, one_directory: bool = False) -> None:
        self.home = home
        self._all = one_directory
        self._elsewhere = home / "elsewhere"  # nsc looks for stores in the working directory
        self._elsewhere.mkdir(parents=True, exist_ok=True)

    @property
    def store(self) -> Store:
        """What natscreds finds there."""
        if self._all:
            return Store(self.home / "all", environ={"HOME": str(self.home)})
        return Store(config=self.home / "config", stores=self.home / "stores", keys=self.home / "keys", environ={})

    def run(self, *words: str, fails: bool = False) -> str:
        """Run a command; what it says is returned, and an error unless it was to fail.

        Raises:
            AssertionError: It failed, or did not.
        """
        places = ["--config-dir", "config", "--data-dir", "stores", "--keystore-dir", "keys"]
        if self._all:
            places = ["--all-dirs", "all"]
        places = [part if part.startswith("--") else str(self.home / part) for part in places]
        done = subprocess.run(
            [nsc_binary()[0], *words, *places],
            env={"HOME": str(self.home), "PATH": "/nowhere"},
            cwd=self._elsewhere,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        said = done.stdout + done.stderr
        assert (done.returncode != 0) == fails, f"nsc {' '.join(words)}: {said}"
        return said
