"""Tax categories of UNCL5305 as EN 16931 allows them, and what each says about the rate."""

from collections.abc import Iterable
from decimal import Decimal

from billing_shared.errors import invalid

ZERO_RATED = frozenset({"Z", "E", "AE", "K", "G", "O"})
RATED = frozenset({"S", "L", "M"})
CATEGORIES = ZERO_RATED | RATED
NOT_SUBJECT = "O"


def check_rate(category: str, rate: Decimal, field: str) -> None:
    """The rate suits the category (BR-S-05, BR-Z-05 and their sisters), or Invalid `tax-rule`.

    S needs a rate above zero; L and M (Canary Islands, Ceuta and Melilla) any; the others zero.
    """
    if category not in CATEGORIES:
        raise invalid(f"{field}.tax_category", f"{category!r} is not a tax category we know")
    if category in ZERO_RATED and rate != 0:
        raise invalid(f"{field}.tax_rate", f"must be 0 in tax category {category}", "tax-rule")
    if category == "S" and rate == 0:
        raise invalid(f"{field}.tax_rate", "must be above 0 in tax category S", "tax-rule")


def check_mix(categories: Iterable[str]) -> None:
    """Category O stands alone in a document (BR-O-11 to BR-O-14), or Invalid `tax-rule`."""
    found = set(categories)
    if NOT_SUBJECT in found and len(found) > 1:
        raise invalid("lines", "tax category O cannot stand beside others", "tax-rule")
