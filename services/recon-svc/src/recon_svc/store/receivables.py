"""What customers owe: open items, and how old they are."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from billing_shared.postgres import Connection


@dataclass(frozen=True, slots=True)
class ItemRow:
    """A debit item (invoice) or credit item (credit note), open or closed."""

    item_id: UUID
    side: str
    number: str
    customer_id: UUID
    currency: str
    issued_on: date
    due_on: date
    original_minor: int
    open_minor: int
    paid_minor: int
    credited_minor: int
    voided_minor: int
    accepted_minor: int
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Filter:
    """What a list of items is narrowed to; None means any."""

    state: str | None = "open"
    side: str | None = None
    customer_id: UUID | None = None
    item_id: UUID | None = None
    currency: str | None = None
    due_before: date | None = None


@dataclass(frozen=True, slots=True)
class AllocationRow:
    """Part of a payment on an invoice; `ended_at` when it was taken back."""

    allocation_id: UUID
    payment_id: UUID
    invoice_id: UUID
    amount_minor: int
    proof: str
    decision_id: UUID
    made_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class AgedItem:
    """What was open of an item on a date; a credit item is negative."""

    customer_id: UUID
    currency: str
    due_on: date
    open_minor: int
    is_credit: bool


async def items(
    conn: Connection,
    tenant_id: UUID,
    wanted: Filter,
    *,
    after: tuple[datetime, UUID] | None,
    updated_after: datetime | None,
    limit: int,
) -> list[ItemRow]:
    """Items in the order in which they last changed."""
    # Open items have a table of their own, so that asking for these stays cheap for ever.
    table = "open_item" if wanted.state == "open" else "item"
    rows = await conn.fetch(
        f"""
        select item_id, side, number, customer_id, currency, issued_on, due_on, original_minor,
               open_minor, paid_minor, credited_minor, voided_minor, accepted_minor, updated_at
          from {table}
         where tenant_id = $1
           and ($2::timestamptz is null or (updated_at, item_id) > ($2, $3::uuid))
           and ($4::timestamptz is null or updated_at > $4)
           and ($6::text is null or side = $6)
           and ($7::uuid is null or customer_id = $7)
           and ($8::uuid is null or item_id = $8)
           and ($9::text is null or currency = $9)
           and ($10::date is null or due_on < $10)
           and ($11::text is distinct from 'closed' or open_minor = 0)
         order by updated_at, item_id limit $5
        """,  # noqa: S608 - the table is one of two of ours
        tenant_id,
        *(after or (None, None)),
        updated_after,
        limit,
        wanted.side,
        wanted.customer_id,
        wanted.item_id,
        wanted.currency,
        wanted.due_before,
        wanted.state,
    )
    return [ItemRow(**row) for row in rows]


async def allocations(
    conn: Connection, tenant_id: UUID, *, payment_id: UUID | None, invoice_id: UUID | None
) -> list[AllocationRow]:
    """Allocations of one payment or on one invoice, ended ones too, oldest first."""
    rows = await conn.fetch(
        """
        select allocation_id, payment_id, invoice_id, amount_minor, proof, decision_id, made_at,
               ended_at
          from allocation
         where tenant_id = $1 and ($2::uuid is null or payment_id = $2)
           and ($3::uuid is null or invoice_id = $3)
         order by made_at, allocation_id limit 1000
        """,
        tenant_id,
        payment_id,
        invoice_id,
    )
    return [AllocationRow(**row) for row in rows]


async def aged_items(
    conn: Connection, tenant_id: UUID, as_of: date | None, customer_id: UUID | None
) -> list[AgedItem]:
    """Open items by customer, currency and due date: as they stand, or as they stood on a date.

    A past date is answered from the entries posted by then, and the credit applied by then.
    """
    if as_of is None:
        rows = await conn.fetch(
            """
            select customer_id, currency, due_on, side = 'credit' as is_credit,
                   sum(case side when 'debit' then open_minor else -open_minor end)::bigint
                       as open_minor
              from open_item where tenant_id = $1 and ($2::uuid is null or customer_id = $2)
             group by 1, 2, 3, 4
            """,
            tenant_id,
            customer_id,
        )
    else:
        rows = await conn.fetch(
            """
            with moved as (
                select item_id, amount_minor from entry
                 where tenant_id = $1 and account = '1100' and posted_on <= $3
                   and ($2::uuid is null or customer_id = $2)
                union all
                select invoice_id, -amount_minor from credit_application
                 where tenant_id = $1 and applied_on <= $3
                union all
                select credit_note_id, amount_minor from credit_application
                 where tenant_id = $1 and applied_on <= $3
            ), stood as (
                select item_id, sum(amount_minor)::bigint as open_minor from moved
                 group by 1 having sum(amount_minor) <> 0
            )
            select i.customer_id, i.currency, i.due_on, i.side = 'credit' as is_credit,
                   sum(s.open_minor)::bigint as open_minor
              from stood s join item i on i.tenant_id = $1 and i.item_id = s.item_id
             where $2::uuid is null or i.customer_id = $2
             group by 1, 2, 3, 4
            """,
            tenant_id,
            customer_id,
            as_of,
        )
    return [AgedItem(**row) for row in rows]


async def held_for(
    conn: Connection, tenant_id: UUID, as_of: date | None, customer_id: UUID | None
) -> dict[tuple[UUID, str], tuple[int, int]]:
    """Customer, currency -> unapplied money and credit on account, both positive."""
    rows = await conn.fetch(
        """
        select customer_id, currency,
               coalesce(-sum(amount_minor) filter (where account = '2100'), 0)::bigint
                   as unapplied,
               coalesce(-sum(amount_minor) filter (where account = '2120'), 0)::bigint
                   as on_account
          from (select customer_id, currency, account, balance_minor as amount_minor
                  from account_balance
                 where $3::date is null and tenant_id = $1 and account in ('2100', '2120')
                   and ($2::uuid is null or customer_id = $2)
                union all
                select customer_id, currency, account, amount_minor from entry
                 where $3::date is not null and tenant_id = $1 and account in ('2100', '2120')
                   and posted_on <= $3 and ($2::uuid is null or customer_id = $2)) held
         group by 1, 2
        """,
        tenant_id,
        customer_id,
        as_of,
    )
    return {
        (row["customer_id"], row["currency"]): (row["unapplied"], row["on_account"])
        for row in rows
        if row["unapplied"] or row["on_account"]
    }
