"""A new secret, with the old one valid a while longer."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from billing_shared.audit import AuditChange, record
from billing_shared.context import Context
from billing_shared.errors import Conflict
from billing_shared.ids import new_id
from billing_shared.postgres import Connection
from notify_svc.domain.call import owner_of
from notify_svc.domain.signing import MAX_SECRETS, SecretBox, new_secret
from notify_svc.store.subscriptions import insert_secret, retire_secrets, secrets_in_force
from notify_svc.usecases.change_subscription import lock_current
from notify_svc.usecases.find_policy import find_policy


@dataclass(frozen=True, slots=True)
class Rotation:
    """The new secret, shown once, and until when the one before still signs (real time)."""

    secret_id: UUID
    secret: str = field(repr=False)
    previous_expires_at: datetime | None


async def rotate_secret(
    conn: Connection, context: Context, subscription_id: UUID, *, box: SecretBox
) -> Rotation:
    """From now on both secrets sign; after the overlap of the policy only the new one.

    Conflict `too-many-secrets` while `MAX_SECRETS` are alive.
    """
    tenant_id = context.tenant_id
    await lock_current(conn, context, subscription_id, None)
    alive = await secrets_in_force(conn, tenant_id, [subscription_id])
    if len(alive.get(subscription_id, [])) >= MAX_SECRETS:
        raise Conflict("too-many-secrets", f"{MAX_SECRETS} secrets are alive; let one expire first")
    policy = await find_policy(conn, context.now.date())
    expires_at = await retire_secrets(conn, tenant_id, subscription_id, policy.secret_overlap)
    secret, secret_id = new_secret(), new_id()
    await insert_secret(
        conn,
        tenant_id,
        subscription_id,
        secret_id=secret_id,
        sealed=box.seal(secret, owner_of(tenant_id, subscription_id)),
        now=context.now,
    )
    rotated = AuditChange(
        "subscription",
        str(subscription_id),
        "secret-rotated",
        None,
        {"secret_id": str(secret_id), "previous_expires_at": expires_at},
    )
    await record(conn, context, [rotated])
    return Rotation(secret_id, secret, expires_at)
