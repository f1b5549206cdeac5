"""The reference implementation, nats-io/jwt v2, as a process to ask: for differential tests.

`tests/reference/main.go` says what can be asked and what is answered.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

SOURCE = Path(__file__).parent / "reference"


class GoReference:
    """A running reference program, ended with the `with` block.

    The program is built once a session and proves on entering that it signs as the reference does.

    Attributes:
        versions: Module (`jwt`, `nkeys`) to the version that answers.
    """

    versions: dict[str, str]

    @staticmethod
    def available() -> bool:
        """Say whether there is a `go` command to build the program with."""
        return shutil.which("go") is not None

    def __enter__(self) -> GoReference:
        # URLs as Go 1.26 reads them, and nats-server 2.15 with it; without, go.mod's version would decide.
        environment = {**os.environ, "GODEBUG": "urlstrictcolons=1"}
        # Its standard error is ours: pytest shows what it says when it dies.
        self._process = subprocess.Popen([_built()], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
        try:
            (proof,) = self.call([{"op": "selftest"}])
            if "kinds" not in proof:
                raise RuntimeError(f"the reference program does not sign as the reference does: {proof}")
        except BaseException:
            self.close()
            raise
        self.versions = {module: proof[module] for module in ("jwt", "nkeys")}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the program and give its pipes back."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):  # what a dead program never read is still in the buffer
            self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()

    def call(self, questions: Iterable[Mapping[str, object]]) -> list[dict[str, Any]]:
        """Ask any number of questions at once; the answers come in the same order.

        Raises:
            RuntimeError: The program ended before it had answered all.
        """
        lines = [json.dumps(dict(question)).encode() + b"\n" for question in questions]
        assert self._process.stdout is not None
        # Written from a second thread: the program does not read on while nobody reads what it answers.
        writer = threading.Thread(target=self._write, args=(b"".join(lines),))
        writer.start()
        try:
            answers: list[dict[str, Any]] = []
            for _ in lines:
                line = self._process.stdout.readline()
                if not line.endswith(b"\n"):
                    raise RuntimeError(f"the reference program ended after {len(answers)} of {len(lines)} answers")
                answers.append(json.loads(line))
        except BaseException:
            self._process.kill()  # or the writer might wait for ever
            raise
        finally:
            writer.join()
        return answers

    def _write(self, data: bytes) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # the reader notices, and says so
            self._process.stdin.write(data)
            self._process.stdin.flush()


@functools.cache
def _built() -> Path:
    """Build the program, once a session, in a directory that goes with it."""
    directory = tempfile.mkdtemp(prefix="natscreds-reference-")
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    program = Path(directory, "reference")
    build = ["go", "build", "-buildvcs=false", "-o", str(program), "."]
    result = subprocess.run(build, cwd=SOURCE, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise RuntimeError(f"the reference program does not build:\n{result.stderr}")
    return program
