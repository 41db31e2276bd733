"""Accounts, entries, and the difference between what ought to be booked and what is."""

from dataclasses import replace
from datetime import date
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon_svc.domain.ledger import (
    ACCOUNTS,
    KINDS,
    LivePosting,
    imbalances,
    lines,
    moves,
    posted_on,
)
from recon_svc.domain.outcome import Posting

FACTS = [UUID(int=n) for n in range(1, 6)]
DAY = date(2026, 2, 1)

postings = st.builds(
    Posting,
    kind=st.sampled_from(sorted(KINDS)),
    subject_id=st.sampled_from(FACTS),
    against_id=st.none() | st.sampled_from(FACTS),
    customer_id=st.sampled_from(FACTS),
    currency=st.just("EUR"),
    amount_minor=st.integers(1, 5),
)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_balances_and_its_mirror_undoes_it(kind: str) -> None:
    posting = Posting(kind, FACTS[0], FACTS[1], FACTS[2], "EUR", 700)
    booked, mirror = lines(posting), lines(posting, mirrored=True)
    assert imbalances(booked) == {}
    assert {line.account for line in booked} <= ACCOUNTS.keys()
    undone = {line.account: line.amount_minor for line in mirror}
    assert undone == {line.account: -line.amount_minor for line in booked}


def test_only_receivable_lines_name_their_item() -> None:
    applied = Posting("applied", FACTS[0], FACTS[1], FACTS[2], "EUR", 700)
    items = {line.account: line.item_id for line in lines(applied)}
    assert items == {"2100": None, "1100": FACTS[1]}
    customers = {line.account: line.customer_id for line in lines(replace(applied, kind="issued"))}
    assert customers == {"1100": FACTS[2], "3900": None}


def test_what_does_not_balance_is_named_by_currency() -> None:
    one, other = lines(Posting("received", FACTS[0], None, None, "EUR", 700))
    assert imbalances([one, replace(other, amount_minor=-699)]) == {"EUR": 1}


@given(st.lists(postings), st.lists(postings))
def test_moves_lead_from_what_is_to_what_ought_to_be(
    ought: list[Posting], is_: list[Posting]
) -> None:
    booked = {_key(p): p for p in is_}
    live = [LivePosting(p, UUID(int=900 + n), DAY) for n, p in enumerate(booked.values())]
    change = moves(ought, live)
    after = set(booked.values()) - {j.posting for j in change.gone} | set(change.fresh)
    assert after == set({_key(p): p for p in ought}.values())
    assert not {j.posting for j in change.gone} & set(change.fresh)


def test_an_application_is_dated_when_both_its_sides_exist() -> None:
    applied = Posting("applied", FACTS[0], FACTS[1], FACTS[2], "EUR", 700)
    later = date(2026, 2, 9)
    dates = {FACTS[0]: DAY, FACTS[1]: later}
    assert posted_on(applied, dates, {}, date(2026, 3, 1)) == later


def test_what_is_accepted_is_dated_today() -> None:
    accepted = Posting("accepted-short", FACTS[0], FACTS[1], FACTS[2], "EUR", 700)
    assert posted_on(accepted, {FACTS[0]: DAY}, {}, date(2026, 3, 1)) == date(2026, 3, 1)


def _key(posting: Posting) -> tuple[object, ...]:
    return (posting.kind, posting.subject_id, posting.against_id, posting.customer_id)
