"""Ends what the launcher started once the launcher is gone, where the kernel does not.

    python -m billing_local.watchdog

Reads process ids, one a line, from its standard input, whose other end the launcher holds. When
that end closes, for whatever reason, every process named gets SIGTERM and, a while later, SIGKILL.
Linux needs none of it (`unprivileged.die_with_parent`).
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable

#: Between asking and insisting, in seconds.
GRACE_SECONDS = 10.0


def is_needed() -> bool:
    return sys.platform != "linux"


class Watchdog:
    """The launcher's end."""

    def __init__(self) -> None:
        # In a session of its own: Ctrl-C and the end of a terminal are not for it.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "billing_local.watchdog"],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )

    def guard(self, pid: int) -> None:
        if self._process.stdin is not None:
            self._process.stdin.write(f"{pid}\n".encode())
            self._process.stdin.flush()

    def dismiss(self) -> None:
        """Everything has been stopped: there is nothing left to end."""
        self._process.kill()
        self._process.wait()


def end(pids: Iterable[int]) -> None:
    """SIGTERM, then SIGKILL for what is still there."""
    left = set(pids)
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)
        deadline = time.monotonic() + GRACE_SECONDS
        while left and time.monotonic() < deadline:
            time.sleep(0.1)
            left = {pid for pid in left if _is_alive(pid)}


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


if __name__ == "__main__":
    end([int(line) for line in sys.stdin])
