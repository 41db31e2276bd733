"""The floor: the very rows and records the real path wrote, written by the cheapest means.

One process, no service: COPY of the rows into the same tables (same indexes, constraints, foreign
keys and triggers), produce of the records in whole batches, consume of them raw, COPY of what the
reader wrote. No HTTP, no JSON, no deciding, no tenant check, nothing updated or deleted.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from bench.world import World
from billing_shared.broker import (
    EMBEDDED_FETCH_WAIT_MS,
    MAX_POLL_RECORDS,
    Broker,
    stop_client,
)
from billing_shared.migrate import schema_of
from billing_shared.relay import headers
from billing_shared.testing.database import ServiceDatabase

#: Rows of one COPY: as many invoices as one request of the real path holds.
CHUNK = 1000
POLL_MS = 200

#: What is written and deleted again on the way; made up anew from what it spoke of.
_FLEETING = {
    "outbox_pending": "select seq, created_at, shard_of(aggregateid) as shard from outbox",
    "audit_unsealed": "select tenant_id, entry_id from audit_entry",
}
_MADE_BY_MIGRATIONS = {"schema_migration", "policy_default"}
#: Parents first: the foreign keys are checked here as they are there.
_TABLES = """
select c.oid, c.relname from pg_class c
where c.relnamespace = $1::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
order by exists (
    select from pg_constraint k where k.conrelid = c.oid and k.contype = 'f'), c.relname
"""
_COLUMNS = """
select attname from pg_attribute
where attrelid = $1 and attnum > 0 and not attisdropped and attgenerated = '' order by attnum
"""
#: As the relay reads them.
_EVENTS = """
select seq, topic, payload, specversion, id::text, source, type, subject, time, dataschema,
    datacontenttype, aggregateid, tenantid::text, sequence::text, correlationid::text,
    causationid::text, traceparent
from outbox order by seq
"""

Record = tuple[str, bytes, bytes, list[tuple[str, bytes]]]


@dataclass(frozen=True, slots=True)
class Rows:
    """What one table holds, column by name."""

    table: str
    columns: list[str]
    rows: list[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Written:
    """What one service wrote: rows of its tables, records of its topics."""

    service: str
    tables: list[Rows]
    records: list[Record]

    def since(self, before: "Written") -> tuple["Written", "Written"]:
        """What was there `before` and still is, unchanged; and what came since."""
        had = {table.table: set(map(repr, table.rows)) for table in before.tables}
        stayed, came = [], []
        for table in self.tables:
            known = had.get(table.table, set())
            old = [row for row in table.rows if repr(row) in known]
            new = [row for row in table.rows if repr(row) not in known]
            stayed.append(Rows(table.table, table.columns, old))
            came.append(Rows(table.table, table.columns, new))
        records = self.records[len(before.records) :]
        return Written(self.service, stayed, []), Written(self.service, came, records)


async def written(database: ServiceDatabase, service: str) -> Written:
    """All that is in a service's database."""
    conn = await _connect(database, service)
    try:
        tables = []
        for oid, table in await conn.fetch(_TABLES, schema_of(service)):
            if table in _MADE_BY_MIGRATIONS:
                continue
            columns = [row["attname"] for row in await conn.fetch(_COLUMNS, oid)]
            # The names are the catalogue's own.
            names = ", ".join(f'"{column}"' for column in columns)
            query = _FLEETING.get(table, f"select {names} from {table}")  # noqa: S608
            statement = await conn.prepare(query)
            columns = [attribute.name for attribute in statement.get_attributes()]
            rows = [tuple(row) for row in await statement.fetch()]
            tables.append(Rows(table, columns, rows))
        events = [
            (row["topic"], row["aggregateid"].encode(), row["payload"].encode(), headers(row))
            for row in await conn.fetch(_EVENTS)
        ]
        return Written(service, tables, events)
    finally:
        await conn.close()


