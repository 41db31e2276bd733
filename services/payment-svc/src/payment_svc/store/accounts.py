"""Our bank accounts."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from billing_shared.postgres import Connection
from payment_svc.domain.account import BankAccount

_SELECT = """
    select account_id, account, currency, name, version, created_at, updated_at
    from bank_account where tenant_id = $1
"""


async def load_accounts(
    conn: Connection, tenant_id: UUID, accounts: Sequence[str]
) -> dict[str, BankAccount]:
    """Those of the accounts that are ours."""
    rows = await conn.fetch(
        _SELECT + "and account = any($2::text[])",
        tenant_id,
        list(accounts),
    )
    return {row["account"]: _from_row(row) for row in rows}


async def lock_accounts(
    conn: Connection, tenant_id: UUID, accounts: Sequence[str]
) -> dict[str, BankAccount]:
    """Those that are ours, locked: one file at a time tells an account's entries apart."""
    rows = await conn.fetch(
        _SELECT + "and account = any($2::text[]) order by account for no key update",
        tenant_id,
        list(accounts),
    )
    return {row["account"]: _from_row(row) for row in rows}


async def save_accounts(conn: Connection, tenant_id: UUID, accounts: Sequence[BankAccount]) -> None:
    """Insert, or replace the name; the version tells which change came last."""
    await conn.execute(
        """
        insert into bank_account
            (tenant_id, account_id, account, currency, name, version, created_at, updated_at)
        select $1, * from unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::integer[],
                                 $7::timestamptz[], $8::timestamptz[])
        on conflict (tenant_id, account) do update
            set currency = excluded.currency, name = excluded.name, version = excluded.version,
                updated_at = excluded.updated_at
        """,
        tenant_id,
        [account.account_id for account in accounts],
        [account.account for account in accounts],
        [account.currency for account in accounts],
        [account.name for account in accounts],
        [account.version for account in accounts],
        [account.created_at for account in accounts],
        [account.updated_at for account in accounts],
    )


async def is_used(conn: Connection, tenant_id: UUID, account: str) -> bool:
    """Whether money or a statement is booked on the account, which fixes its currency."""
    return bool(
        await conn.fetchval(
            """
            select exists (select from payment where tenant_id = $1 and account = $2)
                or exists (select from statement where tenant_id = $1 and account = $2)
            """,
            tenant_id,
            account,
        )
    )


async def list_accounts(
    conn: Connection,
    tenant_id: UUID,
    after: tuple[datetime, UUID] | None,
    updated_after: datetime | None,
    limit: int,
) -> list[BankAccount]:
    """A page, in the order of change."""
    rows = await conn.fetch(
        _SELECT
        + """
          and ($2::timestamptz is null or (updated_at, account_id) > ($2, $3))
          and ($4::timestamptz is null or updated_at > $4)
        order by updated_at, account_id
        limit $5
        """,
        tenant_id,
        *(after or (None, None)),
        updated_after,
        limit,
    )
    return [_from_row(row) for row in rows]


def _from_row(row: Any) -> BankAccount:
    return BankAccount(*row)
