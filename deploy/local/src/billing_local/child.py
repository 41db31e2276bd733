"""A process of the stack: started with its log in a file, dies with us, stops politely first."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

#: prctl(2) option: the signal a child gets when its parent dies.
_PR_SET_PDEATHSIG = 1
#: A log beyond this is put aside (one generation) at the next start, in bytes.
LOG_LIMIT_BYTES = 50_000_000


def die_with_parent() -> None:
    """Runs in the child between fork and exec: the kernel sends SIGTERM when the launcher is gone.

    Elsewhere than Linux there is no such signal, and `watchdog.py` does the work.
    """
    if sys.platform == "linux":
        parent = os.getppid()
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        # The parent may have died between fork and prctl, and then the signal never comes.
        if os.getppid() != parent:
            os._exit(1)


class Child:
    """One named process that can be started again after it was stopped or killed."""

    def __init__(self, name: str, argv: Sequence[str], env: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.log = log
        self._argv = list(argv)
        self._env = dict(env)
        self._process: subprocess.Popen[bytes] | None = None
        #: Should be up; the supervisor starts it again when it is not.
        self.is_wanted = False

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def exit_code(self) -> int | None:
        return self._process.poll() if self._process else None

    def start(self) -> None:
        """Start it in a session of its own, so that Ctrl-C reaches only the launcher."""
        self.is_wanted = True
        with _open_log(self.log) as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own module and arguments
                self._argv,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - the launcher forks from its only thread
            )

    def ask_to_stop(self) -> None:
        """SIGTERM; does not wait."""
        self.is_wanted = False
        if self.is_alive() and self._process:
            self._process.terminate()

    def wait_stopped(self, timeout_seconds: float) -> None:
        """Wait for it to end, then insist with SIGKILL."""
        if self._process is None:
            return
        try:
            self._process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self.is_wanted = False
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def log_tail(self, lines: int = 15) -> str:
        """The last lines it wrote, for an error message."""
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


def _open_log(path: Path) -> IO[bytes]:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > LOG_LIMIT_BYTES:
        path.replace(path.with_suffix(".log.1"))
    return path.open("ab")
