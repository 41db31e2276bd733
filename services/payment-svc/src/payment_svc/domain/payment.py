"""Money that came in, and money that was taken back."""

from dataclasses import dataclass, replace
from datetime import date
from typing import Literal
from uuid import UUID

from billing_shared.contracts.payment import (
    Original,
    Payer,
    PaymentReceived,
    PaymentReversed,
    Reference,
)
from billing_shared.errors import Conflict, Invalid, invalid
from billing_shared.money import check_amount
from payment_svc.domain.account import BankAccount
from payment_svc.domain.bank_file import IdKind

Source = Literal["bank-file", "manual", "processor"]
ReversalKind = Literal["return", "chargeback", "recall", "entered-in-error"]
BankId = tuple[IdKind, str]


@dataclass(frozen=True, slots=True)
class Payment:
    """One amount received. `bank_ids` are all ids the bank gave it; some travel as references."""

    payment_id: UUID
    source: Source
    account: str
    amount_minor: int
    currency: str
    booked_on: date
    value_on: date
    payer: Payer
    remittance_lines: tuple[str, ...] = ()
    references: tuple[Reference, ...] = ()
    customer_id: UUID | None = None
    external_ref: str | None = None
    statement_id: UUID | None = None
    entry_no: int | None = None
    entry_id: UUID | None = None
    part_no: int | None = None
    original: Original | None = None
    charges_minor: int | None = None
    bank_ids: tuple[BankId, ...] = ()

    def received(self) -> PaymentReceived:
        """The fact to publish."""
        return PaymentReceived(
            payment_id=self.payment_id,
            source=self.source,
            account=self.account,
            amount_minor=self.amount_minor,
            currency=self.currency,
            booked_on=self.booked_on,
            value_on=self.value_on,
            payer=self.payer,
            customer_id=self.customer_id,
            remittance_lines=list(self.remittance_lines),
            references=list(self.references),
            statement_id=self.statement_id,
            entry_no=self.entry_no,
            original=self.original,
            charges_minor=self.charges_minor,
        )


@dataclass(frozen=True, slots=True)
class Reversal:
    """One amount taken back. `payment_id` only where bank ids or a person prove it."""

    reversal_id: UUID
    payment_id: UUID | None
    account: str
    amount_minor: int
    currency: str
    booked_on: date
    value_on: date
    kind: ReversalKind
    reason_code: str | None = None
    reason: str | None = None
    references: tuple[Reference, ...] = ()
    statement_id: UUID | None = None
    entry_no: int | None = None
    entry_id: UUID | None = None
    part_no: int | None = None
    bank_ids: tuple[BankId, ...] = ()

    def of(self, payment_id: UUID | None) -> "Reversal":
        """The same reversal, of this payment."""
        return replace(self, payment_id=payment_id)

    def reversed(self) -> PaymentReversed:
        """The fact to publish."""
        return PaymentReversed(
            reversal_id=self.reversal_id,
            payment_id=self.payment_id,
            amount_minor=self.amount_minor,
            currency=self.currency,
            booked_on=self.booked_on,
            value_on=self.value_on,
            kind=self.kind,
            reason_code=self.reason_code,
            references=list(self.references),
        )


def check_receipt(receipt: Payment, account: BankAccount | None, today: date) -> Payment:
    """A receipt entered by hand, or Invalid: our account, its currency, a booking that has been.

    `today` is the day in UTC; somewhere it may already be tomorrow.
    """
    if account is None:
        raise invalid("account", "is not one of ours", "unknown-account")
    if receipt.currency != account.currency:
        reason = f"the account is kept in {account.currency}"
        raise invalid("currency", reason, "currency-mismatch")
    check_amount(receipt.amount_minor)
    if receipt.amount_minor <= 0:
        raise invalid("amount_minor", "must be greater than 0")
    if (receipt.booked_on - today).days > 1:
        raise invalid("booked_on", "lies in the future")
    return receipt


def take_back(
    payment: Payment, reversal_id: UUID, today: date, reason: str, is_reversed: bool
) -> Reversal:
    """Undo a receipt entered in error: the whole amount, once, and only if made by hand."""
    if payment.source != "manual":
        raise Conflict("not-manual", "only a receipt entered by hand can be entered in error")
    if is_reversed:
        raise Conflict("already-reversed", "the payment was reversed before")
    if not reason.strip():
        raise Invalid("reason-missing", "say why the receipt is taken back")
    return Reversal(
        reversal_id=reversal_id,
        payment_id=payment.payment_id,
        account=payment.account,
        amount_minor=payment.amount_minor,
        currency=payment.currency,
        booked_on=max(today, payment.booked_on),
        value_on=payment.value_on,
        kind="entered-in-error",
        reason=reason.strip(),
        references=payment.references,
    )
