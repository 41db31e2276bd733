"""Somebody wants to hear no more."""

from uuid import UUID

from billing_shared.audit import AuditChange, record
from billing_shared.context import Context
from billing_shared.postgres import Connection
from notify_svc.domain.subscription import audited
from notify_svc.store import subscriptions
from notify_svc.usecases.change_subscription import lock_current


async def delete_subscription(
    conn: Connection, context: Context, subscription_id: UUID, *, version: int
) -> None:
    """Its secrets are gone; what is still queued for it is cancelled when it falls due."""
    before = await lock_current(conn, context, subscription_id, version)
    await subscriptions.delete_subscription(conn, context.tenant_id, subscription_id)
    deleted = AuditChange("subscription", str(subscription_id), "deleted", audited(before), None)
    await record(conn, context, [deleted])
