"""Everything that issuing drafts needs, locked and loaded in one statement."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import msgspec
from asyncpg import Record

from billing_shared.postgres import Connection
from invoice_svc.domain.customer import Customer, CustomerDetails
from invoice_svc.domain.invoice import Invoice
from invoice_svc.domain.numbering import Series
from invoice_svc.domain.seller import Seller, SellerDetails
from invoice_svc.store.invoices import from_row


@dataclass(frozen=True, slots=True)
class Desk:
    """The invoices and their series, both locked; their customers; the seller."""

    seller: Seller | None
    invoices: dict[UUID, Invoice]
    customers: dict[UUID, Customer]
    series: dict[str, Series]


async def load_for_issue(conn: Connection, tenant_id: UUID, invoice_ids: Sequence[UUID]) -> Desk:
    """The lock on a series is what keeps it gapless: it is held until the document stands or falls.

    Invoices lock before series, both sorted, so that no two requests lock each other out.
    """
    rows = await conn.fetch(_LOAD, tenant_id, invoice_ids)
    return Desk(
        seller=_seller(rows[0]) if rows else None,
        invoices={row["invoice_id"]: from_row(row) for row in rows},
        customers={row["customer_id"]: _customer(row) for row in rows},
        series={
            row["series"]: Series(row["series"], row["last_no"], row["last_issued_on"])
            for row in rows
            if row["last_no"] is not None
        },
    )


async def lock_series(conn: Connection, tenant_id: UUID, names: Sequence[str]) -> dict[str, Series]:
    """The named series (made where there were none), locked as above."""
    rows = await conn.fetch(_LOCK, tenant_id, sorted(set(names)))
    return {
        row["series"]: Series(row["series"], row["last_no"], row["last_issued_on"]) for row in rows
    }


def _seller(row: Record) -> Seller | None:
    if row["seller_details"] is None:
        return None
    details = msgspec.convert(row["seller_details"], SellerDetails)
    return Seller(details, row["seller_version"], row["seller_updated_at"])


def _customer(row: Record) -> Customer:
    return Customer(
        customer_id=row["customer_id"],
        details=msgspec.convert(row["customer_details"], CustomerDetails),
        audit_salt=row["customer_salt"],
        created_at=row["customer_created_at"],
        updated_at=row["customer_updated_at"],
        status=row["customer_status"],
        version=row["customer_version"],
    )


_LOAD = """
with wanted as (
    select * from invoice where tenant_id = $1 and invoice_id = any($2::uuid[])
    order by invoice_id for update
), named as (
    select distinct series from wanted where state = 'draft' order by series
), locked as (
    insert into number_series (tenant_id, series) select $1, series from named
    on conflict (tenant_id, series) do update set series = excluded.series
    returning series, last_no, last_issued_on
)
select wanted.*, locked.last_no, locked.last_issued_on,
    c.details as customer_details, c.audit_salt as customer_salt, c.status as customer_status,
    c.version as customer_version, c.created_at as customer_created_at,
    c.updated_at as customer_updated_at,
    s.details as seller_details, s.version as seller_version, s.updated_at as seller_updated_at
from wanted
join customer c on c.tenant_id = $1 and c.customer_id = wanted.customer_id
left join seller s on s.tenant_id = $1
left join locked on locked.series = wanted.series
"""
_LOCK = """
insert into number_series (tenant_id, series) select $1, unnest($2::text[])
on conflict (tenant_id, series) do update set series = excluded.series
returning series, last_no, last_issued_on
"""
