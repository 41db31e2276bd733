"""The rules of recon-svc against the truths of many months, without any process.

Only a test may know both: the generator of the truth and the rules share no code.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import date
from uuid import NAMESPACE_URL, UUID, uuid5

import pytest

from billing_local.month import truth
from billing_local.month.compare import Found, FoundReceipt, FoundReturn, compare
from billing_local.month.generate import SEED, make_month
from billing_local.month.model import Paper, Receipt, Return, Share, TenantMonth
from billing_local.month.remittance import creditor_reference, lines, spell
from recon_svc.domain import facts
from recon_svc.domain.outcome import Outcome, PaymentState
from recon_svc.domain.settle import settle

#: Voids bear the day of the run, which is after the month.
DAY_OF_THE_RUN = date(2199, 1, 1)


def our_id(month: TenantMonth, ref: str) -> UUID:
    return uuid5(NAMESPACE_URL, f"{month.seller.key} {ref}")


def papers_of(month: TenantMonth) -> dict[str, Paper]:
    return {
        invoice.ref: Paper(f"INV-{at:06d}", creditor_reference(f"INV{at:06d}"))
        for at, invoice in enumerate(month.invoices, 1)
    }


def group_of(month: TenantMonth) -> facts.Group:
    """A tenant's whole month as one group."""
    papers = papers_of(month)
    owners: dict[str, set[UUID]] = {}
    for customer in month.customers:
        for account in customer.bank_accounts:
            number = account.replace(" ", "").upper()
            owners.setdefault(number, set()).add(our_id(month, customer.ref))
    return facts.Group(
        invoices=invoices_of(month, papers),
        credit_notes=credit_notes_of(month),
        payments=tuple(payment_of(month, receipt, papers) for receipt in month.receipts),
        reversals=tuple(reversal_of(month, returned) for returned in month.returns),
        customers=frozenset(our_id(month, customer.ref) for customer in month.customers),
        payers={number: frozenset(found) for number, found in owners.items()},
    )


def invoices_of(month: TenantMonth, papers: Mapping[str, Paper]) -> tuple[facts.Invoice, ...]:
    voided = {c.invoice for c in month.corrections if c.kind == "void"}
    return tuple(
        facts.Invoice(
            invoice_id=our_id(month, invoice.ref),
            number=papers[invoice.ref].number,
            customer_id=our_id(month, invoice.customer),
            currency=invoice.currency,
            issued_on=invoice.issued_on,
            due_on=invoice.issued_on,
            gross_minor=invoice.gross_minor,
            due_minor=invoice.gross_minor,
            payment_reference=papers[invoice.ref].payment_reference,
            voided_on=DAY_OF_THE_RUN if invoice.ref in voided else None,
        )
        for invoice in month.invoices
    )


def credit_notes_of(month: TenantMonth) -> tuple[facts.CreditNote, ...]:
    invoices = {invoice.ref: invoice for invoice in month.invoices}
    return tuple(
        facts.CreditNote(
            credit_note_id=our_id(month, correction.ref),
            number=correction.ref,
            invoice_id=our_id(month, correction.invoice),
            customer_id=our_id(month, invoices[correction.invoice].customer),
            currency=invoices[correction.invoice].currency,
            issued_on=correction.on,
            gross_minor=invoices[correction.invoice].gross_minor,
        )
        for correction in month.corrections
        if correction.kind == "credit-note"
    )


def payment_of(month: TenantMonth, receipt: Receipt, papers: Mapping[str, Paper]) -> facts.Payment:
    references = [facts.BankReference("bank", receipt.key)]
    if receipt.end_to_end != "NOTPROVIDED" and not receipt.manual:
        references.append(facts.BankReference("end-to-end", receipt.end_to_end or ""))
    if receipt.creditor_reference is not None:
        quoted = spell(receipt.creditor_reference, papers)
        references.append(facts.BankReference("creditor-reference", quoted))
    named = receipt.names_customer
    return facts.Payment(
        payment_id=our_id(month, receipt.key),
        amount_minor=receipt.amount_minor,
        currency=receipt.currency,
        value_on=receipt.value_on,
        payer_account=receipt.payer_account,
        customer_id=None if named is None else our_id(month, named),
        remittance_lines=tuple(lines(receipt.remittance, papers)),
        references=tuple(references),
    )


def reversal_of(month: TenantMonth, returned: Return) -> facts.Reversal:
    original = our_id(month, returned.receipt) if returned.by_hand and returned.receipt else None
    return facts.Reversal(
        reversal_id=our_id(month, returned.key),
        payment_id=original,
        amount_minor=returned.amount_minor,
        currency=returned.currency,
        value_on=returned.value_on,
        references=(facts.BankReference("end-to-end", returned.end_to_end),),
    )


def found_of(month: TenantMonth, outcome: Outcome) -> Found:
    """The outcome in the month's own names."""
    customers = {our_id(month, customer.ref): customer.ref for customer in month.customers}
    invoices = {our_id(month, invoice.ref): invoice.ref for invoice in month.invoices}
    states = {state.payment_id: state for state in outcome.payments}
    cash = {d.subject_id: d for d in outcome.discrepancies if d.family == "cash"}
    held: Counter[str] = Counter()
    receivables: Counter[str] = Counter()
    for state in outcome.payments:
        held[state.currency] += _held(state)
    for item in outcome.items:
        sign = 1 if item.side == "debit" else -1
        receivables[item.currency] += sign * item.open_minor
    receipts = {}
    for receipt in month.receipts:
        state = states[our_id(month, receipt.key)]
        case = cash.get(state.payment_id)
        receipts[receipt.key] = FoundReceipt(
            currency=state.currency,
            amount_minor=state.received_minor,
            customer=customers[state.customer_id] if state.customer_id else None,
            posts=tuple(Share(invoices[a.invoice_id], a.amount_minor) for a in state.allocations),
            held_minor=_held(state),
            reversed_minor=state.reversed_minor,
            code=case.code if case else None,
            code_minor=case.amount_minor if case else 0,
        )
    returns = {}
    for returned in month.returns:
        case = cash.get(our_id(month, returned.key))
        returns[returned.key] = FoundReturn(
            returned.currency, returned.amount_minor, None, case.code if case else None
        )
    money = truth.money_in(month)
    return Found(
        gross={invoice.ref: invoice.gross_minor for invoice in month.invoices},
        receipts=receipts,
        returns=returns,
        items={
            (invoices[d.subject_id], d.code): d.amount_minor
            for d in outcome.discrepancies
            if d.family == "item"
        },
        bank=money,
        table=money,
        books=money,
        receivables=receivables,
        held=held,
    )


def _held(state: PaymentState) -> int:
    return state.unapplied_minor + state.unidentified_minor


def faults_of(seed: int, first_on: date, scale: float = 1.0) -> list[str]:
    months = make_month(seed, first_on, scale)
    policy = facts.Policy("0" * 64)
    found = [found_of(month, settle(group_of(month), policy)) for month in months]
    return compare(months, found).faults


@pytest.mark.parametrize("seed", [SEED, 1, 2])
def test_the_rules_find_what_was_meant(seed: int) -> None:
    assert faults_of(seed, date(2026, 3, 1), scale=0.4) == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3, 9))
def test_the_rules_find_what_was_meant_in_other_months(seed: int) -> None:
    assert faults_of(seed, date(2026, 5, 1)) == []


@pytest.mark.slow
@pytest.mark.parametrize("month", range(1, 13))
def test_the_demo_holds_in_every_month_of_the_year(month: int) -> None:
    assert faults_of(SEED, date(2027, month, 1)) == []
