"""Postgres and Apache Kafka as containers of the images that production runs."""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping

import asyncpg
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from docker.errors import DockerException
from testcontainers.core.container import DockerContainer
from testcontainers.core.docker_client import DockerClient

from billing_local.embedded_broker import BrokerUnavailable
from billing_local.embedded_postgres import ADMIN, DATABASE
from billing_local.ports import HOST

POSTGRES_IMAGE = "postgres:18"
KAFKA_IMAGE = "apache/kafka:4.1.0"
START_SECONDS = 120.0
LOOK_EVERY_SECONDS = 0.2
TAIL_BYTES = 2_000


class ContainerUnavailable(BrokerUnavailable):
    """BROKER=testcontainers was asked for, and there is no engine, or no image, or no start."""


class Container(ABC):
    """A container with one port, bound to `port` here; its data lives as long as it does."""

    def __init__(self, image: str, inside: int, port: int, environment: Mapping[str, str]) -> None:
        self.port = port
        self.host = engine_host()
        self._container = DockerContainer(image).with_bind_ports(inside, port)
        for name, value in environment.items():
            self._container.with_env(name, value)
        self._is_made = False

    @property
    def pid(self) -> int | None:
        """Its process is the engine's, not ours to guard."""
        return None

    def is_alive(self) -> bool:
        if not self._is_made:
            return False
        wrapped = self._container.get_wrapped_container()
        wrapped.reload()
        return bool(wrapped.status == "running")

    def start(self) -> None:
        """Make it the first time; afterwards start it again with what it kept; wait until it
        serves. Raises ContainerUnavailable."""
        try:
            if self._is_made:
                self._container.get_wrapped_container().start()
            else:
                self._container.start()
                self._is_made = True
        except DockerException as error:
            raise ContainerUnavailable(str(error)) from error
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.is_alive():
            # A loop of its own: whoever starts us may be in a thread or before any loop.
            if asyncio.run(self.serves()):
                return
            time.sleep(LOOK_EVERY_SECONDS)
        said, complained = self._container.get_logs()
        tail = (said + complained)[-TAIL_BYTES:].decode(errors="replace")
        self.stop()
        raise ContainerUnavailable(f"the container did not get ready:\n{tail}")

    @abstractmethod
    async def serves(self) -> bool:
        """Whether what is in it answers."""

    def stop(self) -> None:
        """Stop and remove it."""
        if self._is_made:
            self._container.stop()
            self._is_made = False

    def kill(self) -> None:
        """SIGKILL; it keeps its data."""
        if self.is_alive():
            self._container.get_wrapped_container().kill()


class PostgresInContainer(Container):
    """The database image; `password` is the administrator's."""

    def __init__(self, port: int, *, password: str) -> None:
        environment = {"POSTGRES_DB": DATABASE, "POSTGRES_PASSWORD": password}
        super().__init__(POSTGRES_IMAGE, 5432, port, environment)
        self._password = password

    def dsn(self) -> str:
        """The administrator's connection string."""
        return f"postgresql://{ADMIN}:{self._password}@{self.host}:{self.port}/{DATABASE}"

    async def serves(self) -> bool:
        try:
            conn = await asyncpg.connect(self.dsn(), timeout=5)
            await conn.close()
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return False
        return True


class KafkaInContainer(Container):
    """The broker image: one node that is its own controller.

    Clients are told to come back to `advertised_port` of this machine, where a proxy may stand.
    """

    is_embedded = False

    def __init__(self, port: int, *, advertised_port: int | None = None) -> None:
        # Where somebody stands in between, it is on this machine.
        there = (HOST, advertised_port) if advertised_port else (engine_host(), port)
        self._advertised = f"{there[0]}:{there[1]}"
        environment = {
            "KAFKA_NODE_ID": "1",
            "KAFKA_PROCESS_ROLES": "broker,controller",
            "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
            "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
            "KAFKA_LISTENERS": "PLAINTEXT://:9092,CONTROLLER://:9093",
            "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://{self._advertised}",
            "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
            "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
            "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
            "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
            "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
        }
        super().__init__(KAFKA_IMAGE, 9092, port, environment)

    @property
    def bootstrap(self) -> str:
        return self._advertised

    def forget(self) -> None:
        """Lose the whole log: the next start makes a new container."""
        self.stop()

    async def serves(self) -> bool:
        admin = AIOKafkaAdminClient(
            bootstrap_servers=f"{self.host}:{self.port}", request_timeout_ms=5_000
        )
        try:
            await admin.start()
        except (KafkaError, OSError):
            return False
        finally:
            await admin.close()
        return True


def engine_host() -> str:
    """Where ports of containers can be reached. Raises ContainerUnavailable without an engine."""
    try:
        return str(DockerClient().host())
    except DockerException as error:
        raise ContainerUnavailable(
            "BROKER=testcontainers needs a container engine, and none answers "
            f"({error}); BROKER=embedded and BROKER=apache need none"
        ) from error
