"""Which payment pays which item: proof by reference first, then one payer and one exact amount.

Nothing here looks at arrival: payments are served by value date, then id; items are candidates by
their own dates. A payment that is not proven is held, and its verdict says why.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from recon_svc.domain import references
from recon_svc.domain.desk import Desk
from recon_svc.domain.facts import Group, Invoice, Payment, Policy
from recon_svc.domain.references import Read


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a payment was decided: the tier that answered, the code if money is held, and why."""

    tier: str
    code: str | None = None
    evidence: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Applied:
    payer: UUID | None
    items: frozenset[UUID]
    amount_minor: int
    currency: str
    value_on: date
    payment_id: UUID


def known_payer(payment: Payment, group: Group) -> UUID | None:
    """The customer who paid: named by a person, or the only one with this account number.

    A name alone never identifies anybody.
    """
    if payment.customer_id is not None:
        return payment.customer_id if payment.customer_id in group.customers else None
    if payment.payer_account is None:
        return None
    owners = group.payers.get(payment.payer_account, frozenset())
    return next(iter(owners)) if len(owners) == 1 else None


class Matcher:
    """Serves the payments of one group at one desk, all references before any amounts."""

    def __init__(self, group: Group, desk: Desk, policy: Policy) -> None:
        self._group = group
        self._desk = desk
        self._policy = policy
        self._applied: list[_Applied] = []
        keys: dict[str, set[UUID]] = {}
        for invoice in group.invoices:
            for key in references.item_keys(invoice):
                keys.setdefault(key, set()).add(invoice.invoice_id)
        self._keys: Mapping[str, frozenset[UUID]] = {k: frozenset(v) for k, v in keys.items()}

    def run(self) -> dict[UUID, Verdict]:
        """Put money on items, and say for every payment how it was decided."""
        verdicts: dict[UUID, Verdict] = {}
        by_amount: list[Payment] = []
        for payment in self._desk.in_order():
            read = references.read(payment, self._keys, self._policy.number_patterns)
            if read.says_nothing:
                by_amount.append(payment)
            else:
                verdicts[payment.payment_id] = self._by_reference(payment, read)
        limited = self._payers_beyond_limit()
        for payment in by_amount:
            verdicts[payment.payment_id] = self._by_amount(payment, limited)
        return verdicts

    def _by_reference(self, payment: Payment, read: Read) -> Verdict:
        desk, offered = self._desk, self._offered(payment)
        items = sorted(
            (desk.invoices[i] for i in read.items), key=lambda i: (i.due_on, i.invoice_id)
        )
        evidence = _evidence(read, items)
        if any(item.currency != payment.currency for item in items):
            return Verdict("reference", "CURRENCY_MISMATCH", evidence)
        dues = {i.invoice_id: desk.open_for(payment.payment_id, i.invoice_id) for i in items}
        closes = bool(items) and sum(dues.values()) == offered and all(dues.values())
        first = self._twin(payment, read.items)
        if items and first is not None and not closes:
            return Verdict("reference", "DUPLICATE_PAYMENT", evidence | {"of": str(first)})
        if any(due == 0 for due in dues.values()):
            return Verdict("reference", "CLOSED_REFERENCE", evidence)
        doubtful = _doubt(read, evidence)
        if doubtful and not (closes and len(items) == 1 and not read.ambiguous):
            return doubtful
        if len(items) > 1 and not closes:
            return Verdict("reference", "AMBIGUOUS_MATCH", evidence | {"dues": _texts(dues)})
        if any((payment.payment_id, i.invoice_id) in desk.forbidden for i in items):
            return Verdict(
                "reference", "AMBIGUOUS_MATCH", evidence | {"unapplied_by_a_person": True}
            )
        self._put(payment, [(i.invoice_id, dues[i.invoice_id]) for i in items], "reference")
        return Verdict("reference", None, evidence)

    def _by_amount(self, payment: Payment, limited: frozenset[UUID]) -> Verdict:
        desk, payer, offered = self._desk, known_payer(payment, self._group), self._offered(payment)
        if payer is None:
            return Verdict(
                "amount", "UNKNOWN_PAYER", {"payer_account": bool(payment.payer_account)}
            )
        twin = self._equal_nearby(payment, payer, offered)
        if twin is not None:
            return Verdict("amount", "DUPLICATE_PAYMENT", {"of": str(twin)})
        if payer in limited:
            return Verdict("amount", "MISSING_REMITTANCE", {"open_items_beyond_limit": True})
        exact = [
            invoice
            for invoice in desk.invoices.values()
            if invoice.customer_id == payer
            and invoice.currency == payment.currency
            and offered > 0
            and desk.open_for(payment.payment_id, invoice.invoice_id) == offered
            and invoice.issued_on <= payment.value_on
            and (payment.payment_id, invoice.invoice_id) not in desk.forbidden
        ]
        if len(exact) == 1:
            self._put(payment, [(exact[0].invoice_id, offered)], "payer-and-amount")
            return Verdict("amount", None, {"invoice_id": str(exact[0].invoice_id)})
        if exact:
            candidates = sorted(str(invoice.invoice_id) for invoice in exact)
            return Verdict("amount", "AMBIGUOUS_MATCH", {"candidates": candidates})
        return Verdict("amount", "MISSING_REMITTANCE", {})

    def _offered(self, payment: Payment) -> int:
        """What the payment brought, but for reversals: what people put aside of it counts."""
        return (
            self._desk.left[payment.payment_id]
            + sum(a for (p, _), a in self._desk.pinned.items() if p == payment.payment_id)
            + self._desk.kept(payment.payment_id)
        )

    def _put(self, payment: Payment, wanted: Iterable[tuple[UUID, int]], proof: str) -> None:
        desk, put = self._desk, []
        for invoice_id, due in wanted:
            pinned = desk.pinned.get((payment.payment_id, invoice_id), 0)
            if desk.put(payment.payment_id, invoice_id, due - pinned, proof) or pinned:
                put.append(invoice_id)
        if put:
            self._applied.append(
                _Applied(
                    payer=known_payer(payment, self._group) or _owner(desk, put),
                    items=frozenset(put),
                    amount_minor=payment.amount_minor,
                    currency=payment.currency,
                    value_on=payment.value_on,
                    payment_id=payment.payment_id,
                )
            )

    def _twin(self, payment: Payment, items: frozenset[UUID]) -> UUID | None:
        """An earlier payment of the same amount that lies on the same items."""
        return next(
            (
                a.payment_id
                for a in self._applied
                if a.items == items and a.amount_minor == payment.amount_minor
            ),
            None,
        )

    def _equal_nearby(self, payment: Payment, payer: UUID, offered: int) -> UUID | None:
        """An applied payment of the same payer and amount, within the window on either side."""
        return next(
            (
                a.payment_id
                for a in self._applied
                if a.payer == payer
                and a.amount_minor == offered
                and a.currency == payment.currency
                and abs((payment.value_on - a.value_on).days) <= self._policy.duplicate_window_days
            ),
            None,
        )

    def _payers_beyond_limit(self) -> frozenset[UUID]:
        open_items: dict[UUID, int] = {}
        for invoice_id, remaining in self._desk.remaining.items():
            if remaining > 0:
                customer = self._desk.invoices[invoice_id].customer_id
                open_items[customer] = open_items.get(customer, 0) + 1
        limit = self._policy.group_limit
        beyond = {customer for customer, count in open_items.items() if count > limit}
        return self._group.crowded | beyond


def _doubt(read: Read, evidence: dict[str, Any]) -> Verdict | None:
    if read.bad:
        return Verdict("reference", "BAD_REFERENCE", evidence)
    if read.unknown:
        return Verdict("reference", "UNKNOWN_REFERENCE", evidence)
    if read.ambiguous:
        return Verdict("reference", "AMBIGUOUS_MATCH", evidence)
    return None


def _owner(desk: Desk, invoice_ids: list[UUID]) -> UUID | None:
    owners = {desk.invoices[invoice_id].customer_id for invoice_id in invoice_ids}
    return owners.pop() if len(owners) == 1 else None


def _evidence(read: Read, items: list[Invoice]) -> dict[str, Any]:
    found = {
        "invoices": [str(item.invoice_id) for item in items],
        "bad": list(read.bad),
        "unknown": list(read.unknown),
        "ambiguous": list(read.ambiguous),
    }
    return {name: values for name, values in found.items() if values}


def _texts(amounts: Mapping[UUID, int]) -> dict[str, int]:
    return {str(key): amount for key, amount in amounts.items()}
