"""What an entry is to us: payments, reversals, or money that does not concern customers.

A payment is one booked credit of an entry, or one per transaction detail where their amounts add up
to the entry.
"""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

from billing_shared.contracts.envelope import MAX_MINOR
from billing_shared.contracts.payment import Original, Payer, Reference
from billing_shared.errors import BillingError
from billing_shared.money import to_decimal, to_minor
from payment_svc.domain.bank_file import Detail, Direction, Entry, Money, Party
from payment_svc.domain.payment import BankId, ReversalKind

#: `outgoing`: we paid. `outgoing-returned`: what we paid came back. `empty`: an amount of 0.
PartKind = Literal["payment", "reversal", "outgoing", "outgoing-returned", "empty"]

MAX_REFERENCES = 100
_RATE_STEP = Decimal("0.0000000001")
_PUBLISHED: tuple[Literal["end-to-end", "mandate", "bank"], ...] = ("end-to-end", "mandate", "bank")


@dataclass(frozen=True, slots=True)
class Part:
    """One movement inside an entry, numbered from 1."""

    part_no: int
    kind: PartKind
    amount_minor: int
    detail: Detail
    bank_ref: str | None

    def payer(self) -> Payer:
        """Who sent the money."""
        party = self.detail.debtor
        return Payer(name=party.name, account=party.account, bank=party.bank)

    def bank_ids(self) -> tuple[BankId, ...]:
        """Every id the bank gave this movement, the entry's own included."""
        found = dict.fromkeys(self.detail.ids)
        if self.bank_ref is not None:
            found[("bank", self.bank_ref)] = None
        return tuple(found)

    def references(self) -> tuple[Reference, ...]:
        """What may tell whose money it is, in the order of its weight."""
        named = dict.fromkeys(self.detail.creditor_references)
        found = [Reference(kind="creditor-reference", value=value) for value in named]
        ids = self.bank_ids()
        for kind in _PUBLISHED:
            found += [Reference(kind=kind, value=value) for key, value in ids if key == kind]
        return tuple(found[:MAX_REFERENCES])

    def reversal_kind(self) -> ReversalKind:
        """The bank took it back for the payer: at the payer's recall, or as a return."""
        return "recall" if self.detail.is_recall else "return"

    def charges_minor(self, currency: str) -> int | None:
        """What the bank kept, where it says so in our currency."""
        amounts = [_minor(money, currency) for money in self.detail.charges]
        total = sum(amount for amount in amounts if amount is not None and amount > 0)
        return total if 0 < total <= MAX_MINOR else None

    def original(self, currency: str) -> Original | None:
        """The amount the payer ordered, where it was in another currency."""
        instructed = self.detail.instructed
        if instructed is None or instructed.currency == currency or instructed.amount <= 0:
            return None
        amount_minor = _minor(instructed, instructed.currency)
        if amount_minor is None:
            return None
        rate = self.detail.rate
        if rate is None:
            rate = to_decimal(self.amount_minor, currency) / instructed.amount
            rate = rate.quantize(_RATE_STEP, rounding=ROUND_HALF_UP)
        return Original(
            amount_minor=amount_minor, currency=instructed.currency, rate=format(rate, "f")
        )


def split_entry(entry: Entry, amount_minor: int, currency: str) -> tuple[Part, ...]:
    """The movements of an entry; with their signs they come to the entry's amount."""
    amounts = [_minor(detail.money, currency) for detail in entry.details]
    directions = [detail.direction or entry.direction for detail in entry.details]
    readable = [amount for amount in amounts if amount is not None and amount > 0]
    signed = [
        amount if direction == entry.direction else -amount
        for amount, direction in zip(readable, directions, strict=False)
    ]
    if not amounts or len(readable) != len(amounts) or sum(signed) != amount_minor:
        return (_part(entry, 1, _merged(entry), amount_minor, entry.direction),)
    parts = zip(entry.details, readable, directions, strict=True)
    return tuple(
        _part(entry, part_no, detail, amount, direction)
        for part_no, (detail, amount, direction) in enumerate(parts, start=1)
    )


def _part(
    entry: Entry, part_no: int, detail: Detail, amount_minor: int, direction: Direction
) -> Part:
    is_undoing = entry.is_reversal or detail.is_return
    kind: PartKind
    if amount_minor == 0:
        kind = "empty"
    elif direction == "credit":
        kind = "outgoing-returned" if is_undoing else "payment"
    else:
        kind = "reversal" if is_undoing else "outgoing"
    return Part(part_no, kind, amount_minor, detail, entry.bank_ref)


def _merged(entry: Entry) -> Detail:
    """All details as one: the texts and references of each, the payer only if there is just one."""
    details = entry.details
    if len(details) == 1:
        return details[0]
    notes = () if details or entry.note is None else (entry.note,)
    texts = [line for detail in details for line in detail.remittance_lines]
    references = [value for detail in details for value in detail.creditor_references]
    debtors = {detail.debtor for detail in details}
    return Detail(
        creditor_references=tuple(dict.fromkeys(references)),
        remittance_lines=(*texts, *notes)[:MAX_REFERENCES],
        debtor=debtors.pop() if len(debtors) == 1 else Party(),
        is_return=bool(details) and all(detail.is_return for detail in details),
    )


def _minor(money: Money | None, currency: str) -> int | None:
    if money is None or money.currency != currency:
        return None
    try:
        return to_minor(money.amount, currency)
    except BillingError:
        return None
