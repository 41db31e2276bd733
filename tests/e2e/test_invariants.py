"""The invariants must be able to fail: each is broken on purpose, found, and rolled back."""

from collections.abc import Mapping

import asyncpg

from e2e.company import Company, a_day, all_holds
from e2e.invariants import CHECKS, SUBSCRIBED, broken


def _one(table: str, condition: str = "true") -> str:
    return f"where ctid in (select ctid from {table} where {condition} limit 1)"


_BREAKS: Mapping[str, str] = {
    "every journal has entries and balances": (
        f"update recon.entry set amount_minor = amount_minor + 1 {_one('recon.entry')}"
    ),
    "a mirror undoes its journal to the cent": """
        update recon.entry set amount_minor = amount_minor * 2 where journal_id = (
            select journal_id from recon.journal where mirror_of is not null limit 1)""",
    "kept balances are the sums of the entries": (
        "update recon.account_balance set balance_minor = balance_minor + 1"
    ),
    "an item is its parts": "update recon.open_item set open_minor = open_minor + 1",
    "what is paid on an item is what is allocated to it": (
        "update recon.allocation set amount_minor = amount_minor + 1 where ended_by is null"
    ),
    "receivables are open debits less open credits": (
        f"delete from recon.open_item {_one('recon.open_item')}"
    ),
    "an invoice is an item once, whole": (
        "update recon.invoice_fact set due_minor = due_minor - 1 where due_minor > 0"
    ),
    "the terms of a payment add up": (
        "update recon.payment_state set applied_minor = applied_minor + 1"
    ),
    "every payment has its terms": (
        f"delete from recon.payment_state {_one('recon.payment_state')}"
    ),
    "what a payment applies is what is allocated": (
        "update recon.allocation set amount_minor = amount_minor + 1 where ended_by is null"
    ),
    "cash is what came in less what went back": (
        "update recon.payment_fact set amount_minor = amount_minor + 1"
    ),
    "the suspense accounts are the payments' terms": f"""
        update recon.entry set amount_minor = amount_minor - 1
        {_one("recon.entry", "account = '2110'")}""",
    "every held cent has one open discrepancy": """
        delete from recon.discrepancy where state = 'open' and code = 'UNKNOWN_PAYER'""",
    "reversals without original are owned too": """
        delete from recon.discrepancy where state = 'open' and code = 'ORPHAN_REVERSAL'""",
    "a discrepancy of an item speaks of an open item or a changed one": """
        update recon.discrepancy set amount_minor = amount_minor + 1 where code = 'SHORT_PAY'""",
    "numbers are gapless and in date order": (
        "update invoice.invoice set series_no = series_no + 1 where series_no > 1"
    ),
    "the last number taken is the last number used": (
        "update invoice.number_series set last_no = last_no + 1"
    ),
    "totals of documents agree": "update invoice.invoice set net_minor = net_minor + 1",
    "a frozen document is what its hash says": (
        "update invoice.document set content = content || ' '"
    ),
    "invoice-svc and recon-svc tell of the same invoices": (
        f"delete from recon.invoice_fact {_one('recon.invoice_fact')}"
    ),
    "invoice-svc shows what is due": "update invoice.invoice set due_minor = due_minor + 1",
    "payment-svc and recon-svc tell of the same money": (
        f"delete from payment.payment {_one('payment.payment')}"
    ),
    "payment-svc shows what became of a payment": (
        f"delete from payment.payment_allocation {_one('payment.payment_allocation')}"
    ),
    "a proved statement adds up": """
        update payment.statement set closing_minor = closing_minor + 1 where state = 'proved'""",
}


#: For each schema, a topic it reads that this test makes happen, and the schema that publishes it.
_HEARD = {
    "invoice": ("recon", "discrepancy-found"),
    "payment": ("recon", "payment-allocated"),
    "recon": ("invoice", "invoice-issued"),
    "notify": ("invoice", "invoice-issued"),
}


