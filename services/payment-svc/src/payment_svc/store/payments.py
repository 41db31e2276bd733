"""Payments and the ids by which the bank knows them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec

from billing_shared.contracts.payment import Original, Payer, Reference
from billing_shared.postgres import Connection
from payment_svc.domain.payment import BankId, Payment
from payment_svc.domain.reversal_proof import Candidates


@dataclass(frozen=True, slots=True)
class KeptPayment:
    """A payment with what became of it: its reversal, and the allocation recon-svc told us."""

    payment: Payment
    created_at: datetime
    updated_at: datetime
    reversal_id: UUID | None
    allocation: dict[str, Any] | None
    allocation_as_of: datetime | None


@dataclass(frozen=True, slots=True)
class Filter:
    """Which payments to list; None does not filter."""

    account: str | None = None
    source: str | None = None
    customer_id: UUID | None = None
    external_ref: str | None = None
    statement_id: UUID | None = None
    booked_from: date | None = None
    booked_to: date | None = None


_SELECT = """
    select p.*, r.reversal_id, a.allocation, a.as_of
    from payment p
    left join reversal r on r.tenant_id = p.tenant_id and r.payment_id = p.payment_id
    left join payment_allocation a on a.tenant_id = p.tenant_id and a.payment_id = p.payment_id
    where p.tenant_id = $1
