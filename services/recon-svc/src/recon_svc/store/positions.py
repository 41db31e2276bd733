"""Where the money stands: items, what became of payments, and which lies on what."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from billing_shared.postgres import Connection
from recon_svc.domain.changes import Whereabouts
from recon_svc.domain.outcome import ItemState, PaymentState
from recon_svc.domain.plan import ItemLabel, NewAllocation


async def items(
    conn: Connection, tenant_id: UUID, ids: Iterable[UUID]
) -> dict[UUID, tuple[ItemState, bool]]:
    """Items as they are booked, and whether they are at rest."""
    rows = await conn.fetch(
        """
        select item_id, side, customer_id, currency, original_minor, open_minor, paid_minor,
               credited_minor, voided_minor, accepted_minor, at_rest
          from item where tenant_id = $1 and item_id = any($2::uuid[])
        """,
        tenant_id,
        list(ids),
    )
    return {row["item_id"]: (_item(row), row["at_rest"]) for row in rows}


_SAVE_ITEMS = """
with fresh as (
    select $1::uuid as tenant_id, f.*, $2::timestamptz as updated_at
      from unnest($3::uuid[], $4::text[], $5::text[], $6::uuid[], $7::text[], $8::date[],
                  $9::date[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[],
                  $14::bigint[], $15::bigint[], $16::boolean[])
           f (item_id, side, number, customer_id, currency, issued_on, due_on,
              original_minor, open_minor, paid_minor, credited_minor, voided_minor,
              accepted_minor, at_rest)
), closed as (
    delete from open_item o using fresh f
     where o.tenant_id = $1 and o.item_id = f.item_id and f.open_minor = 0
), reopened as (
    delete from closed_item c using fresh f
     where c.tenant_id = $1 and c.item_id = f.item_id and f.open_minor > 0
), opened as (
    insert into open_item as o (tenant_id, item_id, side, number, customer_id, currency,
           issued_on, due_on, original_minor, open_minor, paid_minor, credited_minor,
           voided_minor, accepted_minor, at_rest, updated_at)
    select tenant_id, item_id, side, number, customer_id, currency, issued_on, due_on,
           original_minor, open_minor, paid_minor, credited_minor, voided_minor,
           accepted_minor, at_rest, updated_at
      from fresh where open_minor > 0
        on conflict (tenant_id, item_id) do update
       set open_minor = excluded.open_minor, paid_minor = excluded.paid_minor,
           credited_minor = excluded.credited_minor,
           voided_minor = excluded.voided_minor,
           accepted_minor = excluded.accepted_minor, at_rest = excluded.at_rest,
           updated_at = excluded.updated_at
)
insert into closed_item as c (tenant_id, item_id, side, number, customer_id, currency,
       issued_on, due_on, original_minor, open_minor, paid_minor, credited_minor,
       voided_minor, accepted_minor, at_rest, updated_at)
select tenant_id, item_id, side, number, customer_id, currency, issued_on, due_on,
       original_minor, open_minor, paid_minor, credited_minor, voided_minor,
       accepted_minor, at_rest, updated_at
  from fresh where open_minor = 0
    on conflict (tenant_id, item_id) do update
   set paid_minor = excluded.paid_minor, credited_minor = excluded.credited_minor,
       voided_minor = excluded.voided_minor, accepted_minor = excluded.accepted_minor,
       at_rest = excluded.at_rest, updated_at = excluded.updated_at
"""


async def save_items(
    conn: Connection,
    tenant_id: UUID,
    now: datetime,
    states: Sequence[ItemState],
    *,
    labels: Mapping[UUID, ItemLabel],
    resting: frozenset[UUID],
) -> None:
    """Open items live in `open_item`, closed ones in `closed_item`; an item moves between them."""
    if not states:
        return
    await conn.execute(
        _SAVE_ITEMS,
        tenant_id,
        now,
        [s.item_id for s in states],
        [s.side for s in states],
        [labels[s.item_id].number for s in states],
        [s.customer_id for s in states],
        [s.currency for s in states],
        [labels[s.item_id].issued_on for s in states],
        [labels[s.item_id].due_on for s in states],
        [s.original_minor for s in states],
        [s.open_minor for s in states],
        [s.paid_minor for s in states],
        [s.credited_minor for s in states],
        [s.voided_minor for s in states],
        [s.accepted_minor for s in states],
        [s.item_id in resting for s in states],
    )


async def payments(
    conn: Connection, tenant_id: UUID, ids: Sequence[UUID]
) -> dict[UUID, tuple[Whereabouts, str]]:
    """Where the money of payments is booked, and the tier that decided it."""
    if not ids:
        return {}
    rows = await conn.fetch(
        """
        select s.payment_id, s.customer_id, s.applied_minor, s.unapplied_minor,
               s.on_account_minor, s.unidentified_minor, s.refunded_minor, s.reversed_minor,
               s.tier,
               array(select a.invoice_id from allocation a
                      where a.tenant_id = s.tenant_id and a.payment_id = s.payment_id
                        and a.ended_by is null order by a.invoice_id) as invoices,
               array(select a.amount_minor from allocation a
                      where a.tenant_id = s.tenant_id and a.payment_id = s.payment_id
                        and a.ended_by is null order by a.invoice_id) as amounts
          from payment_state s where s.tenant_id = $1 and s.payment_id = any($2::uuid[])
        """,
        tenant_id,
        ids,
    )
    return {row["payment_id"]: (_whereabouts(row), row["tier"]) for row in rows}


async def save_payments(
    conn: Connection,
    tenant_id: UUID,
    now: datetime,
    states: Sequence[tuple[PaymentState, UUID, str]],
) -> None:
    """Write what became of payments, each with the decision and the policy that say why."""
    if not states:
        return
    await conn.execute(
        """
        insert into payment_state as p (tenant_id, payment_id, customer_id, currency,
               received_minor, applied_minor, unapplied_minor, on_account_minor,
               unidentified_minor, refunded_minor, reversed_minor, tier, decision_id,
               policy_sha256, updated_at)
        select $1::uuid, f.*, $2::timestamptz
          from unnest($3::uuid[], $4::uuid[], $5::text[], $6::bigint[], $7::bigint[],
                      $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[],
                      $13::text[], $14::uuid[], $15::text[]) f
            on conflict (tenant_id, payment_id) do update
           set customer_id = excluded.customer_id, applied_minor = excluded.applied_minor,
               unapplied_minor = excluded.unapplied_minor,
               on_account_minor = excluded.on_account_minor,
               unidentified_minor = excluded.unidentified_minor,
               refunded_minor = excluded.refunded_minor,
               reversed_minor = excluded.reversed_minor, tier = excluded.tier,
               decision_id = excluded.decision_id, policy_sha256 = excluded.policy_sha256,
               updated_at = excluded.updated_at
        """,
        tenant_id,
        now,
        [s.payment_id for s, _, _ in states],
        [s.customer_id for s, _, _ in states],
        [s.currency for s, _, _ in states],
        [s.received_minor for s, _, _ in states],
        [s.applied_minor for s, _, _ in states],
        [s.unapplied_minor for s, _, _ in states],
        [s.on_account_minor for s, _, _ in states],
        [s.unidentified_minor for s, _, _ in states],
        [s.refunded_minor for s, _, _ in states],
        [s.reversed_minor for s, _, _ in states],
        [s.tier for s, _, _ in states],
        [decision_id for _, decision_id, _ in states],
        [policy for _, _, policy in states],
    )


async def rest_payments(
    conn: Connection, tenant_id: UUID, resting: Sequence[UUID], awake: Sequence[UUID]
) -> None:
    """Keep the small table of payments that may still move."""
    await conn.execute(
        """
        with rested as (
            delete from live_payment where tenant_id = $1 and payment_id = any($2::uuid[])
        )
        insert into live_payment (tenant_id, payment_id, customer_id, payer_account)
        select tenant_id, payment_id, customer_id, payer_account from payment_fact
         where tenant_id = $1 and payment_id = any($3::uuid[])
            on conflict do nothing
        """,
        tenant_id,
        resting,
        awake,
    )


async def end_allocations(
    conn: Connection, tenant_id: UUID, now: datetime, ended: Sequence[tuple[UUID, UUID]]
) -> None:
    """`ended`: the allocation, and the journal that took it back."""
    if ended:
        await conn.execute(
            """
            update allocation a set ended_by = e.journal_id, ended_at = $2
              from unnest($3::uuid[], $4::uuid[]) e (allocation_id, journal_id)
             where a.tenant_id = $1 and a.allocation_id = e.allocation_id
            """,
            tenant_id,
            now,
            [allocation_id for allocation_id, _ in ended],
            [journal_id for _, journal_id in ended],
        )


async def save_allocations(
    conn: Connection, tenant_id: UUID, now: datetime, fresh: Sequence[NewAllocation]
) -> None:
    if fresh:
        await conn.execute(
            """
            insert into allocation (tenant_id, allocation_id, payment_id, invoice_id,
                   amount_minor, proof, decision_id, made_at)
            select $1::uuid, f.*, $2::timestamptz
              from unnest($3::uuid[], $4::uuid[], $5::uuid[], $6::bigint[], $7::text[],
                          $8::uuid[]) f
            """,
            tenant_id,
            now,
            [a.allocation_id for a in fresh],
            [a.payment_id for a in fresh],
            [a.invoice_id for a in fresh],
            [a.amount_minor for a in fresh],
            [a.proof for a in fresh],
            [a.decision_id for a in fresh],
        )


async def credits(
    conn: Connection, tenant_id: UUID, invoices: Sequence[UUID]
) -> dict[tuple[UUID, UUID], int]:
    """What credit notes took off these invoices: (credit note, invoice) -> amount."""
    rows = await conn.fetch(
        """
        select credit_note_id, invoice_id, amount_minor from credit_application
         where tenant_id = $1 and invoice_id = any($2::uuid[])
        """,
        tenant_id,
        invoices,
    )
    return {(row["credit_note_id"], row["invoice_id"]): row["amount_minor"] for row in rows}


async def save_credits(
    conn: Connection,
    tenant_id: UUID,
    gone: Sequence[tuple[UUID, UUID]],
    fresh: Sequence[tuple[UUID, UUID, int, date]],
) -> None:
    """Replace applications of credit notes to invoices; `fresh` ends in the date of effect."""
    if gone:
        await conn.execute(
            """
            delete from credit_application c
             using unnest($2::uuid[], $3::uuid[]) g (credit_note_id, invoice_id)
             where c.tenant_id = $1 and c.credit_note_id = g.credit_note_id
               and c.invoice_id = g.invoice_id
            """,
            tenant_id,
            [note for note, _ in gone],
            [invoice for _, invoice in gone],
        )
    if fresh:
        await conn.execute(
            """
            insert into credit_application (tenant_id, credit_note_id, invoice_id, amount_minor,
                   applied_on)
            select $1::uuid, f.* from unnest($2::uuid[], $3::uuid[], $4::bigint[], $5::date[]) f
                on conflict (tenant_id, credit_note_id, invoice_id) do update
               set amount_minor = excluded.amount_minor, applied_on = excluded.applied_on
            """,
            tenant_id,
            *(list(column) for column in zip(*fresh, strict=True)),
        )


def _item(row: Any) -> ItemState:
    return ItemState(
        item_id=row["item_id"],
        side=row["side"],
        customer_id=row["customer_id"],
        currency=row["currency"],
        original_minor=row["original_minor"],
        open_minor=row["open_minor"],
        paid_minor=row["paid_minor"],
        credited_minor=row["credited_minor"],
        voided_minor=row["voided_minor"],
        accepted_minor=row["accepted_minor"],
    )


def _whereabouts(row: Any) -> Whereabouts:
    return (
        row["customer_id"],
        row["applied_minor"],
        row["unapplied_minor"],
        row["on_account_minor"],
        row["unidentified_minor"],
        row["refunded_minor"],
        row["reversed_minor"],
        frozenset(zip(row["invoices"], row["amounts"], strict=True)),
    )
