"""Credit notes: written once, with their document and the number they took."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from asyncpg import Record

from billing_shared.postgres import Connection
from invoice_svc.domain.credit_note import CreditNote

_FIELDS = """credit_note_id invoice_id customer_id currency series series_no number issued_on
reason net_minor tax_minor gross_minor content_sha256 created_at""".split()


async def add(conn: Connection, tenant_id: UUID, notes: Sequence[CreditNote]) -> None:
    """Insert new credit notes; the database allows one per invoice."""
    await conn.execute(_ADD, tenant_id, *([getattr(n, f) for n in notes] for f in _FIELDS))


async def load(conn: Connection, tenant_id: UUID, credit_note_id: UUID) -> CreditNote | None:
    """One credit note, or None."""
    row = await conn.fetchrow(_LOAD, tenant_id, credit_note_id)
    return None if row is None else _from_row(row)


async def page(
    conn: Connection,
    tenant_id: UUID,
    *,
    invoice_id: UUID | None,
    number: str | None,
    after: tuple[datetime, UUID] | None,
    updated_after: datetime | None,
    limit: int,
) -> list[CreditNote]:
    """Credit notes in the order of (created_at, id); they never change after that."""
    after_at, after_id = after or (None, None)
    rows = await conn.fetch(
        _PAGE, tenant_id, invoice_id, number, updated_after, after_at, after_id, limit
    )
    return [_from_row(row) for row in rows]


def _from_row(row: Record) -> CreditNote:
    return CreditNote(**{name: row[name] for name in _FIELDS})


_ADD = """
insert into credit_note (tenant_id, credit_note_id, invoice_id, customer_id, currency, series,
    series_no, number, issued_on, reason, net_minor, tax_minor, gross_minor, content_sha256,
    created_at)
select $1, * from unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::bigint[],
    $8::text[], $9::date[], $10::text[], $11::bigint[], $12::bigint[], $13::bigint[], $14::text[],
    $15::timestamptz[])
"""
_SELECT = """
select credit_note_id, invoice_id, customer_id, currency, series, series_no, number, issued_on,
    reason, net_minor, tax_minor, gross_minor, content_sha256, created_at
from credit_note where tenant_id = $1
"""
_LOAD = _SELECT + " and credit_note_id = $2"
_PAGE = (
    _SELECT
    + """
  and ($2::uuid is null or invoice_id = $2)
  and ($3::text is null or number = $3)
  and ($4::timestamptz is null or created_at > $4)
  and ($5::timestamptz is null or (created_at, credit_note_id) > ($5, $6::uuid))
order by created_at, credit_note_id limit $7
"""
)
