"""A checker that cannot fail proves nothing: each thing it looks for is broken, and it says so."""

import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import date
from hashlib import sha256
from pathlib import Path
from random import Random

import asyncpg
import httpx
import pytest
import pytest_asyncio
from aiokafka import AIOKafkaProducer

from billing_local.stack import Stack
from billing_shared.ids import new_id
from e2e.company import Company, a_day, all_holds, invoice_line
from faults import checker
from faults.answers import ANSWERED, unaccounted
from faults.books import books, differences
from faults.client import PatientTransport
from faults.history import History
from faults.log import lag, read_log, read_outboxes, wrong_on_log

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

_FORGET = """
    delete from {schema}.idempotency_key where route = '{route}'"""
_TWICE = """
    insert into {schema}.idempotency_key
    select tenant_id, client_id, route, key || '-too', request_sha256, status, headers, body
      from {schema}.idempotency_key where route = '{route}' limit 1"""
_UNTELL = """
    delete from {schema}.outbox where topic = '{topic}'"""
#: How each is broken: an effect that is lost, an answer that is, one effect too many for an answer.
_BREAKS: Mapping[str, str] = {
    "a customer is one answer": _TWICE.format(schema="invoice", route="/v1/customers"),
    "an invoice is one answer": """
        delete from invoice.invoice where ctid in (select ctid from invoice.invoice limit 1)""",
    "a credit note is one answer": "delete from invoice.credit_note",
    "a void is one answer": _FORGET.format(
        schema="invoice", route="/v1/invoices/{invoice_id}/void"
    ),
    "who was told it is issued has it issued": "delete from invoice.invoice",
    "a receipt is one answer": _FORGET.format(schema="payment", route="/v1/payments"),
    "a receipt taken back is one answer": "delete from payment.reversal",
    "a bank file is one answer": _TWICE.format(schema="payment", route="/v1/bank-statements"),
    "an issued invoice is told once": """
        insert into invoice.outbox select seq + 1000, gen_random_uuid(), aggregatetype, aggregateid,
            type, topic, payload, specversion, source, subject, time, dataschema, datacontenttype,
            tenantid, sequence + 1, correlationid
          from invoice.outbox where topic = 'invoice-issued' limit 1""",
    "a credit note is told once": _UNTELL.format(schema="invoice", topic="credit-note-issued"),
    "a void is told once": _UNTELL.format(schema="invoice", topic="invoice-voided"),
    "a payment is told once": _UNTELL.format(schema="payment", topic="payment-received"),
    "a reversal is told once": _UNTELL.format(schema="payment", topic="payment-reversed"),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack() -> AsyncIterator[Stack]:
    folder = Path(tempfile.mkdtemp(prefix="billing-checker-"))
    folder.chmod(0o711)
    async with Stack(folder / "home", profile="test") as running:
        yield running
    shutil.rmtree(folder)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def history(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> History:
    """Of a small business: every kind of request once, and all of it at rest."""
    history = History(tmp_path_factory.mktemp("history") / "history.jsonl")
    async with httpx.AsyncClient(transport=PatientTransport(history, Random(1))) as client:
        await _trade(await Company.founded(stack, client))
    await all_holds(stack)
    return history


@pytest_asyncio.fixture(loop_scope="module")
async def conn(stack: Stack, history: History) -> AsyncIterator[asyncpg.Connection]:
    """A superuser in a transaction past triggers and constraints, rolled back after the test."""
    conn = await asyncpg.connect(stack.admin_dsn)
    attempt = conn.transaction()
    await attempt.start()
    await conn.execute("set local session_replication_role = replica")
    yield conn
    await attempt.rollback()
    await conn.close()


async def _trade(company: Company) -> None:
    account = await company.customer("all")
    whole, credited, void = [await company.invoice("all", n * 10_00) for n in (1, 2, 3)]
    clerk = company.role("senior")
    body = invoice_line("all", 40_00, a_day())
    on = {"issued_on": body.pop("issued_on")}
    draft = await clerk.post("/v1/invoices", body)
    await clerk.post(f"/v1/invoices/{draft['invoice_id']}/issue", on)
    await clerk.post(f"/v1/invoices/{void['invoice_id']}/void", {"reason": "made by mistake"})
    await clerk.post(f"/v1/invoices/{credited['invoice_id']}/credit-notes", {"reason": "returned"})
    file = company.file_of(company.money(10_00, whole["number"], account=account), day=a_day(10))
    for _ in range(2):
        await company.office.post_file("/v1/bank-statements", file)
    receipt = await company.office.post(
        "/v1/payments",
        {
            "account": company.own.account,
            "amount_minor": 5_00,
            "currency": "EUR",
            "booked_on": date.isoformat(a_day(3)),
        },
    )
    await clerk.post(f"/v1/payments/{receipt['payment_id']}/reversals", {"reason": "not ours"})


async def test_nothing_is_found_where_nothing_is_wrong(stack: Stack, history: History) -> None:
    assert await checker.unsettled(stack.admin_dsn) == []
    found = await checker.check(stack.admin_dsn, stack.bootstrap_servers, history, is_whole=True)
    assert found == []


async def test_every_question_about_answers_has_its_breach() -> None:
    assert _BREAKS.keys() == ANSWERED.keys()


@pytest.mark.parametrize("name", _BREAKS)
async def test_answers_and_effects_that_miss_each_other_are_named(
    conn: asyncpg.Connection, name: str
) -> None:
    done = await conn.execute(_BREAKS[name])
    assert not done.endswith(" 0"), "nothing to break"
    assert name in {broken.check for broken in await unaccounted(conn)}


async def test_a_lost_effect_and_a_changed_answer_are_named(
    conn: asyncpg.Connection, history: History
) -> None:
    assert await checker.unanswered(conn, history) == []
    await conn.execute("delete from payment.idempotency_key where route = '/v1/payments'")
    await conn.execute("update invoice.idempotency_key set body = body || ' ' where status = 201")
    found = await checker.unanswered(conn, history)
    assert [line for line in found if line.endswith("stored 0 times")]
    assert [line for line in found if line.endswith("another answer is stored than was given")]


async def test_bad_answers_are_named(conn: asyncpg.Connection, tmp_path: Path) -> None:
    history = History(tmp_path / "history.jsonl")
    of = {"tenant": "t", "path": "/v1/x"}
    history.note("tried", key="k", **of, status=500)
    history.note("answered", key="k", **of, status=504, sha256="")
    for body in (b"one", b"two"):
        history.note("answered", key="l", **of, status=201, sha256=_hash(body))
    # Two tenants may choose the same key.
    history.note("answered", key="l", tenant="u", path="/v1/x", status=201, sha256=_hash(b"one"))
    assert await checker.unanswered(conn, history) == [
        "answered 504: /v1/x",
        "tried and got 500: /v1/x",
        "('t', 'l'): answered in two ways",
        "('t', 'l'): answered, stored 0 times",
        "('u', 'l'): answered, stored 0 times",
    ]


async def test_books_that_broke_and_books_never_looked_at_are_named(
    conn: asyncpg.Connection,
) -> None:
    assert await checker.unproved(conn) == []
    await conn.execute("update recon.books set state = 'broken'")
    assert len(await checker.unproved(conn)) == 1
    await conn.execute("delete from recon.books")
    assert len(await checker.unproved(conn)) == 1


async def test_audit_entries_the_verifier_does_not_see_are_named(
    stack: Stack, conn: asyncpg.Connection
) -> None:
    # Only our transaction sees this one: the verifier counts one less.
    await conn.execute(
        "insert into invoice.audit_entry select tenant_id, gen_random_uuid(), at, actor_kind, "
        "actor_id, action, subject_kind, subject_id from invoice.audit_entry limit 1"
    )
    [unseen] = await checker.broken_chains(stack.admin_dsn, conn, ["invoice-svc"])
    assert unseen.startswith("invoice-svc")


async def test_what_the_log_lacks_or_has_too_much_is_named(
    stack: Stack, conn: asyncpg.Connection
) -> None:
    log = await read_log(stack.bootstrap_servers)
    written = await read_outboxes(conn)
    assert wrong_on_log(log, written, is_whole=True) == []
    [lost] = wrong_on_log(replace(log, told=log.told[1:]), written, is_whole=True)
    assert lost.startswith("lost")
    await conn.execute(
        "delete from payment.outbox where id in (select id from payment.outbox limit 1)"
    )
    [foreign] = wrong_on_log(log, await read_outboxes(conn), is_whole=True)
    assert foreign.startswith("foreign")
    await conn.execute("update invoice.outbox set payload = payload || ' '")
    assert any(
        line.startswith("altered")
        for line in wrong_on_log(log, await read_outboxes(conn), is_whole=True)
    )


async def test_a_group_that_has_not_read_to_the_end_is_named(
    stack: Stack, conn: asyncpg.Connection
) -> None:
    log = await read_log(stack.bootstrap_servers)
    assert await lag(conn, log) == []
    await conn.execute(
        "update recon.consumer_offset set next_offset = next_offset - 1 where topic = $1",
        "invoice-issued",
    )
    assert await lag(conn, log)


async def test_books_that_differ_by_a_cent_are_told_apart(stack: Stack, history: History) -> None:
    conn = await asyncpg.connect(stack.admin_dsn)
    try:
        tenants = [row[0] for row in await conn.fetch("select tenant_id from recon.books")]
        before = await books(stack.admin_dsn, tenants)
        assert differences(before, await books(stack.admin_dsn, tenants)) == []
        change = "update recon.account_balance set balance_minor = balance_minor + $1"
        await conn.execute(change, 1)
        after = await books(stack.admin_dsn, tenants)
        await conn.execute(change, -1)
    finally:
        await conn.close()
    assert any(line.startswith("balances: only here") for line in differences(after, before))


async def test_two_events_told_in_the_wrong_order_are_named(stack: Stack) -> None:
    """On a real topic; the last test, for nobody can make records unsaid."""
    await stack.kill("notify-svc")
    conn = await asyncpg.connect(stack.admin_dsn)
    producer = AIOKafkaProducer(bootstrap_servers=stack.bootstrap_servers)
    await producer.start()
    try:
        aggregate, tenant = new_id(), new_id()
        for sequence in (2, 1):
            event = new_id()
            headers = {"ce_id": event, "ce_tenantid": tenant, "ce_sequence": sequence}
            await producer.send_and_wait(
                "books-broken",
                b"{}",
                key=str(aggregate).encode(),
                headers=[(name, str(value).encode()) for name, value in headers.items()],
            )
            await conn.execute(
                """insert into recon.outbox (seq, id, aggregatetype, aggregateid, type, topic,
                       payload, source, subject, time, dataschema, tenantid, sequence,
                       correlationid)
                   values (-$1::bigint, $2, 'a', $3, 't', 'books-broken', '{}', '', '', '', '', $4,
                       $1, gen_random_uuid())""",
                sequence,
                event,
                str(aggregate),
                tenant,
            )
        written = await read_outboxes(conn)
    finally:
        await producer.stop()
        await conn.close()
    log = await read_log(stack.bootstrap_servers)
    [late] = wrong_on_log(log, written, is_whole=True)
    assert late.startswith("out of order")


def _hash(body: bytes) -> str:
    return sha256(body).hexdigest()
