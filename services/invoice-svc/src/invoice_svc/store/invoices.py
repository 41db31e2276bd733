"""Invoices of every state: one narrow row each. The document text is in `document`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec
from asyncpg import Record

from billing_shared.postgres import Connection
from billing_shared.writes import Write, write
from invoice_svc.domain.document import Frozen
from invoice_svc.domain.invoice import Content, Invoice, Voided
from invoice_svc.domain.numbering import Series
from invoice_svc.domain.settlement import Settlement


@dataclass(frozen=True, slots=True)
class Filter:
    """What a list is narrowed to; None does not narrow."""

    customer_id: UUID | None = None
    customer_external_ref: str | None = None
    state: str | None = None
    settlement: str | None = None
    number: str | None = None
    external_ref: str | None = None
    currency: str | None = None
    due_before: date | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """Which part of a list: rows in the order of (updated_at, id) from behind `after`."""

    after: tuple[datetime, UUID] | None
    updated_after: datetime | None
    limit: int


async def load(
    conn: Connection, tenant_id: UUID, invoice_ids: Sequence[UUID]
) -> dict[UUID, Invoice]:
    """The invoices that there are."""
    rows = await conn.fetch(_LOAD, tenant_id, invoice_ids)
    return {row["invoice_id"]: from_row(row) for row in rows}


async def load_for_change(
    conn: Connection, tenant_id: UUID, invoice_ids: Sequence[UUID]
) -> dict[UUID, Invoice]:
    """Locked until the transaction ends, in the order of their ids."""
    rows = await conn.fetch(_LOAD_FOR_CHANGE, tenant_id, invoice_ids)
    return {row["invoice_id"]: from_row(row) for row in rows}


async def imported(
    conn: Connection, tenant_id: UUID, numbers: Sequence[str]
) -> dict[str, tuple[UUID, str]]:
    """Of documents issued elsewhere, by number: our id and the hash of their content."""
    rows = await conn.fetch(_IMPORTED, tenant_id, numbers)
    return {row["number"]: (row["invoice_id"], row["content_sha256"]) for row in rows}


async def save(
    conn: Connection,
    tenant_id: UUID,
    invoices: Sequence[Invoice],
    frozen: Mapping[UUID, Frozen] | None = None,
    series: Sequence[Series] = (),
) -> None:
    """Write what `saving` says."""
    await write(conn, [saving(tenant_id, invoices, frozen, series)], None)


def saving(
    tenant_id: UUID,
    invoices: Sequence[Invoice],
    frozen: Mapping[UUID, Frozen] | None = None,
    series: Sequence[Series] = (),
) -> Write:
    """Invoices, the documents they now stand by, and how far the series have moved.

    One statement whatever the size, so that number, document and state cannot part.
    """
    frozen = frozen or {}
    values = (
        tenant_id,
        *_columns(invoices),
        list(frozen),
        [document.text for document in frozen.values()],
        [document.sha256 for document in frozen.values()],
        [one.name for one in series],
        [one.last_no for one in series],
        [one.last_issued_on for one in series],
    )
    return Write(_SAVE, values)


async def delete(conn: Connection, tenant_id: UUID, invoice_ids: Sequence[UUID]) -> None:
    """Drafts only; the database refuses anything issued."""
    await conn.execute(_DELETE, tenant_id, invoice_ids)


async def set_settlements(
    conn: Connection, tenant_id: UUID, states: Mapping[UUID, Settlement], now: datetime
) -> None:
    """Take newer states over; an older or equal sequence changes nothing."""
    settlements = list(states.values())
    await conn.execute(
        _SET_SETTLEMENTS,
        tenant_id,
        now,
        list(states),
        [state.standing for state in settlements],
        [state.paid_minor for state in settlements],
        [state.credited_minor for state in settlements],
        [state.written_off_minor for state in settlements],
        [state.disputed_minor for state in settlements],
        [state.due_minor for state in settlements],
        [state.sequence for state in settlements],
        [state.as_of for state in settlements],
    )


async def touch(
    conn: Connection, tenant_id: UUID, invoice_ids: Sequence[UUID], now: datetime
) -> None:
    """What is shown beside these invoices changed, so their lists and ETags must tell."""
    await conn.execute(_TOUCH, tenant_id, invoice_ids, now)


async def page(
    conn: Connection, tenant_id: UUID, narrowed: Filter, window: Window
) -> list[Invoice]:
    """Invoices in the order of (updated_at, invoice_id)."""
    values: list[Any] = [tenant_id]
    clauses = []
    for clause, value in _narrowing(narrowed, window):
        if value is not None:
            values.append(value)
            clauses.append(clause.replace("?", f"${len(values)}"))
    if window.after is not None:
        values += window.after
        clauses.append(f"(updated_at, invoice_id) > (${len(values) - 1}, ${len(values)})")
    values.append(window.limit)
    order = f" order by updated_at, invoice_id limit ${len(values)}"
    rows = await conn.fetch(" and ".join([_PAGE, *clauses]) + order, *values)
    return [from_row(row) for row in rows]


def _narrowing(narrowed: Filter, window: Window) -> list[tuple[str, Any]]:
    return [
        ("customer_id = ?", narrowed.customer_id),
        (_OF_CUSTOMER_REF, narrowed.customer_external_ref),
        ("state = ?", narrowed.state),
        ("standing = ?", narrowed.settlement),
        ("number = ?", narrowed.number),
        ("external_ref = ?", narrowed.external_ref),
        ("currency = ?", narrowed.currency),
        ("state = 'issued' and due_minor > 0 and due_on < ?", narrowed.due_before),
        ("updated_at > ?", window.updated_after),
    ]


def _columns(invoices: Sequence[Invoice]) -> list[list[Any]]:
    """Column by column, in the order of `_SAVE`."""
    fields = [[getattr(invoice, name) for invoice in invoices] for name in _OWN_FIELDS]
    settlements = [
        [None if one.settlement is None else getattr(one.settlement, name) for one in invoices]
        for name in _SETTLEMENT_FIELDS
    ]
    voids = [
        [None if one.voided is None else getattr(one.voided, name) for one in invoices]
        for name in _VOID_FIELDS
    ]
    contents = [
        None if one.content is None else msgspec.to_builtins(one.content) for one in invoices
    ]
    return [*fields, *settlements, *voids, contents]


def from_row(row: Record) -> Invoice:
    settlement = voided = content = None
    if row["standing"] is not None:
        settlement = Settlement(
            standing=row["standing"],
            paid_minor=row["paid_minor"],
            credited_minor=row["credited_minor"],
            written_off_minor=row["written_off_minor"],
            disputed_minor=row["disputed_minor"],
            due_minor=row["due_minor"],
            sequence=row["settlement_sequence"],
            as_of=row["settlement_at"],
        )
    if row["voided_on"] is not None:
        voided = Voided(row["voided_on"], row["void_reason"], row["replaced_by"])
    if row["draft_content"] is not None:
        content = msgspec.convert(row["draft_content"], Content)
    own = {name: row[name] for name in _OWN_FIELDS}
    return Invoice(**own, settlement=settlement, voided=voided, content=content)


_OWN_FIELDS = """invoice_id customer_id external_ref state kind origin currency series series_no
number issued_on due_on net_minor tax_minor gross_minor payment_reference content_sha256
credit_note_id version created_at updated_at""".split()
_SETTLEMENT_FIELDS = """standing paid_minor credited_minor written_off_minor disputed_minor
due_minor sequence as_of""".split()
_VOID_FIELDS = ["voided_on", "reason", "replaced_by"]

_PAGE = """
select invoice_id, customer_id, external_ref, state, kind, origin, currency, series, series_no,
    number, issued_on, due_on, net_minor, tax_minor, gross_minor, payment_reference,
    content_sha256, credit_note_id, version, created_at, updated_at, standing, paid_minor,
    credited_minor, written_off_minor, disputed_minor, due_minor, settlement_sequence,
    settlement_at, voided_on, void_reason, replaced_by, draft_content
