"""Customers: found by our id or by the caller's."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from asyncpg import Record

from billing_shared.postgres import Connection
from invoice_svc.domain.customer import Customer, CustomerDetails, CustomerRef


async def add(conn: Connection, tenant_id: UUID, customers: Sequence[Customer]) -> set[UUID]:
    """Insert new customers; the ids that went in. One whose external_ref is taken does not."""
    rows = await conn.fetch(_ADD, tenant_id, *_columns(customers))
    return {row["customer_id"] for row in rows}


async def save(conn: Connection, tenant_id: UUID, customers: Sequence[Customer]) -> None:
    """Write customers that were loaded for change."""
    await conn.execute(_SAVE, tenant_id, *_columns(customers))


async def find(
    conn: Connection, tenant_id: UUID, refs: Sequence[CustomerRef]
) -> dict[CustomerRef, Customer]:
    """The customers named, by the name they were called; who is unknown is absent."""
    ids = [ref.customer_id for ref in refs if ref.customer_id]
    externals = [ref.external_ref for ref in refs if ref.external_ref]
    rows = await conn.fetch(_FIND, tenant_id, ids, externals)
    return by_name([from_row(row) for row in rows], refs)


def by_name(found: Sequence[Customer], refs: Iterable[CustomerRef]) -> dict[CustomerRef, Customer]:
    """The customers found, by the name they were called; who was not found is absent."""
    by_id = {customer.customer_id: customer for customer in found}
    by_external = {customer.details.external_ref: customer for customer in found}
    named = {
        ref: by_id.get(ref.customer_id) if ref.customer_id else by_external.get(ref.external_ref)
        for ref in refs
    }
    return {ref: customer for ref, customer in named.items() if customer is not None}


async def load_for_change(
    conn: Connection, tenant_id: UUID, customer_ids: Sequence[UUID]
) -> dict[UUID, Customer]:
    """Locked until the transaction ends, but not against invoices being made out to them."""
    rows = await conn.fetch(_LOAD_FOR_CHANGE, tenant_id, customer_ids)
    return {row["customer_id"]: from_row(row) for row in rows}


async def page(
    conn: Connection,
    tenant_id: UUID,
    *,
    external_ref: str | None,
    status: str | None,
    after: tuple[datetime, UUID] | None,
    updated_after: datetime | None,
    limit: int,
) -> list[Customer]:
    """Customers in the order of (updated_at, customer_id), from behind `after`."""
    after_at, after_id = after or (None, None)
    rows = await conn.fetch(
        _PAGE, tenant_id, external_ref, status, updated_after, after_at, after_id, limit
    )
    return [from_row(row) for row in rows]


def _columns(customers: Sequence[Customer]) -> list[list[Any]]:
    return [
        [customer.customer_id for customer in customers],
        [customer.details.external_ref for customer in customers],
        [customer.status for customer in customers],
        [customer.details.name for customer in customers],
        [msgspec.to_builtins(customer.details) for customer in customers],
        [customer.audit_salt for customer in customers],
        [customer.version for customer in customers],
        [customer.created_at for customer in customers],
        [customer.updated_at for customer in customers],
    ]


def from_row(row: Record) -> Customer:
    """A customer, of a row with all of its own columns."""
    return Customer(
        customer_id=row["customer_id"],
        details=msgspec.convert(row["details"], CustomerDetails),
        audit_salt=row["audit_salt"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        status=row["status"],
        version=row["version"],
    )


_ADD = """
insert into customer (tenant_id, customer_id, external_ref, status, name, details, audit_salt,
    version, created_at, updated_at)
select $1, * from unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::jsonb[], $7::bytea[],
    $8::bigint[], $9::timestamptz[], $10::timestamptz[])
on conflict (tenant_id, external_ref) where external_ref is not null do nothing
returning customer_id
"""
_SAVE = """
update customer as c
set external_ref = n.external_ref, status = n.status, name = n.name, details = n.details,
    audit_salt = n.audit_salt, version = n.version, updated_at = n.updated_at
from unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::jsonb[], $7::bytea[],
    $8::bigint[], $9::timestamptz[], $10::timestamptz[])
    as n (customer_id, external_ref, status, name, details, audit_salt, version, created_at,
          updated_at)
where c.tenant_id = $1 and c.customer_id = n.customer_id
"""
_SELECT = """
select customer_id, details, audit_salt, status, version, created_at, updated_at
from customer where tenant_id = $1
"""
_FIND = _SELECT + " and (customer_id = any($2::uuid[]) or external_ref = any($3::text[]))"
_LOAD_FOR_CHANGE = (
    _SELECT + " and customer_id = any($2::uuid[]) order by customer_id for no key update"
)
_PAGE = (
    _SELECT
    + """
  and ($2::text is null or external_ref = $2)
  and ($3::text is null or status = $3)
  and ($4::timestamptz is null or updated_at > $4)
  and ($5::timestamptz is null or (updated_at, customer_id) > ($5, $6::uuid))
order by updated_at, customer_id limit $7
"""
)
