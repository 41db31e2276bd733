"""The books in the world's own names, so that those of two runs can be compared.

Our ids differ from run to run; what a customer, an invoice or a bank calls a thing does not.
"""

from collections import Counter
from collections.abc import Collection
from uuid import UUID

import asyncpg

#: A payment by what the bank said of it; two that were said alike count as two.
_PAYMENT = """
select tenant_id, payment_id, md5(concat_ws('|', account, currency, amount_minor, booked_on,
    value_on, payer_name, payer_account, remittance_lines, reference_values)) as said
  from recon.payment_fact
"""
_REVERSAL = """
select tenant_id, reversal_id, md5(concat_ws('|', currency, amount_minor, booked_on, value_on,
    kind, reason_code, reference_values)) as said
  from recon.reversal_fact
"""
_NAMES = f"""
with payment as ({_PAYMENT}), reversal as ({_REVERSAL}),
item_name as (
    select tenant_id, invoice_id as item_id, coalesce(external_ref, number) as name
      from recon.invoice_fact
    union all select tenant_id, credit_note_id, number from recon.credit_note_fact),
customer as (select tenant_id, customer_id, external_ref as name from recon.customer_copy)
"""

_QUESTIONS = {
    "items": """
        select n.tenant_id, n.name, i.side, i.currency, i.original_minor, i.open_minor,
               i.applied_minor, i.adjusted_minor
          from recon.item i join item_name n using (tenant_id, item_id)""",
    "terms of payments": """
        select p.tenant_id, p.said, s.applied_minor, s.unapplied_minor, s.unidentified_minor,
               s.on_account_minor, s.reversed_minor
          from recon.payment_state s join payment p using (tenant_id, payment_id)""",
    "allocations": """
        select p.tenant_id, p.said, n.name, sum(a.amount_minor)
          from recon.allocation a join payment p using (tenant_id, payment_id)
          join item_name n on (n.tenant_id, n.item_id) = (a.tenant_id, a.invoice_id)
         where a.ended_by is null group by 1, 2, p.payment_id, 3""",
    "balances": """
        select b.tenant_id, b.account, c.name, b.currency, b.balance_minor
          from recon.account_balance b left join customer c using (tenant_id, customer_id)
         where b.balance_minor <> 0""",
    "open discrepancies": """
        select d.tenant_id, d.code, p.said, r.said, n.name, d.amount_minor
          from recon.discrepancy d
          left join payment p using (tenant_id, payment_id)
          left join reversal r on (r.tenant_id, r.reversal_id) = (d.tenant_id, d.subject_id)
          left join item_name n on (n.tenant_id, n.item_id) = (d.tenant_id, d.invoice_id)
         where d.state = 'open'""",
    "documents": """
        select tenant_id, external_ref, state, gross_minor, due_minor from invoice.invoice""",
}

Books = dict[str, Counter[tuple[object, ...]]]


async def books(admin_dsn: str, tenants: Collection[UUID]) -> Books:
    """What stands in the books of these tenants: per question, how often each row."""
    conn = await asyncpg.connect(admin_dsn)
    try:
        found: Books = {}
        for name, question in _QUESTIONS.items():
            rows = await conn.fetch(
                f"{_NAMES} select * from ({question}) q where tenant_id = any($1)", list(tenants)
            )
            found[name] = Counter(tuple(row) for row in rows)
        return found
    finally:
        await conn.close()


def differences(ours: Books, theirs: Books) -> list[str]:
    """Where two books differ, a line each; empty when they are the same."""
    found = []
    for name in ours:
        for row in (ours[name] - theirs[name]).elements():
            found.append(f"{name}: only here {row}")
        for row in (theirs[name] - ours[name]).elements():
            found.append(f"{name}: only there {row}")
    return found
