"""The events the benches publish and consume: invoices of five lines, and what pays them."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from stdnum import iso11649
from stdnum.iso7064 import mod_97_10

from billing_shared.contracts import Envelope, Event, encode
from billing_shared.contracts.envelope import TaxGroup, Terms
from billing_shared.contracts.invoice import (
    CustomerUpdated,
    InvoiceIssued,
    InvoiceLine,
)
from billing_shared.contracts.payment import Payer, PaymentReceived, Reference
from billing_shared.ids import new_id
from billing_shared.record import Raw

DAY = date(2026, 2, 2)
TERMS = Terms(net_days=30, early_payment=[])
LINES = 5
SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


def customers(count: int) -> list[CustomerUpdated]:
    """Customers, each with a bank account of its own."""
    return [
        CustomerUpdated(
            customer_id=new_id(),
            status="active",
            name=f"Customer {number} Ltd",
            aliases=[],
            tax_ids=[],
            country="DE",
            locale="de-DE",
            emails=[],
            bank_accounts=[account(number)],
            terms=TERMS,
        )
        for number in range(count)
    ]


def account(number: int) -> str:
    """What looks like an IBAN, one per number."""
    return f"DE{number:020d}"


def invoices(of: Sequence[CustomerUpdated], count: int, *, first: int = 0) -> list[InvoiceIssued]:
    """Invoices in turns to all customers; about 1,200 bytes each."""
    return [_invoice(of[at % len(of)].customer_id, at) for at in range(first, first + count)]


def payments(of: Sequence[InvoiceIssued], payers: Sequence[CustomerUpdated]) -> list[Event]:
    """A payment of the whole amount for each invoice."""
    accounts = {payer.customer_id: payer.bank_accounts[0] for payer in payers}
    return [
        payment(invoice.number, invoice.due_minor, accounts[invoice.customer_id]) for invoice in of
    ]


def payment(number: str, amount_minor: int, payer: str) -> PaymentReceived:
    """Money for an invoice, which it names as payers do: by its number in the text and by the
    structured reference. `payer` is an account."""
    return PaymentReceived(
        payment_id=new_id(),
        source="bank-file",
        account="DE75512108001245126199",
        amount_minor=amount_minor,
        currency="EUR",
        booked_on=DAY,
        value_on=DAY,
        payer=Payer(name="Customer Ltd", account=payer),
        remittance_lines=[f"Invoice {number}", "thank you"],
        references=[
            Reference(kind="creditor-reference", value=creditor_reference(number)),
            Reference(kind="end-to-end", value=f"E2E{number}"),
        ],
    )


def raws(events: Iterable[Event], tenant_id: UUID, *, first: int = 0) -> list[Raw]:
    """The events as the broker would tell them, on one partition of each topic."""
    now = datetime.now(UTC)
    offsets: dict[str, int] = {}
    told = []
    for event in events:
        offset = offsets.get(event.type, first)
        offsets[event.type] = offset + 1
        key = str(event.aggregate_id)
        headers = envelope(event, tenant_id, now).headers()
        told.append(Raw(event.type, 0, offset, key.encode(), headers, encode(event)))
    return told


def envelope(event: Event, tenant_id: UUID, now: datetime) -> Envelope:
    """What the relay sends beside an event."""
    return Envelope(
        id=new_id(),
        type=event.type,
        source=f"/{event.producer}",
        subject=str(event.aggregate_id),
        time=now,
        tenant_id=tenant_id,
        sequence=1,
        correlation_id=new_id(),
    )


def _invoice(customer_id: UUID, number: int) -> InvoiceIssued:
    # Amounts differ: equal ones of one payer have to be told from duplicates.
    net = 10_000 + 100 * (number % 97)
    gross = LINES * net * 119 // 100
    name = f"INV-2026-{number:08d}"
    return InvoiceIssued(
        invoice_id=new_id(),
        number=name,
        series="INV",
        document="invoice",
        origin="issued",
        customer_id=customer_id,
        currency="EUR",
        issued_on=DAY,
        due_on=date(2026, 3, 4),
        lines=[_line(number, at, net) for at in range(1, LINES + 1)],
        allowances=[],
        tax_groups=[
            TaxGroup(
                tax_category="S",
                tax_rate="19",
                base_minor=LINES * net,
                tax_minor=gross - LINES * net,
            )
        ],
        net_minor=LINES * net,
        tax_minor=gross - LINES * net,
        gross_minor=gross,
        due_minor=gross,
        terms=TERMS,
        payment_reference=creditor_reference(name),
        external_ref=f"order-{number}",
        content_sha256=SHA256,
    )


def _line(number: int, line_no: int, net: int) -> InvoiceLine:
    values: dict[str, Any] = {
        "line_no": line_no,
        "description": f"Consulting, work package {number % 97}-{line_no}",
        "quantity": "1",
        "unit_price": f"{net / 100:.2f}",
        "discount_minor": 0,
        "net_minor": net,
        "tax_category": "S",
        "tax_rate": "19",
    }
    return InvoiceLine(**values)


def creditor_reference(number: str) -> str:
    """The RF reference (ISO 11649) of an invoice number."""
    body = number.replace("-", "")
    digits = mod_97_10.calc_check_digits(body + "RF")
    return iso11649.compact(f"RF{digits}{body}")
