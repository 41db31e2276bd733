"""Somebody wants to hear of events."""

from collections.abc import Sequence

from billing_shared.audit import AuditChange, record
from billing_shared.context import Context
from billing_shared.errors import Conflict
from billing_shared.ids import new_id
from billing_shared.postgres import Connection
from notify_svc.domain.call import owner_of
from notify_svc.domain.signing import SecretBox, new_secret
from notify_svc.domain.subscription import (
    MAX_SUBSCRIPTIONS,
    Subscription,
    Wish,
    audited,
    checked,
)
from notify_svc.store.subscriptions import (
    count_subscriptions,
    insert_secret,
    insert_subscription,
    lock_tenant,
)


async def create_subscriptions(
    conn: Connection,
    context: Context,
    wishes: Sequence[Wish],
    *,
    box: SecretBox,
    allowed: frozenset[str],
) -> list[tuple[Subscription, str]]:
    """New subscriptions, each with its secret, which nobody can ask for again.

    Conflict `too-many-subscriptions` beyond `MAX_SUBSCRIPTIONS`, Invalid for a bad wish.
    """
    tenant_id = context.tenant_id
    wishes = [checked(wish, allowed) for wish in wishes]
    await lock_tenant(conn, tenant_id)
    if await count_subscriptions(conn, tenant_id) + len(wishes) > MAX_SUBSCRIPTIONS:
        raise Conflict("too-many-subscriptions", f"a tenant has at most {MAX_SUBSCRIPTIONS}")
    made = [(_new(wish, context), new_secret()) for wish in wishes]
    for subscription, secret in made:
        await insert_subscription(conn, tenant_id, subscription)
        await insert_secret(
            conn,
            tenant_id,
            subscription.subscription_id,
            secret_id=new_id(),
            sealed=box.seal(secret, owner_of(tenant_id, subscription.subscription_id)),
            now=context.now,
        )
    changes = [
        AuditChange("subscription", str(new.subscription_id), "created", None, audited(new))
        for new, _ in made
    ]
    await record(conn, context, changes)
    return made


def _new(wish: Wish, context: Context) -> Subscription:
    return Subscription(
        subscription_id=new_id(),
        url=wish.url,
        event_types=wish.event_types,
        status=wish.status,
        description=wish.description,
        version=1,
        created_at=context.now,
        updated_at=context.now,
    )
