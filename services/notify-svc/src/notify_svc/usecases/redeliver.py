"""Send again what has ended."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from billing_shared.audit import AuditChange, record
from billing_shared.context import Context
from billing_shared.errors import Conflict, NotFound
from billing_shared.postgres import Connection
from notify_svc.domain.delivery import Delivery, check_ended
from notify_svc.domain.route import ANONYMISED
from notify_svc.store.deliveries import lock_deliveries, save_deliveries
from notify_svc.store.due_deliveries import put_due
from notify_svc.store.parties import lock_parties
from notify_svc.store.subscriptions import load_subscriptions


async def redeliver(
    conn: Connection, context: Context, delivery_ids: Sequence[UUID]
) -> list[Delivery]:
    """Start a new round of attempts, with the same event id (webhook) or Message-ID (mail).

    NotFound; Conflict `delivery-state` while a round is under way, or if nobody is there to tell.
    """
    tenant_id = context.tenant_id
    found = await lock_deliveries(conn, tenant_id, delivery_ids)
    again: list[Delivery] = []
    for delivery_id in delivery_ids:
        delivery = found.get(delivery_id)
        if delivery is None:
            raise NotFound("not-found", f"no delivery {delivery_id}")
        check_ended(delivery.state)
        again.append(replace(delivery, state="pending", tries=0, reason=None))
    await _check_receivers(conn, context, again)
    await save_deliveries(conn, tenant_id, again)
    await put_due(conn, tenant_id, again)
    changes = [
        AuditChange(
            "delivery",
            str(delivery.delivery_id),
            "redelivery-requested",
            {"state": found[delivery.delivery_id].state},
            {"state": delivery.state},
        )
        for delivery in again
    ]
    await record(conn, context, changes)
    return again


async def _check_receivers(
    conn: Connection, context: Context, deliveries: Sequence[Delivery]
) -> None:
    hooks = [d.target_id for d in deliveries if d.channel == "webhook"]
    subscriptions = await load_subscriptions(conn, context.tenant_id, hooks) if hooks else {}
    for target_id in hooks:
        subscription = subscriptions.get(target_id)
        if subscription is None or subscription.status != "active":
            raise Conflict("delivery-state", "its subscription is disabled or deleted")
    customers = [d.target_id for d in deliveries if d.channel == "mail"]
    if not customers:
        return
    parties = await lock_parties(conn, context.tenant_id, customers, context.now)
    if any(c.status == "anonymised" for c in parties.customers.values()):
        raise Conflict("delivery-state", ANONYMISED.reason or "")
