"""The folder of one local system: its lock, ports, secrets, and what it tells others.

.billing/lock        held by the launcher while it runs
.billing/ports.json  so that URLs stay the same
.billing/secrets.json passwords, made once
.billing/ready.json  URLs, token and pids, only while everything is ready
.billing/logs/ postgres/ broker/ mail/ webhooks/
"""

import fcntl
import json
import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from billing_local.ports import claim_ports

#: Length of a made password, in bytes of randomness.
PASSWORD_BYTES = 24


class AlreadyRunningError(Exception):
    """Another launcher holds this folder."""


class Home:
    """The folder; made if missing, readable by its owner alone as it holds secrets."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        # The embedded Postgres may run as another user (under root) and must pass through: so the
        # folder can be entered by all, listed by none, and the files with secrets are 0600.
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o711)
        self._lock: IO[str] | None = None

    @property
    def ready_file(self) -> Path:
        return self.folder / "ready.json"

    def log(self, name: str) -> Path:
        return self.folder / "logs" / f"{name}.log"

    def acquire(self) -> None:
        """Take the folder, or raise AlreadyRunningError. The kernel frees it if we die."""
        lock = (self.folder / "lock").open("a+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            holder = lock.read().strip()
            lock.close()
            raise AlreadyRunningError(
                f"{self.folder} is in use by process {holder or 'unknown'}"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        self._lock = lock
        self.ready_file.unlink(missing_ok=True)

    def release(self) -> None:
        self.ready_file.unlink(missing_ok=True)
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def holder(self) -> int | None:
        """The pid of the launcher that runs here now, or None."""
        path = self.folder / "lock"
        if not path.exists():
            return None
        with path.open("r+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                text = lock.read().strip()
                return int(text) if text else None
        return None

    def ports(self, names: Sequence[str]) -> dict[str, int]:
        return claim_ports(self.folder / "ports.json", names)

    def secret(self, name: str) -> str:
        """A random secret of this name, the same at every run."""
        file = self.folder / "secrets.json"
        known: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
        if name not in known:
            known[name] = secrets.token_urlsafe(PASSWORD_BYTES)
            write_private(file, known)
        return known[name]

    def tell_ready(self, facts: dict[str, Any]) -> None:
        write_private(self.ready_file, facts)


def write_private(file: Path, content: Any) -> None:
    """Write JSON at once (a reader sees the old or the new), for the owner alone."""
    partial = file.with_suffix(".part")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        json.dump(content, stream, indent=2)
    partial.replace(file)
