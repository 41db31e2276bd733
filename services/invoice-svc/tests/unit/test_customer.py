"""Customers: accounts checked, people forgotten, audit without names."""

from datetime import UTC, datetime, timedelta

import pytest

from billing_shared.contracts.invoice import Address, Email
from billing_shared.contracts.recon import Cause, SettlementChanged
from billing_shared.errors import Conflict, Invalid
from billing_shared.ids import new_id
from invoice_svc.domain.customer import (
    PERSONAL,
    Customer,
    CustomerDetails,
    anonymise,
    audit_view,
    change,
    check,
    updated,
)
from invoice_svc.domain.seller import SellerDetails
from invoice_svc.domain.seller import check as check_seller
from invoice_svc.domain.settlement import newest

NOW = datetime(2026, 3, 1, tzinfo=UTC)
DETAILS = CustomerDetails(
    name="Ada Example",
    country="GB",
    external_ref="crm-1",
    aliases=("A. Example",),
    tax_ids=("GB1",),
    emails=(Email(role="billing", address="ada@example.com"),),
    bank_accounts=("gb33 bukb 2020 1555 5555 55", "GB33BUKB20201555555555", "123-456"),
    address=Address(lines=["1 Road"], postal_code="N1", city="London", country="GB"),
)


def a_customer():
    return Customer(new_id(), check(DETAILS), b"0123456789abcdef", NOW, NOW)


def test_accounts_lose_their_spaces_and_doubles():
    assert check(DETAILS).bank_accounts == ("GB33BUKB20201555555555", "123-456")


def test_an_iban_with_wrong_check_digits_is_refused():
    with pytest.raises(Invalid) as refused:
        check(CustomerDetails("x", "GB", bank_accounts=("GB34BUKB20201555555555",)))
    assert refused.value.errors[0].field == "bank_accounts[0]"


def test_a_forgotten_customer_says_nothing_of_who_it_was():
    forgotten = anonymise(a_customer(), NOW + timedelta(days=1))
    event = updated(forgotten)
    assert (event.status, event.name, event.emails, event.bank_accounts) == (
        "anonymised",
        "",
        [],
        [],
    )
    assert event.external_ref is None
    for name in PERSONAL:
        assert not getattr(forgotten.details, name)
    assert forgotten.audit_salt is None
    with pytest.raises(Conflict):
        change(forgotten, DETAILS, NOW)
    with pytest.raises(Conflict):
        anonymise(forgotten, NOW)


def test_the_audit_shows_that_a_field_changed_but_never_what_it_said():
    customer = a_customer()
    view = audit_view(customer)
    shown = repr(view)
    for secret in ("Ada", "ada@example.com", "BUKB", "crm-1", "London"):
        assert secret not in shown
    other = audit_view(change(customer, DETAILS.__class__("Bob", "GB"), NOW))
    assert other["name"] != view["name"]
    assert other["version"] == 2


@pytest.mark.parametrize(
    ("time_zone", "currency", "field"),
    [
        ("Mars/Olympus", "EUR", "time_zone"),
        ("../etc/passwd", "EUR", "time_zone"),
        ("UTC", "XXX", "base_currency"),
    ],
)
def test_a_seller_lives_in_a_real_zone_with_a_real_currency(time_zone, currency, field):
    with pytest.raises(Invalid) as refused:
        check_seller(SellerDetails("x", DETAILS.address, "GB", (), time_zone, currency))
    assert refused.value.errors[0].field == field


def test_the_newest_settlement_wins_in_whatever_order():
    invoice_id = new_id()

    def heard(sequence, paid):
        event = SettlementChanged(
            invoice_id=invoice_id,
            customer_id=new_id(),
            currency="EUR",
            gross_minor=100,
            paid_minor=paid,
            credited_minor=0,
            written_off_minor=0,
            disputed_minor=0,
            due_minor=100 - paid,
            settlement="partial",
            cause=Cause(kind="payment", id=new_id(), amount_minor=paid),
        )
        return event, sequence, NOW

    states = newest([heard(2, 20), heard(3, 30), heard(1, 10)])
    assert (states[invoice_id].sequence, states[invoice_id].paid_minor) == (3, 30)
