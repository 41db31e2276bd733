"""Publishes the outbox: what is still pending, in order, deleted after the broker's ack.

Selected is by membership (the row is there), never by position: a cursor loses what commits late.
Of an aggregate the first occurrences therefore always come in order; repeats may come later, after
a kill between ack and delete, and readers drop them by id. No row has an attempt limit.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import asyncpg
import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from billing_shared import metrics
from billing_shared.backoff import Backoff, rest
from billing_shared.broker import CALL_SECONDS, Broker, stop_client
from billing_shared.partitions import key_hashes
from billing_shared.postgres import TRANSIENT, is_transient, open_session

#: As many as the SQL function shard_of knows; never changed, or an aggregate would change shard.
SHARDS = 4
BATCH = 500
ACK_SECONDS = 8.0
POLL_SECONDS = 0.02
#: How often a relay without all its shards tries for more.
CLAIM_SECONDS = 0.3
BACKOFF_HIGH_SECONDS = 10.0
MEASURE_SECONDS = 5.0

_CLAIM = "select pg_try_advisory_lock(hashtext($1), $2)"
#: Two statements instead of a join: the planner must not get the idea to read the whole outbox,
#: and an idle poll touches only the narrow table. The times leave out all other partitions.
_FIRST_PENDING = """
select seq, created_at, turn from outbox_pending where shard = any($1::smallint[])
order by seq limit $2
"""
_EVENTS = """
select seq, topic, payload, specversion, id::text, source, type, subject, time, dataschema,
    datacontenttype, aggregateid, tenantid::text, sequence::text, correlationid::text,
    causationid::text, traceparent
