"""`settle(group, policy)`: what ought to stand in the books, from the facts of one group alone.

The same facts give the same outcome, whatever order they came in; the caller posts only the
difference to what is booked. See docs/decisions for why.
"""

from dataclasses import replace
from uuid import UUID

from recon_svc.domain.desk import Desk
from recon_svc.domain.discrepancies import cash_discrepancies, item_discrepancies
from recon_svc.domain.facts import (
    AcceptShort,
    Apply,
    CreditNote,
    Group,
    KeepOnAccount,
    Payment,
    Policy,
    Reversal,
    Unapply,
)
from recon_svc.domain.matching import Matcher, Verdict, known_payer
from recon_svc.domain.outcome import (
    AllocationWanted,
    ItemState,
    Outcome,
    PaymentState,
    Posting,
)
from recon_svc.domain.references import bank_ids


def settle(group: Group, policy: Policy) -> Outcome:
    """Derive postings, terms, items and discrepancies of one group.

    Pure: no clock, no ids but those of the facts. Never raises for facts that contradict each
    other; what cannot be placed stays unapplied, with its discrepancy.
    """
    sheet = _Sheet(group)
    verdicts = sheet.serve(policy)
    payments = sheet.payment_states(verdicts)
    items = sheet.item_states()
    before = _money_before_corrections(group, policy)
    return Outcome(
        postings=tuple(sheet.postings(payments)),
        payments=payments,
        items=items,
        credit_applications=tuple(
            (note, invoice, amount) for (note, invoice), amount in sheet.credits.items()
        ),
        discrepancies=(
            *cash_discrepancies(payments, verdicts, sheet.orphans),
            *item_discrepancies(group, items, payments, before),
        ),
    )


def _money_before_corrections(group: Group, policy: Policy) -> dict[UUID, int]:
    """What would lie on each corrected invoice, of payments no later than its correction."""
    corrected = {
        invoice.invoice_id: invoice.voided_on
        for invoice in group.invoices
        if invoice.voided_on is not None
    }
    for note in group.credit_notes:
        corrected[note.invoice_id] = max(
            corrected.get(note.invoice_id) or note.issued_on, note.issued_on
        )
    if not corrected or not group.payments:
        return {}
    plain = replace(
        group,
        invoices=tuple(replace(invoice, voided_on=None) for invoice in group.invoices),
        credit_notes=(),
        posting_stopped=None,
    )
    sheet = _Sheet(plain)
    sheet.serve(policy)
    money: dict[UUID, int] = {}
    for (payment_id, invoice_id), amount in sheet.desk.allocations.items():
        on = corrected.get(invoice_id)
        if on is not None and sheet.desk.payments[payment_id].value_on <= on:
            money[invoice_id] = money.get(invoice_id, 0) + amount
    return money


