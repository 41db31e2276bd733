"""Totals: EN 16931 case by case, then against a model that shares no arithmetic with the code."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing_shared.errors import Invalid
from invoice_svc.domain.totals import AllowanceDraft, Claims, LineDraft, work_out


def line(quantity="1", price="100", category="S", rate="19", **more):
    return LineDraft("thing", quantity, price, category, rate, **more)


CASES = [
    # currency, lines, allowances -> net, tax, gross
    ("EUR", [line()], [], (10000, 1900, 11900)),
    ("JPY", [line("3", "33.5", rate="10")], [], (101, 10, 111)),
    ("KWD", [line("1", "1.0005", rate="5")], [], (1001, 50, 1051)),
    # Half away from zero: 0.125 -> 0.13, and -0.125 -> -0.13.
    ("EUR", [line("1", "0.125", "Z", "0")], [], (13, 0, 13)),
    ("EUR", [line("1", "1", "Z", "0"), line("-1", "0.125", "Z", "0")], [], (87, 0, 87)),
    # Rounded per line, not on the sum: 3 x 0.333 is 0.33 each.
    ("EUR", [line("1", "0.333", "Z", "0")] * 3, [], (99, 0, 99)),
    # Tax once per group, not per line: 3 x 0.05 x 10 % is 0.015, not 3 x 0.01.
    ("EUR", [line("1", "0.05", rate="10")] * 3, [], (15, 2, 17)),
    # 20 and 20.00 are one rate.
    ("EUR", [line(rate="20"), line(rate="20.00")], [], (20000, 4000, 24000)),
    # A percentage discount is rounded at once: 10 % of 0.05 is 0.01.
    ("EUR", [line("1", "0.05", "Z", "0", discount_percent="10")], [], (4, 0, 4)),
    ("EUR", [line(discount_minor=1)], [], (9999, 1900, 11899)),
    ("EUR", [line()], [AllowanceDraft("S", "19", "loyal", percent="2.5")], (9750, 1853, 11603)),
    ("EUR", [line()], [AllowanceDraft("S", "19.0", "loyal", amount_minor=10000)], (0, 0, 0)),
    # A line credit is allowed while the document stays at or above zero.
    ("EUR", [line(), line("-1", "100")], [], (0, 0, 0)),
    ("EUR", [line("0", "100")], [], (0, 0, 0)),
    # An allowance may stand in a category of its own (retention in construction, XRechnung).
    (
        "EUR",
        [line()],
        [AllowanceDraft("E", "0", "kept", amount_minor=500)],
        (9500, 1900, 11400),
    ),
    ("EUR", [line("1000", "99999999.99999", "Z", "0")], [], (9999999999999, 0, 9999999999999)),
]


@pytest.mark.parametrize(("currency", "lines", "allowances", "expected"), CASES)
def test_document_comes_to(currency, lines, allowances, expected):
    totals = work_out(currency, lines, allowances)
    assert (totals.net_minor, totals.tax_minor, totals.gross_minor) == expected


REFUSALS = [
    ([line()], "XXX", "currency", "unknown-currency"),
    ([], "EUR", "lines", "invalid"),
    ([line("1", "-5")], "EUR", "lines[0].unit_price", "invalid"),
    ([line("-1", "5")], "EUR", "net_minor", "negative-total"),
    # The sum is positive, but its tax would be below zero.
    ([line("1", "100", "Z", "0"), line("-1", "50")], "EUR", "tax_minor", "negative-total"),
    ([line(rate="0")], "EUR", "lines[0].tax_rate", "tax-rule"),
    ([line(category="Z", rate="1")], "EUR", "lines[0].tax_rate", "tax-rule"),
    ([line(category="XX", rate="0")], "EUR", "lines[0].tax_category", "invalid"),
    ([line(rate="101")], "EUR", "lines[0].tax_rate", "invalid"),
    ([line(), line(category="O", rate="0")], "EUR", "lines", "tax-rule"),
    ([line(), line("x")], "EUR", "lines[1].quantity", "invalid"),
    ([line("NaN")], "EUR", "lines[0].quantity", "invalid"),
    ([line(discount_percent="100.5")], "EUR", "lines[0].discount_percent", "invalid"),
    ([line(discount_minor=10001)], "EUR", "lines[0].discount_minor", "invalid"),
    ([line("-1", "1", discount_minor=1)], "EUR", "lines[0].discount_minor", "invalid"),
    ([line(discount_minor=1, discount_percent="1")], "EUR", "lines[0].discount_minor", "invalid"),
    ([line("999999999999", "999999999999")], "EUR", "lines[0]", "amount-out-of-range"),
    ([line("1000000000000", "9.99")] * 2, "EUR", "lines", "amount-out-of-range"),
    ([line()] * 1001, "EUR", "lines", "invalid"),
]


@pytest.mark.parametrize(("lines", "currency", "field", "code"), REFUSALS)
def test_bad_lines_are_refused_naming_the_field(lines, currency, field, code):
    with pytest.raises(Invalid) as refused:
        work_out(currency, lines)
    assert refused.value.code == code
    assert refused.value.errors[0].field == field


@pytest.mark.parametrize(
    ("allowance", "field"),
    [
        (AllowanceDraft("S", "19", "x"), "allowances[0].amount_minor"),
        (AllowanceDraft("S", "19", "x", percent="1", amount_minor=1), "allowances[0].amount_minor"),
        (AllowanceDraft("S", "7", "x", percent="1"), "allowances[0].percent"),
        (AllowanceDraft("S", "19", "x", amount_minor=-1), "allowances[0].amount_minor"),
        (AllowanceDraft("S", "19", "x", amount_minor=10001), "net_minor"),
        (AllowanceDraft("Z", "3", "x", amount_minor=1), "allowances[0].tax_rate"),
    ],
)
def test_bad_allowance_is_refused_naming_the_field(allowance, field):
    with pytest.raises(Invalid) as refused:
        work_out("EUR", [line()], [allowance])
    assert refused.value.errors[0].field == field


def test_claims_are_checked_and_every_wrong_one_is_named():
    with pytest.raises(Invalid) as refused:
        work_out("EUR", [line(claimed_net_minor=9999)], claims=Claims(10000, 1901, 11901))
    assert refused.value.code == "totals-mismatch"
    assert [error.field for error in refused.value.errors] == [
        "lines[0].net_minor",
        "tax_minor",
        "gross_minor",
    ]
    work_out("EUR", [line(claimed_net_minor=10000)], claims=Claims(10000, 1900, 11900))


# The model: exact fractions, rounding spelled out by hand.


def away(value):
    whole, rest = divmod(abs(value), 1)
    rounded = int(whole) + (1 if rest >= Fraction(1, 2) else 0)
    return -rounded if value < 0 else rounded


def decimals(whole, places):
    return st.builds(
        lambda number, scale: (
            f"{number // 10**scale}.{number % 10**scale:0{scale}d}" if scale else str(number)
        ),
        st.integers(0, 10**whole - 1),
        st.integers(0, places),
    )


TAXES = st.sampled_from(
    [("S", "19"), ("S", "7.00"), ("S", "5.5"), ("Z", "0"), ("E", "0.0"), ("AE", "0")]
)


@st.composite
def documents(draw):
    lines = []
    for _ in range(draw(st.integers(1, 8))):
        category, rate = draw(TAXES)
        discount = draw(st.sampled_from(["none", "percent"]))
        lines.append(
            LineDraft(
                "thing",
                draw(st.sampled_from(["", "", "", "-"])) + draw(decimals(5, 6)),
                draw(decimals(6, 6)),
                category,
                rate,
                discount_percent=draw(decimals(2, 4)) if discount == "percent" else None,
            )
        )
    allowances = [
        AllowanceDraft(*draw(TAXES), "why", amount_minor=draw(st.integers(0, 500)))
        for _ in range(draw(st.integers(0, 3)))
    ]
    return draw(st.sampled_from(["EUR", "JPY", "KWD"])), lines, allowances


def model(currency, lines, allowances):
    scale = {"EUR": 100, "JPY": 1, "KWD": 1000}[currency]
    groups = {}
    for one in lines:
        before = away(Fraction(one.quantity) * Fraction(one.unit_price) * scale)
        discount = away(before * Fraction(one.discount_percent or 0) / 100)
        if discount and before < 0:
            return None
        key = one.tax_category, Fraction(one.tax_rate)
        groups[key] = groups.get(key, 0) + before - discount
    for one in allowances:
        key = one.tax_category, Fraction(one.tax_rate)
        groups[key] = groups.get(key, 0) - one.amount_minor
    net = sum(groups.values())
    tax = sum(away(base * rate / 100) for (_, rate), base in groups.items())
    return None if min(net, tax, net + tax) < 0 else (net, tax, net + tax, groups)


@settings(max_examples=300, deadline=None)
@given(documents())
def test_totals_agree_with_the_model(document):
    expected = model(*document)
    if expected is None:
        with pytest.raises(Invalid):
            work_out(*document)
        return
    totals = work_out(*document)
    assert (totals.net_minor, totals.tax_minor, totals.gross_minor) == expected[:3]
    assert {
        (group.tax_category, Fraction(group.tax_rate)): group.base_minor
        for group in totals.tax_groups
    } == expected[3]
    assert (
        sum(one.net_minor for one in totals.lines)
        - sum(one.amount_minor for one in totals.allowances)
        == totals.net_minor
    )
    assert sum(group.tax_minor for group in totals.tax_groups) == totals.tax_minor
