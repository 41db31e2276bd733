"""A process of the stack: its log in a file, ends when we end, is asked before it is killed."""

import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from billing_local.ports import HOST
from billing_local.unprivileged import die_with_parent

#: A log beyond this is put aside (one generation) at the next start, in bytes.
LOG_LIMIT_BYTES = 50_000_000
#: How long a child may take to end after SIGTERM before it is killed, in seconds.
STOP_SECONDS = 10.0
#: How often a port is tried, in seconds.
LOOK_EVERY_SECONDS = 0.02


class Child:
    """One process that can be started again after it was stopped or killed.

    Start it from a thread that lives as long as the child shall: the kernel takes the end of the
    thread for the end of the parent.
    """

    def __init__(self, argv: Sequence[str], env: Mapping[str, str], log: Path) -> None:
        self.log = log
        self._argv = list(argv)
        self._env = dict(env)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it in a session of its own, so that Ctrl-C reaches only the launcher."""
        with _open_log(self.log) as log:
            self._process = launch(self._argv, self._env, log)

    def stop(self) -> None:
        """SIGTERM, then insist."""
        if self._process is not None:
            end(self._process, STOP_SECONDS)

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        if self._process is not None:
            kill(self._process)

    def log_tail(self, lines: int = 15) -> str:
        """The last lines it wrote, for an error message."""
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


def launch(argv: Sequence[str], env: Mapping[str, str], log: IO[bytes]) -> subprocess.Popen[bytes]:
    """A process in a session of its own that ends with the thread that launched it."""
    return subprocess.Popen(  # noqa: S603 - our own modules, wheels and jars
        argv,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=die_with_parent(signal.SIGTERM),  # noqa: PLW1509 - the child only execs
    )


def listens(process: subprocess.Popen[bytes], port: int, within_seconds: float) -> bool:
    """Wait until somebody listens; False when the process ends first, or time is up."""
    deadline = time.monotonic() + within_seconds
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) == 0:
                return True
        time.sleep(LOOK_EVERY_SECONDS)
    return False


def end(process: subprocess.Popen[bytes], within_seconds: float) -> None:
    """SIGTERM, then insist."""
    process.terminate()
    try:
        process.wait(within_seconds)
    except subprocess.TimeoutExpired:
        kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL, and wait until it is gone."""
    process.kill()
    process.wait()


def _open_log(path: Path) -> IO[bytes]:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > LOG_LIMIT_BYTES:
        path.replace(path.with_suffix(".log.1"))
    return path.open("ab")
