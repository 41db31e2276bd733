"""Whether a mail can go, must wait for somebody we have not heard of yet, or must never go."""

from billing_shared.contracts.invoice import CustomerUpdated, SellerUpdated
from notify_svc.domain.delivery import Step
from notify_svc.domain.letter import recipients

ANONYMISED = Step("cancelled", "the customer was anonymised")
VOIDED = Step("cancelled", "the invoice was voided")


def mail_step(
    customer: CustomerUpdated | None, seller: SellerUpdated | None, *, is_voided: bool
) -> Step:
    """`pending` when the mail can go, else `waiting` or `cancelled` with the reason."""
    if customer is not None and customer.status == "anonymised":
        return ANONYMISED
    if is_voided:
        return VOIDED
    if customer is None:
        return Step("waiting", "the customer is not known yet")
    if seller is None:
        return Step("waiting", "the seller is not known yet")
    if not recipients(customer.emails):
        return Step("waiting", "the customer has no e-mail address")
    return Step("pending")
