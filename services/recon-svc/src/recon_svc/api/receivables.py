"""What customers owe and how old it is; allocations; balances of every account."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Response

from billing_shared.clock import local_date
from billing_shared.errors import invalid
from billing_shared.http import Door, may, respond
from billing_shared.moments import Day
from billing_shared.openapi_parts import SHOWS_AS_OF
from billing_shared.paging import Listed, Paged
from recon_svc.api import wire
from recon_svc.domain.aging import Aged, age
from recon_svc.domain.ledger import ACCOUNTS
from recon_svc.store import books, facts, ledger_reads, receivables

router = APIRouter(tags=["receivables"])


class ItemView(wire.View):
    """An invoice (debit) or credit note (credit): original = open + every way it was reduced."""

    item_id: UUID
    side: Literal["debit", "credit"]
    number: str
    customer_id: UUID
    currency: str
    issued_on: date
    due_on: date
    original_minor: int
    open_minor: int
    paid_minor: int
    credited_minor: int
    voided_minor: int
    accepted_minor: int
    updated_at: datetime


class AllocationView(wire.View):
    """Part of a payment on an invoice."""

    allocation_id: UUID
    payment_id: UUID
    invoice_id: UUID
    amount_minor: int
    proof: str
    decision_id: UUID
    made_at: datetime
    ended_at: datetime | None


class BalanceView(wire.View):
    """The balance of an account, per customer where it is kept so. Debits are positive."""

    account: str
    name: str
    customer_id: UUID | None
    currency: str
    balance_minor: int
    updated_at: datetime


class TrialLine(wire.View):
    """One account and currency of the trial balance."""

    account: str
    name: str
    currency: str
    debit_minor: int
    credit_minor: int
    balance_minor: int


class TrialView(wire.View):
    """Every account; per currency debits equal credits, or the books are broken."""

    up_to: date | None
    lines: list[TrialLine]
    is_balanced: bool


class AgingRow(wire.View):
    """One customer and currency. Buckets hold open invoices; the rest stands beside them."""

    customer_id: UUID
    currency: str
    open_minor: int
    not_due_minor: int
    days_1_30_minor: int
    days_31_60_minor: int
    days_61_90_minor: int
    over_90_minor: int
    credits_minor: int
    unapplied_minor: int
    on_account_minor: int


class AgingView(wire.View):
    """The aging of all receivables on a date, by due date."""

    as_of: date
    rows: list[AgingRow]


@router.get("/v1/receivables", response_model=Listed[ItemView], responses=SHOWS_AS_OF)
async def list_receivables(
    *,
    door: Annotated[Door, may("receivables:read")],
    page: Paged,
    state: Literal["open", "closed", "any"] = "open",
    side: Literal["debit", "credit"] | None = None,
    customer_id: UUID | None = None,
    item_id: UUID | None = None,
    currency: wire.CurrencyCode | None = None,
    due_before: Day | None = None,
) -> Response:
    """Items in the order in which they last changed; only open ones unless told otherwise."""
    wanted = receivables.Filter(
        state=state,
        side=side,
        customer_id=customer_id,
        item_id=item_id,
        currency=currency,
        due_before=due_before,
    )
    async with door.read() as (conn, context):
        rows = await receivables.items(
            conn,
            context.tenant_id,
            wanted,
            after=page.after,
            updated_after=page.updated_after,
            limit=page.limit,
        )
        as_of = await books.facts_at(conn, context.tenant_id)
    listed = page.answer(rows, lambda row: (row.updated_at, row.item_id), ItemView.of)
    return respond(200, listed, as_of=as_of)


@router.get("/v1/allocations", response_model=Listed[AllocationView], responses=SHOWS_AS_OF)
async def list_allocations(
    *,
    door: Annotated[Door, may("receivables:read")],
    payment_id: UUID | None = None,
    invoice_id: UUID | None = None,
) -> Response:
    """What lies, or lay, where: of one payment or on one invoice."""
    if payment_id is None and invoice_id is None:
        raise invalid("payment_id", "payment_id or invoice_id is needed")
    async with door.read() as (conn, context):
        rows = await receivables.allocations(
            conn, context.tenant_id, payment_id=payment_id, invoice_id=invoice_id
        )
        as_of = await books.facts_at(conn, context.tenant_id)
    listed = Listed[AllocationView](items=[AllocationView.of(row) for row in rows])
    return respond(200, listed, as_of=as_of)


@router.get("/v1/balances", response_model=Listed[BalanceView], responses=SHOWS_AS_OF)
async def list_balances(
    *,
    door: Annotated[Door, may("receivables:read")],
    page: Paged,
    account: wire.AccountCode | None = None,
    customer_id: UUID | None = None,
    currency: wire.CurrencyCode | None = None,
) -> Response:
    """Balances per account, customer and currency, in the order in which they last changed."""
    async with door.read() as (conn, context):
        rows = await ledger_reads.balances(
            conn,
            context.tenant_id,
            account=account,
            customer_id=customer_id,
            currency=currency,
            after=page.after,
            updated_after=page.updated_after,
            limit=page.limit,
        )
        as_of = await books.facts_at(conn, context.tenant_id)
    listed = page.answer(rows, lambda row: (row.updated_at, row.balance_id), _balance)
    return respond(200, listed, as_of=as_of)


@router.get("/v1/balances/trial", response_model=TrialView, responses=SHOWS_AS_OF)
async def get_trial_balance(
    door: Annotated[Door, may("receivables:read")], up_to: Day | None = None
) -> Response:
    """The trial balance from the entries themselves, of all postings or those up to a date."""
    async with door.read() as (conn, context):
        rows = await ledger_reads.trial_balance(conn, context.tenant_id, up_to)
        as_of = await books.facts_at(conn, context.tenant_id)
    lines = [
        TrialLine(
            account=row.account,
            name=ACCOUNTS[row.account],
            currency=row.currency,
            debit_minor=row.debit_minor,
            credit_minor=row.credit_minor,
            balance_minor=row.debit_minor - row.credit_minor,
        )
        for row in rows
    ]
    sums: dict[str, int] = {}
    for line in lines:
        sums[line.currency] = sums.get(line.currency, 0) + line.balance_minor
    view = TrialView(up_to=up_to, lines=lines, is_balanced=not any(sums.values()))
    return respond(200, view, as_of=as_of)


@router.get("/v1/aging", response_model=AgingView, responses=SHOWS_AS_OF)
async def get_aging(
    door: Annotated[Door, may("receivables:read")],
    as_of: Day | None = None,
    customer_id: UUID | None = None,
) -> Response:
    """Receivables by days past due: as they stand, or on a past date by what was posted then."""
    async with door.read() as (conn, context):
        tenant_id = context.tenant_id
        today = local_date(context.now, await facts.time_zone(conn, tenant_id))
        past = as_of if as_of is not None and as_of < today else None
        items = await receivables.aged_items(conn, tenant_id, past, customer_id)
        held = await receivables.held_for(conn, tenant_id, past, customer_id)
        known_at = await books.facts_at(conn, tenant_id)
    on = as_of or today
    aged = age(
        ((i.customer_id, i.currency, i.due_on, i.open_minor, i.is_credit) for i in items), held, on
    )
    view = AgingView(as_of=on, rows=[_aging(row) for row in aged])
    return respond(200, view, as_of=known_at)


def _balance(row: ledger_reads.BalanceRow) -> BalanceView:
    return BalanceView(
        account=row.account,
        name=ACCOUNTS[row.account],
        customer_id=row.customer_id,
        currency=row.currency,
        balance_minor=row.balance_minor,
        updated_at=row.updated_at,
    )


def _aging(row: Aged) -> AgingRow:
    return AgingRow(
        customer_id=row.customer_id,
        currency=row.currency,
        open_minor=row.open_minor,
        credits_minor=row.credits_minor,
        unapplied_minor=row.unapplied_minor,
        on_account_minor=row.on_account_minor,
        **{f"{name}_minor": amount for name, amount in row.buckets.items()},
    )
