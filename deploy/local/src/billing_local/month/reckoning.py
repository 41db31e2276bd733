"""Invoice totals, reckoned on their own: the month checks invoice-svc's arithmetic with it."""

from collections import defaultdict
from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal

from billing_local.month.model import Line

#: Minor-unit exponents of the currencies of the month and of the histories.
DECIMALS = {"EUR": 2, "JPY": 0, "USD": 2}


def gross_minor(lines: Iterable[Line], currency: str) -> int:
    """Line nets are rounded, then the tax of each rate, half away from zero (EN 16931)."""
    bases: dict[str, Decimal] = defaultdict(Decimal)
    for line in lines:
        whole = _rounded(Decimal(line.quantity) * Decimal(line.unit_price), currency)
        percent = Decimal(line.discount_percent or "0")
        bases[line.tax_rate] += whole - _rounded(whole * percent / 100, currency)
    taxes = [_rounded(base * Decimal(rate) / 100, currency) for rate, base in bases.items()]
    return int(sum([*bases.values(), *taxes], Decimal(0)).scaleb(DECIMALS[currency]))


def major(amount_minor: int, currency: str) -> str:
    """As banks write an amount: `1234.50`, or `1234` where the currency has no decimals."""
    return f"{Decimal(amount_minor).scaleb(-DECIMALS[currency]):.{DECIMALS[currency]}f}"


def _rounded(amount: Decimal, currency: str) -> Decimal:
    return amount.quantize(Decimal(1).scaleb(-DECIMALS[currency]), rounding=ROUND_HALF_UP)
