"""Apache Kafka, one node that is its own controller (KRaft), from jars. Its log survives a kill."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import IO

from billing_local.child import end, kill, launch, listens
from billing_local.kafka_jars import HERE, KafkaUnavailable, java, kafka_jars
from billing_local.ports import HOST

START_SECONDS = 120.0
STOP_SECONDS = 20.0
#: Any 16 bytes in base64; one node needs no name, but the format asks for one.
CLUSTER_ID = "YmlsbGluZy1sb2NhbC1rMQ"

#: After a kill the node waits until the session of its former self is over: two seconds, not nine.
_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller_port}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}
advertised.listeners=PLAINTEXT://{host}:{advertised_port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={folder}/log
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
auto.create.topics.enable=false
num.network.threads=2
num.io.threads=2
"""


class ApacheKafka:
    """One broker on `port`, its log below `folder`.

    Clients are told to come back to `advertised_port`, where a proxy may stand.
    """

    is_embedded = False

    def __init__(
        self,
        port: int,
        controller_port: int,
        folder: Path,
        log: Path,
        *,
        advertised_port: int | None = None,
    ) -> None:
        self.port = port
        self.folder = folder
        self.log = log
        self._controller_port = controller_port
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
        """Format the folder if it is new, start, wait until it listens. Raises KafkaUnavailable."""
        properties = self.folder / "server.properties"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        settings = _PROPERTIES.format(
            host=HOST,
            port=self.port,
            controller_port=self._controller_port,
            advertised_port=self._advertised_port,
            folder=self.folder,
        )
        properties.write_text(settings)
        with self.log.open("ab") as log:
            if not (self.folder / "log" / "meta.properties").exists():
                command = ["kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c"]
                self._launch([*command, str(properties)], log).wait(START_SECONDS)
            self._process = self._launch(["kafka.Kafka", str(properties)], log)
        # It listens only when it is ready to serve.
        if listens(self._process, self.port, START_SECONDS):
            return
        self.kill()
        raise KafkaUnavailable(f"Apache Kafka did not start; see {self.log}")

    def stop(self) -> None:
        """SIGTERM, then insist."""
        if self._process is not None:
            end(self._process, STOP_SECONDS)

    def kill(self) -> None:
        """SIGKILL; what it acknowledged is there at the next start."""
        if self._process is not None:
            kill(self._process)

    def forget(self) -> None:
        """Lose the whole log, as a lost disk does. Only while it is down."""
        shutil.rmtree(self.folder / "log", ignore_errors=True)

    def _launch(self, command: list[str], log: IO[bytes]) -> subprocess.Popen[bytes]:
        # fmt: off
        argv = [
            java(), "-Xms64m", "-Xmx512m", "-XX:+UseSerialGC", "-Djava.awt.headless=true",
            f"-Dlog4j2.configurationFile={HERE / 'log4j2.xml'}",
            "-cp", f"{kafka_jars()}/*", *command,
        ]
        # fmt: on
        return launch(argv, {"PATH": os.environ.get("PATH", "")}, log)
