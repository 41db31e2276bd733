"""What a person asks to be done about a discrepancy, and whether it may be."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from billing_shared.errors import Conflict, FieldError, Forbidden, Invalid, invalid
from billing_shared.money import check_amount
from recon_svc.domain.changes import OpenDiscrepancy
from recon_svc.domain.codes import ACTIONS
from recon_svc.domain.outcome import ItemState


@dataclass(frozen=True, slots=True)
class Part:
    """Part of a payment to be put on an invoice, in minor units."""

    invoice_id: UUID
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Request:
    """One resolution by hand. Which fields count depends on the action:

    apply: `parts`; un-apply: `payment_id` or `invoice_id`, the one the discrepancy does not tell;
    keep-on-account: `amount_minor` and `customer_id` (both may be told by the discrepancy);
    accept-short: `amount_minor` (the whole rest if absent); dismiss: nothing more.
    """

    action: str
    reason: str
    parts: tuple[Part, ...] = ()
    payment_id: UUID | None = None
    invoice_id: UUID | None = None
    customer_id: UUID | None = None
    amount_minor: int | None = None


@dataclass(frozen=True, slots=True)
class Resolved:
    """A decision to be stored as a fact."""

    resolution_id: UUID
    action: str
    discrepancy_id: UUID | None = None
    payment_id: UUID | None = None
    invoice_id: UUID | None = None
    customer_id: UUID | None = None
    code: str | None = None
    amount_minor: int | None = None


def check_action(asked: Request, discrepancy: OpenDiscrepancy) -> None:
    """Invalid `action-not-possible` where the action does not fit what is to be resolved."""
    fits = discrepancy.family in ACTIONS[asked.action]
    if asked.action == "accept-short":
        fits = discrepancy.code == "SHORT_PAY"
    if discrepancy.code == "ORPHAN_REVERSAL":
        fits = False
    if not fits:
        raise Invalid(
            "action-not-possible",
            f"{asked.action} is not possible for {discrepancy.code}",
            [FieldError("action", f"not possible for {discrepancy.code}")],
        )


def check_parts(
    parts: Sequence[Part], discrepancy: OpenDiscrepancy, items: Mapping[UUID, ItemState]
) -> None:
    """Every part goes to an invoice we know, of the payment's currency, that still has this due.

    Invalid for what the caller got wrong, Conflict `amount-beyond-due` for what may have changed
    since it looked.
    """
    if not parts:
        raise invalid("allocations", "at least one invoice is needed")
    if len({part.invoice_id for part in parts}) < len(parts):
        raise invalid("allocations", "an invoice is named twice")
    for place, part in enumerate(parts):
        at = f"allocations[{place}]"
        item = items.get(part.invoice_id)
        if item is None or item.side != "debit":
            raise invalid(f"{at}.invoice_id", "no such invoice", "unknown-invoice")
        if item.currency != discrepancy.currency:
            raise invalid(f"{at}.invoice_id", f"is in {item.currency}", "currency-differs")
        if check_amount(part.amount_minor, f"{at}.amount_minor") > item.open_minor:
            raise Conflict(
                "amount-beyond-due", f"{at}: {item.open_minor} is due on {part.invoice_id}"
            )
    held = discrepancy.amount_minor
    if sum(part.amount_minor for part in parts) > held:
        raise invalid("allocations", f"add up to more than the {held} held", "amount-beyond-held")


def amount_of(asked: Request, discrepancy: OpenDiscrepancy) -> int:
    """The amount asked for, or all of the discrepancy's; Invalid where it is more."""
    amount = discrepancy.amount_minor if asked.amount_minor is None else asked.amount_minor
    if amount > discrepancy.amount_minor:
        held = discrepancy.amount_minor
        raise invalid("amount_minor", f"more than the {held} in question", "amount-beyond-held")
    return amount


def check_limit(amount_minor: int, limit_minor: int, currency: str) -> None:
    """Forbidden `over-limit` where more is accepted on an invoice than the role may alone."""
    if amount_minor > limit_minor:
        raise Forbidden(
            "over-limit",
            f"{amount_minor} accepted in all, your limit is {limit_minor} {currency} minor units",
        )
