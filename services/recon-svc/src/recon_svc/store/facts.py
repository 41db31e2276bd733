"""Facts in, set by set. A fact that is there already is left alone; of states the newest wins."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from billing_shared.contracts.invoice import (
    CreditNoteIssued,
    CustomerUpdated,
    InvoiceIssued,
    InvoiceVoided,
    SellerUpdated,
)
from billing_shared.contracts.payment import PaymentReceived, PaymentReversed, StatementImported
from billing_shared.postgres import Connection


async def save_invoices(
    conn: Connection,
    tenant_id: UUID,
    now: datetime,
    invoices: Sequence[InvoiceIssued],
    keys: Iterable[tuple[str, UUID]],
) -> None:
    """`keys` are the normalised references under which payers may name each invoice."""
    await conn.execute(
        """
        insert into invoice_fact (tenant_id, invoice_id, number, customer_id, currency, issued_on,
               due_on, gross_minor, due_minor, payment_reference, external_ref, recorded_at)
        select $1::uuid, f.*, $2::timestamptz
          from unnest($3::uuid[], $4::text[], $5::uuid[], $6::text[], $7::date[], $8::date[],
                      $9::bigint[], $10::bigint[], $11::text[], $12::text[]) f
            on conflict do nothing
        """,
        tenant_id,
        now,
        [i.invoice_id for i in invoices],
        [i.number for i in invoices],
        [i.customer_id for i in invoices],
        [i.currency for i in invoices],
        [i.issued_on for i in invoices],
        [i.due_on for i in invoices],
        [i.gross_minor for i in invoices],
        [i.due_minor for i in invoices],
        [i.payment_reference for i in invoices],
        [i.external_ref for i in invoices],
    )
    await _save_keys(conn, tenant_id, "item_key", "invoice_id", keys)


async def save_credit_notes(
    conn: Connection, tenant_id: UUID, now: datetime, notes: Sequence[CreditNoteIssued]
) -> None:
    await conn.execute(
        """
        insert into credit_note_fact (tenant_id, credit_note_id, number, invoice_id, customer_id,
               currency, issued_on, gross_minor, recorded_at)
        select $1::uuid, f.*, $2::timestamptz
          from unnest($3::uuid[], $4::text[], $5::uuid[], $6::uuid[], $7::text[], $8::date[],
                      $9::bigint[]) f
            on conflict do nothing
        """,
        tenant_id,
        now,
        [n.credit_note_id for n in notes],
        [n.number for n in notes],
        [n.invoice_id for n in notes],
        [n.customer_id for n in notes],
        [n.currency for n in notes],
        [n.issued_on for n in notes],
        [n.gross_minor for n in notes],
    )


async def save_voids(
    conn: Connection, tenant_id: UUID, now: datetime, voids: Sequence[InvoiceVoided]
) -> None:
    """A void may stand here before its invoice does."""
    await conn.execute(
        """
        insert into void_fact (tenant_id, invoice_id, voided_on, recorded_at)
        select $1::uuid, f.*, $2::timestamptz from unnest($3::uuid[], $4::date[]) f
            on conflict do nothing
        """,
        tenant_id,
        now,
        [v.invoice_id for v in voids],
        [v.voided_on for v in voids],
    )


async def save_payments(
    conn: Connection,
    tenant_id: UUID,
    now: datetime,
    payments: Sequence[PaymentReceived],
    tokens: Iterable[tuple[str, UUID]],
) -> None:
    """`tokens` are the keys each payment may name. Its lists travel as JSON: unnest flattens."""
    await conn.execute(
        """
        insert into payment_fact (tenant_id, payment_id, amount_minor, currency, booked_on,
               value_on, account, payer_name, payer_account, customer_id, remittance_lines,
               reference_kinds, reference_values, statement_id, recorded_at)
        select $1::uuid, f.payment_id, f.amount_minor, f.currency, f.booked_on, f.value_on,
               f.account, f.payer_name, f.payer_account, f.customer_id,
               array(select jsonb_array_elements_text(f.lists -> 'lines')),
               array(select jsonb_array_elements_text(f.lists -> 'kinds')),
               array(select jsonb_array_elements_text(f.lists -> 'values')),
               f.statement_id, $2::timestamptz
          from unnest($3::uuid[], $4::bigint[], $5::text[], $6::date[], $7::date[], $8::text[],
                      $9::text[], $10::text[], $11::uuid[], $12::jsonb[], $13::uuid[])
               f (payment_id, amount_minor, currency, booked_on, value_on, account, payer_name,
                  payer_account, customer_id, lists, statement_id)
            on conflict do nothing
        """,
        tenant_id,
        now,
        [p.payment_id for p in payments],
        [p.amount_minor for p in payments],
        [p.currency for p in payments],
        [p.booked_on for p in payments],
        [p.value_on for p in payments],
        [p.account for p in payments],
        [p.payer.name for p in payments],
        [p.payer.account for p in payments],
        [p.customer_id for p in payments],
        [
            {
                "lines": p.remittance_lines,
                "kinds": [r.kind for r in p.references],
                "values": [r.value for r in p.references],
            }
            for p in payments
        ],
        [p.statement_id for p in payments],
    )
    await _save_keys(conn, tenant_id, "payment_token", "payment_id", tokens)


async def save_reversals(
    conn: Connection, tenant_id: UUID, now: datetime, reversals: Sequence[PaymentReversed]
) -> None:
    await conn.execute(
        """
        insert into reversal_fact (tenant_id, reversal_id, payment_id, amount_minor, currency,
               booked_on, value_on, kind, reason_code, reference_kinds, reference_values,
               recorded_at)
        select $1::uuid, f.reversal_id, f.payment_id, f.amount_minor, f.currency, f.booked_on,
               f.value_on, f.kind, f.reason_code,
               array(select jsonb_array_elements_text(f.lists -> 'kinds')),
               array(select jsonb_array_elements_text(f.lists -> 'values')),
               $2::timestamptz
          from unnest($3::uuid[], $4::uuid[], $5::bigint[], $6::text[], $7::date[], $8::date[],
                      $9::text[], $10::text[], $11::jsonb[])
               f (reversal_id, payment_id, amount_minor, currency, booked_on, value_on, kind,
                  reason_code, lists)
            on conflict do nothing
        """,
        tenant_id,
        now,
        [r.reversal_id for r in reversals],
        [r.payment_id for r in reversals],
        [r.amount_minor for r in reversals],
        [r.currency for r in reversals],
        [r.booked_on for r in reversals],
        [r.value_on for r in reversals],
        [r.kind for r in reversals],
        [r.reason_code for r in reversals],
        [
            {
                "kinds": [x.kind for x in r.references],
                "values": [x.value for x in r.references],
            }
            for r in reversals
        ],
    )


async def save_bank_keys(
    conn: Connection,
    tenant_id: UUID,
    keys: Sequence[tuple[str, str, UUID | None, UUID | None]],
) -> None:
    """`keys`: kind, value, and the payment or the reversal that carries it."""
    if keys:
        await conn.execute(
            """
            insert into bank_key (tenant_id, kind, value, payment_id, reversal_id)
            select $1::uuid, f.* from unnest($2::text[], $3::text[], $4::uuid[], $5::uuid[]) f
                on conflict do nothing
            """,
            tenant_id,
            *(list(column) for column in zip(*keys, strict=True)),
        )


async def save_customers(
    conn: Connection,
    tenant_id: UUID,
    now: datetime,
    customers: Sequence[tuple[int, CustomerUpdated]],
) -> frozenset[UUID]:
    """Keep the newest state of each customer (given with its sequence). Returns the new ones."""
    rows = await conn.fetch(
        """
        insert into customer_copy as c (tenant_id, customer_id, sequence, status, name,
               external_ref, recorded_at)
        select $1::uuid, f.*, $2::timestamptz
          from unnest($3::uuid[], $4::bigint[], $5::text[], $6::text[], $7::text[]) f
            on conflict (tenant_id, customer_id) do update
           set sequence = excluded.sequence, status = excluded.status, name = excluded.name,
               external_ref = excluded.external_ref, recorded_at = excluded.recorded_at
         where c.sequence < excluded.sequence
        returning customer_id, xmax = 0 as is_first
        """,
        tenant_id,
        now,
        [c.customer_id for _, c in customers],
        [sequence for sequence, _ in customers],
        [c.status for _, c in customers],
        [c.name for _, c in customers],
        [c.external_ref for _, c in customers],
    )
    return frozenset(row["customer_id"] for row in rows if row["is_first"])


async def take_accounts_from(
    conn: Connection, tenant_id: UUID, active: Sequence[tuple[int, CustomerUpdated]]
) -> frozenset[UUID]:
    """Which of these active states (given with their sequences) are the newest of their customer,
    so that its accounts are theirs."""
    rows = await conn.fetch(
        """
        update customer_copy c set accounts_sequence = f.sequence
          from unnest($2::uuid[], $3::bigint[]) f (customer_id, sequence)
         where c.tenant_id = $1 and c.customer_id = f.customer_id
           and c.accounts_sequence < f.sequence
        returning c.customer_id
        """,
        tenant_id,
        [c.customer_id for _, c in active],
        [sequence for sequence, _ in active],
    )
    return frozenset(row["customer_id"] for row in rows)


async def replace_payer_accounts(
    conn: Connection, tenant_id: UUID, customers: Sequence[UUID], owned: Sequence[tuple[str, UUID]]
) -> set[str]:
    """Set which accounts these customers pay from. Returns the accounts that came or went."""
    rows = await conn.fetch(
        """
        with ought as (
            select distinct * from unnest($3::text[], $4::uuid[]) o (account, customer_id)
        ), gone as (
            delete from payer_account p
             where p.tenant_id = $1 and p.customer_id = any($2::uuid[])
               and not exists (select from ought o
                                where o.account = p.account and o.customer_id = p.customer_id)
            returning account
        ), fresh as (
            insert into payer_account (tenant_id, account, customer_id)
            select $1::uuid, o.account, o.customer_id from ought o on conflict do nothing
            returning account
        )
        select account from gone union select account from fresh
        """,
        tenant_id,
        customers,
        [account for account, _ in owned],
        [customer for _, customer in owned],
    )
    return {row["account"] for row in rows}


async def payments_of(
    conn: Connection, tenant_id: UUID, customers: Sequence[UUID], accounts: Sequence[str]
) -> list[UUID]:
    """Payments that name one of these customers, or came from one of these accounts."""
    rows = await conn.fetch(
        """
        select payment_id from payment_fact where tenant_id = $1 and customer_id = any($2::uuid[])
        union
        select payment_id from payment_fact where tenant_id = $1 and payer_account = any($3::text[])
        """,
        tenant_id,
        customers,
        accounts,
    )
    return [row["payment_id"] for row in rows]


async def save_seller(
    conn: Connection, tenant_id: UUID, now: datetime, sequence: int, seller: SellerUpdated
) -> None:
    await conn.execute(
        """
        insert into seller_copy as s (tenant_id, sequence, name, time_zone, base_currency,
               recorded_at)
        values ($1, $2, $3, $4, $5, $6)
            on conflict (tenant_id) do update
           set sequence = excluded.sequence, name = excluded.name,
               time_zone = excluded.time_zone, base_currency = excluded.base_currency,
               recorded_at = excluded.recorded_at
         where s.sequence < excluded.sequence
        """,
        tenant_id,
        sequence,
        seller.name,
        seller.time_zone,
        seller.base_currency,
        now,
    )


async def time_zone(conn: Connection, tenant_id: UUID) -> str:
    """The seller's time zone, UTC until we hear of the seller."""
    found = await conn.fetchval("select time_zone from seller_copy where tenant_id = $1", tenant_id)
    return found or "UTC"


