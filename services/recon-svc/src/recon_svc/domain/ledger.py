"""The double entry: which accounts a posting moves, and which journals ought to come and go."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from recon_svc.domain.facts import Group
from recon_svc.domain.outcome import Posting

BANK = "1010"
RECEIVABLES = "1100"
UNAPPLIED = "2100"
UNIDENTIFIED = "2110"
ORPHANS = "2115"
ON_ACCOUNT = "2120"
BILLING = "3900"
DIFFERENCES = "5110"

#: Every account we keep, with the name a person reads.
ACCOUNTS = {
    BANK: "bank clearing",
    RECEIVABLES: "trade receivables",
    UNAPPLIED: "unapplied cash",
    UNIDENTIFIED: "unidentified receipts",
    ORPHANS: "reversals without original",
    ON_ACCOUNT: "credits on account",
    BILLING: "billing clearing",
    DIFFERENCES: "small differences",
}
#: Accounts that are kept per customer.
PER_CUSTOMER = frozenset({RECEIVABLES, UNAPPLIED, ON_ACCOUNT})
#: Posting kind -> (debit, credit), in the order in which they are booked.
KINDS = {
    "issued": (RECEIVABLES, BILLING),
    "credited": (BILLING, RECEIVABLES),
    "voided": (BILLING, RECEIVABLES),
    "received": (BANK, UNIDENTIFIED),
    "reversed": (UNIDENTIFIED, BANK),
    "orphan": (ORPHANS, BANK),
    "identified": (UNIDENTIFIED, UNAPPLIED),
    "applied": (UNAPPLIED, RECEIVABLES),
    "on-account": (UNAPPLIED, ON_ACCOUNT),
    "accepted-short": (DIFFERENCES, RECEIVABLES),
}
_ORDER = {kind: place for place, kind in enumerate(KINDS)}

Key = tuple[str, UUID, UUID | None, UUID | None]


@dataclass(frozen=True, slots=True)
class LivePosting:
    """A journal that is booked and not taken back."""

    posting: Posting
    journal_id: UUID
    posted_on: date


@dataclass(frozen=True, slots=True)
class Journal:
    """A journal to be written; `mirror_of` takes back an earlier one."""

    journal_id: UUID
    posting: Posting
    posted_on: date
    decision_id: UUID | None = None
    mirror_of: UUID | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One entry: debits positive, credits negative, in minor units."""

    account: str
    customer_id: UUID | None
    item_id: UUID | None
    currency: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Moves:
    """What has to happen to the books: journals to mirror, and postings to book."""

    gone: tuple[LivePosting, ...]
    fresh: tuple[Posting, ...]


def key_of(posting: Posting) -> Key:
    """At most one live journal has this key; another amount is another journal."""
    return (posting.kind, posting.subject_id, posting.against_id, posting.customer_id)


def moves(wanted: Iterable[Posting], live: Iterable[LivePosting]) -> Moves:
    """The difference between what ought to be booked and what is."""
    booked = {key_of(journal.posting): journal for journal in live}
    ought = {key_of(posting): posting for posting in wanted}
    gone = [j for key, j in booked.items() if ought.get(key) != j.posting]
    fresh = [p for key, p in ought.items() if key not in booked or booked[key].posting != p]
    return Moves(
        tuple(sorted(gone, key=lambda j: -_ORDER[j.posting.kind])),
        tuple(sorted(fresh, key=lambda p: _ORDER[p.kind])),
    )


def lines(posting: Posting, *, mirrored: bool = False) -> tuple[Line, Line]:
    """The two entries of a posting, or of the mirror journal that takes it back."""
    debit, credit = KINDS[posting.kind]
    if mirrored:
        debit, credit = credit, debit
    return (
        _line(debit, posting, posting.amount_minor),
        _line(credit, posting, -posting.amount_minor),
    )


def imbalances(entries: Sequence[Line]) -> Mapping[str, int]:
    """Per currency, by how much debits and credits differ; empty when they balance."""
    sums: dict[str, int] = {}
    for line in entries:
        sums[line.currency] = sums.get(line.currency, 0) + line.amount_minor
    return {currency: amount for currency, amount in sums.items() if amount}


def posting_dates(group: Group) -> dict[UUID, date]:
    """The business date of every fact of a group, for dating its journals."""
    dates = {invoice.invoice_id: invoice.issued_on for invoice in group.invoices}
    dates |= {note.credit_note_id: note.issued_on for note in group.credit_notes}
    dates |= {payment.payment_id: payment.value_on for payment in group.payments}
    dates |= {reversal.reversal_id: reversal.value_on for reversal in group.reversals}
    return dates


def posted_on(
    posting: Posting, dates: Mapping[UUID, date], voided: Mapping[UUID, date], today: date
) -> date:
    """A posting is dated by its fact, an application not before both of its sides exist.

    What a person accepts is dated on the day it is booked.
    """
    if posting.kind == "accepted-short":
        return today
    if posting.kind == "voided":
        return voided[posting.subject_id]
    on = dates[posting.subject_id]
    other = dates.get(posting.against_id) if posting.against_id else None
    return max(on, other) if posting.kind == "applied" and other else on


def _line(account: str, posting: Posting, amount_minor: int) -> Line:
    item = posting.against_id if posting.kind == "applied" else posting.subject_id
    return Line(
        account,
        posting.customer_id if account in PER_CUSTOMER else None,
        item if account == RECEIVABLES else None,
        posting.currency,
        amount_minor,
    )
