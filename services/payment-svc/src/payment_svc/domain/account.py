"""Our own bank accounts: which accounts' money is ours."""

import re
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from stdnum import iban
from stdnum.exceptions import ValidationError

from billing_shared.errors import invalid
from billing_shared.money import exponent

MAX_ACCOUNT = 34
_LOCAL_NUMBER = re.compile(r"[A-Z0-9][A-Z0-9./-]{0,33}")
_LIKE_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")


@dataclass(frozen=True, slots=True)
class BankAccount:
    """One of our accounts; `account` is an IBAN or a local number, without spaces."""

    account_id: UUID
    account: str
    currency: str
    name: str
    version: int
    created_at: datetime
    updated_at: datetime


def normal_account(written: str) -> str:
    """An account number without spaces, in upper case, so that one account has one name."""
    return "".join(written.split()).upper()


def check_account(written: str) -> str:
    """The account in its normal form. What looks like an IBAN must have the IBAN's check digits.

    Invalid for anything else than 1 to 34 letters, digits, dots, slashes and hyphens.
    """
    account = normal_account(written)
    if not _LOCAL_NUMBER.fullmatch(account):
        raise invalid("account", f"1 to {MAX_ACCOUNT} letters, digits, dots, slashes, hyphens")
    if _LIKE_IBAN.fullmatch(account):
        try:
            # National rules are left out: banks issue what the country tables do not know yet.
            iban.validate(account, check_country=False)
        except ValidationError as error:
            raise invalid("account", f"looks like an IBAN, but is none: {error}") from error
    return account


def check_name_and_currency(name: str, currency: str) -> str:
    """The name without surrounding space; Invalid for an empty name or an unknown currency."""
    exponent(currency)
    if not name.strip():
        raise invalid("name", "must not be empty")
    return name.strip()
