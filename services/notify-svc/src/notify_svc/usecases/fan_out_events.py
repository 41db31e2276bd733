"""Tell every subscription that wants to know."""

from collections.abc import Sequence
from typing import Any

from billing_shared.consumer import Incoming
from billing_shared.context import Context
from billing_shared.ids import new_id
from billing_shared.postgres import Connection
from notify_svc.domain.cloudevent import structured
from notify_svc.domain.delivery import Delivery
from notify_svc.store.deliveries import add_deliveries
from notify_svc.store.due_deliveries import put_due
from notify_svc.store.event_bodies import EventBody, add_events
from notify_svc.store.subscriptions import load_subscriptions


async def fan_out_events(
    conn: Connection, context: Context, incoming: Sequence[Incoming[Any]]
) -> None:
    """Queue one webhook per event and subscription that wants it.

    A tenant with subscriptions has all its events kept, wanted or not, so that a subscription that
    was disabled or is widened can ask for them again.
    """
    subscriptions = await load_subscriptions(conn, context.tenant_id)
    if not subscriptions:
        return
    bodies = [body_of(item) for item in incoming]
    await add_events(conn, context.tenant_id, bodies, context.now)
    wanted = [
        Delivery(
            delivery_id=new_id(),
            channel="webhook",
            event_id=item.envelope.id,
            event_type=item.envelope.type,
            subject_id=item.event.aggregate_id,
            target_id=subscription.subscription_id,
            state="pending",
            tries=0,
            reason=None,
            created_at=context.now,
            updated_at=context.now,
        )
        for item in incoming
        for subscription in subscriptions.values()
        if subscription.wants(item.envelope.type)
    ]
    new = await add_deliveries(conn, context.tenant_id, wanted)
    await put_due(conn, context.tenant_id, [d for d in wanted if d.delivery_id in new])


def body_of(item: Incoming[Any]) -> EventBody:
    """An event as it is kept, signed and sent."""
    return EventBody(
        event_id=item.envelope.id,
        type=item.envelope.type,
        subject_id=item.event.aggregate_id,
        occurred_at=item.envelope.time,
        body=structured(item.envelope, item.value).decode(),
    )
