"""What must always hold (DESIGN section 5), as queries over all schemas; they end each story.

Each check is a query that returns what breaks it, so an empty answer is the proof. They run as the
administrator, past row-level security, over every tenant there is.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import asyncpg

#: Which topics each service reads (DESIGN section 4), by its schema.
SUBSCRIBED: Mapping[str, Sequence[str]] = {
    "invoice": ("settlement-changed", "discrepancy-found", "discrepancy-resolved"),
    "payment": ("payment-allocated",),
    "recon": (
        "seller-updated",
        "customer-updated",
        "invoice-issued",
        "credit-note-issued",
        "invoice-voided",
        "payment-received",
        "payment-reversed",
        "statement-imported",
    ),
    "notify": (
        "seller-updated",
        "customer-updated",
        "invoice-issued",
        "credit-note-issued",
        "invoice-voided",
        "payment-received",
        "payment-reversed",
        "statement-imported",
        "payment-allocated",
        "settlement-changed",
        "discrepancy-found",
        "discrepancy-resolved",
        "books-proved",
        "books-broken",
    ),
}


@dataclass(frozen=True, slots=True)
class Broken:
    """A check that found something: its name, and the first rows of evidence."""

    check: str
    rows: Sequence[dict[str, object]]

    def __str__(self) -> str:
        return f"{self.check}: {[dict(row) for row in self.rows[:3]]}"


#: Rows of evidence kept per check.
MAX_EVIDENCE = 20

_BOOKS = {
    "every journal has entries and balances": """
        select j.tenant_id, j.journal_id, sum(e.amount_minor)
          from recon.journal j left join recon.entry e using (tenant_id, journal_id)
         group by 1, 2, e.currency having count(e.*) < 2 or sum(e.amount_minor) <> 0""",
    "a mirror undoes its journal to the cent": """
        select m.tenant_id, m.journal_id from recon.journal m
          join recon.journal j on (j.tenant_id, j.journal_id) = (m.tenant_id, m.mirror_of)
         where (m.currency, m.amount_minor, m.kind)
               is distinct from (j.currency, j.amount_minor, j.kind)
            or exists (
               (select account, customer_id, currency, -amount_minor from recon.entry e
                 where (e.tenant_id, e.journal_id) = (m.tenant_id, m.journal_id))
               except all
               (select account, customer_id, currency, amount_minor from recon.entry e
                 where (e.tenant_id, e.journal_id) = (j.tenant_id, j.journal_id)))""",
    "kept balances are the sums of the entries": """
        select * from (
            select tenant_id, account,
                   coalesce(customer_id, '00000000-0000-0000-0000-000000000000') as customer_id,
                   currency, sum(amount_minor) as total
              from recon.entry group by 1, 2, 3, 4) e
          full join recon.account_balance b using (tenant_id, account, customer_id, currency)
         where coalesce(e.total, 0) <> coalesce(b.balance_minor, 0)""",
    "an item is its parts": """
        select * from recon.item
         where original_minor <> open_minor + applied_minor + adjusted_minor
            or least(original_minor, open_minor, paid_minor, credited_minor, voided_minor,
                     accepted_minor) < 0""",
    "what is paid on an item is what is allocated to it": """
        select i.tenant_id, i.item_id, i.paid_minor, coalesce(sum(a.amount_minor), 0)
          from recon.item i left join recon.allocation a
            on (a.tenant_id, a.invoice_id) = (i.tenant_id, i.item_id) and a.ended_by is null
         where i.side = 'debit' group by 1, 2, 3
        having i.paid_minor <> coalesce(sum(a.amount_minor), 0)""",
    "receivables are open debits less open credits": """
        select * from (
            select tenant_id, customer_id, currency, sum(amount_minor) as booked
              from recon.entry where account = '1100' group by 1, 2, 3) b
          full join (
            select tenant_id, customer_id, currency,
                   sum(case side when 'debit' then open_minor else -open_minor end) as items
              from recon.item group by 1, 2, 3) i using (tenant_id, customer_id, currency)
         where coalesce(booked, 0) <> coalesce(items, 0)""",
    "an invoice is an item once, whole": """
        select f.tenant_id, f.invoice_id, f.due_minor, i.original_minor
          from recon.invoice_fact f left join recon.item i
            on (i.tenant_id, i.item_id) = (f.tenant_id, f.invoice_id)
         where f.due_minor <> coalesce(i.original_minor, 0)
            or (f.customer_id, f.currency) is distinct from
               (coalesce(i.customer_id, f.customer_id), coalesce(i.currency, f.currency))""",
}

_MONEY = {
    "the terms of a payment add up": """
        select * from recon.payment_state
         where received_minor <> applied_minor + unapplied_minor + on_account_minor
               + unidentified_minor + refunded_minor + reversed_minor
            or least(applied_minor, unapplied_minor, on_account_minor, unidentified_minor,
                     refunded_minor, reversed_minor) < 0""",
    "every payment has its terms": """
        select f.tenant_id, f.payment_id from recon.payment_fact f
          left join recon.payment_state s using (tenant_id, payment_id)
         where s.received_minor is distinct from f.amount_minor""",
    "what a payment applies is what is allocated": """
        select s.tenant_id, s.payment_id, s.applied_minor, coalesce(sum(a.amount_minor), 0)
          from recon.payment_state s left join recon.allocation a
            on (a.tenant_id, a.payment_id) = (s.tenant_id, s.payment_id) and a.ended_by is null
         group by 1, 2, 3 having s.applied_minor <> coalesce(sum(a.amount_minor), 0)""",
    "cash is what came in less what went back": """
        select * from (
            select tenant_id, currency, sum(amount_minor) as moved from (
                select tenant_id, currency, amount_minor from recon.payment_fact
                union all select tenant_id, currency, -amount_minor from recon.reversal_fact) m
             group by 1, 2) f
          full join (
            select tenant_id, currency, sum(amount_minor) as booked
              from recon.entry where account = '1010' group by 1, 2) b using (tenant_id, currency)
         where coalesce(moved, 0) <> coalesce(booked, 0)""",
    "the suspense accounts are the payments' terms": """
        select * from (
            select tenant_id, currency, account, -sum(amount_minor) as booked from recon.entry
             where account in ('2100', '2110', '2120') group by 1, 2, 3) b
          full join (
            select tenant_id, currency, account, sum(minor) as terms from recon.payment_state,
                   lateral (values ('2100', unapplied_minor), ('2110', unidentified_minor),
                                   ('2120', on_account_minor)) as t (account, minor)
             group by 1, 2, 3) s using (tenant_id, currency, account)
         where coalesce(booked, 0) <> coalesce(terms, 0)""",
    "every held cent has one open discrepancy": """
        select * from (
            select tenant_id, payment_id, unapplied_minor + unidentified_minor as held
              from recon.payment_state where unapplied_minor + unidentified_minor > 0) s
          full join (
            select tenant_id, payment_id, sum(amount_minor) as owned, count(*) as cases
              from recon.discrepancy
             where state = 'open' and family = 'cash' and code <> 'ORPHAN_REVERSAL'
             group by 1, 2) d using (tenant_id, payment_id)
         where held is distinct from owned or cases <> 1""",
    "reversals without original are owned too": """
        select * from (
            select tenant_id, currency, sum(amount_minor) as booked
              from recon.entry where account = '2115' group by 1, 2) b
          full join (
            select tenant_id, currency, sum(amount_minor) as owned from recon.discrepancy
             where state = 'open' and code = 'ORPHAN_REVERSAL' group by 1, 2) d
         using (tenant_id, currency) where coalesce(booked, 0) <> coalesce(owned, 0)""",
    "a discrepancy of an item speaks of an open item or a changed one": """
        select d.tenant_id, d.discrepancy_id, d.code from recon.discrepancy d
          left join recon.item i on (i.tenant_id, i.item_id) = (d.tenant_id, d.invoice_id)
         where d.state = 'open' and d.code = 'SHORT_PAY'
           and d.amount_minor is distinct from i.open_minor""",
}

_DOCUMENTS = {
    "numbers are gapless and in date order": """
        select * from (
            select tenant_id, series, series_no, issued_on,
                   row_number() over w as place, lag(issued_on) over w as before
              from (select tenant_id, series, series_no, issued_on from invoice.invoice
                     where series_no is not null
                    union all
                    select tenant_id, series, series_no, issued_on from invoice.credit_note) d
            window w as (partition by tenant_id, series order by series_no)) n
         where series_no <> place or issued_on < before""",
    "the last number taken is the last number used": """
        select * from invoice.number_series s where last_no <> (
            select count(*) from (
                select 1 from invoice.invoice i
                 where (i.tenant_id, i.series) = (s.tenant_id, s.series) and series_no is not null
                union all
                select 1 from invoice.credit_note c
                 where (c.tenant_id, c.series) = (s.tenant_id, s.series)) n)""",
    "totals of documents agree": """
        select tenant_id, invoice_id from invoice.invoice where net_minor + tax_minor <> gross_minor
        union all
        select d.tenant_id, d.document_id from invoice.document d, lateral (
            select (content::jsonb->>'net_minor')::bigint as net,
                   (content::jsonb->>'tax_minor')::bigint as tax,
                   (select sum((g->>'base_minor')::bigint)
                      from jsonb_array_elements(content::jsonb->'tax_groups') g) as bases,
                   (select sum((g->>'tax_minor')::bigint)
                      from jsonb_array_elements(content::jsonb->'tax_groups') g) as taxes,
                   (select sum((l->>'net_minor')::bigint)
                      from jsonb_array_elements(content::jsonb->'lines') l)
                   - coalesce((select sum((a->>'amount_minor')::bigint)
                      from jsonb_array_elements(content::jsonb->'allowances') a), 0) as lines) t
         where bases <> net or taxes <> tax or lines <> net""",
    "a frozen document is what its hash says": """
        select tenant_id, document_id from invoice.document
         where encode(sha256(convert_to(content, 'UTF8')), 'hex') <> content_sha256""",
}

_TOGETHER = {
    "invoice-svc and recon-svc tell of the same invoices": """
        select * from (select tenant_id, invoice_id, gross_minor from invoice.invoice
                        where state <> 'draft') i
          full join recon.invoice_fact f using (tenant_id, invoice_id)
         where i.gross_minor is distinct from f.gross_minor""",
    "invoice-svc shows what is due": """
        select i.tenant_id, i.invoice_id, i.due_minor, coalesce(r.open_minor, 0)
          from invoice.invoice i left join recon.item r
            on (r.tenant_id, r.item_id) = (i.tenant_id, i.invoice_id)
         where i.state = 'issued' and i.due_minor <> coalesce(r.open_minor, 0)""",
    "payment-svc and recon-svc tell of the same money": """
        select * from (
            select tenant_id, payment_id as id, amount_minor from payment.payment
            union all select tenant_id, reversal_id, -amount_minor from payment.reversal) p
          full join (
            select tenant_id, payment_id as id, amount_minor from recon.payment_fact
            union all select tenant_id, reversal_id, -amount_minor from recon.reversal_fact) f
         using (tenant_id, id) where p.amount_minor is distinct from f.amount_minor""",
    "payment-svc shows what became of a payment": """
        select s.tenant_id, s.payment_id, s.applied_minor, a.allocation
          from recon.payment_state s left join payment.payment_allocation a
         using (tenant_id, payment_id)
         where (a.allocation->>'applied_minor')::bigint is distinct from s.applied_minor
            or (a.allocation->>'unapplied_minor')::bigint is distinct from s.unapplied_minor
            or (a.allocation->>'unidentified_minor')::bigint is distinct from s.unidentified_minor
            or (a.allocation->>'reversed_minor')::bigint is distinct from s.reversed_minor""",
    "a proved statement adds up": """
        select * from payment.statement where state = 'proved'
           and opening_minor + credits_minor - debits_minor <> closing_minor""",
}


def _plumbing() -> dict[str, str]:
    """Checks of each schema's event tables."""
    found: dict[str, str] = {}
    outboxes = " union all ".join(f"select id, topic from {s}.outbox" for s in SUBSCRIBED)
    for schema, topics in SUBSCRIBED.items():
        read = ", ".join(f"'{topic}'" for topic in topics)
        found |= {
            f"{schema}: the outbox is sent": f"select * from {schema}.outbox_pending",
            f"{schema}: no dead letter waits": f"""
                select * from {schema}.dead_letter where state = 'open'""",
            f"{schema}: sequences have no gap": f"""
                select tenantid, aggregateid, count(*), max(sequence) from {schema}.outbox
                 group by 1, 2 having count(*) <> max(sequence)
                    or count(*) <> count(distinct sequence)""",
            f"{schema}: every event it reads took effect once": f"""
                select o.id, o.topic, count(i.*) from ({outboxes}) o
                  left join {schema}.inbox i on i.event_id = o.id
                 where o.topic in ({read}) group by 1, 2 having count(i.*) <> 1""",
            f"{schema}: every audit entry is sealed once": f"""
                select a.tenant_id, a.entry_id, count(s.*) from {schema}.audit_entry a
                  left join {schema}.audit_seal s using (tenant_id, entry_id)
                 group by 1, 2 having count(s.*) <> 1""",
        }
    return found


CHECKS: Mapping[str, str] = {**_BOOKS, **_MONEY, **_DOCUMENTS, **_TOGETHER, **_plumbing()}


async def broken(conn: asyncpg.Connection, names: Iterable[str] = CHECKS) -> list[Broken]:
    """Run the checks; the list is empty when all holds."""
    found = []
    for name in names:
        rows = await conn.fetch(f"select * from ({CHECKS[name]}) evidence limit {MAX_EVIDENCE}")
        if rows:
            found.append(Broken(name, [dict(row) for row in rows]))
    return found
