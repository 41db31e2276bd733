"""The life of an invoice: every state, every move; numbers, dates, references."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import product
from typing import get_args

import pytest
from stdnum import iso11649

from billing_shared.contracts.envelope import TaxGroup
from billing_shared.contracts.invoice import Address
from billing_shared.errors import BillingError, Conflict, Invalid
from billing_shared.ids import new_id
from invoice_svc.domain.credit_note import Wish, credit
from invoice_svc.domain.customer import Customer, CustomerDetails, anonymise
from invoice_svc.domain.document import thaw
from invoice_svc.domain.imported import Foreign, take_over
from invoice_svc.domain.invoice import (
    MOVES,
    NO_DATES,
    Content,
    Dates,
    Move,
    State,
    draft,
    move,
    redraft,
    reopen,
    void,
)
from invoice_svc.domain.issuing import Ready, issue, issue_all
from invoice_svc.domain.numbering import Series, creditor_reference, legal_date, spell, take
from invoice_svc.domain.seller import Seller, SellerDetails
from invoice_svc.domain.terms import EarlyPaymentRule, TermsRule
from invoice_svc.domain.totals import LineDraft

NOW = datetime(2026, 3, 31, 22, 30, tzinfo=UTC)  # already April in Berlin
TODAY = date(2026, 4, 1)
ADDRESS = Address(lines=["Hafenstr. 12"], postal_code="20457", city="Hamburg", country="DE")
SELLER = Seller(
    SellerDetails("Nordwind", ADDRESS, "DE", ("DE123456789",), "Europe/Berlin", "EUR"), 1, NOW
)
CUSTOMER = Customer(
    new_id(), CustomerDetails("Buyer", "DE", terms=TermsRule(14)), b"salt", NOW, NOW
)
CONTENT = Content("EUR", (LineDraft("thing", "1", "100", "S", "19"),), external_ref="order-1")


def a_draft(**changes):
    return draft(new_id(), CUSTOMER, replace(CONTENT, **changes), NOW)


INV, CN, RETURNED = Series("INV"), Series("CN"), Wish("returned")


def issued(dates=NO_DATES, series=INV, **changes):
    return issue(a_draft(**changes), CUSTOMER, series, seller=SELLER, dates=dates, now=NOW)[0]


@pytest.mark.parametrize(("state", "what"), list(product(get_args(State), get_args(Move))))
def test_only_the_moves_in_the_table_are_allowed(state, what):
    invoice = replace(a_draft().invoice, state=state)
    if (state, what) in MOVES:
        assert move(invoice, what) == MOVES[state, what]
    else:
        with pytest.raises(Conflict) as refused:
            move(invoice, what)
        assert refused.value.code == "wrong-state"


def test_issue_sets_number_dates_reference_hash_and_settlement():
    one = issued()
    invoice = one.invoice
    assert (invoice.number, invoice.series_no, invoice.state) == ("INV-000001", 1, "issued")
    assert (invoice.issued_on, invoice.due_on) == (TODAY, TODAY + timedelta(days=14))
    assert iso11649.is_valid(invoice.payment_reference)
    assert one.event.content_sha256 == invoice.content_sha256 == one.frozen.sha256
    assert thaw(one.frozen.text) == one.frozen.document
    assert (invoice.settlement.standing, invoice.settlement.due_minor) == ("unpaid", 11900)
    assert invoice.content is None
    assert invoice.version == 2


def test_an_invoice_of_zero_is_settled_at_once():
    one = issued(lines=(LineDraft("gift", "0", "100", "S", "19"),))
    assert one.invoice.settlement.standing == "settled"
    assert one.event.due_minor == 0


def test_terms_of_the_draft_go_before_the_customers_and_early_payment_gets_dates():
    one = issued(terms=TermsRule(60, (EarlyPaymentRule(10, "2.50"),)))
    assert one.invoice.due_on == TODAY + timedelta(days=60)
    [step] = one.event.terms.early_payment
    assert (step.until_on, step.percent) == (TODAY + timedelta(days=10), "2.5")


@pytest.mark.parametrize(
    "terms", [TermsRule(5, (EarlyPaymentRule(6, "2"),)), TermsRule(5, (EarlyPaymentRule(1, "0"),))]
)
def test_impossible_early_payment_is_refused(terms):
    with pytest.raises(Invalid):
        a_draft(terms=terms)


@pytest.mark.parametrize(
    ("dates", "field"),
    [
        (Dates(TODAY + timedelta(days=1)), "issued_on"),
        (Dates(TODAY, TODAY - timedelta(days=1)), "due_on"),
        (Dates(TODAY, TODAY + timedelta(days=4000)), "due_on"),
    ],
)
def test_bad_dates_are_refused(dates, field):
    with pytest.raises(Invalid) as refused:
        issued(dates)
    assert refused.value.errors[0].field == field


def test_dates_never_run_back_along_the_numbers():
    series = Series("INV", 7, TODAY)
    with pytest.raises(Conflict) as refused:
        issued(Dates(TODAY - timedelta(days=1)), series)
    assert refused.value.code == "date-before-last-number"
    assert issued(series=series).invoice.number == "INV-000008"


def test_a_list_takes_numbers_in_date_order_and_the_refused_take_none():
    early, late = Dates(TODAY - timedelta(days=3)), Dates(TODAY - timedelta(days=1))
    ready = [
        Ready(a_draft(), CUSTOMER, late),
        Ready(a_draft(), CUSTOMER, Dates(TODAY, TODAY - timedelta(days=9))),
        Ready(a_draft(), CUSTOMER, early),
        Ready(a_draft(), CUSTOMER, NO_DATES),
    ]
    outcomes, moved = issue_all(ready, SELLER, {"INV": Series("INV")}, NOW)
    numbers = [None if isinstance(o, BillingError) else o.invoice.number for o in outcomes]
    assert numbers == ["INV-000002", None, "INV-000001", "INV-000003"]
    assert moved["INV"] == Series("INV", 3, TODAY)


def test_nothing_is_issued_to_an_anonymised_customer():
    forgotten = anonymise(CUSTOMER, NOW)
    with pytest.raises(Conflict) as refused:
        issue(a_draft(), forgotten, Series("INV"), seller=SELLER, dates=NO_DATES, now=NOW)
    assert refused.value.code == "customer-anonymised"


def test_redraft_keeps_id_and_birth_and_counts_the_version():
    old = a_draft().invoice
    new = redraft(old, CUSTOMER, replace(CONTENT, currency="USD"), NOW + timedelta(hours=1)).invoice
    assert (new.invoice_id, new.created_at, new.version) == (old.invoice_id, old.created_at, 2)
    assert new.currency == "USD"
    assert reopen(new).totals.gross_minor == 11900


def test_void_needs_an_untouched_settlement():
    one = issued().invoice
    gone, event = void(one, "wrong buyer", None, TODAY, NOW)
    assert (gone.state, gone.voided.reason, event.number) == ("void", "wrong buyer", one.number)
    for touch in ("paid_minor", "credited_minor", "written_off_minor"):
        touched = replace(one, settlement=replace(one.settlement, **{touch: 1}))
        with pytest.raises(Conflict) as refused:
            void(touched, "x", None, TODAY, NOW)
        assert refused.value.code == "invoice-settled"
    with pytest.raises(Conflict):
        void(replace(one, credit_note_id=new_id()), "x", None, TODAY, NOW)
    with pytest.raises(Invalid):
        void(one, "x", one.invoice_id, TODAY, NOW)


def a_credit(one, wish=RETURNED, series=CN):
    document = one.frozen.document
    return credit(new_id(), one.invoice, document, seller=SELLER, series=series, wish=wish, now=NOW)


def test_a_credit_note_copies_the_invoice_and_has_its_own_number():
    one = issued()
    credited, moved = a_credit(one)
    assert (credited.credit_note.number, moved.last_no) == ("CN-000001", 1)
    assert credited.event.tax_groups == one.event.tax_groups
    assert credited.event.gross_minor == one.invoice.gross_minor
    assert credited.frozen.document.corrects.number == one.invoice.number
    assert credited.invoice.credit_note_id == credited.credit_note.credit_note_id
    with pytest.raises(Conflict) as refused:
        a_credit(replace(one, invoice=credited.invoice))
    assert refused.value.code == "already-credited"


def test_a_credit_note_needs_something_to_credit_and_a_date_after_the_invoice():
    with pytest.raises(Conflict) as refused:
        a_credit(issued(lines=(LineDraft("gift", "0", "1", "Z", "0"),)))
    assert refused.value.code == "nothing-to-credit"
    with pytest.raises(Invalid):
        a_credit(issued(), Wish("x", TODAY - timedelta(days=1)))


@pytest.mark.parametrize("number", [1, 999_999, 1_000_000, 123_456_789_012])
def test_numbers_are_spelled_and_referenced(number):
    spelled = spell("ABCDEFGH", number)
    assert int(spelled.partition("-")[2]) == number
    reference = creditor_reference(spelled)
    assert iso11649.is_valid(reference)
    assert len(reference) <= 25


def test_the_legal_date_is_the_sellers_and_series_move_one_by_one():
    assert SELLER.today(NOW) == TODAY
    assert legal_date(None, TODAY) == TODAY
    series, number = take(Series("INV", 41, TODAY), TODAY)
    assert (number, series.last_no) == ("INV-000042", 42)


A_GROUP = TaxGroup(tax_category="S", tax_rate="19", base_minor=1, tax_minor=1)
FOREIGN = Foreign("R 2025/17", "EUR", date(2025, 12, 1), date(2025, 12, 31), 11900, 5000)


def test_an_imported_document_keeps_number_and_dates_and_says_what_is_due():
    one = take_over(new_id(), CUSTOMER, FOREIGN, NOW)
    invoice = one.invoice
    assert (invoice.number, invoice.series, invoice.series_no) == ("R 2025/17", "external", None)
    assert invoice.payment_reference == "R 2025/17"
    assert (invoice.settlement.standing, invoice.settlement.paid_minor) == ("partial", 6900)
    assert (one.event.origin, one.event.due_minor, one.event.terms.net_days) == (
        "imported",
        5000,
        30,
    )
    again = take_over(new_id(), CUSTOMER, FOREIGN, NOW + timedelta(days=1))
    assert again.frozen.sha256 == one.frozen.sha256


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"due_minor": 11901}, "due_minor"),
        ({"due_on": date(2025, 11, 30)}, "due_on"),
        ({"net_minor": 10000}, None),
        ({"net_minor": 10000, "tax_minor": 1800}, "gross_minor"),
        ({"lines": CONTENT.lines, "gross_minor": 11901}, "gross_minor"),
        ({"lines": CONTENT.lines}, None),
        ({"tax_groups": (A_GROUP,)}, "net_minor"),
        ({"currency": "XXX"}, "currency"),
    ],
)  # fmt: skip
def test_imported_totals_must_add_up(change, field):
    foreign = replace(FOREIGN, **change)
    if field is None and change != {"net_minor": 10000}:
        take_over(new_id(), CUSTOMER, foreign, NOW)
        return
    with pytest.raises(Invalid) as refused:
        take_over(new_id(), CUSTOMER, foreign, NOW)
    assert refused.value.errors[0].field == (field or "gross_minor")
