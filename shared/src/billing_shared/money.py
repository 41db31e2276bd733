"""Money: integer minor units and an ISO 4217 currency; never a float.

Rounding is half away from zero, as invoices are rounded in law and trade (EN 16931).
"""

import re
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Context, Decimal

from billing_shared.contracts.envelope import MAX_MINOR
from billing_shared.errors import Invalid, invalid

#: Minor-unit exponents of ISO 4217 (list one). Others are refused.
_TWO = """
AED ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF
CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD
HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK
MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD
RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS
UAH USD UYU UZS VED VES WST XCD YER ZAR ZMW ZWG
""".split()
_ZERO = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF".split()
_THREE = "BHD IQD JOD KWD LYD OMR TND".split()

EXPONENTS: dict[str, int] = (
    dict.fromkeys(_TWO, 2) | dict.fromkeys(_ZERO, 0) | dict.fromkeys(_THREE, 3)
)

#: No exponent: 1E999990 is nine characters, and a million digits once it is an integer.
_PLAIN = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)")
#: More digits than `parse_decimal` lets through: shifting the point must not round.
_EXACT = Context(prec=60)


def exponent(currency: str, field: str = "currency") -> int:
    """How many decimals a currency has: 0, 2 or 3. Invalid `unknown-currency` for any other."""
    try:
        return EXPONENTS[currency]
    except KeyError:
        raise invalid(
            field, f"{currency!r} is not a currency we keep", "unknown-currency"
        ) from None


def check_amount(amount_minor: int, field: str = "amount_minor") -> int:
    """At most 15 digits, or Invalid `amount-out-of-range`."""
    if abs(amount_minor) > MAX_MINOR:
        raise invalid(field, "more than 15 digits", "amount-out-of-range")
    return amount_minor


def round_minor(amount: Decimal) -> int:
    """Half away from zero, to a whole minor unit."""
    return int(amount.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def to_minor(amount: Decimal, currency: str, field: str = "amount") -> int:
    """Major units as minor units. Invalid `too-many-decimals` where the currency has fewer."""
    scaled = amount.scaleb(exponent(currency), _EXACT)
    if scaled != scaled.to_integral_value():
        raise invalid(field, f"more decimals than {currency} has", "too-many-decimals")
    return check_amount(int(scaled), field)


def to_decimal(amount_minor: int, currency: str) -> Decimal:
    """Minor units as a decimal in major units, for people and bank files."""
    return Decimal(amount_minor).scaleb(-exponent(currency))


def parse_decimal(text: str, field: str) -> Decimal:
    """A decimal from a string of at most 30 characters, digits and a point alone, or Invalid."""
    if len(text) > 30 or not _PLAIN.fullmatch(text):
        raise invalid(field, f"{text[:30]!r} is not a decimal number")
    return Decimal(text)


def percent_of(amount_minor: int, percent: Decimal) -> int:
    """A percentage of an amount, rounded at once."""
    return round_minor(Decimal(amount_minor) * percent / 100)


def split(amount_minor: int, weights: Sequence[int]) -> list[int]:
    """Split an amount by weights, by largest remainder: the parts add up to the whole.

    Equal remainders go to the earlier part. Weights are >= 0 and not all 0.
    """
    total = sum(weights)
    if total <= 0 or min(weights) < 0:
        raise Invalid("invalid", "weights must not be negative, nor all zero")
    sign = -1 if amount_minor < 0 else 1
    shares = [divmod(abs(amount_minor) * weight, total) for weight in weights]
    left = abs(amount_minor) - sum(share for share, _ in shares)
    order = sorted(range(len(weights)), key=lambda i: (-shares[i][1], i))
    extra = set(order[:left])
    return [sign * (share + (i in extra)) for i, (share, _) in enumerate(shares)]
