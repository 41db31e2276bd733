"""Who wants to hear of what."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from billing_shared.contracts import EVENTS
from billing_shared.errors import Invalid
from billing_shared.ids import new_id
from notify_svc.domain.subscription import Subscription, Wish, change, check_event_types, disable

NOW = datetime(2026, 3, 2, tzinfo=UTC)
EVERYTHING = Subscription(
    subscription_id=new_id(),
    url="https://example.com/",
    event_types=("*",),
    status="active",
    description="",
    version=1,
    created_at=NOW,
    updated_at=NOW,
)


def test_a_star_wants_every_type_there_is() -> None:
    assert all(EVERYTHING.wants(name) for name in EVENTS)


def test_a_filter_wants_just_its_types() -> None:
    some = replace(EVERYTHING, event_types=("invoice-issued",))
    assert [name for name in EVENTS if some.wants(name)] == ["invoice-issued"]


def test_a_disabled_subscription_wants_nothing() -> None:
    assert not any(replace(EVERYTHING, status="disabled").wants(name) for name in EVENTS)


def test_event_types_are_kept_in_one_spelling() -> None:
    assert check_event_types(["invoice-voided", "invoice-issued", "invoice-voided"]) == (
        "invoice-issued",
        "invoice-voided",
    )


@pytest.mark.parametrize("names", [[], ["*", "invoice-issued"], ["invoice.issued"], ["Invoice"]])
def test_event_types_that_make_no_sense_are_refused(names: list[str]) -> None:
    with pytest.raises(Invalid):
        check_event_types(names)


def test_a_change_counts_and_clears_why_we_disabled_it() -> None:
    stopped = disable(EVERYTHING, "answered 410", NOW)
    assert (stopped.status, stopped.version, stopped.disabled_reason) == (
        "disabled",
        2,
        "answered 410",
    )
    again = change(stopped, Wish(url="https://example.org/"), NOW)
    assert (again.status, again.version, again.disabled_reason) == ("active", 3, None)
