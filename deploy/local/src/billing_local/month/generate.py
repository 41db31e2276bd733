"""The month from its seed: the same seed and first day give the same month, to the byte."""

from datetime import date, timedelta
from random import Random

from billing_local.month.cases import PROBLEMS
from billing_local.month.cases.ordinary import ORDINARY
from billing_local.month.desk import Desk
from billing_local.month.model import TenantMonth
from billing_local.month.people import customers, iban, sellers

SEED = 20260301
#: Invoices per tenant at full scale; about 2,000 in all.
INVOICES = (820, 660, 520)
CUSTOMERS = (64, 52, 44)
#: Times each tenant meets each code: three tenants make at least ten of each.
TIMES_PER_CODE = 5


def make_month(
    seed: int = SEED, first_on: date = date(2026, 3, 1), scale: float = 1.0
) -> list[TenantMonth]:
    """Three tenants in the calendar month of `first_on`; `scale` shrinks the ordinary part.

    The ids of the tenants hang on the seed alone.
    """
    days = business_days(first_on)
    firms = sellers(_dice(seed, "sellers"), seed)
    wanderer = iban(_dice(seed, "wanderer"), "DE")
    months: list[TenantMonth] = []
    for seller, count, people in zip(firms, INVOICES, CUSTOMERS, strict=True):
        rng = _dice(seed, seller.key)
        desk = Desk(rng, seller, days, customers(rng, seller, people, wanderer))
        for code, ways in PROBLEMS.items():
            for time in range(TIMES_PER_CODE):
                # each tenant starts at another way, so that together they meet all
                ways[(time + len(months)) % len(ways)](desk)
                desk.cases[code] = desk.cases.get(code, 0) + 1
        weights, cases = zip(*ORDINARY, strict=True)
        while len(desk.invoices) < count * scale:
            rng.choices(cases, weights)[0](desk)
        for day in range(len(days)):
            desk.spend(rng.choice(("EUR", "JPY")), day)
        desk.batch()
        months.append(desk.done())
    return months


def business_days(first_on: date) -> tuple[date, ...]:
    """Monday to Friday of the calendar month of `first_on`."""
    month = [first_on.replace(day=1) + timedelta(days=at) for at in range(31)]
    return tuple(day for day in month if day.month == first_on.month and day.weekday() < 5)


def _dice(seed: int, name: str) -> Random:
    return Random(f"{seed} {name}")  # noqa: S311  (a month must repeat; nothing here is secret)
