"""Every error a caller can meet.

    BillingError
    ├── Malformed             400  the request cannot be read
    ├── Unauthenticated       401  no valid token
    ├── Forbidden             403  the token does not allow it
    ├── NotFound              404  no such thing in this tenant
    ├── Conflict              409  the state does not allow it
    ├── Stale                 412  changed since it was read
    ├── TooLarge              413  beyond a named limit
    ├── Invalid               422  a field breaks a rule
    ├── PreconditionRequired  428  If-Match is missing
    ├── TooMany               429  slow down
    └── Unavailable           503  a dependency is away; try again

The code of an error is stable and stands in `CODES`; the message is for people.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class FieldError:
    """One field that is wrong: where (`lines[2].quantity`, or a file's line), and why."""

    field: str
    reason: str
    line: int | None = None


class BillingError(Exception):
    """An expected failure with a stable code, rendered once per transport."""

    status: ClassVar[int] = 500

    def __init__(self, code: str, detail: str, errors: Sequence[FieldError] = ()) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.errors = tuple(errors)


class Malformed(BillingError):
    status = 400


class Unauthenticated(BillingError):
    status = 401


class Forbidden(BillingError):
    status = 403


class NotFound(BillingError):
    status = 404


class Conflict(BillingError):
    status = 409


class Stale(BillingError):
    status = 412


class TooLarge(BillingError):
    status = 413


class Invalid(BillingError):
    status = 422


class PreconditionRequired(BillingError):
    status = 428


class TooMany(BillingError):
    status = 429


class Unavailable(BillingError):
    status = 503


def invalid(field: str, reason: str, code: str = "invalid", line: int | None = None) -> Invalid:
    """One field is wrong."""
    return Invalid(code, f"{field}: {reason}", [FieldError(field, reason, line)])


@dataclass(frozen=True, slots=True)
class Code:
    """A stable error code: the status it comes with, and what it means to the caller."""

    status: int
    meaning: str


#: Every code a caller can meet. Stable: a code is never renamed nor given another meaning.
CODES: dict[str, Code] = {
    # Any request
    "malformed": Code(400, "The request cannot be read"),
    "cursor-invalid": Code(400, "The cursor is not ours, or belongs to another list or filter"),
    "if-match-invalid": Code(400, "If-Match must hold one ETag as we gave it"),
    "idempotency-key-missing": Code(400, "A POST that changes something needs an Idempotency-Key"),
    "idempotency-key-invalid": Code(400, "An Idempotency-Key has 1 to 255 printable characters"),
    "unauthenticated": Code(401, "No valid token"),
    "forbidden": Code(403, "The token does not allow it"),
    "over-limit": Code(403, "Above the limit of the role; someone with a higher one must do it"),
    "not-found": Code(404, "No such thing in this tenant"),
    "method-not-allowed": Code(405, "The path exists, but not with this method"),
    "conflict": Code(409, "The state does not allow it"),
    "already-exists": Code(409, "There is one with this external_ref, name or number already"),
    "idempotency-key-in-flight": Code(409, "The first request with this key is still being done"),
    "seller-missing": Code(409, "PUT /v1/seller comes first"),
    "stale": Code(412, "It changed since it was read; read it again"),
    "too-large": Code(413, "Beyond a named limit"),
    "invalid": Code(422, "A field breaks a rule"),
    "idempotency-key-reused": Code(422, "The key was used before with another request"),
    "precondition-required": Code(428, "If-Match with the ETag that was read is required"),
    "too-many": Code(429, "Slow down"),
    "internal": Code(500, "Something broke on our side; nothing was changed"),
    "unavailable": Code(503, "A dependency is away; try again"),
    "keys-unavailable": Code(503, "The keys of the token issuer cannot be had; try again"),
    # Money
    "unknown-currency": Code(422, "Not a currency we keep (ISO 4217, 0, 2 or 3 decimals)"),
    "amount-out-of-range": Code(422, "More than 15 digits"),
    "too-many-decimals": Code(422, "More decimals than the currency has"),
    # Documents
    "date-before-last-number": Code(409, "The series has a later document; dates follow numbers"),
    "wrong-state": Code(409, "Not in the state it is in: a draft can be issued, an issue voided"),
    "invoice-settled": Code(409, "Money or credit is on the invoice; issue a credit note"),
    "already-credited": Code(409, "A full credit note stands for this invoice"),
    "nothing-to-credit": Code(409, "An invoice of 0 can only be voided"),
    "customer-anonymised": Code(409, "The personal data of this customer were erased"),
    "unknown-customer": Code(422, "No such customer in this tenant"),
    "totals-mismatch": Code(422, "The totals given are not what the lines come to"),
    "negative-total": Code(422, "A document cannot be negative; issue a credit note"),
    "tax-rule": Code(422, "The tax category does not allow this (EN 16931)"),
    "line-refused": Code(422, "Nothing was done (atomic=true), for a line was refused"),
    "event-too-large": Code(413, "The document is too large to be published"),
    # Bank
    "unknown-account": Code(
        422, "Not a bank account of ours; PUT /v1/bank-accounts/{account} first"
    ),
    "file-not-readable": Code(400, "The archive the file came in is broken"),
    "xml-not-readable": Code(400, "Not well-formed XML, truncated, or in another encoding"),
    "xml-document-type": Code(400, "A bank file has no document type and no entities"),
    "xml-too-deep": Code(413, "The elements of the file nest too deep"),
    "message-not-supported": Code(422, "Not a message we read: only bank statements (camt.053)"),
    "statement-missing": Code(422, "The file holds no statement"),
    "statement-not-quarantined": Code(409, "Only a quarantined statement can be released"),
    "role-too-low": Code(403, "A person of a higher role must do it"),
    "reason-missing": Code(422, "Say why"),
    "currency-mismatch": Code(422, "Not the currency of the account"),
    "account-in-use": Code(409, "Money is booked on the account; its currency stays"),
    "not-manual": Code(409, "Only a receipt entered by hand can be taken back by hand"),
    "already-reversed": Code(409, "The payment was reversed before"),
    # Reconciliation
    "action-not-possible": Code(422, "Nothing that can be done about a discrepancy of this code"),
    "unknown-invoice": Code(422, "No such invoice in this tenant"),
    "currency-differs": Code(422, "The invoice is in another currency than the payment"),
    "amount-beyond-held": Code(422, "More than the discrepancy is about"),
    "amount-beyond-due": Code(409, "More than is due on the invoice; it may have changed"),
    "discrepancy-closed": Code(409, "The discrepancy was resolved or superseded meanwhile"),
    "allocation-ended": Code(409, "The money does not lie there, or no longer"),
    "no-effect": Code(409, "The facts leave nothing to do that for; they may have changed"),
    "posting-stopped": Code(409, "The books are broken; a supervisor must release posting first"),
    "posting-not-stopped": Code(409, "The books are not broken; there is nothing to release"),
    "group-too-large": Code(422, "Facts hang together in a chain too long to settle"),
    # Notices
    "delivery-state": Code(
        409, "Only a delivery that has ended, to someone still there, starts again"
    ),
    "too-many-subscriptions": Code(409, "The tenant has as many subscriptions as it may"),
    "too-many-secrets": Code(409, "Several secrets are alive already; let one expire first"),
    # Policy and operations
    "policy-in-the-past": Code(422, "A policy holds from today or later; what was decided stays"),
}
