"""Totals of a document by the EN 16931 rules, in exact decimal arithmetic.

Each line's net is rounded half away from zero; tax is rounded once per tax group; the rest are
sums (BR-CO-10 to BR-CO-17). What the caller claims is compared, never used.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Context, Decimal

from billing_shared.contracts.envelope import TaxGroup
from billing_shared.contracts.invoice import Allowance, InvoiceLine
from billing_shared.errors import FieldError, Invalid, invalid
from billing_shared.money import check_amount, exponent, parse_decimal, percent_of, round_minor
from invoice_svc.domain.tax import check_mix, check_rate

MAX_LINES = 1000
#: Enough digits for quantity x price without rounding before the rounding that counts.
_EXACT = Context(prec=60)
_HUNDRED = Decimal(100)

Rate = tuple[str, str]


@dataclass(frozen=True, slots=True)
class LineDraft:
    """One line as asked for. Decimals are strings; a discount is a percentage or an amount."""

    description: str
    quantity: str
    unit_price: str
    tax_category: str
    tax_rate: str
    discount_percent: str | None = None
    discount_minor: int | None = None
    claimed_net_minor: int | None = None


@dataclass(frozen=True, slots=True)
class AllowanceDraft:
    """A document discount within one tax category and rate: a percentage of it, or an amount."""

    tax_category: str
    tax_rate: str
    reason: str
    percent: str | None = None
    amount_minor: int | None = None


@dataclass(frozen=True, slots=True)
class Claims:
    """Totals the caller worked out himself; None where he says nothing."""

    net_minor: int | None = None
    tax_minor: int | None = None
    gross_minor: int | None = None


NO_CLAIMS = Claims()


@dataclass(frozen=True, slots=True)
class Totals:
    """A document worked out: net = lines - allowances, gross = net + tax, all >= 0."""

    lines: tuple[InvoiceLine, ...]
    allowances: tuple[Allowance, ...]
    tax_groups: tuple[TaxGroup, ...]
    net_minor: int
    tax_minor: int
    gross_minor: int


def work_out(
    currency: str,
    lines: Sequence[LineDraft],
    allowances: Sequence[AllowanceDraft] = (),
    claims: Claims = NO_CLAIMS,
) -> Totals:
    """The totals of a document in minor units of `currency`.

    Raises Invalid: `unknown-currency`, `tax-rule`, `negative-total`, `amount-out-of-range`,
    `totals-mismatch` (a claim differs; every such field is named), or `invalid`.
    """
    scale = exponent(currency)
    if not 1 <= len(lines) <= MAX_LINES:
        raise invalid("lines", f"between 1 and {MAX_LINES} lines")
    done = tuple(_line(number, line, scale) for number, line in enumerate(lines, 1))
    bases: dict[Rate, int] = {}
    for line in done:
        key = (line.tax_category, line.tax_rate)
        bases[key] = bases.get(key, 0) + line.net_minor
    granted = tuple(_allowance(at, draft, bases) for at, draft in enumerate(allowances))
    for one in granted:
        key = (one.tax_category, one.tax_rate)
        bases[key] = bases.get(key, 0) - one.amount_minor
    check_mix(category for category, _ in bases)
    groups = tuple(_group(rate, base) for rate, base in bases.items())
    net = _whole("net_minor", sum(bases.values()))
    tax = _whole("tax_minor", sum(group.tax_minor for group in groups))
    gross = _whole("gross_minor", net + tax)
    totals = Totals(done, granted, groups, net, tax, gross)
    _check_claims(totals, lines, claims)
    return totals


def plain(number: Decimal) -> str:
    """The one text of a decimal, no needless zeros: 20 and 20.00 are one rate."""
    text = format(number, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _line(number: int, line: LineDraft, scale: int) -> InvoiceLine:
    field = f"lines[{number - 1}]"
    quantity = parse_decimal(line.quantity, f"{field}.quantity")
    price = parse_decimal(line.unit_price, f"{field}.unit_price")
    if price < 0:
        raise invalid(f"{field}.unit_price", "must not be negative; use a negative quantity")
    rate = _rate(line.tax_category, line.tax_rate, field)
    before = _multiply(quantity, price, scale, field)
    discount = _discount(line, before, field)
    return InvoiceLine(
        line_no=number,
        description=line.description,
        quantity=plain(quantity),
        unit_price=plain(price),
        discount_minor=discount,
        net_minor=before - discount,
        tax_category=line.tax_category,
        tax_rate=rate,
    )


def _multiply(quantity: Decimal, price: Decimal, scale: int, field: str) -> int:
    product = _EXACT.multiply(quantity, price).scaleb(scale, _EXACT)
    # Quantizing needs room for every digit of the result, which an absurd product does not have.
    if product.adjusted() > 18:
        raise invalid(field, "more than 15 digits", "amount-out-of-range")
    return check_amount(round_minor(product), field)


def _discount(line: LineDraft, before: int, field: str) -> int:
    if line.discount_percent is not None:
        if line.discount_minor is not None:
            raise invalid(f"{field}.discount_minor", "give a percentage or an amount, not both")
        discount = percent_of(before, _percent(line.discount_percent, f"{field}.discount_percent"))
        name = "discount_percent"
    else:
        discount, name = line.discount_minor or 0, "discount_minor"
    if discount and not 0 <= discount <= before:
        reason = "a line credit takes no discount" if before < 0 else "more than the line comes to"
        raise invalid(f"{field}.{name}", reason)
    return discount


def _allowance(at: int, draft: AllowanceDraft, bases: dict[Rate, int]) -> Allowance:
    """A percentage is of the lines of its group alone, so the order of allowances means nothing."""
    field = f"allowances[{at}]"
    rate = _rate(draft.tax_category, draft.tax_rate, field)
    if (draft.percent is None) == (draft.amount_minor is None):
        raise invalid(f"{field}.amount_minor", "give a percentage or an amount, and not both")
    amount = draft.amount_minor or 0
    if draft.percent is not None:
        base = bases.get((draft.tax_category, rate), 0)
        if base <= 0:
            raise invalid(f"{field}.percent", "its lines come to nothing a percentage is of")
        amount = percent_of(base, _percent(draft.percent, f"{field}.percent"))
    if amount < 0:
        raise invalid(f"{field}.amount_minor", "must not be negative")
    return Allowance(
        tax_category=draft.tax_category, tax_rate=rate, amount_minor=amount, reason=draft.reason
    )


def _group(rate: Rate, base_minor: int) -> TaxGroup:
    check_amount(base_minor, "lines")
    return TaxGroup(
        tax_category=rate[0],
        tax_rate=rate[1],
        base_minor=base_minor,
        tax_minor=percent_of(base_minor, Decimal(rate[1])),
    )


def _rate(category: str, text: str, field: str) -> str:
    rate = _percent(text, f"{field}.tax_rate")
    check_rate(category, rate, field)
    return plain(rate)


def _percent(text: str, field: str) -> Decimal:
    value = parse_decimal(text, field)
    if not 0 <= value <= _HUNDRED:
        raise invalid(field, "must be between 0 and 100")
    return value


def _whole(field: str, amount_minor: int) -> int:
    if amount_minor < 0:
        raise invalid(
            field, "the document would be negative: issue a credit note", "negative-total"
        )
    return check_amount(amount_minor, field)


def _check_claims(totals: Totals, lines: Sequence[LineDraft], claims: Claims) -> None:
    pairs = [
        (f"lines[{at}].net_minor", line.claimed_net_minor, done.net_minor)
        for at, (line, done) in enumerate(zip(lines, totals.lines, strict=True))
    ]
    pairs += [
        (name, getattr(claims, name), getattr(totals, name))
        for name in ("net_minor", "tax_minor", "gross_minor")
    ]
    errors = [
        FieldError(field, f"is {claimed}, but the lines make {right}")
        for field, claimed, right in pairs
        if claimed is not None and claimed != right
    ]
    if errors:
        raise Invalid("totals-mismatch", f"{errors[0].field}: {errors[0].reason}", errors)