from invoice where tenant_id = $1
"""
_LOAD = _PAGE + " and invoice_id = any($2::uuid[])"
_LOAD_FOR_CHANGE = _LOAD + " order by invoice_id for update"
_OF_CUSTOMER_REF = """customer_id = (
    select customer_id from customer where tenant_id = $1 and external_ref = ?)"""
_IMPORTED = """
select number, invoice_id, content_sha256 from invoice
where tenant_id = $1 and number = any($2::text[]) and series = 'external'
"""
_SAVE = """
documents as (
    insert into document (tenant_id, document_id, content, content_sha256)
    select $1, * from unnest($35::uuid[], $36::text[], $37::text[])
), moved as (
    update number_series as s set last_no = n.last_no, last_issued_on = n.last_issued_on
    from unnest($38::text[], $39::bigint[], $40::date[]) as n (series, last_no, last_issued_on)
    where s.tenant_id = $1 and s.series = n.series
), invoices as (
insert into invoice as i (tenant_id, invoice_id, customer_id, external_ref, state, kind, origin,
    currency, series, series_no, number, issued_on, due_on, net_minor, tax_minor, gross_minor,
    payment_reference, content_sha256, credit_note_id, version, created_at, updated_at, standing,
    paid_minor, credited_minor, written_off_minor, disputed_minor, due_minor,
    settlement_sequence, settlement_at, voided_on, void_reason, replaced_by, draft_content)
select $1, * from unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[],
    $8::text[], $9::text[], $10::bigint[], $11::text[], $12::date[], $13::date[], $14::bigint[],
    $15::bigint[], $16::bigint[], $17::text[], $18::text[], $19::uuid[], $20::bigint[],
    $21::timestamptz[], $22::timestamptz[], $23::text[], $24::bigint[], $25::bigint[],
    $26::bigint[], $27::bigint[], $28::bigint[], $29::bigint[], $30::timestamptz[], $31::date[],
    $32::text[], $33::uuid[], $34::jsonb[])
