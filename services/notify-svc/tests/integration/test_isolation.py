"""What the database itself sees to: tenants apart, roles bounded, races decided."""

import asyncio
from typing import Any

import asyncpg
import pytest

from billing_shared.context import Actor, Context
from billing_shared.ids import new_id
from billing_shared.postgres import transaction
from notify_svc.events import HANDLERS

TENANT_TABLES = (
    "customer",
    "seller",
    "voided_invoice",
    "subscription",
    "subscription_secret",
    "event",
    "delivery",
    "attempt",
)


async def test_a_query_without_its_filter_shows_no_other_tenant(world: Any) -> None:
    await world.subscribe()
    invoice = world.invoice()
    await world.hear(world.seller(), world.customer("ap@ada.example"), invoice)
    await world.hear(world.void(world.invoice()))
    await world.send()
    for table in TENANT_TABLES:
        assert await world.fetch(f"select 1 from {table}"), table
        for pool in (world.database.app_pool, world.database.worker_pool):
            for tenant_id in (new_id(), None):
                async with transaction(pool, tenant_id) as conn:
                    assert await conn.fetch(f"select 1 from {table}") == [], table


async def test_no_row_can_be_written_for_another_tenant(world: Any) -> None:
    async with transaction(world.database.app_pool, new_id()) as conn:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await conn.execute(
                "insert into voided_invoice values ($1, $2, now())", world.tenant_id, new_id()
            )


@pytest.mark.parametrize(
    "statement",
    [
        "select 1 from delivery_due",
        "update delivery_due set due_at = now()",
        "delete from delivery_due",
    ],
)
async def test_the_api_cannot_look_at_what_is_due(world: Any, statement: str) -> None:
    async with transaction(world.database.app_pool, world.tenant_id) as conn:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await conn.execute(statement)


@pytest.mark.parametrize("first", ["invoice", "customer", "seller"])
async def test_two_events_at_the_same_moment_do_not_miss_each_other(world: Any, first: str) -> None:
    """Whichever is handled first, its uncommitted rows make the other wait, not overlook them."""
    events = {
        "invoice": world.invoice(),
        "customer": world.customer("ap@ada.example"),
        "seller": world.seller(),
    }
    early = world.incoming(events.pop(first))
    context = Context(
        world.tenant_id, Actor("service", "notify-svc"), world.api.clock.now(), new_id()
    )
    async with transaction(world.database.worker_pool, world.tenant_id) as conn:
        await HANDLERS[type(early.event)](conn, context, [early])
        late = asyncio.create_task(world.hear(*events.values()))
        await asyncio.sleep(0.2)
        assert not late.done()
    await late
    await world.send()
    assert len(world.relay.taken) == 1
