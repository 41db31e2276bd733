"""What a list of requests refers to, loaded once for all of them."""

from collections.abc import Mapping
from uuid import UUID

from billing_shared.errors import Conflict, FieldError, invalid
from invoice_svc.domain.customer import Customer, CustomerRef
from invoice_svc.domain.seller import Seller


def required(seller: Seller | None) -> Seller:
    """The seller that was loaded; Conflict `seller-missing` if there was none."""
    if seller is None:
        raise Conflict("seller-missing", "say who you are first: PUT /v1/seller")
    return seller


class Known:
    """The seller, the customers named, the callers' ids in use; grows as the list is worked."""

    def __init__(
        self,
        seller: Seller,
        customers: Mapping[CustomerRef, Customer],
        taken: Mapping[str, UUID],
    ) -> None:
        self.seller = seller
        self._customers = customers
        self._taken = taken
        self._claimed: set[str] = set()

    def customer(self, ref: CustomerRef) -> Customer:
        """Raises Invalid `unknown-customer`, naming the field that named it."""
        try:
            return self._customers[ref]
        except KeyError:
            name = "customer_id" if ref.customer_id else "customer_external_ref"
            raise invalid(name, "no such customer", "unknown-customer") from None

    def claim(self, external_ref: str | None) -> None:
        """Use up one of the caller's ids.

        Raises Conflict `already-exists`: it is another invoice's, or stands twice in this list.
        """
        if external_ref is None:
            return
        if external_ref in self._claimed:
            reason = "stands twice in this request"
        elif external_ref in self._taken:
            reason = f"in use by invoice {self._taken[external_ref]}"
        else:
            self._claimed.add(external_ref)
            return
        raise Conflict(
            "already-exists", f"external_ref: {reason}", [FieldError("external_ref", reason)]
        )
