"""Which Postgres and which Kafka the system stands on: BROKER says it, here alone.

embedded        both from wheels, nothing to install (the default)
apache          Postgres from the wheel, Apache Kafka from jars: needs Java and Maven
testcontainers  the images of both: needs a container engine

DATABASE_URL and KAFKA_BOOTSTRAP_SERVERS, when set, replace one and the other.
"""

import os
from pathlib import Path
from typing import Literal, Protocol, get_args

from billing_local.apache_kafka import ApacheKafka
from billing_local.embedded_broker import EmbeddedBroker
from billing_local.embedded_postgres import EmbeddedPostgres
from billing_local.supervisor import Process

Kind = Literal["embedded", "apache", "testcontainers"]


class PostgresProcess(Process, Protocol):
    """A Postgres of ours."""

    def dsn(self) -> str: ...


class BrokerProcess(Process, Protocol):
    """A broker of ours. `is_embedded`: it forgets its log at every end, and knows less.
    `forget`, while it is down, loses the log of any."""

    @property
    def is_embedded(self) -> bool: ...
    @property
    def bootstrap(self) -> str: ...
    def forget(self) -> None: ...


def kind() -> Kind:
    """What BROKER says. SystemExit when it says something else."""
    said = os.environ.get("BROKER") or "embedded"
    for known in get_args(Kind):
        if said == known:
            return known  # type: ignore[no-any-return]
    raise SystemExit(f"BROKER={said}: known are {', '.join(get_args(Kind))}")


def postgres(folder: Path, port: int, *, password: str, is_durable: bool) -> PostgresProcess:
    """A Postgres with its data in `folder`; not started."""
    if kind() == "testcontainers":
        from billing_local.containers import PostgresInContainer

        return PostgresInContainer(port, password=password)
    return EmbeddedPostgres(folder, port, password=password, is_durable=is_durable)


def broker(
    folder: Path, ports: tuple[int, int], log: Path, *, advertised_port: int | None = None
) -> BrokerProcess:
    """A broker; not started. `ports` are its own and, for one that needs it, its controller's."""
    port, controller_port = ports
    if kind() == "apache":
        return ApacheKafka(port, controller_port, folder, log, advertised_port=advertised_port)
    if kind() == "testcontainers":
        from billing_local.containers import KafkaInContainer

        return KafkaInContainer(port, advertised_port=advertised_port)
    return EmbeddedBroker(port, log, advertised_port=advertised_port)
