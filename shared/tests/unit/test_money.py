"""Money by its own rules: nothing is lost in a split, and a half goes away from zero."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_shared.errors import Invalid
from billing_shared.money import parse_decimal, round_minor, split, to_decimal, to_minor

AMOUNTS = st.integers(-(10**15) + 1, 10**15 - 1)
WEIGHTS = st.lists(st.integers(0, 10**9), min_size=1, max_size=12).filter(any)


@given(AMOUNTS, WEIGHTS)
def test_a_split_adds_up_and_no_part_is_a_unit_off(amount, weights):
    parts = split(amount, weights)
    assert sum(parts) == amount
    for part, weight in zip(parts, weights, strict=True):
        assert abs(Decimal(part) - Decimal(amount) * weight / sum(weights)) < 1


@given(st.lists(st.integers(1, 10**6), min_size=2, max_size=6), st.integers(1, 10**6))
def test_equal_weights_are_served_from_the_front(weights, amount):
    parts = split(amount, [1] * len(weights))
    assert parts == sorted(parts, reverse=True)


@pytest.mark.parametrize(
    ("exact", "rounded"), [("0.5", 1), ("-0.5", -1), ("1.5", 2), ("2.5", 3), ("2.49", 2)]
)
def test_a_half_goes_away_from_zero(exact, rounded):
    assert round_minor(Decimal(exact)) == rounded


@pytest.mark.parametrize(("currency", "minor"), [("EUR", 1250), ("JPY", 13), ("KWD", 12500)])
def test_minor_units_follow_the_currency(currency, minor):
    amount = to_decimal(minor, currency)
    assert to_minor(amount, currency) == minor
    with pytest.raises(Invalid, match="more decimals"):
        to_minor(amount + Decimal("0.0001"), currency)


@pytest.mark.parametrize(
    "text", ["1E999990", "1e2", "NaN", "1_0", "١", " 1", "1\n", "", ".", "-", "1.2.3", "1" * 31]
)
def test_a_decimal_is_digits_and_a_point(text):
    with pytest.raises(Invalid, match="not a decimal"):
        parse_decimal(text, "amount")


def test_not_even_the_last_of_many_decimals_is_dropped():
    assert to_minor(parse_decimal("+119.", "amount"), "EUR") == 11900
    with pytest.raises(Invalid, match="more decimals"):
        to_minor(parse_decimal("119.00000000000000000000000001", "amount"), "EUR")
