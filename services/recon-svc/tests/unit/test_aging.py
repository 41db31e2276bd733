"""How old a receivable is."""

from datetime import date
from uuid import UUID

import pytest

from recon_svc.domain.aging import age, bucket_of

CUSTOMER = UUID(int=1)
AS_OF = date(2026, 4, 1)


@pytest.mark.parametrize(
    ("due_on", "bucket"),
    [
        (date(2026, 4, 1), "not_due"),
        (date(2026, 3, 31), "days_1_30"),
        (date(2026, 3, 2), "days_1_30"),
        (date(2026, 3, 1), "days_31_60"),
        (date(2026, 1, 1), "days_61_90"),
        (date(2025, 12, 31), "over_90"),
    ],
)
def test_buckets_change_the_day_after(due_on: date, bucket: str) -> None:
    assert bucket_of(due_on, AS_OF) == bucket


def test_credits_and_held_money_stand_beside_the_buckets() -> None:
    [row] = age(
        [(CUSTOMER, "EUR", AS_OF, 500, False), (CUSTOMER, "EUR", AS_OF, -200, True)],
        {(CUSTOMER, "EUR"): (30, 40)},
        AS_OF,
    )
    assert (row.open_minor, row.credits_minor) == (500, 200)
    assert (row.unapplied_minor, row.on_account_minor) == (30, 40)
