"""Customers: whom we bill. Their whole state is published on every change."""

import hashlib
import re
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec
from stdnum import iban
from stdnum.exceptions import ValidationError as BadNumber

from billing_shared.contracts.invoice import Address, CustomerUpdated, Email
from billing_shared.errors import Conflict, invalid
from invoice_svc.domain.terms import TermsRule, check_terms, undated

Status = Literal["active", "anonymised"]
_IBAN_LIKE = re.compile(r"^[A-Z]{2}[0-9]{2}[0-9A-Z]{11,30}$")


@dataclass(frozen=True, slots=True)
class CustomerDetails:
    """What can be said about a customer. Accounts are IBANs or other numbers."""

    name: str
    country: str
    external_ref: str | None = None
    aliases: tuple[str, ...] = ()
    tax_ids: tuple[str, ...] = ()
    locale: str = "en"
    emails: tuple[Email, ...] = ()
    bank_accounts: tuple[str, ...] = ()
    address: Address | None = None
    terms: TermsRule = field(default_factory=TermsRule)


#: Fields that say who a person is: gone after erasure, and only as digests in the audit trail.
PERSONAL = ("name", "external_ref", "aliases", "tax_ids", "emails", "bank_accounts", "address")


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer as it stands.

    `audit_salt` makes the digests of personal fields in the audit trail meaningless once it is
    gone: an audit entry can never be changed, but a person can be forgotten.
    """

    customer_id: UUID
    details: CustomerDetails
    audit_salt: bytes | None
    created_at: datetime
    updated_at: datetime
    status: Status = "active"
    version: int = 1


@dataclass(frozen=True, slots=True)
class CustomerRef:
    """How a caller names a customer: by our id, or by his own."""

    customer_id: UUID | None = None
    external_ref: str | None = None


def check(details: CustomerDetails) -> CustomerDetails:
    """Accounts without spaces; Invalid for bad terms, or an IBAN with wrong check digits."""
    check_terms(details.terms)
    accounts = [re.sub(r"\s", "", account).upper() for account in details.bank_accounts]
    for at, account in enumerate(accounts):
        if _IBAN_LIKE.match(account) and not _is_iban(account):
            raise invalid(f"bank_accounts[{at}]", "the check digits of this IBAN are wrong")
    return replace(details, bank_accounts=tuple(dict.fromkeys(accounts)))


def _is_iban(account: str) -> bool:
    try:
        iban.validate(account, check_country=False)
    except BadNumber:
        return False
    return True


def change(customer: Customer, details: CustomerDetails, now: datetime) -> Customer:
    """Replace what is known of a customer; Conflict `customer-anonymised` once he is forgotten."""
    require_active(customer)
    return replace(customer, details=check(details), version=customer.version + 1, updated_at=now)


def anonymise(customer: Customer, now: datetime) -> Customer:
    """Forget who it is. Country, language, terms and issued documents stay for the books."""
    require_active(customer)
    kept = customer.details
    return replace(
        customer,
        details=CustomerDetails(
            name="", country=kept.country, locale=kept.locale, terms=kept.terms
        ),
        audit_salt=None,
        status="anonymised",
        version=customer.version + 1,
        updated_at=now,
    )


def require_active(customer: Customer) -> None:
    """Raises Conflict `customer-anonymised`."""
    if customer.status != "active":
        raise Conflict("customer-anonymised", "this customer's personal data were erased")


def updated(customer: Customer) -> CustomerUpdated:
    """The whole state, as published."""
    details = customer.details
    return CustomerUpdated(
        customer_id=customer.customer_id,
        external_ref=details.external_ref,
        status=customer.status,
        name=details.name,
        aliases=list(details.aliases),
        tax_ids=list(details.tax_ids),
        country=details.country,
        locale=details.locale,
        emails=list(details.emails),
        bank_accounts=list(details.bank_accounts),
        terms=undated(details.terms),
    )


def audit_view(customer: Customer) -> dict[str, Any]:
    """A customer for the audit trail: personal fields as salted digests, the rest in clear."""
    details = customer.details
    view: dict[str, Any] = {
        "status": customer.status,
        "version": customer.version,
        "country": details.country,
        "locale": details.locale,
        "terms": asdict(details.terms),
    }
    for name in PERSONAL:
        value = getattr(details, name)
        if value and customer.audit_salt:
            digest = hashlib.sha256(customer.audit_salt + msgspec.json.encode(value)).hexdigest()
            view[name] = f"sha256:{digest[:16]}"
    return view
