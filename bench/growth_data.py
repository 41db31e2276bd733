"""Millions of open items in a few minutes: what recon-svc would hold of so many unpaid invoices."""

from datetime import date
from uuid import UUID

import asyncpg

ITEMS_PER_CUSTOMER = 20
DAY = date(2026, 1, 1)

#: Number 0, 1, ... of each kind; ids rise with the number, as UUIDv7 do with time.
_INVOICE = "00000000-0000-7000-8000-"
_CUSTOMER = "00000000-0000-7000-9000-"
_JOURNAL = "00000000-0000-7000-a000-"
#: So that filling writes no log; they are read like any other.
_TABLES = (
    "invoice_fact",
    "item_key",
    "open_item",
    "live_posting",
    "customer_copy",
    "payer_account",
)

_NUMBERED = """
create temporary table numbered as
select n, ('{invoice}' || lpad(to_hex(n), 12, '0'))::uuid as invoice_id,
       ('{customer}' || lpad(to_hex(n % {customers}), 12, '0'))::uuid as customer_id,
       ('{journal}' || lpad(to_hex(n), 12, '0'))::uuid as journal_id,
       'INV-2026-' || lpad(n::text, 8, '0') as number,
       -- ISO 11649: 98 minus the rest by 97 of the number, letters as two digits, and RF00 behind
       'RF' || lpad((98 - ('1823312026' || lpad(n::text, 8, '0') || '271500')::numeric % 97)::text,
           2, '0') || 'INV2026' || lpad(n::text, 8, '0') as reference, 10000 + n % 9973 as amount,
       date '2026-01-01' + (n % 180)::int as due_on,
       timestamptz '2026-01-01' + make_interval(secs => n) as at
  from generate_series(0, {size} - 1) n
"""
_FILL = (
    """
insert into invoice_fact (tenant_id, invoice_id, number, customer_id, currency, issued_on, due_on,
       gross_minor, due_minor, payment_reference, recorded_at)
select $1::uuid, invoice_id, number, customer_id, 'EUR', date '2026-01-01', due_on, amount, amount,
       reference, at from numbered
""",
    """
insert into item_key (tenant_id, key_norm, invoice_id)
select $1::uuid, replace(number, '-', ''), invoice_id from numbered
union all
select $1::uuid, reference, invoice_id from numbered
""",
    """
insert into open_item (tenant_id, item_id, side, number, customer_id, currency, issued_on, due_on,
       original_minor, open_minor, paid_minor, credited_minor, voided_minor, accepted_minor,
       at_rest, updated_at)
select $1::uuid, invoice_id, 'debit', number, customer_id, 'EUR', date '2026-01-01', due_on, amount,
       amount, 0, 0, 0, 0, false, at from numbered
""",
    """
insert into live_posting (tenant_id, kind, subject_id, against_id, customer_id, currency,
       amount_minor, posted_on, journal_id)
select $1::uuid, 'issued', invoice_id, null, customer_id, 'EUR', amount, date '2026-01-01',
       journal_id
  from numbered
""",
    """
insert into customer_copy (tenant_id, customer_id, sequence, status, name, recorded_at)
select $1::uuid, customer_id, 1, 'active', 'Customer', now() from numbered group by customer_id
""",
    """
insert into payer_account (tenant_id, account, customer_id)
select $1::uuid, 'DE' || lpad(min(n)::text, 20, '0'), customer_id from numbered group by 3
""",
)


async def fill(admin: "asyncpg.Connection[asyncpg.Record]", tenant_id: UUID, size: int) -> None:
    """Open items 0 to size - 1 of one tenant, with all that settling looks at."""
    await admin.execute("set search_path = recon")
    for table in _TABLES:
        await admin.execute(f"alter table {table} set unlogged")
    numbered = _NUMBERED.format(
        invoice=_INVOICE,
        customer=_CUSTOMER,
        journal=_JOURNAL,
        customers=size // ITEMS_PER_CUSTOMER,
        size=size,
    )
    await admin.execute(numbered)
    for statement in _FILL:
        await admin.execute(statement, tenant_id)
    await admin.execute("drop table numbered")
    await admin.execute("vacuum analyze")


def invoice_of(number: int) -> UUID:
    """The item of a number."""
    return UUID(f"{_INVOICE}{number:012x}")


def payer_of(number: int, customers: int) -> UUID:
    """Whose item it is."""
    return UUID(f"{_CUSTOMER}{number % customers:012x}")


def amount_of(number: int) -> int:
    """What is open on it, in minor units."""
    return 10_000 + number % 9_973
