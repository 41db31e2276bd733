"""Subscriptions and their sealed secrets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg

from billing_shared.postgres import Connection
from notify_svc.domain.subscription import Subscription

_COLUMNS = """subscription_id, url, event_types, status, description, disabled_reason, version,
              created_at, updated_at"""


@dataclass(frozen=True, slots=True)
class SealedSecret:
    """One secret of a subscription, encrypted; `expires_at` is None for the newest."""

    secret_id: UUID
    sealed: bytes
    created_at: datetime
    expires_at: datetime | None


async def lock_tenant(conn: Connection, tenant_id: UUID) -> None:
    """One at a time may add subscriptions to a tenant, so that the limit holds."""
    await conn.execute(
        "select pg_advisory_xact_lock(hashtextextended('subscription ' || $1::text, 0))",
        str(tenant_id),
    )


async def count_subscriptions(conn: Connection, tenant_id: UUID) -> int:
    count: int = await conn.fetchval(
        "select count(*) from subscription where tenant_id = $1", tenant_id
    )
    return count


async def load_subscriptions(
    conn: Connection, tenant_id: UUID, subscription_ids: Sequence[UUID] | None = None
) -> dict[UUID, Subscription]:
    """These subscriptions, or all of the tenant."""
    rows = await conn.fetch(
        f"""
        select {_COLUMNS} from subscription
        where tenant_id = $1 and ($2::uuid[] is null or subscription_id = any($2))
        """,  # noqa: S608 - only names of columns
        tenant_id,
        None if subscription_ids is None else list(subscription_ids),
    )
    return {row["subscription_id"]: _from_row(row) for row in rows}


async def lock_subscription(
    conn: Connection, tenant_id: UUID, subscription_id: UUID
) -> Subscription | None:
    """One subscription, kept from changing until the commit."""
    row = await conn.fetchrow(
        f"""
        select {_COLUMNS} from subscription
        where tenant_id = $1 and subscription_id = $2 for update
        """,  # noqa: S608 - only names of columns
        tenant_id,
        subscription_id,
    )
    return None if row is None else _from_row(row)


async def list_subscriptions(
    conn: Connection,
    tenant_id: UUID,
    *,
    after: tuple[datetime, UUID] | None,
    updated_after: datetime | None,
    limit: int,
) -> list[Subscription]:
    """In the order of their last change."""
    rows = await conn.fetch(
        f"""
        select {_COLUMNS} from subscription
        where tenant_id = $1
          and ($2::timestamptz is null or (updated_at, subscription_id) > ($2, $3::uuid))
          and ($4::timestamptz is null or updated_at > $4)
        order by updated_at, subscription_id limit $5
        """,  # noqa: S608 - only names of columns
        tenant_id,
        *(after or (None, None)),
        updated_after,
        limit,
    )
    return [_from_row(row) for row in rows]


async def insert_subscription(conn: Connection, tenant_id: UUID, new: Subscription) -> None:
    await conn.execute(
        """
        insert into subscription (tenant_id, subscription_id, url, event_types, status, description,
                                  disabled_reason, version, created_at, updated_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        """,
        tenant_id,
        new.subscription_id,
        new.url,
        list(new.event_types),
        new.status,
        new.description,
        new.disabled_reason,
        new.version,
        new.created_at,
        new.updated_at,
    )


async def update_subscription(conn: Connection, tenant_id: UUID, changed: Subscription) -> None:
    await conn.execute(
        """
        update subscription
        set url = $3, event_types = $4, status = $5, description = $6, disabled_reason = $7,
            version = $8, updated_at = $9
        where tenant_id = $1 and subscription_id = $2
        """,
        tenant_id,
        changed.subscription_id,
        changed.url,
        list(changed.event_types),
        changed.status,
        changed.description,
        changed.disabled_reason,
        changed.version,
        changed.updated_at,
    )


async def delete_subscription(conn: Connection, tenant_id: UUID, subscription_id: UUID) -> None:
    """Its secrets go with it; the log of its deliveries stays until it is old."""
    await conn.execute(
        "delete from subscription where tenant_id = $1 and subscription_id = $2",
        tenant_id,
        subscription_id,
    )


async def insert_secret(
    conn: Connection,
    tenant_id: UUID,
    subscription_id: UUID,
    *,
    secret_id: UUID,
    sealed: bytes,
    now: datetime,
) -> None:
    await conn.execute(
        """
        insert into subscription_secret (tenant_id, subscription_id, secret_id, sealed, created_at)
        values ($1, $2, $3, $4, $5)
        """,
        tenant_id,
        subscription_id,
        secret_id,
        sealed,
        now,
    )


async def retire_secrets(
    conn: Connection, tenant_id: UUID, subscription_id: UUID, overlap: timedelta
) -> datetime | None:
    """The secret in force gets an end, which is answered; one that has an end keeps it.

    The end is real time, as receivers check our timestamps against real time.
    """
    expires_at: datetime | None = await conn.fetchval(
        """
        update subscription_secret set expires_at = clock_timestamp() + $3::interval
        where tenant_id = $1 and subscription_id = $2 and expires_at is null
        returning expires_at
        """,
        tenant_id,
        subscription_id,
        overlap,
    )
    return expires_at


async def secrets_in_force(
    conn: Connection, tenant_id: UUID, subscription_ids: Sequence[UUID]
) -> Mapping[UUID, list[SealedSecret]]:
    """Per subscription, newest first."""
    rows = await conn.fetch(
        """
        select subscription_id, secret_id, sealed, created_at, expires_at from subscription_secret
        where tenant_id = $1 and subscription_id = any($2::uuid[])
          and (expires_at is null or expires_at > clock_timestamp())
        order by secret_id desc
        """,
        tenant_id,
        list(subscription_ids),
    )
    found: dict[UUID, list[SealedSecret]] = {}
    for row in rows:
        found.setdefault(row["subscription_id"], []).append(
            SealedSecret(row["secret_id"], row["sealed"], row["created_at"], row["expires_at"])
        )
    return found


async def delete_expired_secrets(conn: Connection, tenant_id: UUID) -> None:
    await conn.execute(
        """
        delete from subscription_secret
        where tenant_id = $1 and expires_at <= clock_timestamp()
        """,
        tenant_id,
    )


def _from_row(row: asyncpg.Record) -> Subscription:
    return Subscription(
        subscription_id=row["subscription_id"],
        url=row["url"],
        event_types=tuple(row["event_types"]),
        status=row["status"],
        description=row["description"],
        version=row["version"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        disabled_reason=row["disabled_reason"],
    )