"""


async def save_payments(
    conn: Connection, tenant_id: UUID, payments: Sequence[Payment], now: datetime
) -> set[UUID]:
    """Keep new payments; the answer leaves out those whose `external_ref` is taken."""
    rows = await conn.fetch(
        """
        insert into payment
            (tenant_id, created_at, updated_at, payment_id, source, account, currency,
             amount_minor, booked_on, value_on, payer_name, payer_account, payer_bank, customer_id,
             particulars, external_ref, statement_id, entry_no, entry_id, part_no, charges_minor)
        select $1, $2, $2, * from unnest(
            $3::uuid[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::date[], $9::date[],
            $10::text[], $11::text[], $12::text[], $13::uuid[], $14::jsonb[], $15::text[],
            $16::uuid[], $17::integer[], $18::uuid[], $19::integer[], $20::bigint[])
        on conflict (tenant_id, external_ref) do nothing
        returning payment_id
        """,
        tenant_id,
        now,
        [payment.payment_id for payment in payments],
        [payment.source for payment in payments],
        [payment.account for payment in payments],
        [payment.currency for payment in payments],
        [payment.amount_minor for payment in payments],
        [payment.booked_on for payment in payments],
        [payment.value_on for payment in payments],
        [payment.payer.name for payment in payments],
        [payment.payer.account for payment in payments],
        [payment.payer.bank for payment in payments],
        [payment.customer_id for payment in payments],
        [_particulars(payment) for payment in payments],
        [payment.external_ref for payment in payments],
        [payment.statement_id for payment in payments],
        [payment.entry_no for payment in payments],
        [payment.entry_id for payment in payments],
        [payment.part_no for payment in payments],
        [payment.charges_minor for payment in payments],
    )
    await _save_bank_ids(conn, tenant_id, payments)
    return {row["payment_id"] for row in rows}


async def _save_bank_ids(conn: Connection, tenant_id: UUID, payments: Sequence[Payment]) -> None:
    ids = [
        (kind, value, payment.payment_id)
        for payment in payments
        for kind, value in payment.bank_ids
        if kind != "mandate"
    ]
    if ids:
        await conn.execute(
            """
            insert into payment_bank_id (tenant_id, kind, value, payment_id)
            select $1, * from unnest($2::text[], $3::text[], $4::uuid[])
            """,
            tenant_id,
            [kind for kind, _, _ in ids],
            [value for _, value, _ in ids],
            [payment_id for _, _, payment_id in ids],
        )


async def load_payments(
    conn: Connection, tenant_id: UUID, payment_ids: Sequence[UUID]
) -> dict[UUID, KeptPayment]:
    """The payments by id."""
    rows = await conn.fetch(
        _SELECT + "and p.payment_id = any($2::uuid[])", tenant_id, list(payment_ids)
    )
    return {row["payment_id"]: _from_row(row) for row in rows}


async def lock_payments(conn: Connection, tenant_id: UUID, payment_ids: Sequence[UUID]) -> None:
    """Hold the payments, so that one is taken back once."""
    await conn.execute(
        """
        select from payment where tenant_id = $1 and payment_id = any($2::uuid[])
        order by payment_id for no key update
        """,
        tenant_id,
        list(payment_ids),
    )


async def find_external_refs(
    conn: Connection, tenant_id: UUID, external_refs: Sequence[str]
) -> dict[str, UUID]:
    """The payments that bear the callers' own ids."""
    rows = await conn.fetch(
        """
        select external_ref, payment_id from payment
        where tenant_id = $1 and external_ref = any($2::text[])
        """,
        tenant_id,
        list(external_refs),
    )
    return {row["external_ref"]: row["payment_id"] for row in rows}


async def find_candidates(
    conn: Connection, tenant_id: UUID, account: str, bank_ids: Sequence[BankId]
) -> Candidates:
    """Payments onto an account under any of these bank ids that were not taken back."""
    rows = await conn.fetch(
        """
        select i.kind, i.value, p.payment_id, p.amount_minor
        from unnest($3::text[], $4::text[]) as w(kind, value)
        join payment_bank_id i
          on i.tenant_id = $1 and i.kind = w.kind and i.value = w.value
        join payment p
          on p.tenant_id = $1 and p.payment_id = i.payment_id and p.account = $2
        where not exists (
            select from reversal r where r.tenant_id = $1 and r.payment_id = p.payment_id)
        """,
        tenant_id,
        account,
        [kind for kind, _ in bank_ids],
        [value for _, value in bank_ids],
    )
    candidates = Candidates()
    for row in rows:
        bank_id = (row["kind"], row["value"])
        candidates.add(row["payment_id"], row["amount_minor"], [bank_id])
    return candidates


async def touch_payments(
    conn: Connection, tenant_id: UUID, payment_ids: Sequence[UUID], now: datetime
) -> None:
    """Something beside the payment changed: let it show in `updated_after`."""
    await conn.execute(
        """
        update payment set updated_at = $3
        where tenant_id = $1 and payment_id = any($2::uuid[])
        """,
        tenant_id,
        list(payment_ids),
        now,
    )


async def list_payments(
    conn: Connection,
    tenant_id: UUID,
    wanted: Filter,
    *,
    after: tuple[datetime, UUID] | None,
    updated_after: datetime | None,
    limit: int,
) -> list[KeptPayment]:
    """A page, in the order of change."""
    rows = await conn.fetch(
        _SELECT
        + """
          and ($2::text is null or p.account = $2) and ($3::text is null or p.source = $3)
          and ($4::uuid is null or p.customer_id = $4)
          and ($5::text is null or p.external_ref = $5)
          and ($6::uuid is null or p.statement_id = $6)
          and ($7::date is null or p.booked_on >= $7) and ($8::date is null or p.booked_on <= $8)
          and ($9::timestamptz is null or (p.updated_at, p.payment_id) > ($9, $10))
          and ($11::timestamptz is null or p.updated_at > $11)
        order by p.updated_at, p.payment_id
        limit $12
        """,
        tenant_id,
        wanted.account,
        wanted.source,
        wanted.customer_id,
        wanted.external_ref,
        wanted.statement_id,
        wanted.booked_from,
        wanted.booked_to,
        *(after or (None, None)),
        updated_after,
        limit,
    )
    return [_from_row(row) for row in rows]


def _particulars(payment: Payment) -> dict[str, Any]:
    # An object: asyncpg would take a list inside an array for a dimension.
    return {
        "remittance_lines": payment.remittance_lines,
        "references": msgspec.to_builtins(payment.references),
        "original": msgspec.to_builtins(payment.original),
    }


def _from_row(row: Any) -> KeptPayment:
    particulars = row["particulars"]
    payment = Payment(
        payment_id=row["payment_id"],
        source=row["source"],
        account=row["account"],
        amount_minor=row["amount_minor"],
        currency=row["currency"],
        booked_on=row["booked_on"],
        value_on=row["value_on"],
        payer=Payer(name=row["payer_name"], account=row["payer_account"], bank=row["payer_bank"]),
        remittance_lines=tuple(particulars["remittance_lines"]),
        references=tuple(msgspec.convert(particulars["references"], list[Reference])),
        customer_id=row["customer_id"],
        external_ref=row["external_ref"],
        statement_id=row["statement_id"],
        entry_no=row["entry_no"],
        entry_id=row["entry_id"],
        part_no=row["part_no"],
        original=msgspec.convert(particulars["original"], Original | None),
        charges_minor=row["charges_minor"],
    )
    return KeptPayment(
        payment,
        row["created_at"],
        row["updated_at"],
        row["reversal_id"],
        row["allocation"],
        row["as_of"],
    )
