"""Numbers are gapless and in date order, however requests interleave, fail or roll back."""

import asyncio
import random
from datetime import timedelta
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing_shared.errors import BillingError
from billing_shared.postgres import transaction
from invoice_svc.domain.customer import CustomerRef
from invoice_svc.domain.invoice import Content, Dates
from invoice_svc.domain.totals import LineDraft
from invoice_svc.usecases.bill_customers import Bill, bill_customers
from invoice_svc.usecases.draft_invoices import draft_invoices
from invoice_svc.usecases.issue_invoices import issue_invoices

#: Per series: how many numbers were taken, the last of them, what the counter says, dates in order.
PROOF = """
select s.series, s.last_no, count(i.*) as taken, coalesce(max(i.series_no), 0) as highest,
    count(*) filter (where i.issued_on < i.before) as running_back
from number_series s
left join (
    select *, lag(issued_on) over (partition by series order by series_no) as before
    from invoice where number is not null
) i using (tenant_id, series)
group by s.series, s.last_no
"""


class Crash(Exception):
    """The process dies before the commit."""


def content(series):
    return Content("EUR", (LineDraft("x", "1", "1", "Z", "0"),), series=series)


async def work(caller, ref, steps):
    """One client: bills, or drafts and issues, and sometimes dies before the commit."""
    today = caller.clock.now().date()
    for kind, series, days_ago, dies in steps:
        dates = Dates(today - timedelta(days=days_ago))
        try:
            async with transaction(caller.database.app_pool, caller.tenant_id) as conn:
                context = caller.context()
                if kind == "bulk":
                    bills = [Bill(ref, content(series), dates), Bill(ref, content("B"), dates)]
                    await bill_customers(conn, context, bills)
                else:
                    [made] = await draft_invoices(conn, context, [(ref, content(series))])
                    order = (made.invoice.invoice_id, dates, None)
                    await issue_invoices(conn, context, [order])
                await asyncio.sleep(random.random() / 1000)
                if dies:
                    raise Crash
        except (Crash, BillingError):
            continue


STEP = st.tuples(
    st.sampled_from(["bulk", "single"]),
    st.sampled_from(["A", "B", "C"]),
    st.integers(0, 2),
    st.booleans(),
)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(clients=st.lists(st.lists(STEP, min_size=1, max_size=6), min_size=2, max_size=5))
async def test_numbers_are_gapless_and_in_date_order(caller, clients):
    found = await caller.get("/v1/customers")
    customer = found["items"][0] if found["items"] else await caller.customer()
    ref = CustomerRef(UUID(customer["customer_id"]))
    await asyncio.gather(*(work(caller, ref, steps) for steps in clients))
    for row in await caller.rows(PROOF):
        assert row["last_no"] == row["taken"] == row["highest"], row
        assert row["running_back"] == 0, row
    [events] = await caller.rows("select count(*) as n from outbox where topic = 'invoice-issued'")
    [issued] = await caller.rows("select count(*) as n from invoice where number is not null")
    assert events["n"] == issued["n"]


async def test_many_clients_at_once_share_one_series(caller):
    customer = await caller.customer()
    drafts = [await caller.draft(customer) for _ in range(30)]
    paths = [f"/v1/invoices/{draft['invoice_id']}/issue" for draft in drafts]
    issued = await asyncio.gather(*(caller.post(path, {}, 200) for path in paths))
    assert sorted(one["number"] for one in issued) == [f"INV-{n:06d}" for n in range(1, 31)]
    assert len({one["payment_reference"] for one in issued}) == 30


async def test_two_equal_requests_at_once_bill_once(caller):
    await caller.customer(external_ref="c")
    price = {"quantity": "1", "unit_price": "1", "tax_category": "Z", "tax_rate": "0"}
    line = {"description": "x"} | price
    bill = {"customer_external_ref": "c", "currency": "EUR", "external_ref": "o", "lines": [line]}
    answers = await asyncio.gather(*(caller.lines("/v1/invoices:bulk", bill) for _ in range(5)))
    assert sorted(answer["status"] for [answer] in answers) == [201, 409, 409, 409, 409]


async def test_two_credits_at_once_make_one_credit_note(caller):
    invoice = await caller.issued(await caller.customer())
    path = f"/v1/invoices/{invoice['invoice_id']}/credit-notes"
    answers = await asyncio.gather(*(caller.call("POST", path, {"reason": "x"}) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]
    [row] = await caller.rows("select last_no from number_series where series = 'CN'")
    assert row["last_no"] == 1
