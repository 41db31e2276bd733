"""Payments as callers see them."""

from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from payment_svc.domain.payment import Reversal
from payment_svc.store.payments import KeptPayment


class PayerView(BaseModel):
    """Who sent the money, as the bank or a person tells it."""

    name: str | None
    account: str | None
    bank: str | None


class ReferenceView(BaseModel):
    """A reference as it was delivered, not cleaned."""

    kind: Literal["creditor-reference", "end-to-end", "mandate", "bank"]
    value: str


class OriginalView(BaseModel):
    """The amount the payer ordered, before conversion."""

    amount_minor: int
    currency: str
    rate: str


class AllocationPartView(BaseModel):
    """What of the payment went onto one invoice."""

    allocation_id: UUID
    invoice_id: UUID
    amount_minor: int


class AllocationView(BaseModel):
    """What became of the payment in the books; as recon-svc said at `as_of`."""

    as_of: datetime
    customer_id: UUID | None = None
    applied_minor: int
    unapplied_minor: int
    on_account_minor: int
    unidentified_minor: int
    refunded_minor: int
    reversed_minor: int
    allocations: list[AllocationPartView]
    decision_id: UUID
    policy_sha256: str


class ReversalView(BaseModel):
    """The payment was taken back."""

    reversal_id: UUID
    payment_id: UUID | None
    amount_minor: int
    currency: str
    booked_on: date
    value_on: date
    kind: Literal["return", "chargeback", "recall", "entered-in-error"]
    reason_code: str | None
    reason: str | None

    @classmethod
    def of(cls, reversal: Reversal) -> "ReversalView":
        return cls(
            reversal_id=reversal.reversal_id,
            payment_id=reversal.payment_id,
            amount_minor=reversal.amount_minor,
            currency=reversal.currency,
            booked_on=reversal.booked_on,
            value_on=reversal.value_on,
            kind=reversal.kind,
            reason_code=reversal.reason_code,
            reason=reversal.reason,
        )


class PaymentView(BaseModel):
    """Money that came in. `allocation` is null until recon-svc has spoken of it."""

    payment_id: UUID
    source: Literal["bank-file", "manual", "processor"]
    state: Literal["received", "reversed"]
    account: str
    amount_minor: int
    currency: str
    booked_on: date
    value_on: date
    payer: PayerView
    customer_id: UUID | None
    external_ref: str | None
    remittance_lines: list[str]
    references: list[ReferenceView]
    statement_id: UUID | None
    entry_no: int | None
    original: OriginalView | None
    charges_minor: int | None
    reversal_id: UUID | None
    allocation: AllocationView | None = Field(
        description="what became of it in the books, as of an instant"
    )
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, kept: KeptPayment) -> "PaymentView":
        payment = kept.payment
        original = payment.original
        return cls(
            payment_id=payment.payment_id,
            source=payment.source,
            state="received" if kept.reversal_id is None else "reversed",
            account=payment.account,
            amount_minor=payment.amount_minor,
            currency=payment.currency,
            booked_on=payment.booked_on,
            value_on=payment.value_on,
            payer=PayerView(
                name=payment.payer.name, account=payment.payer.account, bank=payment.payer.bank
            ),
            customer_id=payment.customer_id,
            external_ref=payment.external_ref,
            remittance_lines=list(payment.remittance_lines),
            references=[ReferenceView(kind=r.kind, value=r.value) for r in payment.references],
            statement_id=payment.statement_id,
            entry_no=payment.entry_no,
            original=None
            if original is None
            else OriginalView(
                amount_minor=original.amount_minor, currency=original.currency, rate=original.rate
            ),
            charges_minor=payment.charges_minor,
            reversal_id=kept.reversal_id,
            allocation=_allocation(kept.allocation, kept.allocation_as_of),
            created_at=kept.created_at,
            updated_at=kept.updated_at,
        )


def _allocation(state: dict[str, Any] | None, as_of: datetime | None) -> AllocationView | None:
    return None if state is None else AllocationView.model_validate({**state, "as_of": as_of})
