"""What was answered is there, and what is there was answered and told: queries over the tables.

Each returns what breaks it, as in e2e/invariants.py. They ask of every row a client made: is it
named by exactly one kept answer (none: made for nobody; two: one answer has no effect of its own),
and is it told by exactly one event.
"""

from collections.abc import Mapping

import asyncpg

from e2e.invariants import MAX_EVIDENCE, Broken

INVOICES = ("/v1/invoices", "/v1/invoices:bulk", "/v1/imported-invoices")
CREDIT_NOTES = ("/v1/invoices/{invoice_id}/credit-notes",)
VOIDS = ("/v1/invoices/{invoice_id}/void",)
ISSUES = ("/v1/invoices/{invoice_id}/issue",)
REVERSALS = ("/v1/payments/{payment_id}/reversals",)


def _named(schema: str, routes: tuple[str, ...], field: str) -> str:
    """The ids that kept answers name in this field, one line of NDJSON or a whole body each."""
    listed = ", ".join(f"'{route}'" for route in routes)
    return f"""
        select tenant_id, (line::jsonb->>'{field}')::uuid as id, count(*) as answers
          from {schema}.idempotency_key k,
               regexp_split_to_table(convert_from(k.body, 'UTF8'), '\\n') line
         where k.route in ({listed}) and k.status < 300 and line <> ''
           and line::jsonb->>'{field}' is not null
           -- A repeat of a file or a line that was had names what another answer made.
           and line::jsonb->'is_repeated' is distinct from 'true'
           and line::jsonb->>'status' is distinct from '200' group by 1, 2"""


def _answered(schema: str, routes: tuple[str, ...], field: str, rows: str) -> str:
    return f"""
        select tenant_id, id, a.answers, r.id is not null as is_there
          from ({_named(schema, routes, field)}) a full join (
               select tenant_id, {field} as id from {schema}.{rows}) r using (tenant_id, id)
         where a.answers is distinct from 1 or r.id is null"""


def _told(schema: str, topic: str, field: str, rows: str) -> str:
    return f"""
        select tenant_id, id, e.events, r.id is not null as is_there
          from (select tenantid as tenant_id, (payload::jsonb->>'{field}')::uuid as id,
                       count(*) as events
                  from {schema}.outbox where topic = '{topic}' group by 1, 2) e
          full join (select tenant_id, {field} as id from {schema}.{rows}) r using (tenant_id, id)
         where e.events is distinct from 1 or r.id is null"""


ANSWERED: Mapping[str, str] = {
    "a customer is one answer": _answered("invoice", ("/v1/customers",), "customer_id", "customer"),
    "an invoice is one answer": _answered("invoice", INVOICES, "invoice_id", "invoice"),
    "a credit note is one answer": _answered(
        "invoice", CREDIT_NOTES, "credit_note_id", "credit_note"
    ),
    "a void is one answer": _answered(
        "invoice", VOIDS, "invoice_id", "invoice where state = 'void'"
    ),
    "who was told it is issued has it issued": f"""
        select a.tenant_id, a.id from ({_named("invoice", ISSUES, "invoice_id")}) a
          left join invoice.invoice i on (i.tenant_id, i.invoice_id) = (a.tenant_id, a.id)
         where i.state is null or i.state = 'draft'""",
    "a receipt is one answer": _answered(
        "payment", ("/v1/payments",), "payment_id", "payment where source = 'manual'"
    ),
    "a receipt taken back is one answer": _answered(
        "payment", REVERSALS, "reversal_id", "reversal where kind = 'entered-in-error'"
    ),
    "a bank file is one answer": _answered(
        "payment", ("/v1/bank-statements",), "file_id", "bank_file"
    ),
    "an issued invoice is told once": _told(
        "invoice", "invoice-issued", "invoice_id", "invoice where state <> 'draft'"
    ),
    "a credit note is told once": _told(
        "invoice", "credit-note-issued", "credit_note_id", "credit_note"
    ),
    "a void is told once": _told(
        "invoice", "invoice-voided", "invoice_id", "invoice where state = 'void'"
    ),
    "a payment is told once": _told("payment", "payment-received", "payment_id", "payment"),
    "a reversal is told once": _told("payment", "payment-reversed", "reversal_id", "reversal"),
}


async def unaccounted(conn: asyncpg.Connection) -> list[Broken]:
    """Answers without their effect, effects without their answer or their event."""
    found = []
    for name, question in ANSWERED.items():
        rows = await conn.fetch(f"select * from ({question}) evidence limit {MAX_EVIDENCE}")
        if rows:
            found.append(Broken(name, [dict(row) for row in rows]))
    return found
