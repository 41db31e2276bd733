"""A producing and a consuming service on one broker, for the tests of the mechanics."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import pytest

from billing_local.embedded_broker import EmbeddedBroker
from billing_local.ports import claim_ports
from billing_shared import outbox
from billing_shared.broker import Broker
from billing_shared.consumer import Consumer
from billing_shared.context import Context
from billing_shared.contracts import Event
from billing_shared.contracts.invoice import InvoiceVoided
from billing_shared.ids import new_id
from billing_shared.inbox import Handlers
from billing_shared.postgres import transaction
from billing_shared.relay import Relay
from billing_shared.testing.broker import until
from billing_shared.testing.database import ServiceDatabase
from billing_shared.testing.sample import a_context
from billing_shared.topics import create_topics

EFFECTS = """
create table effect (
    tenant_id uuid not null, event_id uuid not null, aggregate_id uuid not null,
    sequence bigint not null, place bigint generated always as identity
);
select protect('effect');
"""


@dataclass
class Pair:
    """invoice-svc publishes, recon-svc consumes; an effect is one row per event applied, without a
    unique key, so that a double would show."""

    producer: ServiceDatabase
    consumer: ServiceDatabase
    broker: Broker
    context: Context = field(default_factory=a_context)

    async def publish(self, events: Sequence[Event]) -> list[UUID]:
        async with transaction(self.producer.app_pool, self.context.tenant_id) as conn:
            return await outbox.add(conn, self.context, events)

    async def until_applied(self, ids: Sequence[UUID]) -> None:
        """Wait until all of these have taken effect, and none twice."""

        async def applied() -> bool:
            return set(ids) <= set(await self.effects())

        await until(applied, seconds=60)
        found = await self.effects()
        assert len(found) == len(set(found)), "an event took effect twice"

    def consumer_of(self, group: str, handlers: Handlers) -> Consumer:
        return Consumer(self.consumer.worker_pool, group, handlers, self.broker)

    def relay(self) -> Relay:
        return Relay(self.producer.worker_dsn, "invoice-svc", self.broker)

    async def pending(self) -> int:
        return await self.producer.worker_pool.fetchval("select count(*) from outbox_pending")

    async def effects(self) -> list[UUID]:
        async with transaction(self.consumer.app_pool, self.context.tenant_id) as conn:
            rows = await conn.fetch("select event_id from effect order by place")
        return [row["event_id"] for row in rows]

    async def dead_letters(self) -> list:
        return await self.consumer.worker_pool.fetch("select * from dead_letter order by died_at")


async def record_effects(conn, context, incoming):
    """A handler: one row per event."""
    await conn.execute(
        "insert into effect (tenant_id, event_id, aggregate_id, sequence) "
        "select $1, * from unnest($2::uuid[], $3::uuid[], $4::bigint[])",
        context.tenant_id,
        [i.envelope.id for i in incoming],
        [i.event.aggregate_id for i in incoming],
        [i.envelope.sequence for i in incoming],
    )


@pytest.fixture
def handlers() -> Handlers:
    return {InvoiceVoided: record_effects}


async def make_effects(admin_dsn: str, schema: str) -> None:
    import asyncpg

    conn = await asyncpg.connect(admin_dsn)
    await conn.execute(f"set search_path = {schema}; set role {schema}_owner")
    await conn.execute(EFFECTS)
    await conn.close()


@pytest.fixture
def make_pair():
    """`await make_pair(service_database, bootstrap)`."""

    async def make(service_database, bootstrap: str) -> Pair:
        producer = await service_database("invoice-svc", "billing_shared")
        consumer = await service_database("recon-svc", "billing_shared")
        await make_effects(consumer.admin_dsn, "recon")
        here = Broker(bootstrap, topic_prefix=f"t{new_id().hex[-12:]}-", is_embedded=True)
        return Pair(producer, consumer, here)

    return make


@pytest.fixture
async def pair(make_pair, service_database, broker) -> Pair:
    made = await make_pair(service_database, broker)
    await create_topics(broker, [made.broker.topic("invoice-voided")])
    return made


@pytest.fixture
def own_broker(server_folder) -> Iterator[EmbeddedBroker]:
    """A broker of this test, to be killed; not started."""
    folder = server_folder / new_id().hex
    folder.mkdir()
    port = claim_ports(folder / "ports.json", ["broker"])["broker"]
    server = EmbeddedBroker(port, folder / "broker.log")
    yield server
    server.kill()


@pytest.fixture
async def fragile_pair(make_pair, service_database, own_broker) -> Pair:
    """A pair on `own_broker`, whose topics the test makes."""
    return await make_pair(service_database, own_broker.bootstrap)


@pytest.fixture
def group() -> str:
    """Groups live on the shared broker, so each test has its own."""
    return f"recon-svc-{new_id().hex[-12:]}"
