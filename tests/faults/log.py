"""The topics held against the outboxes: what was written is told, as it was written, in order."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import md5
from typing import Any

import asyncpg
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from billing_local.commands import SERVICES
from billing_shared.topics import topic_names

#: How long reading everything may take, in seconds.
READ_SECONDS = 120.0
#: Evidence kept per kind of wrong.
SHOWN = 5


@dataclass(frozen=True, slots=True)
class Told:
    """The first record of an event on its topic."""

    event_id: str
    topic: str
    key: str
    tenant_id: str
    sequence: int
    value_md5: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Written:
    """An event as its outbox holds it."""

    event_id: str
    topic: str
    key: str
    value_md5: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Log:
    """What all topics hold: events by their first record, in the order of each partition; `ends` is
    the next offset of each place."""

    told: Sequence[Told]
    ends: dict[tuple[str, int], int]
    records: int

    @property
    def born_at(self) -> datetime:
        """When its first record was written; what is older was told by a log that is gone."""
        return min((t.at for t in self.told), default=datetime.max.replace(tzinfo=UTC))


async def read_log(bootstrap_servers: str) -> Log:
    """Read every topic from its beginning to its end. TimeoutError when that takes too long."""
    # Without a group it gets all partitions.
    consumer = AIOKafkaConsumer(
        *topic_names(),
        bootstrap_servers=bootstrap_servers,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=50,
        isolation_level="read_committed",
    )
    await consumer.start()
    try:
        async with asyncio.timeout(READ_SECONDS):
            places = consumer.assignment()
            ends = await consumer.end_offsets(places)
            unread = {place for place, end in ends.items() if end > 0}
            records: list[ConsumerRecord[Any, Any]] = []
            batches: Mapping[TopicPartition, Sequence[ConsumerRecord[Any, Any]]] = {}
            # The embedded broker says an end before the end: there is more until nothing comes.
            while unread or batches:
                batches = await consumer.getmany(timeout_ms=1000)
                records += (record for batch in batches.values() for record in batch)
                unread = {p for p in unread if await consumer.position(p) < ends[p]}
    finally:
        await consumer.stop()
    read_to: dict[tuple[str, int], int] = {}
    for record in records:
        place = (record.topic, record.partition)
        read_to[place] = max(read_to.get(place, 0), record.offset + 1)
    return Log(list(_first(records)), read_to, len(records))


def _first(records: Iterable[ConsumerRecord[Any, Any]]) -> Iterator[Told]:
    """Repeats are allowed; a stranger's record without our headers is no event."""
    seen: set[str] = set()
    for record in records:
        headers = dict(record.headers)
        event_id = headers.get("ce_id", b"").decode()
        if not event_id or event_id in seen:
            continue
        seen.add(event_id)
        yield Told(
            event_id,
            record.topic,
            (record.key or b"").decode(),
            headers["ce_tenantid"].decode(),
            int(headers["ce_sequence"]),
            md5(record.value or b"", usedforsecurity=False).hexdigest(),
            datetime.fromtimestamp(record.timestamp / 1000, UTC),
        )


async def read_outboxes(conn: asyncpg.Connection) -> list[Written]:
    """Every event there is, of all services."""
    rows = await conn.fetch(
        " union all ".join(
            f"select id::text, topic, aggregateid, md5(payload), created_at from {schema}.outbox"
            for schema in (service.removesuffix("-svc") for service in SERVICES)
        )
    )
    return [Written(*row) for row in rows]


def wrong_on_log(log: Log, written: Sequence[Written], *, is_whole: bool) -> list[str]:
    """Lost, foreign, altered and disordered events, a line each.

    A log that was made anew must hold what was written since; with `is_whole` all there is. Order
    is judged of what was written since: the rest was in order on a log that is gone, and on this
    one it may be told again after something newer.
    """
    by_id = {event.event_id: event for event in written}
    told = {event.event_id: event for event in log.told}
    born_at = log.born_at
    lost = [w for w in written if w.event_id not in told and (is_whole or w.created_at >= born_at)]
    foreign = [t for t in log.told if t.event_id not in by_id]
    altered = [
        (t, w)
        for t in log.told
        if (w := by_id.get(t.event_id)) is not None
        and (t.topic, t.key, t.value_md5) != (w.topic, w.key, w.value_md5)
    ]
    since = [
        t for t in log.told if (w := by_id.get(t.event_id)) is not None and w.created_at >= born_at
    ]
    return [
        *_lines("lost: written, not on its topic", lost),
        *_lines("foreign: on a topic, never written", foreign),
        *_lines("altered: not told as it was written", altered),
        *_lines("out of order on its topic", list(_late(since))),
    ]


def _late(told: Iterable[Told]) -> Iterator[tuple[int, Told]]:
    highest: dict[tuple[str, str, str], int] = {}
    for event in told:
        aggregate = (event.topic, event.tenant_id, event.key)
        before = highest.get(aggregate, 0)
        if event.sequence <= before:
            yield before, event
        highest[aggregate] = max(before, event.sequence)


async def lag(conn: asyncpg.Connection, log: Log) -> list[str]:
    """Groups that have not read a topic they read to its end, or are told to be beyond it."""
    rows = await conn.fetch(
        " union all ".join(
            f"""
            select o.consumer_group, o.topic, o.log_partition, o.next_offset
              from {schema}.consumer_offset o
              join {schema}.consumed_topic using (consumer_group, topic)"""
            for schema in (service.removesuffix("-svc") for service in SERVICES)
        )
    )
    read = {(group, topic, partition): place for group, topic, partition, place in rows}
    groups = {(group, topic) for group, topic, _ in read}
    behind = [
        (group, topic, partition, read.get((group, topic, partition), 0), end)
        for group, topic in groups
        for (t, partition), end in log.ends.items()
        if t == topic and read.get((group, topic, partition), 0) != end
    ]
    return _lines("not read to the end (group, topic, partition, next, end)", behind)


def _lines(what: str, found: Sequence[object]) -> list[str]:
    if not found:
        return []
    return [f"{what}, {len(found)} in all: {one}" for one in found[:SHOWN]]