class Floor:
    """Two services' writing, ready to be repeated into fresh databases and topics.

    `before` is what these must hold already: what the rows refer to.
    """

    def __init__(
        self, world: World, before: tuple[Written, Written], writer: Written, reader: Written
    ) -> None:
        self._world = world
        self._before = before
        self._writer = writer
        self._reader = reader

    @asynccontextmanager
    async def ready(self) -> AsyncIterator[Callable[[], Awaitable[None]]]:
        """Everything is connected; what is yielded does the work, to be metered."""
        writer = await self._world.database(self._writer.service)
        reader = await self._world.database(self._reader.service)
        broker = await self._world.broker()
        one, two = (
            await _connect(writer, self._writer.service),
            await _connect(reader, self._reader.service),
        )
        for conn, before in zip((one, two), self._before, strict=True):
            await _copy(conn, before.tables)
        producer = broker.producer("floor")
        await producer.start()
        topics = {broker.topic(topic) for topic, *_ in self._records()}
        for topic in topics:
            await producer.partitions_for(topic)

        async def work() -> None:
            await _copy(one, self._writer.tables)
            await _produce(producer, broker, self._records())
            await _consume(broker, topics, len(self._records()))
            await _copy(two, self._reader.tables)

        try:
            yield work
        finally:
            await stop_client(producer)
            await one.close()
            await two.close()

    def _records(self) -> list[Record]:
        return self._writer.records + self._reader.records


async def _connect(database: ServiceDatabase, service: str) -> "asyncpg.Connection[asyncpg.Record]":
    # As administrator: the floor has no row-level security.
    return await asyncpg.connect(
        database.admin_dsn, server_settings={"search_path": schema_of(service)}
    )


async def _copy(conn: "asyncpg.Connection[asyncpg.Record]", tables: Sequence[Rows]) -> None:
    """Each table in turns of a chunk, one transaction per turn, as the requests came."""
    most = max(len(table.rows) for table in tables)
    turns = max(1, most // CHUNK)
    for turn in range(turns):
        async with conn.transaction():
            for table in tables:
                share = _share(table.rows, turn, turns)
                if share:
                    await conn.copy_records_to_table(
                        table.table, records=share, columns=table.columns
                    )


def _share(rows: list[Any], turn: int, turns: int) -> list[Any]:
    return rows[len(rows) * turn // turns : len(rows) * (turn + 1) // turns]


async def _produce(producer: AIOKafkaProducer, broker: Broker, records: Sequence[Record]) -> None:
    """Whole batches to one partition after the other."""
    by_topic = itertools.groupby(sorted(records, key=lambda one: one[0]), key=lambda one: one[0])
    acks = []
    for name, some in by_topic:
        topic = broker.topic(name)
        places = itertools.cycle(sorted(await producer.partitions_for(topic)))
        for batch in _batches(producer, list(some)):
            acks.append(await producer.send_batch(batch, topic, partition=next(places)))
    await asyncio.gather(*acks)


def _batches(producer: AIOKafkaProducer, records: Sequence[Record]) -> Iterator[Any]:
    batch = producer.create_batch()
    for _, key, value, names in records:
        if batch.append(timestamp=None, key=key, value=value, headers=names) is None:
            yield batch
            batch = producer.create_batch()
            batch.append(timestamp=None, key=key, value=value, headers=names)
    yield batch


async def _consume(broker: Broker, topics: set[str], count: int) -> None:
    """Without a group, and not before there is something: a waiting reader costs the broker."""
    consumer = AIOKafkaConsumer(
        *topics,
        bootstrap_servers=broker.bootstrap_servers,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        max_poll_records=MAX_POLL_RECORDS,
        fetch_max_wait_ms=EMBEDDED_FETCH_WAIT_MS,
    )
    await consumer.start()
    try:
        had = 0
        while had < count:
            polled = await consumer.getmany(timeout_ms=POLL_MS)
            had += sum(len(batch) for batch in polled.values())
    finally:
        await stop_client(consumer)
