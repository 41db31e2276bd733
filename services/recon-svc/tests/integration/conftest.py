"""A tenant whose facts are fed to the handlers as the consumer would, and whose books are read."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import pytest

from billing_shared.clock import SettableClock
from billing_shared.context import Actor, Context
from billing_shared.contracts import Envelope, Event, encode
from billing_shared.contracts.envelope import Terms
from billing_shared.contracts.invoice import (
    Address,
    CreditNoteIssued,
    CustomerUpdated,
    InvoiceIssued,
    InvoiceVoided,
    SellerUpdated,
)
from billing_shared.contracts.payment import (
    Movements,
    Payer,
    PaymentReceived,
    PaymentReversed,
    Reference,
    StatementImported,
)
from billing_shared.ids import new_id
from billing_shared.inbox import Incoming
from billing_shared.jobs import JobContext
from billing_shared.postgres import Pool, transaction
from billing_shared.testing.api import Api, open_api
from billing_shared.testing.database import ServiceDatabase
from recon_svc.api import ROUTERS
from recon_svc.events import HANDLERS, schedule

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = date(2026, 2, 1)
TERMS = Terms(net_days=30, early_payment=[])


@dataclass
class Tenant:
    """One tenant of one database. Amounts are minor units."""

    pool: Pool
    tenant_id: UUID = field(default_factory=new_id)
    sequences: dict[UUID, int] = field(default_factory=dict)

    def context(self, reason: str | None = None, **changes: Any) -> Context:
        return Context(
            tenant_id=self.tenant_id,
            actor=changes.pop("actor", Actor("service", "recon-svc")),
            now=changes.pop("now", NOW),
            correlation_id=new_id(),
            reason=reason,
            **changes,
        )

    async def feed(self, *events: Event) -> None:
        """One polled batch: one transaction, per type a list in order of first appearance."""
        await self.feed_incoming([self.incoming(event) for event in events])

    def incoming(self, event: Event) -> Incoming[Any]:
        sequence = self.sequences[event.aggregate_id] = (
            self.sequences.get(event.aggregate_id, 0) + 1
        )
        return Incoming(
            Envelope(
                id=new_id(),
                type=event.type,
                source=f"/{event.producer}",
                subject=str(event.aggregate_id),
                time=NOW,
                tenant_id=self.tenant_id,
                sequence=sequence,
                correlation_id=new_id(),
            ),
            event,
            encode(event),
        )

    async def feed_incoming(self, batch: Sequence[Incoming[Any]]) -> None:
        by_type: dict[type[Event], list[Incoming[Any]]] = {}
        for each in batch:
            by_type.setdefault(type(each.event), []).append(each)
        async with transaction(self.pool, self.tenant_id) as conn:
            for kind, group in by_type.items():
                await HANDLERS[kind](conn, self.context(), group)

    async def fetch(self, sql: str, *args: Any) -> list[dict[str, Any]]:
        async with transaction(self.pool, self.tenant_id) as conn:
            return [dict(row) for row in await conn.fetch(sql, *args)]

    async def balances(self) -> dict[tuple[str, UUID | None, str], int]:
        """Per account, customer and currency, from the entries themselves."""
        rows = await self.fetch(
            "select account, customer_id, currency, sum(amount_minor)::bigint as amount "
            "from entry group by 1, 2, 3 having sum(amount_minor) <> 0"
        )
        return {(r["account"], r["customer_id"], r["currency"]): r["amount"] for r in rows}

    async def account(self, account: str, currency: str = "EUR") -> int:
        sums = await self.balances()
        return sum(
            amount for (acc, _, cur), amount in sums.items() if (acc, cur) == (account, currency)
        )

    async def open_items(self) -> dict[UUID, int]:
        rows = await self.fetch("select item_id, open_minor from open_item")
        return {r["item_id"]: r["open_minor"] for r in rows}

    async def terms(self) -> dict[UUID, tuple[Any, ...]]:
        """What became of every payment, allocations included."""
        rows = await self.fetch(
            "select p.*, (select coalesce(jsonb_object_agg(a.invoice_id, a.amount_minor), '{}') "
            "from allocation a where a.payment_id = p.payment_id and a.ended_by is null) "
            "as on_items from payment_state p"
        )
        names = "customer_id applied_minor unapplied_minor on_account_minor unidentified_minor"
        return {
            r["payment_id"]: (
                *(r[name] for name in names.split()),
                r["reversed_minor"],
                tuple(sorted(r["on_items"].items())),
            )
            for r in rows
        }

    async def discrepancies(self) -> set[tuple[str, UUID, int]]:
        """The open ones: code, subject, amount."""
        rows = await self.fetch(
            "select code, subject_id, amount_minor from discrepancy where state = 'open'"
        )
        return {(r["code"], r["subject_id"], r["amount_minor"]) for r in rows}

    async def codes(self) -> list[str]:
        return sorted(code for code, _, _ in await self.discrepancies())

    def seller(self, time_zone: str = "Europe/Berlin") -> SellerUpdated:
        return SellerUpdated(
            seller_id=self.tenant_id,
            name="Acme",
            address=Address(lines=["Street 1"], postal_code="10115", city="Berlin", country="DE"),
            country="DE",
            tax_ids=[],
            time_zone=time_zone,
            base_currency="EUR",
        )

    def customer(self, *accounts: str, **changes: Any) -> CustomerUpdated:
        return CustomerUpdated(
            customer_id=changes.pop("customer_id", None) or new_id(),
            status=changes.pop("status", "active"),
            name="Acme",
            aliases=[],
            tax_ids=[],
            country="DE",
            locale="de-DE",
            emails=[],
            bank_accounts=list(accounts),
            terms=TERMS,
        )

    def invoice(self, number: str, due: int, customer_id: UUID, **changes: Any) -> InvoiceIssued:
        gross = changes.pop("gross", due)
        issued_on = changes.pop("issued_on", DAY)
        return InvoiceIssued(
            invoice_id=changes.pop("invoice_id", None) or new_id(),
            number=number,
            series="INV",
            document="invoice",
            origin="issued",
            customer_id=customer_id,
            currency=changes.pop("currency", "EUR"),
            issued_on=issued_on,
            due_on=date(2026, 3, 3),
            lines=[],
            allowances=[],
            tax_groups=[],
            net_minor=gross,
            tax_minor=0,
            gross_minor=gross,
            due_minor=due,
            terms=TERMS,
            payment_reference=changes.pop("reference", f"REF{number}"),
            content_sha256="0" * 64,
        )

    def payment(self, amount: int, *lines: str, **changes: Any) -> PaymentReceived:
        value_on = changes.pop("value_on", date(2026, 2, 10))
        return PaymentReceived(
            payment_id=changes.pop("payment_id", None) or new_id(),
            source="bank-file",
            account="DE00",
            amount_minor=amount,
            currency=changes.pop("currency", "EUR"),
            booked_on=value_on,
            value_on=value_on,
            payer=Payer(name="Somebody", account=changes.pop("payer", None)),
            customer_id=changes.pop("customer_id", None),
            remittance_lines=list(lines),
            references=[Reference(kind=k, value=v) for k, v in changes.pop("references", ())],
            statement_id=changes.pop("statement_id", None),
        )

    def statement(self, credits_minor: int) -> StatementImported:
        return StatementImported(
            statement_id=new_id(),
            account="DE00",
            currency="EUR",
            opened_on=DAY,
            closed_on=DAY,
            opening_minor=0,
            closing_minor=credits_minor,
            credits=Movements(count=1, sum_minor=credits_minor),
            debits=Movements(count=0, sum_minor=0),
            state="proved",
            file_sha256="0" * 64,
        )

    def reversal(
        self, amount: int, payment_id: UUID | None = None, **changes: Any
    ) -> PaymentReversed:
        value_on = changes.pop("value_on", date(2026, 2, 20))
        return PaymentReversed(
            reversal_id=changes.pop("reversal_id", None) or new_id(),
            payment_id=payment_id,
            amount_minor=amount,
            currency=changes.pop("currency", "EUR"),
            booked_on=value_on,
            value_on=value_on,
            kind="return",
            references=[Reference(kind=k, value=v) for k, v in changes.pop("references", ())],
        )

    def credit_note(self, invoice: InvoiceIssued, amount: int, **changes: Any) -> CreditNoteIssued:
        return CreditNoteIssued(
            credit_note_id=changes.pop("credit_note_id", None) or new_id(),
            number=changes.pop("number", "CN1"),
            series="CN",
            invoice_id=invoice.invoice_id,
            customer_id=invoice.customer_id,
            currency=invoice.currency,
            issued_on=changes.pop("issued_on", date(2026, 2, 15)),
            reason="returned goods",
            tax_groups=[],
            net_minor=amount,
            tax_minor=0,
            gross_minor=amount,
        )

    def void(self, invoice: InvoiceIssued, voided_on: date = date(2026, 2, 15)) -> InvoiceVoided:
        return InvoiceVoided(
            invoice_id=invoice.invoice_id,
            number=invoice.number,
            customer_id=invoice.customer_id,
            voided_on=voided_on,
            reason="wrong address",
        )

    async def published(self, type_: str) -> list[dict[str, Any]]:
        """Payloads of one event type, oldest first."""
        rows = await self.outbox_rows(type_)
        return [orjson.loads(row["payload"]) for row in rows]

    async def outbox_rows(self, type_: str) -> list[dict[str, Any]]:
        async with transaction(self.pool, None) as conn:
            rows = await conn.fetch(
                "select * from outbox where topic = $1 and tenantid = $2 order by seq",
                type_,
                self.tenant_id,
            )
        return [dict(row) for row in rows]


@pytest.fixture
async def database(
    service_database: Callable[[str, str], Awaitable[ServiceDatabase]],
) -> ServiceDatabase:
    return await service_database("recon-svc", "recon_svc")


@pytest.fixture
def tenant(database: ServiceDatabase) -> Tenant:
    return Tenant(database.worker_pool)


@pytest.fixture
def another_tenant(database: ServiceDatabase) -> Callable[[], Tenant]:
    return lambda: Tenant(database.worker_pool)


@dataclass
class Desk(Tenant):
    """A tenant that also has an API to work with."""

    api: Api = field(kw_only=True)

    async def get(self, path: str) -> list[dict[str, Any]]:
        """The items of a list, as the auditor sees it."""
        response = await self.api.acting("auditor").get(path)
        assert response.status_code == 200, response.text
        items: list[dict[str, Any]] = response.json()["items"]
        return items


@pytest.fixture
async def desk(database: ServiceDatabase) -> AsyncIterator[Desk]:
    async with open_api("recon-svc", ROUTERS, database.app_pool, SettableClock(NOW)) as api:
        yield Desk(database.worker_pool, api.tenant_id, api=api)


@pytest.fixture
def superuser(database: ServiceDatabase) -> Callable[[str], Awaitable[None]]:
    """Runs a statement past every rule, as only the owner of the server can."""

    async def execute(statement: str) -> None:
        conn = await asyncpg.connect(database.admin_dsn)
        try:
            await conn.execute(statement)
        finally:
            await conn.close()

    return execute


@pytest.fixture
def prove_newest(desk: Desk) -> Callable[[], Awaitable[None]]:
    async def run() -> None:
        clock = SettableClock(NOW)
        await schedule.prove_newest(JobContext(desk.pool, clock, desk.tenant_id, NOW.date()))

    return run
