"""One tenant's month sent through the public doors, day by day.

Every call carries a key made of the month and the thing it is about: sent again after a crash, it
is answered as the first time and changes nothing.
"""

from collections import Counter
from collections.abc import Awaitable, Iterable
from datetime import date

from billing_local.doors import Doors, Json, RefusedError
from billing_local.month import bank
from billing_local.month.model import (
    Correction,
    Customer,
    Invoice,
    Line,
    Paper,
    Receipt,
    Return,
    TenantMonth,
)
from billing_local.month.remittance import lines, spell

#: Every so many files the bank delivers one twice.
FILE_REPEATED_EVERY = 7


class TenantDrive:
    """Drives one tenant; keeps what it learned: papers, our ids, and what went in per currency."""

    def __init__(self, month: TenantMonth, doors: Doors) -> None:
        self.month = month
        self.doors = doors
        self.papers: dict[str, Paper] = {}
        self.gross: dict[str, int] = {}
        self.bank: Counter[str] = Counter()
        self.customer_ids: dict[str, str] = {}
        self.invoice_ids: dict[str, str] = {}
        self._files = 0

    async def open(self) -> None:
        """Seller, bank accounts and customers."""
        await self.doors.put_once("/v1/seller", seller_body(self.month))
        for own in self.month.seller.accounts:
            body = {"currency": own.currency, "name": f"{self.month.seller.name} {own.currency}"}
            await self.doors.put_once(f"/v1/bank-accounts/{own.account}", body)
        for customer in self.month.customers:
            key = self._key("customer", customer.ref)
            await self._once(self.doors.post("/v1/customers", customer_body(customer), key))
        customers = await self.doors.every("/v1/customers")
        self.customer_ids = {c["external_ref"]: c["customer_id"] for c in customers}

    async def play(self, day: date) -> None:
        """A business day: invoices, corrections, what the banks deliver, receipts by hand."""
        await self._bill([i for i in self.month.invoices if i.issued_on == day], day)
        for correction in self.month.corrections:
            if correction.on == day:
                await self._correct(correction)
        for file in bank.statements(self.month, self.papers, day):
            await self._deliver(file)
        for receipt in self.month.receipts:
            if receipt.manual and receipt.booked_on == day:
                await self._receive(receipt)
        for returned in self.month.returns:
            if returned.by_hand and returned.booked_on == day:
                await self._take_back(returned)

    async def _bill(self, invoices: list[Invoice], day: date) -> None:
        """In bulk; but the last of a day as a person does it: drafted, looked at, issued."""
        if not invoices:
            return
        *bulk, last = invoices
        if bulk:
            key = self._key("bill", day.isoformat())
            answers = await self.doors.post_lines(
                "/v1/invoices:bulk", (invoice_body(i) for i in bulk), key
            )
            for invoice, answer in zip(bulk, answers, strict=True):
                if answer["status"] != 201:
                    raise RuntimeError(f"{invoice.ref} is refused: {answer}")
                self._file(invoice, answer)
        body = invoice_body(last)
        issue = {"issued_on": body.pop("issued_on")}
        draft = await self.doors.post("/v1/invoices", body, self._key("draft", last.ref))
        path = f"/v1/invoices/{draft['invoice_id']}/issue"
        self._file(last, await self.doors.post(path, issue, self._key("issue", last.ref)))

    def _file(self, invoice: Invoice, answer: Json) -> None:
        self.papers[invoice.ref] = Paper(answer["number"], answer["payment_reference"])
        self.gross[invoice.ref] = answer["gross_minor"]
        self.invoice_ids[invoice.ref] = answer["invoice_id"]

    async def _correct(self, correction: Correction) -> None:
        path = f"/v1/invoices/{self.invoice_ids[correction.invoice]}"
        body: Json = {"reason": correction.reason}
        if correction.kind == "void":
            path += "/void"
        else:
            path += "/credit-notes"
            body["issued_on"] = correction.on.isoformat()
        await self.doors.post(path, body, self._key(correction.kind, correction.ref))

    async def _deliver(self, file: bank.StatementFile) -> None:
        self._files += 1
        copies = 2 if self._files % FILE_REPEATED_EVERY == 0 else 1
        for copy in range(copies):
            key = self._key(f"file-{copy}", file.name)
            await self._once(self.doors.post_file("/v1/bank-statements", file.content, key))
        self.bank[file.currency] += file.credits_minor - file.returns_minor

    async def _receive(self, receipt: Receipt) -> None:
        key = self._key("receipt", receipt.key)
        await self._once(self.doors.post("/v1/payments", self._receipt_body(receipt), key))
        self.bank[receipt.currency] += receipt.amount_minor

    async def _take_back(self, returned: Return) -> None:
        [payment] = await self.doors.every("/v1/payments", external_ref=returned.receipt)
        path = f"/v1/payments/{payment['payment_id']}/reversals"
        body = {"kind": "entered-in-error", "reason": "entered with a wrong amount"}
        await self._once(self.doors.post(path, body, self._key("reversal", returned.key)))
        self.bank[returned.currency] -= returned.amount_minor

    def _receipt_body(self, receipt: Receipt) -> Json:
        body: Json = {
            "external_ref": receipt.key,
            "account": receipt.account,
            "currency": receipt.currency,
            "amount_minor": receipt.amount_minor,
            "booked_on": receipt.booked_on.isoformat(),
            "value_on": receipt.value_on.isoformat(),
            "payer": {"name": receipt.payer_name.strip()},
            "remittance_lines": lines(receipt.remittance, self.papers),
        }
        if receipt.creditor_reference is not None:
            value = spell(receipt.creditor_reference, self.papers)
            body["references"] = [{"kind": "creditor-reference", "value": value}]
        if receipt.names_customer is not None:
            body["customer_id"] = self.customer_ids[receipt.names_customer]
        return body

    def _key(self, what: str, ref: str) -> str:
        return f"month-{self.month.seller.key}-{what}-{ref}"

    async def _once(self, call: Awaitable[Json]) -> None:
        """A call whose effect may stand already, from an earlier run of this folder."""
        try:
            await call
        except RefusedError as error:
            if error.status != 409:
                raise


def seller_body(month: TenantMonth) -> Json:
    seller = month.seller
    address = {
        "lines": [seller.street],
        "postal_code": seller.postal_code,
        "city": seller.city,
        "country": seller.country,
    }
    return {
        "name": seller.name,
        "address": address,
        "tax_ids": [seller.tax_id],
        "time_zone": seller.time_zone,
        "base_currency": seller.base_currency,
    }


def customer_body(customer: Customer) -> Json:
    return {
        "external_ref": customer.ref,
        "name": customer.name,
        "country": customer.country,
        "aliases": list(customer.aliases),
        "emails": [{"role": "billing", "address": customer.email}],
        "bank_accounts": list(customer.bank_accounts),
        "terms": {"net_days": customer.net_days},
    }


def invoice_body(invoice: Invoice) -> Json:
    return {
        "external_ref": invoice.ref,
        "customer_external_ref": invoice.customer,
        "currency": invoice.currency,
        "issued_on": invoice.issued_on.isoformat(),
        "lines": line_bodies(invoice.lines),
    }


def line_bodies(drafted: Iterable[Line]) -> list[Json]:
    bodies = []
    for line in drafted:
        body: Json = {
            "description": line.description,
            "quantity": line.quantity,
            "unit_price": line.unit_price,
            "tax_category": "S",
            "tax_rate": line.tax_rate,
        }
        if line.discount_percent is not None:
            body["discount_percent"] = line.discount_percent
        bodies.append(body)
    return bodies