def _plumbing_breaks(schema: str) -> dict[str, str]:
    teller, topic = _HEARD[schema]
    heard = f"event_id in (select id from {teller}.outbox where topic = '{topic}')"
    return {
        f"{schema}: the outbox is sent": f"""
            insert into {schema}.outbox_pending values (0, now(), 0)""",
        f"{schema}: no dead letter waits": f"""
            insert into {schema}.dead_letter (dead_letter_id, consumer_group, topic, log_partition,
                log_offset, event_id, header_names, header_values, code, reason, attempts)
            values (gen_random_uuid(), 'g', 't', 0, 0, gen_random_uuid(), '{{}}', '{{}}', 'c', 'r',
                1)""",
        f"{schema}: sequences have no gap": f"""
            insert into {schema}.outbox (seq, id, aggregatetype, aggregateid, type, topic, payload,
                source, subject, time, dataschema, tenantid, sequence, correlationid)
            values (0, gen_random_uuid(), 'a', 'a', 't', 't', '', '', '', '', '',
                gen_random_uuid(), 2, gen_random_uuid())""",
        f"{schema}: every event it reads took effect once": f"""
            delete from {schema}.inbox where {heard}""",
        f"{schema}: every audit entry is sealed once": f"""
            delete from {schema}.audit_seal {_one(f"{schema}.audit_seal")}""",
    }


async def test_each_invariant_notices_when_it_is_broken(company: Company) -> None:
    await _some_of_everything(company)
    await all_holds(company.stack)
    breaks = dict(_BREAKS)
    for schema in SUBSCRIBED:
        breaks |= _plumbing_breaks(schema)
    assert breaks.keys() == CHECKS.keys()
    conn = await asyncpg.connect(company.stack.admin_dsn)
    try:
        unnoticed = [name for name, sql in breaks.items() if not await _notices(conn, name, sql)]
    finally:
        await conn.close()
    assert unnoticed == []
    await all_holds(company.stack)


async def _notices(conn: asyncpg.Connection, name: str, sql: str) -> bool:
    """Break it past triggers and constraints, look, and put everything back."""
    attempt = conn.transaction()
    await attempt.start()
    try:
        await conn.execute("set local session_replication_role = replica")
        for table in ("recon.open_item", "recon.payment_state", "invoice.invoice",
                      "payment.statement", "recon.invoice_fact"):  # fmt: skip
            if table in sql:
                await _drop_checks(conn, table)
        done = await conn.execute(sql)
        assert not done.endswith(" 0"), f"{name}: nothing to break"
        return bool(await broken(conn, [name]))
    finally:
        await attempt.rollback()


async def _drop_checks(conn: asyncpg.Connection, table: str) -> None:
    names = await conn.fetch(
        "select conname from pg_constraint where conrelid = $1::text::regclass and contype = 'c'",
        table,
    )
    for row in names:
        await conn.execute(f'alter table {table} drop constraint "{row["conname"]}"')


async def _some_of_everything(company: Company) -> None:
    """Enough of a business that each invariant has something to speak of."""
    await company.role("supervisor").post(
        "/v1/subscriptions", {"url": f"{company.stack.urls['webhooks']}/hooks/all"}
    )
    account = await company.customer("all")
    whole, short, changed = [await company.invoice("all", n * 10_00) for n in (1, 2, 3)]
    await company.bank_file(
        company.money(10_00, whole["number"], account=account),
        company.money(15_00, short["number"], account=account),
        company.money(30_00, changed["number"], account=account),
        company.money(4_00, "gift"),
        company.returned(6_00, "NOBODY-KNOWS", day=a_day(10)),
    )
    await company.expect_due(changed, 0)
    await company.role("specialist").post(
        f"/v1/invoices/{changed['invoice_id']}/credit-notes", {"reason": "goods returned"}
    )
    found = await company.discrepancy("INVOICE_CHANGED_AFTER_PAY")
    await company.role("specialist").post(
        f"/v1/discrepancies/{found['discrepancy_id']}/resolutions",
        {"action": "dismiss", "reason": "the customer knows"},
    )
    await company.role("senior").post("/v1/proofs", {})
