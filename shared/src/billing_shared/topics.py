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
_DONE = 0
_ALREADY_THERE = 36


class WrongPartitions(Exception):
    """Topics that exist with another number of partitions: keys would not be where they belong."""


def topic_names(prefix: str = "") -> list[str]:
    """Every topic there is, sorted."""
    return sorted(prefix + event for event in EVENTS)


async def create_topics(
    bootstrap_servers: str,
    names: Collection[str],
    *,
    partitions: int = PARTITIONS,
    replication: int = 1,
    **connection: Any,
) -> None:
    """Create what is missing. KafkaError when the broker is away or refuses, WrongPartitions when a
    topic was there already, and other than it ought to be."""
    config = {"retention.ms": str(RETENTION_MS), "cleanup.policy": "delete"}
    if replication > MIN_IN_SYNC:
        config["min.insync.replicas"] = str(MIN_IN_SYNC)
    topics = [NewTopic(n, partitions, replication, topic_configs=config) for n in names]
    admin = AIOKafkaAdminClient(
        bootstrap_servers=bootstrap_servers, request_timeout_ms=REQUEST_TIMEOUT_MS, **connection
    )
    await admin.start()
    try:
        answer = await admin.create_topics(topics)
        for name, code, *_ in answer.topic_errors:
            if code not in (_DONE, _ALREADY_THERE):
                raise aiokafka.errors.for_code(code)(f"topic {name}")
        there = [name for name, code, *_ in answer.topic_errors if code == _ALREADY_THERE]
        described = await admin.describe_topics(there) if there else []
    finally:
        await admin.close()
    wrong = sorted(t["topic"] for t in described if len(t["partitions"]) != partitions)
    if wrong:
        raise WrongPartitions(f"not {partitions} partitions: {', '.join(wrong)}")


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
