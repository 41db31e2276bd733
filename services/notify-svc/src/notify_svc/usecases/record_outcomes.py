"""Note what came of calls, and what their deliveries do next."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from random import random
from uuid import UUID

from billing_shared.audit import AuditChange, record
from billing_shared.context import Context
from billing_shared.postgres import Connection
from notify_svc.domain.call import Claim
from notify_svc.domain.delivery import Delivery, Outcome, next_step
from notify_svc.domain.subscription import audited, disable
from notify_svc.store.attempts import complete_attempts
from notify_svc.store.deliveries import lock_deliveries, save_deliveries
from notify_svc.store.due_deliveries import put_off, remove_due, still_leased
from notify_svc.store.subscriptions import lock_subscription, update_subscription
from notify_svc.usecases.find_policy import find_policy

GONE = "its endpoint answered 410 Gone"


async def record_outcomes(
    conn: Connection, context: Context, outcomes: Sequence[tuple[Claim, Outcome]]
) -> None:
    """Record the outcomes of one tenant; its tenant is set.

    A delivery somebody else has leased meanwhile is theirs to move; only the attempt is noted.
    """
    tenant_id = context.tenant_id
    await complete_attempts(conn, tenant_id, [(c.attempt_id, outcome) for c, outcome in outcomes])
    ours = await still_leased(conn, tenant_id, [(c.delivery_id, c.lease_id) for c, _ in outcomes])
    deliveries = await lock_deliveries(conn, tenant_id, list(ours))
    policy = await find_policy(conn, context.now.date())
    moved: list[Delivery] = []
    delays: dict[UUID, timedelta] = {}
    gone: set[UUID] = set()
    for claim, outcome in outcomes:
        delivery = deliveries.get(claim.delivery_id)
        if delivery is None:
            continue
        rules = policy.retries[delivery.channel]
        step = next_step(delivery.channel, delivery.tries, outcome, rules, random())  # noqa: S311 - spreads load, guards nothing
        moved.append(replace(delivery, state=step.state, reason=step.reason))
        if step.delay_seconds is not None:
            delays[delivery.delivery_id] = timedelta(seconds=step.delay_seconds)
        if outcome.is_gone:
            gone.add(delivery.target_id)
    await save_deliveries(conn, tenant_id, moved, delays)
    await put_off(conn, tenant_id, list(delays.items()))
    await remove_due(conn, tenant_id, [d.delivery_id for d in moved if d.state != "pending"])
    for subscription_id in sorted(gone):
        await _disable(conn, context, subscription_id)


async def _disable(conn: Connection, context: Context, subscription_id: UUID) -> None:
    before = await lock_subscription(conn, context.tenant_id, subscription_id)
    if before is None or before.status == "disabled":
        return
    after = disable(before, GONE, context.now)
    await update_subscription(conn, context.tenant_id, after)
    await record(
        conn,
        replace(context, reason=GONE),
        [
            AuditChange(
                "subscription",
                str(subscription_id),
                "disabled",
                audited(before),
                audited(after),
            )
        ],
    )
