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
