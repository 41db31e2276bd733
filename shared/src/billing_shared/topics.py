"""Creates the topics: one per event type, 12 partitions, never grown, kept 35 days.

    python -m billing_shared.topics --replication 3

Runs before the services (a job in compose and Kubernetes), with their BILLING_KAFKA_... settings;
what exists stays as it is.
"""

import argparse
import asyncio
from collections.abc import Collection
from typing import Any

import aiokafka.errors
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from billing_shared.contracts import EVENTS
from billing_shared.settings import ServiceSettings

PARTITIONS = 12
RETENTION_MS = 35 * 24 * 3600 * 1000
#: Replicas that must have a record before it is acknowledged, where there are three.
MIN_IN_SYNC = 2
REQUEST_TIMEOUT_MS = 30_000
#: Broker answers that are no failure here: none, and "topic already exists".
_FINE = frozenset({0, 36})


def topic_names(prefix: str = "") -> list[str]:
    """Every topic there is, sorted."""
    return sorted(prefix + event for event in EVENTS)


async def create_topics(
    bootstrap_servers: str,
    names: Collection[str],
    *,
    replication: int = 1,
    **connection: Any,
) -> None:
    """Create what is missing. KafkaError when the broker is away or refuses."""
    config = {"retention.ms": str(RETENTION_MS), "cleanup.policy": "delete"}
    if replication > MIN_IN_SYNC:
        config["min.insync.replicas"] = str(MIN_IN_SYNC)
    topics = [NewTopic(n, PARTITIONS, replication, topic_configs=config) for n in names]
    admin = AIOKafkaAdminClient(
        bootstrap_servers=bootstrap_servers, request_timeout_ms=REQUEST_TIMEOUT_MS, **connection
    )
    await admin.start()
    try:
        answer = await admin.create_topics(topics)
    finally:
        await admin.close()
    for name, code, *_ in answer.topic_errors:
        if code not in _FINE:
            raise aiokafka.errors.for_code(code)(f"topic {name}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replication", type=int, default=1, help="copies of each partition")
    options = parser.parse_args()
    settings = ServiceSettings()
    asyncio.run(
        create_topics(
            settings.kafka_bootstrap_servers,
            topic_names(settings.topic_prefix),
            replication=options.replication,
            **settings.kafka_security(),
        )
    )