from outbox where seq = any($1::bigint[]) and created_at >= $2 and created_at <= $3
order by seq
"""
#: For this session the order of the index is always the right way, whatever the statistics say of
#: tables that fill and empty all the time. A delete that a crash of Postgres forgets repeats
#: events, which readers drop by id, so none has to wait for the disk.
_SESSION = "set enable_seqscan = off; set synchronous_commit = off"
#: What a replay has put back since we read it stays: the ack may be that of a log now lost.
_FORGET = """
delete from outbox_pending p using unnest($1::bigint[], $2::int[]) as sent (seq, turn)
where p.seq = sent.seq and p.turn = sent.turn
"""
_MEASURE = """
select count(*) as pending, coalesce(extract(epoch from now() - min(created_at)), 0)::float8 as age
from outbox_pending
"""

#: In the order in which _EVENTS selects their values, which come after seq, topic and payload;
#: Debezium's header placement would name the same pairs.
_HEADERS = (
    "ce_specversion",
    "ce_id",
    "ce_source",
    "ce_type",
    "ce_subject",
    "ce_time",
    "ce_dataschema",
    "content-type",
    "ce_partitionkey",
    "ce_tenantid",
    "ce_sequence",
    "ce_correlationid",
    "ce_causationid",
    "traceparent",
)

_log = structlog.get_logger()


class Relay:
    """One per worker process. Each shard has one owner at a time, by advisory lock.

    `shards` is how many of the four this process takes at most. Set `wake` after a commit in this
    process to save the wait for the next poll.
    """

    def __init__(
        self,
        dsn: str,
        service: str,
        broker: Broker,
        *,
        shards: int = SHARDS,
        wake: asyncio.Event | None = None,
    ) -> None:
        self._dsn = dsn
        self._service = service
        self._broker = broker
        self._max_shards = shards
        self._wake = wake or asyncio.Event()
        self._owned: list[int] = []
        self._producer: AIOKafkaProducer | None = None
        self._backoff = Backoff(high=BACKOFF_HIGH_SECONDS)
        self._claim_at = 0.0
        self._measure_at = 0.0
        #: When the loop last turned (time.monotonic), for liveness.
        self.turned_at = time.monotonic()

    async def run(self, stop: asyncio.Event) -> None:
        """Publish until `stop`; whatever goes wrong is tried again."""
        while not stop.is_set():
            try:
                conn = await open_session(self._dsn, name=f"{self._service} relay")
                try:
                    await self._serve(conn, stop)
                finally:
                    # With the session go its locks. The producer goes unflushed: another owner
                    # may be at work already, and starts from the first pending row.
                    self._disown()
                    await self._drop_producer()
                    conn.terminate()
            except Exception as error:
                if not is_transient(error):
                    _log.exception("relay_failed")
                else:
                    _log.warning("relay_without_database", error_name=type(error).__name__)
                await rest(stop, self._backoff.next())

    async def _serve(self, conn: "asyncpg.Connection[asyncpg.Record]", stop: asyncio.Event) -> None:
        await conn.execute(_SESSION)
        while not stop.is_set():
            self.turned_at = time.monotonic()
            await self._claim(conn)
            await self._measure(conn)
            if not self._owned:
                await self._rest(CLAIM_SECONDS)
                continue
            # Cleared before the look, so that a wake during the look is not forgotten.
            self._wake.clear()
            pending = await self._first_pending(conn)
            if not pending:
                await self._rest(POLL_SECONDS)
            elif sent := await self._publish(await _events(conn, pending)):
                turns = {row["seq"]: row["turn"] for row in pending}
                await conn.execute(_FORGET, sent, [turns[seq] for seq in sent])
                metrics.RELAY_SENT.labels(self._service).inc(len(sent))
                self._backoff.forget()
            else:
                await rest(stop, self._backoff.next())

    async def _first_pending(
        self, conn: "asyncpg.Connection[asyncpg.Record]"
    ) -> list[asyncpg.Record]:
        return await conn.fetch(_FIRST_PENDING, self._owned, BATCH)

    async def _claim(self, conn: "asyncpg.Connection[asyncpg.Record]") -> None:
        if len(self._owned) >= self._max_shards or time.monotonic() < self._claim_at:
            return
        self._claim_at = time.monotonic() + CLAIM_SECONDS
        for shard in range(SHARDS):
            if shard in self._owned or len(self._owned) >= self._max_shards:
                continue
            if await conn.fetchval(_CLAIM, f"relay {self._service}", shard):
                self._owned.append(shard)
                metrics.RELAY_IS_LEADER.labels(self._service, str(shard)).set(1)

    async def _publish(self, rows: Sequence[asyncpg.Record]) -> list[int]:
        """The `seq` of what the broker has acknowledged: all that was sent, or nothing."""
        try:
            async with asyncio.timeout(ACK_SECONDS):
                producer = await self._started_producer()
                batches, sent = await _batches(producer, self._broker, rows)
                acks = [
                    await producer.send_batch(batch, topic, partition=partition)
                    for (topic, partition), batch in batches.items()
                ]
                await asyncio.gather(*acks)
        except (KafkaError, *TRANSIENT) as error:
            metrics.RELAY_FAILURES.labels(self._service).inc()
            _log.warning("relay_publish_failed", error_name=type(error).__name__, events=len(rows))
            # What became of the batches is unknown: a new producer, and the first pending row.
            await self._drop_producer()
            return []
        return sent

    async def _started_producer(self) -> AIOKafkaProducer:
        if self._producer is None:
            producer = self._broker.producer(f"{self._service}-relay")
            try:
                await asyncio.wait_for(producer.start(), CALL_SECONDS)
            except BaseException:
                await stop_client(producer)
                raise
            self._producer = producer
        return self._producer

    async def _drop_producer(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await stop_client(producer)

    def _disown(self) -> None:
        for shard in self._owned:
            metrics.RELAY_IS_LEADER.labels(self._service, str(shard)).set(0)
        self._owned = []

    async def _measure(self, conn: "asyncpg.Connection[asyncpg.Record]") -> None:
        if time.monotonic() < self._measure_at:
            return
        self._measure_at = time.monotonic() + MEASURE_SECONDS
        row = await conn.fetchrow(_MEASURE)
        if row is not None:
            metrics.OUTBOX_PENDING.labels(self._service).set(row["pending"])
            metrics.OUTBOX_OLDEST_SECONDS.labels(self._service).set(row["age"])

    async def _rest(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._wake.wait(), seconds)
        except TimeoutError:
            return


async def _events(
    conn: "asyncpg.Connection[asyncpg.Record]", pending: Sequence[asyncpg.Record]
) -> list[asyncpg.Record]:
    times = [row["created_at"] for row in pending]
    return await conn.fetch(_EVENTS, [row["seq"] for row in pending], min(times), max(times))


async def _batches(
    producer: AIOKafkaProducer, broker: Broker, rows: Sequence[asyncpg.Record]
) -> tuple[dict[tuple[str, int], Any], list[int]]:
    """One batch per partition, and the `seq` of the rows that found room.

    Never two batches of one partition on the way: if the first failed and the second did not, the
    partition would be out of order.
    """
    batches: dict[tuple[str, int], Any] = {}
    partitions: dict[str, int] = {}
    full: set[tuple[str, int]] = set()
    sent: list[int] = []
    keys = [row["aggregateid"].encode() for row in rows]
    for row, key, hashed in zip(rows, keys, key_hashes(keys), strict=True):
        topic = broker.topic(row["topic"])
        if topic not in partitions:
            partitions[topic] = len(await producer.partitions_for(topic))
        place = (topic, hashed % partitions[topic])
        if place in full:
            continue
        batch = batches.get(place)
        if batch is None:
            batch = batches[place] = producer.create_batch()
        value = row["payload"].encode()
        if batch.append(timestamp=None, key=key, value=value, headers=headers(row)) is None:
            full.add(place)
        else:
            sent.append(row["seq"])
    return batches, sent


def headers(row: asyncpg.Record) -> list[tuple[str, bytes]]:
    """The CloudEvents headers of a row of _EVENTS."""
    return [(name, value.encode()) for name, value in zip(_HEADERS, row[3:], strict=True) if value]
