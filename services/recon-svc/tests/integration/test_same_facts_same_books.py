"""DESIGN 5.2: the same events, in any order and any number of times, end in the same books."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing_shared.contracts import Event
from billing_shared.postgres import transaction
from recon_svc.domain.resolutions import Resolved
from recon_svc.store import books, proofs, resolutions
from recon_svc.store.groups import Seeds
from recon_svc.usecases.settle_groups import settle_groups

START = date(2026, 2, 1)
CUSTOMERS = [UUID(int=n) for n in (1, 2)]
ACCOUNTS = ["DE1", "DE2"]
NUMBERS = ["INV100001", "INV100002", "INV100003", "INV100004"]
LINES = [
    *NUMBERS,
    "INV100001 INV100002",
    "INV100002 and INV100003",
    "INV999999",
    "RF99 INV1",
    "thanks",
    "",
]

amounts = st.sampled_from([4000, 5000, 5000, 9000, 10000])
days = st.integers(0, 40).map(lambda n: START + timedelta(days=n))
currencies = st.sampled_from(["EUR"] * 5 + ["USD"])


@dataclass(frozen=True)
class History:
    """Events, some with the sequence that says which state is newer, and orders to feed them in.

    `decisions` are people's, made in this order; `made_after` says, for each way to feed the
    events, after how many of these each is made.
    """

    events: list[tuple[Event, int]]
    decisions: list[Resolved]
    orders: list[list[int]]
    splits: list[list[int]]
    made_after: list[list[int]]


def _customers(draw: st.DrawFn, make: Any) -> list[tuple[Event, int]]:
    found = []
    for customer_id in CUSTOMERS:
        for sequence in range(1, 1 + draw(st.integers(1, 2))):
            accounts = draw(st.lists(st.sampled_from(ACCOUNTS), unique=True, max_size=2))
            found.append((make.customer(*accounts, customer_id=customer_id), sequence))
        if draw(st.integers(0, 4)) == 0:
            erased = make.customer(customer_id=customer_id, status="anonymised")
            found.append((erased, draw(st.integers(2, 3))))
    return found


def _documents(draw: st.DrawFn, make: Any) -> list[Event]:
    found: list[Event] = []
    for n, number in enumerate(NUMBERS[: draw(st.integers(1, 4))]):
        invoice = make.invoice(
            number,
            draw(amounts),
            draw(st.sampled_from(CUSTOMERS)),
            invoice_id=UUID(int=100 + n),
            issued_on=draw(days),
            currency=draw(currencies),
        )
        found.append(invoice)
        if draw(st.integers(0, 3)) == 0:
            found.append(make.void(invoice, draw(days)))
        for m in range(draw(st.sampled_from([0, 0, 1, 2]))):
            note_id = UUID(int=1000 + 10 * n + m)
            amount = draw(st.sampled_from([1000, 5000]))
            found.append(
                make.credit_note(invoice, amount, credit_note_id=note_id, issued_on=draw(days))
            )
    return found


def _money(draw: st.DrawFn, make: Any) -> list[Event]:
    found: list[Event] = []
    for n in range(draw(st.integers(1, 5))):
        payment_id = UUID(int=200 + n)
        found.append(
            make.payment(
                draw(amounts),
                draw(st.sampled_from(LINES)),
                payment_id=payment_id,
                payer=draw(st.sampled_from([None, *ACCOUNTS])),
                customer_id=draw(st.sampled_from([None, None, None, *CUSTOMERS, UUID(int=3)])),
                value_on=draw(days),
                currency=draw(currencies),
                references=[("end-to-end", draw(st.sampled_from(["A", "B", "NOTPROVIDED"])))],
            )
        )
    for n in range(draw(st.sampled_from([0, 0, 1, 2]))):
        named = draw(st.sampled_from([None, *(UUID(int=200 + m) for m in range(6))]))
        found.append(
            make.reversal(
                draw(amounts),
                named,
                reversal_id=UUID(int=300 + n),
                value_on=draw(days),
                references=[("end-to-end", draw(st.sampled_from(["A", "B"])))],
            )
        )
    return found


def _decisions(draw: st.DrawFn) -> list[Resolved]:
    found = []
    for n in range(draw(st.sampled_from([0, 0, 1, 2, 3]))):
        action = draw(st.sampled_from(["apply", "un-apply", "keep-on-account", "accept-short"]))
        of_payment = action != "accept-short"
        found.append(
            Resolved(
                UUID(int=400 + n),
                action,
                payment_id=UUID(int=200 + draw(st.integers(0, 4))) if of_payment else None,
                invoice_id=None
                if action == "keep-on-account"
                else UUID(int=100 + draw(st.integers(0, 3))),
                customer_id=draw(st.sampled_from(CUSTOMERS))
                if action == "keep-on-account"
                else None,
                amount_minor=None if action == "un-apply" else draw(amounts),
            )
        )
    return found


@st.composite
def histories(draw: st.DrawFn, make: Any) -> History:
    events = _customers(draw, make)
    events += [(event, 1) for event in (*_documents(draw, make), *_money(draw, make))]
    decisions = _decisions(draw)
    orders, splits, made_after = [list(range(len(events)))], [list(range(len(events)))], []
    for _ in range(2):
        repeats = draw(st.lists(st.integers(0, len(events) - 1), max_size=3))
        orders.append(draw(st.permutations([*range(len(events)), *repeats])))
        splits.append(sorted(draw(st.lists(st.integers(0, len(events)), max_size=4))))
    for order in orders:
        places = st.integers(0, len(order))
        made_after.append(sorted(draw(places) for _ in decisions))
    return History(events, decisions, orders, splits, made_after)


async def _feed(tenant: Any, history: History, way: int) -> None:
    batch: list[Any] = []
    order, splits = history.orders[way], history.splits[way]
    for place in range(len(order) + 1):
        for decision, after in zip(history.decisions, history.made_after[way], strict=True):
            if after == place:
                await tenant.feed_incoming(batch)
                batch = []
                await _decide(tenant, decision)
        if place < len(order):
            event, sequence = history.events[order[place]]
            tenant.sequences[event.aggregate_id] = sequence - 1
            batch.append(tenant.incoming(event))
        if place in splits:
            await tenant.feed_incoming(batch)
            batch = []
    await tenant.feed_incoming(batch)


async def _decide(tenant: Any, decision: Resolved) -> None:
    """As the use case does, but for its checks, which look at how things stand."""
    context = tenant.context("a person says so")
    async with transaction(tenant.pool, tenant.tenant_id) as conn:
        locked = await books.lock(conn, tenant.tenant_id, context.now)
        await resolutions.save(conn, context, [decision], None)
        seeds = Seeds(
            payments={decision.payment_id} if decision.payment_id else set(),
            invoices={decision.invoice_id} if decision.invoice_id else set(),
        )
        await settle_groups(conn, context, locked, seeds)


async def _compare(another_tenant: Callable[[], Any], history: History) -> None:
    in_order = another_tenant()
    await _feed(in_order, history, 0)
    await _prove(in_order)
    for way in range(1, len(history.orders)):
        shuffled = another_tenant()
        await _feed(shuffled, history, way)
        await _prove(shuffled)
        assert await shuffled.balances() == await in_order.balances()
        assert await shuffled.open_items() == await in_order.open_items()
        assert await shuffled.terms() == await in_order.terms()
        assert await shuffled.discrepancies() == await in_order.discrepancies()


async def _prove(tenant: Any) -> None:
    async with transaction(tenant.pool, tenant.tenant_id) as conn:
        sums = await proofs.add_up(conn, tenant.tenant_id, proved_no=0, is_full=True)
    assert sums.differences == ()


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
async def test_order_and_repetition_do_not_matter(
    another_tenant: Callable[[], Any], data: st.DataObject
) -> None:
    await _compare(another_tenant, data.draw(histories(another_tenant())))


@pytest.mark.slow
@pytest.mark.timeout(900)
@settings(
    max_examples=400,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
async def test_order_and_repetition_do_not_matter_at_length(
    another_tenant: Callable[[], Any], data: st.DataObject
) -> None:
    await _compare(another_tenant, data.draw(histories(another_tenant())))
