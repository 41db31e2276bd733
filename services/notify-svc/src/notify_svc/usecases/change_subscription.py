"""Another address, other events, on or off."""

from uuid import UUID

from billing_shared.audit import AuditChange, record
from billing_shared.context import Context
from billing_shared.errors import NotFound, Stale
from billing_shared.postgres import Connection
from notify_svc.domain.subscription import Subscription, Wish, audited, change, checked
from notify_svc.store.subscriptions import lock_subscription, update_subscription


async def change_subscription(
    conn: Connection,
    context: Context,
    subscription_id: UUID,
    wish: Wish,
    *,
    version: int,
    allowed: frozenset[str],
) -> Subscription:
    """Put the wish in the place of what was; NotFound, Stale, or Invalid for a bad wish."""
    before = await lock_current(conn, context, subscription_id, version)
    after = change(before, checked(wish, allowed), context.now)
    await update_subscription(conn, context.tenant_id, after)
    changed = AuditChange(
        "subscription",
        str(subscription_id),
        "changed",
        audited(before),
        audited(after),
    )
    await record(conn, context, [changed])
    return after


async def lock_current(
    conn: Connection, context: Context, subscription_id: UUID, version: int | None
) -> Subscription:
    """The subscription as the caller knows it; NotFound, or Stale if it changed since."""
    found = await lock_subscription(conn, context.tenant_id, subscription_id)
    if found is None:
        raise NotFound("not-found", f"no subscription {subscription_id}")
    if version is not None and found.version != version:
        raise Stale("stale", f"the subscription is at version {found.version}")
    return found
