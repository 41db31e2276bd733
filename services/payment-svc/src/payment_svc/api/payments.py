"""Money that came in: receipts by hand, lists, and taking back what was entered in error."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import ConfigDict, Field

from billing_shared.contracts.payment import Payer, Reference
from billing_shared.errors import NotFound
from billing_shared.http import Door, may, respond
from billing_shared.ids import new_id
from billing_shared.moments import Day
from billing_shared.openapi_parts import SHOWS_AS_OF
from billing_shared.paging import Listed, Paged
from payment_svc.api import wire
from payment_svc.api.payment_views import PaymentView, ReversalView
from payment_svc.domain.account import normal_account
from payment_svc.domain.payment import Payment
from payment_svc.store import payments, reversals
from payment_svc.usecases.record_receipts import record_receipts
from payment_svc.usecases.reverse_payments import TakeBack, reverse_payments

router = APIRouter(tags=["payments"])

MAX_LINES = 50
MAX_REFERENCES = 20


class PayerBody(wire.Request):
    """Who paid."""

    name: wire.Name | None = None
    account: wire.AccountNumber | None = None
    bank: wire.Ref | None = None


class ReferenceBody(wire.Request):
    """A reference the payer gave."""

    kind: Literal["creditor-reference", "end-to-end", "mandate", "bank"]
    value: wire.Ref


class ReceiptBody(wire.Request):
    """A receipt entered by hand: a cheque, cash, or a bank's paper statement."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "account": "DE89370400440532013000",
                    "amount_minor": 11900,
                    "currency": "EUR",
                    "booked_on": "2026-11-02",
                    "payer": {"name": "Example Trading Ltd", "account": "GB33BUKB20201555555555"},
                    "remittance_lines": ["Invoice A-2026-0001"],
                    "references": [{"kind": "creditor-reference", "value": "RF18539007547034"}],
                    "external_ref": "receipt-17",
                }
            ]
        }
    )

    account: wire.AccountNumber
    amount_minor: wire.PositiveMinor
    currency: wire.CurrencyCode
    booked_on: wire.LegalDate
    value_on: wire.LegalDate | None = None
    payer: PayerBody = PayerBody()
    customer_id: UUID | None = None
    remittance_lines: Annotated[tuple[wire.Line, ...], Field(max_length=MAX_LINES)] = ()
    references: Annotated[tuple[ReferenceBody, ...], Field(max_length=MAX_REFERENCES)] = ()
    external_ref: wire.Ref | None = None

    def receipt(self) -> Payment:
        return Payment(
            payment_id=new_id(),
            source="manual",
            account=normal_account(self.account),
            amount_minor=self.amount_minor,
            currency=self.currency,
            booked_on=self.booked_on,
            value_on=self.value_on or self.booked_on,
            payer=Payer(name=self.payer.name, account=self.payer.account, bank=self.payer.bank),
            customer_id=self.customer_id,
            remittance_lines=self.remittance_lines,
            references=tuple(Reference(kind=r.kind, value=r.value) for r in self.references),
            external_ref=self.external_ref,
        )


class ReversalBody(wire.Request):
    """Why a receipt is taken back. It is taken back whole."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"kind": "entered-in-error", "reason": "typed twice from one cheque"}]
        }
    )

    kind: Literal["entered-in-error"] = "entered-in-error"
    reason: wire.Reason


@router.post("/v1/payments", status_code=201, response_model=PaymentView)
async def add_payment(body: ReceiptBody, door: Annotated[Door, may("payments:write")]) -> Response:
    """Enter a receipt by hand. An external_ref in use: 409 `already-exists`, naming our id."""
    async with door.change() as change:
        [receipt] = await record_receipts(change.conn, change.context, [body.receipt()])
        tenant_id = change.context.tenant_id
        kept = await payments.load_payments(change.conn, tenant_id, [receipt.payment_id])
        return await change.answer(
            201,
            PaymentView.of(kept[receipt.payment_id]),
            location=f"/v1/payments/{receipt.payment_id}",
        )


@router.get("/v1/payments", response_model=Listed[PaymentView])
async def list_payments(
    *,
    door: Annotated[Door, may("payments:read")],
    page: Paged,
    account: Annotated[str | None, Query(max_length=42)] = None,
    source: Literal["bank-file", "manual", "processor"] | None = None,
    customer_id: UUID | None = None,
    external_ref: Annotated[str | None, Query(max_length=100)] = None,
    statement_id: UUID | None = None,
    booked_from: Day | None = None,
    booked_to: Day | None = None,
) -> Listed[PaymentView]:
    """Payments in the order of their last change; a new allocation counts as one."""
    wanted = payments.Filter(
        account=normal_account(account) if account else None,
        source=source,
        customer_id=customer_id,
        external_ref=external_ref,
        statement_id=statement_id,
        booked_from=booked_from,
        booked_to=booked_to,
    )
    async with door.read() as (conn, context):
        rows = await payments.list_payments(
            conn,
            context.tenant_id,
            wanted,
            after=page.after,
            updated_after=page.updated_after,
            limit=page.limit,
        )
    return page.answer(rows, lambda row: (row.updated_at, row.payment.payment_id), PaymentView.of)


@router.get("/v1/payments/{payment_id}", response_model=PaymentView, responses=SHOWS_AS_OF)
async def get_payment(payment_id: UUID, door: Annotated[Door, may("payments:read")]) -> Response:
    """One payment; the header As-Of dates what is said of its allocation."""
    async with door.read() as (conn, context):
        found = await payments.load_payments(conn, context.tenant_id, [payment_id])
    if payment_id not in found:
        raise _no_payment()
    kept = found[payment_id]
    return respond(200, PaymentView.of(kept), as_of=kept.allocation_as_of)


@router.post("/v1/payments/{payment_id}/reversals", status_code=201, response_model=ReversalView)
async def reverse_payment(
    payment_id: UUID, body: ReversalBody, door: Annotated[Door, may("payments:write")]
) -> Response:
    """Take back a receipt that was entered in error: whole, once, and only one made by hand."""
    async with door.change(body.reason) as change:
        [reversal] = await reverse_payments(
            change.conn, change.context, [TakeBack(payment_id, body.reason)]
        )
        return await change.answer(201, ReversalView.of(reversal))


@router.get("/v1/payments/{payment_id}/reversals", response_model=Listed[ReversalView])
async def list_reversals(
    payment_id: UUID, door: Annotated[Door, may("payments:read")]
) -> Listed[ReversalView]:
    """Whether the payment was taken back: none or one."""
    async with door.read() as (conn, context):
        if not await payments.load_payments(conn, context.tenant_id, [payment_id]):
            raise _no_payment()
        rows = await reversals.list_payment_reversals(conn, context.tenant_id, payment_id)
    return Listed(items=[ReversalView.of(row) for row in rows])


def _no_payment() -> NotFound:
    return NotFound("not-found", "there is no such payment")
