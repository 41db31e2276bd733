"""A tenant of a story, as the people and systems around it see it: HTTP only."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any, TypeVar
from uuid import UUID, uuid4

import asyncpg
import httpx

from billing_local.doors import Doors, Json
from billing_local.month.bank import Movement, statement
from billing_local.month.model import OwnAccount, Receipt, Return
from billing_local.month.people import iban
from billing_local.month.reckoning import major
from billing_local.stack import Stack
from e2e.invariants import broken

#: How long the system may take to come to rest, in seconds. After a crash the waits add up: session
#: of the dead member, a join that hangs once, backoff, leases; and the machine may be busy.
REST_SECONDS = 120.0
ASK_EVERY_SECONDS = 0.1

Answer = TypeVar("Answer")


async def eventually(
    ask: Callable[[], Awaitable[Answer]],
    is_right: Callable[[Answer], object],
    within: float = REST_SECONDS,
) -> Answer:
    """Ask until the answer is right; AssertionError with the last answer when time is up."""
    deadline = time.monotonic() + within
    while True:
        answer = await ask()
        if is_right(answer):
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"still not right after {within} s: {answer!r}"[:4000])
        await asyncio.sleep(ASK_EVERY_SECONDS)


async def all_holds(stack: Stack) -> None:
    """The end of every story: the system comes to rest, and every invariant holds."""
    conn = await asyncpg.connect(stack.admin_dsn)
    try:
        await eventually(lambda: broken(conn), lambda found: not found)
    finally:
        await conn.close()


def a_day(back: int = 20) -> date:
    """A day of the recent past: documents bear no date after today."""
    return datetime.now(UTC).date() - timedelta(days=back)


@dataclass(slots=True)
class Company:
    """One tenant. `office` is another system of theirs; `role(...)` is one of their people."""

    tenant_id: UUID
    stack: Stack
    client: httpx.AsyncClient
    own: OwnAccount
    rng: Random
    balance_minor: int = 0
    _serial: int = 0
    _customers: dict[str, str] = field(default_factory=dict)

    @classmethod
    async def founded(cls, stack: Stack, client: httpx.AsyncClient) -> "Company":
        """A new tenant with its seller and one account."""
        tenant_id = uuid4()
        rng = Random(tenant_id.int)
        own = OwnAccount(iban(rng, "DE"), "EUR", "HAFEDEFFXXX", "08", 0)
        company = cls(tenant_id, stack, client, own, rng)
        address = {"lines": ["Kai 1"], "postal_code": "20457", "city": "Hamburg", "country": "DE"}
        await company.office.put(
            "/v1/seller",
            {
                "name": "Story GmbH",
                "address": address,
                "tax_ids": ["DE811907980"],
                "time_zone": "Europe/Berlin",
                "base_currency": "EUR",
            },
        )
        await company.office.put(
            f"/v1/bank-accounts/{own.account}", {"name": "Main", "currency": "EUR"}
        )
        return company

    def role(self, role: str) -> Doors:
        return Doors(self.client, self.stack.urls, self.stack.headers(self.tenant_id, role))

    @property
    def office(self) -> Doors:
        return self.role("integration")

    async def customer(self, ref: str, *, known: bool = True) -> str:
        """A new customer, with an account on file if `known`; answers that account."""
        account = iban(self.rng, "NL")
        made = await self.office.post(
            "/v1/customers",
            {
                "external_ref": ref,
                "name": f"Customer {ref}",
                "country": "NL",
                "emails": [{"role": "billing", "address": f"{ref}@customer.example"}],
                "bank_accounts": [account] if known else [],
            },
        )
        self._customers[ref] = made["customer_id"]
        return account

    def customer_id(self, ref: str) -> str:
        return self._customers[ref]

    async def invoice(self, customer: str, gross_minor: int, issued_on: date | None = None) -> Json:
        """An issued invoice of this amount, without tax."""
        body = invoice_line(customer, gross_minor, issued_on or a_day())
        [answer] = await self.office.post_lines("/v1/invoices:bulk", [body])
        assert answer["status"] == 201, answer
        return answer

    async def bank_file(self, *movements: Movement, day: date | None = None) -> Json:
        """What moved on a day, as a statement of the bank; the balances go on."""
        on = day or max(m.booked_on for m in movements)
        content = self.file_of(*movements, day=on)
        return await self.office.post_file("/v1/bank-statements", content)

    def file_of(self, *movements: Movement, day: date) -> bytes:
        file = statement(
            self.own,
            day,
            movements,
            owner="Story GmbH",
            opening_minor=self.balance_minor,
            papers={},
        )
        self.balance_minor += file.credits_minor - file.returns_minor
        return file.content

    def money(
        self,
        amount_minor: int,
        text: str = "",
        *,
        account: str | None = None,
        end_to_end: str = "NOTPROVIDED",
        day: date | None = None,
    ) -> Receipt:
        """Money in; `text` is what the payer wrote, `account` where it came from."""
        self._serial += 1
        on = day or a_day(10)
        return Receipt(
            key=f"BANK{self._serial:06d}",
            account=self.own.account,
            currency="EUR",
            amount_minor=amount_minor,
            booked_on=on,
            value_on=on,
            payer_name="Somebody",
            payer_account=account or iban(self.rng, "AT"),
            end_to_end=end_to_end,
            remittance=(text,),
        )

    def returned(self, amount_minor: int, end_to_end: str, day: date | None = None) -> Return:
        """The bank takes money back."""
        self._serial += 1
        on = day or a_day(5)
        return Return(
            key=f"BACK{self._serial:06d}",
            account=self.own.account,
            currency="EUR",
            amount_minor=amount_minor,
            booked_on=on,
            value_on=on,
            reason_code="AC04",
            end_to_end=end_to_end,
            receipt=None,
        )

    # What one sees

    async def shown(self, invoice: Json) -> Json:
        """The invoice as invoice-svc shows it."""
        return await self.office.get(f"/v1/invoices/{invoice['invoice_id']}")

    async def payments(self) -> list[Json]:
        return await self.office.every("/v1/payments")

    async def open_codes(self) -> list[tuple[str, int]]:
        """Code and amount of each open discrepancy, sorted."""
        found = await self.office.every("/v1/discrepancies", state="open")
        return sorted((d["code"], d["amount_minor"]) for d in found)

    async def discrepancy(self, code: str) -> Json:
        """The only open discrepancy of a code, as soon as it is there."""

        async def ask() -> list[Json]:
            found = await self.office.every("/v1/discrepancies", state="open")
            return [d for d in found if d["code"] == code]

        [found] = await eventually(ask, lambda answer: len(answer) == 1)
        return found

    async def expect_codes(self, *codes: tuple[str, int]) -> None:
        await eventually(self.open_codes, lambda found: found == sorted(codes))

    async def expect_due(self, invoice: Json, due_minor: int) -> Json:
        """Wait until invoice-svc shows this much due."""
        return await eventually(
            lambda: self.shown(invoice), lambda i: i["settlement"]["due_minor"] == due_minor
        )


def invoice_line(customer: str, gross_minor: int, issued_on: date) -> Json:
    return {
        "customer_external_ref": customer,
        "external_ref": f"order-{uuid4()}",
        "currency": "EUR",
        "issued_on": issued_on.isoformat(),
        "lines": [
            {
                "description": "Goods",
                "quantity": "1",
                "unit_price": major(gross_minor, "EUR"),
                "tax_category": "Z",
                "tax_rate": "0",
            }
        ],
    }


def bodies(received: Json) -> list[dict[str, Any]]:
    """The CloudEvents the webhook receiver kept."""
    return [json.loads(item["body"]) for item in received["items"]]
