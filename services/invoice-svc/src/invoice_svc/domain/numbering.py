"""Numbers: gapless per series and in date order; and the payment reference made from one."""

import re
from dataclasses import dataclass
from datetime import date

from stdnum.iso7064 import mod_97_10

from billing_shared.errors import Conflict, FieldError, invalid

INVOICE_SERIES = "INV"
DEBIT_NOTE_SERIES = "DN"
CREDIT_NOTE_SERIES = "CN"
#: Documents issued elsewhere keep their numbers here, outside gaplessness.
EXTERNAL_SERIES = "external"
#: Letters only, so that no two series can ever spell the same payment reference.
SERIES_PATTERN = r"^[A-Z]{1,8}$"
MIN_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Series:
    """The last number taken (0 for none) and the legal date of its document."""

    name: str
    last_no: int = 0
    last_issued_on: date | None = None


def take(series: Series, issued_on: date) -> tuple[Series, str]:
    """The next number of a series, for a document of this date; the series moves on by one.

    Raises Conflict `date-before-last-number`: dates never run back along the numbers.
    """
    last = series.last_issued_on
    if last is not None and issued_on < last:
        reason = f"series {series.name} has already reached {last.isoformat()}"
        raise Conflict("date-before-last-number", reason, [FieldError("issued_on", reason)])
    taken = Series(series.name, series.last_no + 1, issued_on)
    return taken, spell(series.name, taken.last_no)


def spell(series: str, number: int) -> str:
    """`INV`, 7 -> `INV-000007`. The database checks the same spelling."""
    return f"{series}-{number:0{MIN_DIGITS}d}"


def legal_date(asked: date | None, today: date) -> date:
    """The date a document bears: today in the seller's zone, or a given day up to it.

    A later day is refused: it would close the series until that day comes.
    """
    if asked is not None and asked > today:
        raise invalid("issued_on", f"lies after today ({today.isoformat()})")
    return asked or today


def creditor_reference(number: str) -> str:
    """The ISO 11649 reference of a number: `RF`, check digits, its letters and digits."""
    body = re.sub(r"[^0-9A-Z]", "", number.upper())
    return f"RF{mod_97_10.calc_check_digits(body + 'RF')}{body}"