async def save_statements(
    conn: Connection,
    tenant_id: UUID,
    now: datetime,
    statements: Sequence[tuple[int, StatementImported]],
) -> None:
    """The newest state of each statement, with its sequence: quarantined ones may be released."""
    await conn.execute(
        """
        insert into statement_fact as s (tenant_id, statement_id, sequence, account, currency,
               opened_on, closed_on, opening_minor, closing_minor, credits_minor, debits_minor,
               state, recorded_at)
        select $1::uuid, f.*, $2::timestamptz
          from unnest($3::uuid[], $4::bigint[], $5::text[], $6::text[], $7::date[], $8::date[],
                      $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::text[]) f
            on conflict (tenant_id, statement_id) do update
           set sequence = excluded.sequence, state = excluded.state,
               opening_minor = excluded.opening_minor, closing_minor = excluded.closing_minor,
               credits_minor = excluded.credits_minor, debits_minor = excluded.debits_minor,
               recorded_at = excluded.recorded_at
         where s.sequence < excluded.sequence
        """,
        tenant_id,
        now,
        [s.statement_id for _, s in statements],
        [sequence for sequence, _ in statements],
        [s.account for _, s in statements],
        [s.currency for _, s in statements],
        [s.opened_on for _, s in statements],
        [s.closed_on for _, s in statements],
        [s.opening_minor for _, s in statements],
        [s.closing_minor for _, s in statements],
        [s.credits.sum_minor for _, s in statements],
        [s.debits.sum_minor for _, s in statements],
        [s.state for _, s in statements],
    )


async def _save_keys(
    conn: Connection, tenant_id: UUID, table: str, column: str, keys: Iterable[tuple[str, UUID]]
) -> None:
    pairs = list(keys)
    if pairs:
        await conn.execute(
            f"""
            insert into {table} (tenant_id, key_norm, {column})
            select $1::uuid, f.* from unnest($2::text[], $3::uuid[]) f on conflict do nothing
            """,  # noqa: S608 - table and column are ours, not a caller's
            tenant_id,
            [key for key, _ in pairs],
            [subject for _, subject in pairs],
        )
