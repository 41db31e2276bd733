"""How this process speaks to Kafka: client settings, and waits that end.

Every number that guards against a known fault of the client is explained where it stands; the
faults are listed in docs/decisions/0016.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

#: Bounds every call of the client that has none of its own.
CALL_SECONDS = 5.0
STOP_SECONDS = 5.0
#: Below the broker's limit for a batch, above the outbox's limit for a payload.
PRODUCER_BATCH_BYTES = 950_000
MAX_REQUEST_BYTES = 1_048_576
MAX_POLL_RECORDS = 500
#: The embedded broker answers a long poll only when it ends, and a fetch past its log's end never.
EMBEDDED_FETCH_WAIT_MS = 20
EMBEDDED_REQUEST_MS = 5_000
#: How long a consumer may wait for a topic that was made after it joined.
METADATA_MS = 60_000
FETCH_WAIT_MS = 500
REQUEST_MS = 10_000


@dataclass(frozen=True, slots=True)
class Broker:
    """Where the broker is and what it can do.

    `is_embedded` softens what the launcher's in-memory broker does not know (producer
    idempotence). `connection` holds security settings as aiokafka names them.
    """

    bootstrap_servers: str
    topic_prefix: str = ""
    is_embedded: bool = False
    connection: Mapping[str, Any] = field(default_factory=dict)

    def topic(self, event_type: str) -> str:
        """`invoice-issued` -> its topic here."""
        return self.topic_prefix + event_type

    def event_type(self, topic: str) -> str:
        """The opposite of `topic`."""
        return topic.removeprefix(self.topic_prefix)

    def producer(self, name: str) -> AIOKafkaProducer:
        """A producer that waits for all replicas; not started."""
        return AIOKafkaProducer(
            bootstrap_servers=self.bootstrap_servers,
            client_id=name,
            acks="all",
            enable_idempotence=not self.is_embedded,
            compression_type="zstd",
            max_batch_size=PRODUCER_BATCH_BYTES,
            max_request_size=MAX_REQUEST_BYTES,
            request_timeout_ms=self._request_ms,
            **self.connection,
        )

    def consumer(self, group: str) -> AIOKafkaConsumer:
        """A member of a group that commits nothing by itself; not started, not subscribed."""
        return AIOKafkaConsumer(
            bootstrap_servers=self.bootstrap_servers,
            client_id=group,
            group_id=group,
            enable_auto_commit=False,
            # The default, latest, skips silently. Deserialisers stay off: one that raises, raises
            # for ever on the same record.
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            max_poll_records=MAX_POLL_RECORDS,
            fetch_max_wait_ms=EMBEDDED_FETCH_WAIT_MS if self.is_embedded else FETCH_WAIT_MS,
            request_timeout_ms=self._request_ms,
            metadata_max_age_ms=METADATA_MS,
            session_timeout_ms=6_000 if self.is_embedded else 15_000,
            heartbeat_interval_ms=1_000 if self.is_embedded else 3_000,
            rebalance_timeout_ms=20_000,
            **self.connection,
        )

    @property
    def _request_ms(self) -> int:
        return EMBEDDED_REQUEST_MS if self.is_embedded else REQUEST_MS


async def stop_client(client: AIOKafkaProducer | AIOKafkaConsumer) -> None:
    """Stop it, but not for ever: with the broker away `stop` hangs, or raises CancelledError."""
    stopping = asyncio.ensure_future(client.stop())
    await asyncio.wait({stopping}, timeout=STOP_SECONDS)
    if not stopping.done():
        stopping.cancel()
    elif not stopping.cancelled():
        # Looked at, so that asyncio does not complain that nobody did.
        stopping.exception()
