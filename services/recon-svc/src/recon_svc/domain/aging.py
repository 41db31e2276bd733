"""How old a receivable is: open items by days past due, credits and unapplied money beside them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

#: Last day past due of each bucket; what is later falls into `over_90`.
BUCKETS = (("not_due", 0), ("days_1_30", 30), ("days_31_60", 60), ("days_61_90", 90))
OLDEST = "over_90"


@dataclass(slots=True)
class Aged:
    """One customer and currency. Credits, unapplied and on account are positive amounts."""

    customer_id: UUID
    currency: str
    buckets: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys([*(name for name, _ in BUCKETS), OLDEST], 0)
    )
    credits_minor: int = 0
    unapplied_minor: int = 0
    on_account_minor: int = 0

    @property
    def open_minor(self) -> int:
        return sum(self.buckets.values())


def bucket_of(due_on: date, as_of: date) -> str:
    """The bucket of an item by its due date; on the due date itself it is not yet late."""
    late = (as_of - due_on).days
    return next((name for name, last in BUCKETS if late <= last), OLDEST)


def age(
    items: Iterable[tuple[UUID, str, date, int, bool]],
    held: Mapping[tuple[UUID, str], tuple[int, int]],
    as_of: date,
) -> list[Aged]:
    """`items`: customer, currency, due date, amount open (credits negative), is a credit.

    `held`: unapplied money and credit on account. Sorted by currency, then by what is open.
    """
    found: dict[tuple[UUID, str], Aged] = {}
    for customer_id, currency, due_on, open_minor, is_credit in items:
        row = found.setdefault((customer_id, currency), Aged(customer_id, currency))
        if is_credit:
            row.credits_minor -= open_minor
        else:
            row.buckets[bucket_of(due_on, as_of)] += open_minor
    for (customer_id, currency), (unapplied, on_account) in held.items():
        row = found.setdefault((customer_id, currency), Aged(customer_id, currency))
        row.unapplied_minor, row.on_account_minor = unapplied, on_account
    return sorted(found.values(), key=lambda r: (r.currency, -r.open_minor, r.customer_id))