class _Sheet:
    """One pass over a group: corrections, reversals, people's decisions, then the matcher."""

    def __init__(self, group: Group) -> None:
        self.group = group
        self.desk = Desk.of(group)
        self.credits: dict[tuple[UUID, UUID], int] = {}
        self.voided: dict[UUID, int] = {}
        self.accepted: dict[UUID, dict[UUID, int]] = {}
        self.reversed: dict[tuple[UUID, UUID], int] = {}
        self.orphans: list[Reversal] = []

    def serve(self, policy: Policy) -> dict[UUID, Verdict]:
        self._correct_items()
        self._reverse()
        self._decided_by_people()
        if self.group.posting_stopped is None:
            verdicts = Matcher(self.group, self.desk, policy).run()
        else:
            verdicts = self._keep_live()
        self._accept_short()
        return verdicts

    def _correct_items(self) -> None:
        """Credit notes come off their invoice first; a void takes what they leave."""
        remaining, invoices = self.desk.remaining, self.desk.invoices
        for note in sorted(self.group.credit_notes, key=lambda n: (n.issued_on, n.credit_note_id)):
            invoice = invoices.get(note.invoice_id)
            if invoice is None or invoice.currency != note.currency:
                continue
            amount = min(note.gross_minor, remaining[note.invoice_id])
            if amount:
                self.credits[note.credit_note_id, note.invoice_id] = amount
                remaining[note.invoice_id] -= amount
        for invoice in invoices.values():
            if invoice.voided_on is not None:
                self.voided[invoice.invoice_id] = remaining[invoice.invoice_id]
                remaining[invoice.invoice_id] = 0

    def _reverse(self) -> None:
        for reversal in sorted(self.group.reversals, key=lambda r: (r.value_on, r.reversal_id)):
            payment = self._original(reversal)
            if payment is None:
                self.orphans.append(reversal)
                continue
            self.reversed[reversal.reversal_id, payment.payment_id] = reversal.amount_minor
            self.desk.left[payment.payment_id] -= reversal.amount_minor

    def _original(self, reversal: Reversal) -> Payment | None:
        """The payment taken back: named, or the only one that shares a bank id and reaches."""
        named = self.desk.payments.get(reversal.payment_id) if reversal.payment_id else None
        pool = self.desk.payments.values() if reversal.payment_id is None else (named,)
        ids = bank_ids(reversal.references)
        fitting = [
            payment
            for payment in pool
            if payment is not None
            and payment.currency == reversal.currency
            and self.desk.left[payment.payment_id] >= reversal.amount_minor
            and (
                payment is named
                or (payment.value_on <= reversal.value_on and ids & bank_ids(payment.references))
            )
        ]
        return fitting[0] if len(fitting) == 1 else None

    def _decided_by_people(self) -> None:
        desk = self.desk
        for decision in self.group.resolutions:
            match decision:
                case Apply(payment_id=paid, invoice_id=item, amount_minor=amount):
                    if self._can_apply(paid, item):
                        put = desk.put(paid, item, amount, "person")
                        desk.pinned[paid, item] = desk.pinned.get((paid, item), 0) + put
                case Unapply(payment_id=paid, invoice_id=item):
                    back = desk.pinned.pop((paid, item), 0)
                    if back:
                        desk.left[paid] += back
                        desk.remaining[item] += back
                        del desk.allocations[paid, item]
                    desk.forbidden.add((paid, item))
                case KeepOnAccount(payment_id=paid, customer_id=customer, amount_minor=amount):
                    kept = min(amount, desk.left.get(paid, 0))
                    if kept > 0:
                        key = (paid, customer)
                        desk.on_account[key] = desk.on_account.get(key, 0) + kept
                        desk.left[paid] -= kept
                case _:
                    continue

    def _can_apply(self, payment_id: UUID, invoice_id: UUID) -> bool:
        payment = self.desk.payments.get(payment_id)
        invoice = self.desk.invoices.get(invoice_id)
        return bool(payment and invoice and payment.currency == invoice.currency)

    def _accept_short(self) -> None:
        """After all money has found its place: a late payment leaves less to accept."""
        for decision in self.group.resolutions:
            if isinstance(decision, AcceptShort):
                open_ = self.desk.remaining.get(decision.invoice_id, 0)
                amount = min(decision.amount_minor, open_)
                if amount:
                    self.accepted.setdefault(decision.invoice_id, {})[decision.resolution_id] = (
                        amount
                    )
                    self.desk.remaining[decision.invoice_id] -= amount

    def _keep_live(self) -> dict[UUID, Verdict]:
        """While the books are broken nothing new is applied; what lies on items stays there."""
        for live in sorted(
            self.group.posting_stopped or (), key=lambda a: (a.payment_id, a.invoice_id)
        ):
            pair = (live.payment_id, live.invoice_id)
            if pair not in self.desk.pinned and live.payment_id in self.desk.left:
                self.desk.put(*pair, live.amount_minor, "kept")
        stopped = {"posting": "stopped until the books are released"}
        return {
            payment.payment_id: Verdict("stopped", "MISSING_REMITTANCE", stopped)
            if known_payer(payment, self.group)
            else Verdict("stopped", "UNKNOWN_PAYER", stopped)
            for payment in self.group.payments
        }

    def payment_states(self, verdicts: dict[UUID, Verdict]) -> tuple[PaymentState, ...]:
        shares: dict[UUID, list[AllocationWanted]] = {}
        for (paid, invoice_id), amount in sorted(self.desk.allocations.items()):
            owner = self.desk.invoices[invoice_id].customer_id
            proof = self.desk.proofs[paid, invoice_id]
            share = AllocationWanted(paid, invoice_id, owner, amount, proof)
            shares.setdefault(paid, []).append(share)
        kept: dict[UUID, dict[UUID, int]] = {}
        for (paid, customer), amount in self.desk.on_account.items():
            kept.setdefault(paid, {})[customer] = amount
        taken_back: dict[UUID, int] = {}
        for (_, paid), amount in self.reversed.items():
            taken_back[paid] = taken_back.get(paid, 0) + amount
        return tuple(
            self._payment_state(
                payment,
                tuple(shares.get(payment.payment_id, ())),
                kept.get(payment.payment_id, {}),
                taken_back.get(payment.payment_id, 0),
                verdicts[payment.payment_id],
            )
            for payment in self.desk.in_order()
        )

    def _payment_state(
        self,
        payment: Payment,
        allocations: tuple[AllocationWanted, ...],
        kept: dict[UUID, int],
        reversed_minor: int,
        verdict: Verdict,
    ) -> PaymentState:
        customers = {a.customer_id for a in allocations} | kept.keys()
        customer = known_payer(payment, self.group) or (
            next(iter(customers)) if len(customers) == 1 else None
        )
        left = self.desk.left[payment.payment_id]
        return PaymentState(
            payment_id=payment.payment_id,
            customer_id=customer,
            currency=payment.currency,
            received_minor=payment.amount_minor,
            applied_minor=sum(a.amount_minor for a in allocations),
            unapplied_minor=left if customer else 0,
            on_account_minor=sum(kept.values()),
            unidentified_minor=0 if customer else left,
            refunded_minor=0,
            reversed_minor=reversed_minor,
            allocations=allocations,
            on_account=tuple(sorted(kept.items())),
            tier=verdict.tier,
            evidence=verdict.evidence,
        )

    def item_states(self) -> tuple[ItemState, ...]:
        desk = self.desk
        paid: dict[UUID, int] = {}
        credited: dict[UUID, int] = {}
        for (_, invoice_id), amount in desk.allocations.items():
            paid[invoice_id] = paid.get(invoice_id, 0) + amount
        for (_, invoice_id), amount in self.credits.items():
            credited[invoice_id] = credited.get(invoice_id, 0) + amount
        debits = (
            ItemState(
                item_id=key,
                side="debit",
                customer_id=invoice.customer_id,
                currency=invoice.currency,
                original_minor=invoice.due_minor,
                open_minor=desk.remaining[key],
                paid_minor=paid.get(key, 0),
                credited_minor=credited.get(key, 0),
                voided_minor=self.voided.get(key, 0),
                accepted_minor=sum(self.accepted.get(key, {}).values()),
            )
            for key, invoice in desk.invoices.items()
        )
        return (*debits, *(self._credit_item(note) for note in self.group.credit_notes))

    def _credit_item(self, note: CreditNote) -> ItemState:
        used = self.credits.get((note.credit_note_id, note.invoice_id), 0)
        return ItemState(
            item_id=note.credit_note_id,
            side="credit",
            customer_id=note.customer_id,
            currency=note.currency,
            original_minor=note.gross_minor,
            open_minor=note.gross_minor - used,
            credited_minor=used,
        )

    def postings(self, payments: tuple[PaymentState, ...]) -> list[Posting]:
        """Every journal that ought to be live; journals of 0 do not exist."""
        wanted: list[Posting] = []
        for invoice in self.group.invoices:
            key, owner, currency = invoice.invoice_id, invoice.customer_id, invoice.currency
            wanted.append(Posting("issued", key, None, owner, currency, invoice.due_minor))
            wanted.append(Posting("voided", key, None, owner, currency, self.voided.get(key, 0)))
            for resolution, amount in self.accepted.get(key, {}).items():
                wanted.append(Posting("accepted-short", key, resolution, owner, currency, amount))
        for note in self.group.credit_notes:
            wanted.append(
                Posting(
                    "credited",
                    note.credit_note_id,
                    None,
                    note.customer_id,
                    note.currency,
                    note.gross_minor,
                )
            )
        for state in payments:
            wanted += _payment_postings(state)
        currency_of = {r.reversal_id: r.currency for r in self.group.reversals}
        for (reversal, paid), amount in self.reversed.items():
            wanted.append(Posting("reversed", reversal, paid, None, currency_of[reversal], amount))
        for orphan in self.orphans:
            wanted.append(
                Posting(
                    "orphan", orphan.reversal_id, None, None, orphan.currency, orphan.amount_minor
                )
            )
        return [posting for posting in wanted if posting.amount_minor > 0]


def _payment_postings(state: PaymentState) -> list[Posting]:
    """Suspense first: `received` into 2110, then `identified` per customer, then the rest."""
    paid, currency = state.payment_id, state.currency
    identified: dict[UUID, int] = {}
    wanted = [Posting("received", paid, None, None, currency, state.received_minor)]
    for allocation in state.allocations:
        owner, amount = allocation.customer_id, allocation.amount_minor
        identified[owner] = identified.get(owner, 0) + amount
        wanted.append(Posting("applied", paid, allocation.invoice_id, owner, currency, amount))
    for owner, amount in state.on_account:
        identified[owner] = identified.get(owner, 0) + amount
        wanted.append(Posting("on-account", paid, None, owner, currency, amount))
    if state.customer_id is not None and state.unapplied_minor:
        owner = state.customer_id
        identified[owner] = identified.get(owner, 0) + state.unapplied_minor
    return wanted + [
        Posting("identified", paid, None, owner, currency, amount)
        for owner, amount in identified.items()
    ]