on conflict (tenant_id, invoice_id) do update set
    customer_id = excluded.customer_id, external_ref = excluded.external_ref,
    state = excluded.state, kind = excluded.kind, currency = excluded.currency,
    series = excluded.series, series_no = excluded.series_no, number = excluded.number,
    issued_on = excluded.issued_on, due_on = excluded.due_on, net_minor = excluded.net_minor,
    tax_minor = excluded.tax_minor, gross_minor = excluded.gross_minor,
    payment_reference = excluded.payment_reference, content_sha256 = excluded.content_sha256,
    credit_note_id = excluded.credit_note_id, version = excluded.version,
    updated_at = excluded.updated_at, standing = excluded.standing,
    paid_minor = excluded.paid_minor, credited_minor = excluded.credited_minor,
    written_off_minor = excluded.written_off_minor, disputed_minor = excluded.disputed_minor,
    due_minor = excluded.due_minor, settlement_sequence = excluded.settlement_sequence,
    settlement_at = excluded.settlement_at, voided_on = excluded.voided_on,
    void_reason = excluded.void_reason, replaced_by = excluded.replaced_by,
    draft_content = excluded.draft_content
)
"""
_DELETE = "delete from invoice where tenant_id = $1 and invoice_id = any($2::uuid[])"
_SET_SETTLEMENTS = """
update invoice as i
set standing = n.standing, paid_minor = n.paid, credited_minor = n.credited,
    written_off_minor = n.written_off, disputed_minor = n.disputed, due_minor = n.due,
    settlement_sequence = n.sequence, settlement_at = n.at, version = i.version + 1,
    updated_at = $2
from unnest($3::uuid[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[],
    $9::bigint[], $10::bigint[], $11::timestamptz[])
    as n (invoice_id, standing, paid, credited, written_off, disputed, due, sequence, at)
where i.tenant_id = $1 and i.invoice_id = n.invoice_id and i.settlement_sequence < n.sequence
"""
_TOUCH = """
update invoice set updated_at = $3, version = version + 1
where tenant_id = $1 and invoice_id = any($2::uuid[])
"""
