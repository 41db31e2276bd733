"""Many invoices in one request; documents of other systems."""

import json
from uuid import uuid4

LINE = {
    "description": "Hours",
    "quantity": "2",
    "unit_price": "50.00",
    "tax_category": "S",
    "tax_rate": "19",
}


def bill(**changes):
    return {"customer_external_ref": "c", "currency": "EUR", "lines": [LINE]} | changes


async def test_good_lines_are_issued_and_bad_ones_answered_in_place(caller):
    await caller.customer(external_ref="c")
    taken = await caller.draft(await caller.customer(), external_ref="taken")
    answers = await caller.lines(
        "/v1/invoices:bulk",
        bill(external_ref="a", issued_on="2026-04-12"),
        b"{broken",
        bill(currency="XXX"),
        b"",
        bill(external_ref="b", issued_on="2026-04-10", gross_minor=11900),
        bill(customer_external_ref="nobody"),
        bill(external_ref="a"),
        bill(external_ref="taken"),
        bill(lines=[LINE | {"net_minor": 1}]),
        bill(issued_on="2026-04-16"),
        bill(),
    )
    assert [answer["line"] for answer in answers] == [1, 2, 3, 5, 6, 7, 8, 9, 10, 11]
    statuses = [answer["status"] for answer in answers]
    assert statuses == [201, 400, 422, 201, 422, 409, 409, 422, 422, 201]
    # Numbers follow the dates, whatever the order of the lines; the refused take none.
    numbers = [answer.get("number") for answer in answers if answer["status"] == 201]
    assert numbers == ["INV-000002", "INV-000001", "INV-000003"]
    codes = [answer["code"] for answer in answers if answer["status"] != 201]
    assert codes == [
        "malformed",
        "unknown-currency",
        "unknown-customer",
        "already-exists",
        "already-exists",
        "totals-mismatch",
        "invalid",
    ]
    assert answers[1]["detail"] == "the line is not JSON"
    assert answers[7]["errors"][0]["field"] == "lines[0].net_minor"
    assert taken["invoice_id"] in answers[6]["detail"]
    assert len(await caller.events("invoice-issued")) == 3


async def test_atomic_does_all_or_nothing(caller):
    await caller.customer(external_ref="c")
    body = b'{"customer_external_ref":"c"}'
    path = "/v1/invoices:bulk?atomic=true"
    good = (await caller.lines(path, bill(), bill()))[0]
    assert good["number"] == "INV-000001"
    answer = await caller.call("POST", path, b"\n".join([b"", body]))
    problem = answer.json()
    assert (problem["status"], problem["code"]) == (422, "line-refused")
    assert {(error["line"], error["field"]) for error in problem["errors"]} == {
        (2, "currency"),
        (2, "lines"),
    }
    assert (await caller.lines("/v1/invoices:bulk", bill()))[0]["number"] == "INV-000003"


async def test_the_same_key_bills_once_and_a_new_key_is_told_so(caller):
    await caller.customer(external_ref="c")
    body = json.dumps(bill(external_ref="x")).encode()
    first = await caller.call("POST", "/v1/invoices:bulk", body, key="k")
    again = await caller.call("POST", "/v1/invoices:bulk", body, key="k")
    assert again.content == first.content
    assert again.headers["idempotent-replayed"] == "true"
    [told] = await caller.lines("/v1/invoices:bulk", body)
    assert (told["status"], told["code"]) == (409, "already-exists")
    assert len(await caller.events("invoice-issued")) == 1


async def test_absurd_requests_are_refused(caller):
    await caller.customer(external_ref="c")
    answer = await caller.call("POST", "/v1/invoices:bulk", b"{}\n" * 1001)
    assert answer.json()["code"] == "too-large"
    assert (await caller.refused("POST", "/v1/invoices:bulk", b"\n\n"))["status"] == 422
    assert (await caller.refused("POST", "/v1/invoices:bulk", b""))["status"] == 422
    long = b'{"x":"' + b"y" * (256 << 10) + b'"}'
    assert (await caller.refused("POST", "/v1/invoices:bulk", long))["code"] == "too-large"


