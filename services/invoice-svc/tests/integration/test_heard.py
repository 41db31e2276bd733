"""What recon-svc tells us: settlements and discrepancies, in any order, any number of times."""

from datetime import UTC, datetime
from uuid import UUID

import msgspec

from billing_shared.consumer import Incoming
from billing_shared.contracts import Envelope
from billing_shared.contracts.recon import (
    Cause,
    DiscrepancyFound,
    DiscrepancyResolved,
    SettlementChanged,
    Suggestion,
)
from billing_shared.ids import new_id
from billing_shared.postgres import transaction
from invoice_svc.events.recon import HANDLERS

AT = datetime(2026, 4, 16, 8, 0, tzinfo=UTC)


def incoming(event, sequence=1):
    envelope = Envelope(
        id=new_id(),
        type=event.type,
        source="/recon-svc",
        subject=str(event.aggregate_id),
        time=AT,
        tenant_id=new_id(),
        sequence=sequence,
        correlation_id=new_id(),
    )
    return Incoming(envelope, event, msgspec.json.encode(event))


async def hear(caller, *heard):
    async with transaction(caller.database.worker_pool, caller.tenant_id) as conn:
        await HANDLERS[type(heard[0].event)](conn, caller.context(), list(heard))


def settlement(invoice, paid, sequence, **changes):
    due = 11900 - paid
    event = SettlementChanged(
        invoice_id=UUID(invoice["invoice_id"]),
        customer_id=new_id(),
        currency="EUR",
        gross_minor=11900,
        paid_minor=paid,
        credited_minor=0,
        written_off_minor=0,
        disputed_minor=0,
        due_minor=due,
        settlement="settled" if due == 0 else "partial" if paid else "unpaid",
        cause=Cause(kind="payment", id=new_id(), amount_minor=paid),
    )
    return incoming(event, sequence)


async def test_the_newest_settlement_stands_whatever_the_order(caller):
    invoice = await caller.issued(await caller.customer())
    path = f"/v1/invoices/{invoice['invoice_id']}"
    await hear(caller, settlement(invoice, 5000, 2), settlement(invoice, 11900, 3))
    await hear(caller, settlement(invoice, 5000, 2), settlement(invoice, 0, 1))
    seen = await caller.call("GET", path)
    assert seen.json()["settlement"]["settlement"] == "settled"
    assert seen.json()["settlement"]["as_of"] == "2026-04-16T08:00:00Z"
    assert seen.headers["as-of"] == "2026-04-16T08:00:00+00:00"
    assert seen.json()["version"] == invoice["version"] + 1
    assert len((await caller.get("/v1/invoices?settlement=settled"))["items"]) == 1
    problem = await caller.refused("POST", f"{path}/void", {"reason": "x"})
    assert problem["code"] == "invoice-settled"
    await hear(caller, settlement(invoice, 0, 4))
    await caller.post(f"{path}/void", {"reason": "the money went back"}, 200)


async def test_a_settlement_of_an_unknown_invoice_changes_nothing(caller):
    await hear(caller, settlement({"invoice_id": str(new_id())}, 1, 1))


def found(discrepancy_id, invoice=None, code="SHORT_PAY"):
    return incoming(
        DiscrepancyFound(
            discrepancy_id=discrepancy_id,
            code=code,
            family="item",
            severity="S3",
            amount_minor=900,
            currency="EUR",
            invoice_id=UUID(invoice["invoice_id"]) if invoice else None,
            decision_id=new_id(),
            evidence={},
            suggested=Suggestion(action="remind", reason="short"),
            due_at=AT,
        )
    )


def resolved(discrepancy_id):
    return incoming(
        DiscrepancyResolved(
            discrepancy_id=discrepancy_id,
            code="SHORT_PAY",
            resolution="dismissed",
            journal_ids=[],
            actor="user:x",
            reason="x",
        )
    )


async def test_attention_lists_what_is_open(caller):
    invoice = await caller.issued(await caller.customer())
    path = f"/v1/invoices/{invoice['invoice_id']}"
    one, two, early = new_id(), new_id(), new_id()
    await hear(caller, resolved(early))
    heard = [one, one, two, early]
    await hear(caller, *(found(each, invoice) for each in heard))
    await hear(caller, found(new_id()))
    attention = (await caller.get(path))["attention"]
    assert [(a["discrepancy_id"], a["code"]) for a in attention] == [
        (str(each), "SHORT_PAY") for each in (one, two)
    ]
    # A code of a later recon-svc is shown as it is.
    later = new_id()
    await hear(caller, found(later, invoice, "CHARGEBACK_LOST"))
    attention = (await caller.get(path))["attention"]
    assert (attention[-1]["discrepancy_id"], attention[-1]["code"]) == (
        str(later),
        "CHARGEBACK_LOST",
    )
    await hear(caller, resolved(later))
    await hear(caller, resolved(one))
    await hear(caller, found(one, invoice))
    attention = (await caller.get(path))["attention"]
    assert [a["discrepancy_id"] for a in attention] == [str(two)]
