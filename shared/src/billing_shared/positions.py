"""Where a consumer is in each log, and whether that log is still the one it read.

The offset row keeps the next offset and the id of the last record read. A log that was lost, or
made anew and has grown past the old offset, would otherwise be skipped in silence.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum

from billing_shared.postgres import Connection
from billing_shared.record import Place, Record


class Alarm(Enum):
    """What can be wrong with a log."""

    LOG_LOST = "log-lost"
    RECORDS_EXPIRED = "records-expired"


@dataclass(slots=True)
class Position:
    """`next` is the offset row; `probe` the record that must stand before it, to prove the log."""

    next: int
    probe: str | None = None
    #: Nothing was read since the proof, so a gap in the offsets is the log's own.
    is_fresh: bool = True

    def is_proved_by(self, record: Record) -> bool:
        """Whether this is the record that was read last."""
        return (record.offset, str(record.record_id)) == (self.next - 1, self.probe)


@dataclass(frozen=True, slots=True)
class Stored:
    """The offset row of one partition."""

    next: int
    last_record: str | None


@dataclass(frozen=True, slots=True)
class Start:
    """Where to seek, what must be found there, and what is wrong."""

    seek: int
    position: Position
    alarm: Alarm | None = None


def start_of(stored: Stored, begin: int, end: int) -> Start:
    """Where to start reading a log that is said to hold the offsets begin <= offset < end.

    Some brokers tell the start of the last batch as the end. So an end before our place proves
    nothing yet: the last record told is fetched, and with it comes the rest of its batch.
    """
    if end < stored.next and (end <= begin or stored.last_record is None):
        return Start(begin, Position(begin), Alarm.LOG_LOST)
    if begin > stored.next:
        return Start(begin, Position(begin), Alarm.RECORDS_EXPIRED)
    before = min(stored.next, end) - 1
    if stored.last_record is None or before < begin:
        # Nothing was read yet, or the record that could prove the log has expired as it should.
        return Start(stored.next, Position(stored.next))
    return Start(before, Position(stored.next, probe=stored.last_record))


async def load(conn: Connection, group: str, begins: Mapping[Place, int]) -> dict[Place, Stored]:
    """The offset rows of these partitions; where there is none, one is made at the log's begin."""
    topics, partitions = [t for t, _ in begins], [p for _, p in begins]
    await conn.execute(
        "insert into consumer_offset (consumer_group, topic, log_partition, next_offset) "
        "select $1, * from unnest($2::text[], $3::int[], $4::bigint[]) on conflict do nothing",
        group,
        topics,
        partitions,
        list(begins.values()),
    )
    rows = await conn.fetch(
        "select o.topic, o.log_partition, o.next_offset, o.last_record from consumer_offset o "
        "join unnest($2::text[], $3::int[]) as n (topic, log_partition) "
        "using (topic, log_partition) where o.consumer_group = $1",
        group,
        topics,
        partitions,
    )
    return {
        (row["topic"], row["log_partition"]): Stored(row["next_offset"], row["last_record"])
        for row in rows
    }


async def restart(conn: Connection, group: str, begins: Mapping[Place, int]) -> None:
    """Read these logs from their begin again; the inbox drops what was had."""
    await conn.execute(
        "update consumer_offset o set next_offset = n.next_offset, last_record = null, "
        "changed_at = now() from unnest($2::text[], $3::int[], $4::bigint[]) "
        "as n (topic, log_partition, next_offset) where o.consumer_group = $1 "
        "and o.topic = n.topic and o.log_partition = n.log_partition",
        group,
        [topic for topic, _ in begins],
        [partition for _, partition in begins],
        list(begins.values()),
    )


async def remember_topics(conn: Connection, group: str, topics: Collection[str]) -> None:
    """Write down what the group reads, for whoever has to refill a broker that lost its log."""
    await conn.execute(
        "delete from consumed_topic where consumer_group = $1 and topic <> all($2::text[])",
        group,
        list(topics),
    )
    await conn.execute(
        "insert into consumed_topic (consumer_group, topic) select $1, unnest($2::text[]) "
        "on conflict do nothing",
        group,
        list(topics),
    )