async def test_a_thousand_lines_take_a_thousand_numbers_without_a_gap(caller):
    await caller.customer(external_ref="c")
    answers = await caller.lines("/v1/invoices:bulk", *[bill() for _ in range(1000)])
    assert [answer["number"] for answer in answers] == [f"INV-{n:06d}" for n in range(1, 1001)]
    [row] = await caller.rows(
        "select count(*) as events, count(distinct subject) as invoices from outbox "
        "where topic = 'invoice-issued'"
    )
    assert (row["events"], row["invoices"]) == (1000, 1000)
    [row] = await caller.rows(
        "select count(*) as n from document "
        "where content_sha256 <> encode(sha256(convert_to(content, 'UTF8')), 'hex')"
    )
    assert row["n"] == 0


def foreign(**changes):
    return {
        "customer_external_ref": "c",
        "number": "R-17/2025",
        "currency": "EUR",
        "issued_on": "2025-11-30",
        "due_on": "2025-12-30",
        "gross_minor": 11900,
        "tax_minor": 1900,
        "due_minor": 5000,
    } | changes


async def test_imported_documents_keep_number_and_dates(caller):
    customer = await caller.customer(external_ref="c")
    [first] = await caller.lines("/v1/imported-invoices", foreign())
    assert (first["status"], first["result"]) == (201, "imported")
    invoice = await caller.get(f"/v1/invoices/{first['invoice_id']}")
    assert (invoice["number"], invoice["series"], invoice["origin"]) == (
        "R-17/2025",
        "external",
        "imported",
    )
    assert (invoice["issued_on"], invoice["due_on"]) == ("2025-11-30", "2025-12-30")
    assert (invoice["net_minor"], invoice["payment_reference"]) == (10000, "R-17/2025")
    assert invoice["settlement"]["settlement"] == "partial"
    [event] = await caller.events("invoice-issued")
    assert (event["origin"], event["due_minor"], event["series"]) == ("imported", 5000, "external")

    by_id = foreign(customer_id=customer["customer_id"])
    del by_id["customer_external_ref"]
    answers = await caller.lines(
        "/v1/imported-invoices",
        by_id,
        foreign(due_minor=4000),
        foreign(number="R-18/2025"),
        foreign(number="R-18/2025"),
        foreign(number="R-19", due_minor=11901),
        foreign(number="R-20", tax_minor=1800, net_minor=10000),
        foreign(number="R-21", due_on="2025-11-29"),
        foreign(number="\u00fc"),
        foreign(number="R-22", lines=[LINE]),
        foreign(number="R-23", lines=[LINE], gross_minor=11901),
    )
    assert [answer["status"] for answer in answers] == [
        200,
        409,
        201,
        200,
        422,
        422,
        422,
        422,
        201,
        422,
    ]
    assert answers[0]["invoice_id"] == first["invoice_id"]
    assert answers[3]["invoice_id"] == answers[2]["invoice_id"]
    assert answers[1]["code"] == "already-exists"
    fields = [answer["errors"][0]["field"] for answer in answers if answer["status"] == 422]
    assert fields == ["due_minor", "gross_minor", "due_on", "number", "gross_minor"]
    # Our own numbers are not touched by what others issued.
    assert (await caller.issued(customer))["number"] == "INV-000001"


async def test_an_import_without_anything_due_is_settled(caller):
    await caller.customer(external_ref="c")
    [done] = await caller.lines("/v1/imported-invoices", foreign(due_minor=0))
    invoice = await caller.get(f"/v1/invoices/{done['invoice_id']}")
    assert invoice["settlement"]["settlement"] == "settled"


async def test_imported_invoices_can_be_credited(caller):
    await caller.customer(external_ref="c")
    [done] = await caller.lines("/v1/imported-invoices", foreign(due_minor=11900))
    path = f"/v1/invoices/{done['invoice_id']}/credit-notes"
    note = await caller.post(path, {"reason": "returned"})
    assert (note["number"], note["gross_minor"]) == ("CN-000001", 11900)
    assert (await caller.refused("GET", f"/v1/credit-notes/{uuid4()}"))["status"] == 404
