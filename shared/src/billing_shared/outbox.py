"""The outbox: events are stored in the transaction of the change that made them.

One statement, whatever the number of events. It locks the rows of `aggregate_sequence` in order of
their id, then draws `seq`; so of one aggregate the lower `seq` is always committed before the
higher can be seen, which is all the relay needs to keep its order.
"""

from collections.abc import Sequence
from uuid import UUID

from billing_shared.context import Context
from billing_shared.contracts import Envelope, Event, decode, encode
from billing_shared.contracts.envelope import SCHEMA_URI, SOURCE_PREFIX, wire_type
from billing_shared.errors import TooLarge
from billing_shared.ids import new_id
from billing_shared.postgres import Connection
from billing_shared.writes import Write, write

#: Below the broker's limit for a record (1 MiB) with room for headers; a record the broker refuses
#: would stop its whole shard.
MAX_PAYLOAD_BYTES = 900_000

_ADD = """
event as (
    select * from unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::text[], $6::text[],
        $7::text[], $8::uuid[], $9::uuid[], $10::text[])
    with ordinality as e (id, aggregatetype, aggregate_id, topic, type, source, payload,
        correlationid, causationid, traceparent, place)
), counted as (
    select aggregate_id, count(*) as events from event group by aggregate_id
), locked as (
    insert into aggregate_sequence as a (tenant_id, aggregate_id, last)
    select $11, aggregate_id, events from counted order by aggregate_id
    on conflict (tenant_id, aggregate_id) do update set last = a.last + excluded.last
    returning a.aggregate_id, a.last
), numbered as (
    select e.*, l.last + 1 - row_number() over (
        partition by e.aggregate_id order by e.place desc) as sequence
    from event e join locked l using (aggregate_id)
    order by e.place
), drawn as materialized (
    select nextval('outbox_seq') as seq, n.* from numbered n
), stored as (
    insert into outbox (seq, id, aggregatetype, aggregateid, type, topic, payload, source, subject,
        time, dataschema, tenantid, sequence, correlationid, causationid, traceparent)
    select seq, id, aggregatetype, aggregate_id::text, type, topic, payload, source,
        aggregate_id::text, $12, replace($13, '{type}', topic), $11, sequence, correlationid,
        causationid, traceparent
    from drawn
), pending as (
    insert into outbox_pending (seq, created_at, shard)
    select seq, now(), shard_of(aggregate_id::text) from drawn
)
"""


async def add(
    conn: Connection,
    context: Context,
    events: Sequence[Event],
    causes: Sequence[Envelope | None] | None = None,
) -> list[UUID]:
    """Store events to be published after this transaction commits; returns their ids, in order.

    `causes[i]` is the event that led to `events[i]`, if there is one. Call it when the rows of the
    aggregates are already locked and changed. Raises msgspec.ValidationError where an event breaks
    its contract, TooLarge (`event-too-large`) where it would not fit the broker.
    """
    if not events:
        return []
    adds = adding(context, events, causes)
    await write(conn, [adds], None)
    return list(adds.values[0])


def adding(
    context: Context,
    events: Sequence[Event],
    causes: Sequence[Envelope | None] | None = None,
) -> Write:
    """The write that `add` is made of, to go out together with others; there is an event."""
    ids = [new_id() for _ in events]
    contexts = [context.caused_by(c) if c else context for c in causes or [None] * len(events)]
    values = (
        ids,
        [event.aggregate_type for event in events],
        [event.aggregate_id for event in events],
        [event.type for event in events],
        [wire_type(event.type) for event in events],
        [SOURCE_PREFIX + event.producer for event in events],
        [_payload(event) for event in events],
        [each.correlation_id for each in contexts],
        [each.causation_id for each in contexts],
        [each.traceparent for each in contexts],
        context.tenant_id,
        context.now.isoformat(),
        SCHEMA_URI,
    )
    return Write(_ADD, values)


def _payload(event: Event) -> str:
    value = encode(event)
    # Structs are not checked when made, only when read; and this is what every reader will do.
    decode(event.type, value)
    if len(value) > MAX_PAYLOAD_BYTES:
        raise TooLarge("event-too-large", f"{event.type} of {len(value)} bytes")
    return value.decode()
