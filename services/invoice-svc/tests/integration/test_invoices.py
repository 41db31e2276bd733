"""Invoices over HTTP, from draft to issued to void or credited."""

import hashlib
import json
from uuid import uuid4

import asyncpg
import pytest
from stdnum import iso11649

from billing_shared.postgres import transaction

LINE = {
    "description": "Hours",
    "quantity": "2",
    "unit_price": "50.00",
    "tax_category": "S",
    "tax_rate": "19",
}


async def test_a_draft_is_worked_out_changed_by_version_and_deleted(caller):
    customer = await caller.customer()
    draft = await caller.draft(customer, gross_minor=11900, external_ref="order-1")
    path = f"/v1/invoices/{draft['invoice_id']}"
    assert (draft["state"], draft["number"], draft["settlement"]) == ("draft", None, None)
    assert (draft["net_minor"], draft["tax_minor"], draft["gross_minor"]) == (10000, 1900, 11900)
    assert await caller.get(path) == draft

    body = {"customer_id": customer["customer_id"], "currency": "EUR", "lines": [LINE, LINE]}
    assert (await caller.refused("PUT", path, body))["status"] == 428
    assert (await caller.refused("PUT", path, body, If_Match='"9"'))["status"] == 412
    changed = await caller.call("PUT", path, body, If_Match='"1"')
    assert (changed.json()["gross_minor"], changed.headers["etag"]) == (23800, '"2"')
    assert changed.json()["external_ref"] is None

    assert (await caller.refused("DELETE", path, If_Match='"1"'))["status"] == 412
    gone = await caller.call("DELETE", path, If_Match='"2"')
    assert gone.status_code == 204
    assert (await caller.refused("GET", path))["status"] == 404
    assert await caller.events("invoice-issued") == []


async def test_an_issued_invoice_is_numbered_frozen_and_published(caller):
    customer = await caller.customer()
    invoice = await caller.issued(customer, purchase_order="PO 7", external_ref="order-2")
    path = f"/v1/invoices/{invoice['invoice_id']}"
    assert (invoice["number"], invoice["state"]) == ("INV-000001", "issued")
    assert (invoice["issued_on"], invoice["due_on"]) == ("2026-04-15", "2026-04-29")
    assert iso11649.is_valid(invoice["payment_reference"])
    assert invoice["settlement"]["due_minor"] == 11900
    assert await caller.get(path) == invoice

    document = await caller.call("GET", f"{path}/document")
    assert hashlib.sha256(document.content).hexdigest() == invoice["content_sha256"]
    assert json.loads(document.content)["buyer"]["name"] == "Example Trading Ltd"

    [event] = await caller.events("invoice-issued")
    assert event["invoice_id"] == invoice["invoice_id"]
    assert (event["due_minor"], event["purchase_order"]) == (11900, "PO 7")
    assert event["content_sha256"] == invoice["content_sha256"]

    for method, body in [("PUT", invoice_body(customer)), ("DELETE", None)]:
        problem = await caller.refused(method, path, body, If_Match='"2"')
        assert problem["code"] == "wrong-state"
    assert (await caller.refused("POST", f"{path}/issue", {}))["code"] == "wrong-state"


def invoice_body(customer, **changes):
    return {"customer_id": customer["customer_id"], "currency": "EUR", "lines": [LINE]} | changes


async def test_issuing_needs_no_body_and_honours_if_match(caller):
    draft = await caller.draft(await caller.customer())
    path = f"/v1/invoices/{draft['invoice_id']}/issue"
    assert (await caller.refused("POST", path, {}, If_Match='"3"'))["code"] == "stale"
    answer = await caller.call("POST", path, If_Match='"1"')
    assert answer.status_code == 200, answer.text


async def test_the_same_key_issues_once(caller):
    draft = await caller.draft(await caller.customer())
    path = f"/v1/invoices/{draft['invoice_id']}/issue"
    first = await caller.call("POST", path, {}, key="k1")
    again = await caller.call("POST", path, {}, key="k1")
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json() == first.json()
    assert len(await caller.events("invoice-issued")) == 1


async def test_an_external_ref_is_used_once(caller):
    customer = await caller.customer()
    first = await caller.draft(customer, external_ref="o-1")
    problem = await caller.refused(
        "POST", "/v1/invoices", invoice_body(customer, external_ref="o-1")
    )
    assert problem["code"] == "already-exists"
    assert first["invoice_id"] in problem["detail"]


async def test_dates_are_given_or_today_and_never_run_back(caller):
    customer = await caller.customer()
    body = {"issued_on": "2026-04-10", "due_on": "2026-04-11"}
    draft = await caller.draft(customer)
    first = await caller.post(f"/v1/invoices/{draft['invoice_id']}/issue", body, 200)
    assert (first["issued_on"], first["due_on"]) == ("2026-04-10", "2026-04-11")
    draft = await caller.draft(customer)
    path = f"/v1/invoices/{draft['invoice_id']}/issue"
    problem = await caller.refused("POST", path, {"issued_on": "2026-04-09"})
    assert (problem["status"], problem["code"]) == (409, "date-before-last-number")
    assert (await caller.refused("POST", path, {"issued_on": "2026-04-16"}))["status"] == 422
    assert (await caller.refused("POST", path, {"issued_on": "16.4.2026"}))["status"] == 422
    assert (await caller.refused("POST", path, {"issued_on": 0}))["status"] == 422
    assert (await caller.post(path, {}, 200))["number"] == "INV-000002"


async def test_today_is_the_sellers_day(stranger):
    caller = await stranger().set_up(time_zone="Pacific/Auckland")
    invoice = await caller.issued(await caller.customer())
    assert invoice["issued_on"] == "2026-04-16"


async def test_debit_notes_and_named_series_have_their_own_numbers(caller):
    customer = await caller.customer()
    assert (await caller.issued(customer, document="debit-note"))["number"] == "DN-000001"
    assert (await caller.issued(customer, series="SHOP"))["number"] == "SHOP-000001"
    assert (await caller.issued(customer))["number"] == "INV-000001"
    for series in ("shop", "A1", "external", "TOOLONGNAME", ""):
        problem = await caller.refused(
            "POST", "/v1/invoices", invoice_body(customer, series=series)
        )
        assert problem["errors"][0]["field"] == "series"


async def test_a_series_kept_for_credit_notes_is_not_for_invoices(caller):
    problem = await caller.refused(
        "POST", "/v1/invoices", invoice_body(await caller.customer(), series="CN")
    )
    assert problem["errors"][0]["field"] == "series"


async def test_an_invoice_of_zero_is_issued_and_settled_at_once(caller):
    invoice = await caller.issued(await caller.customer(), lines=[LINE | {"quantity": "0"}])
    assert invoice["settlement"]["settlement"] == "settled"


async def test_bad_drafts_are_refused_naming_the_field(caller):
    customer = await caller.customer()
    for change, field in [
        ({"lines": []}, "lines"),
        ({"lines": [LINE | {"quantity": 2}]}, "lines[0].quantity"),
        ({"lines": [LINE | {"quantity": "1e5"}]}, "lines[0].quantity"),
        ({"lines": [LINE | {"quantity": "1_0"}]}, "lines[0].quantity"),
        ({"lines": [LINE, LINE | {"unit_price": "-1"}]}, "lines[1].unit_price"),
        ({"lines": [LINE | {"quantity": "-1"}]}, "net_minor"),
        ({"lines": [LINE | {"tax_rate": "0"}]}, "lines[0].tax_rate"),
        ({"lines": [LINE | {"tax_category": "AE"}]}, "lines[0].tax_rate"),
        ({"lines": [LINE | {"description": " "}]}, "lines[0].description"),
        ({"lines": [LINE | {"colour": "red"}]}, "lines[0].colour"),
        ({"lines": [LINE | {"net_minor": 9999}]}, "lines[0].net_minor"),
        ({"lines": [LINE] * 1001}, "lines"),
        ({"gross_minor": 11901}, "gross_minor"),
        ({"gross_minor": 119.0}, "gross_minor"),
        ({"gross_minor": "11900"}, "gross_minor"),
        ({"gross_minor": 10**15}, "gross_minor"),
        ({"currency": "XXX"}, "currency"),
        ({"currency": "eur"}, "currency"),
        ({"customer_external_ref": "both"}, "customer_id"),
        ({"customer_id": str(uuid4())}, "customer_id"),
        ({"customer_id": None}, "customer_id"),
        ({"customer_id": None, "customer_external_ref": "nobody"}, "customer_external_ref"),
    ]:
        problem = await caller.refused("POST", "/v1/invoices", invoice_body(customer) | change)
        assert problem["status"] == 422, (change, problem)
        assert problem["errors"][0]["field"] == field, (change, problem)
    assert (await caller.refused("POST", "/v1/invoices", b"{"))["status"] == 400
    assert (await caller.get("/v1/invoices"))["items"] == []


async def test_void_is_published_with_its_reason_and_final(caller):
    customer = await caller.customer()
    wrong, right = await caller.issued(customer), await caller.issued(customer)
    path = f"/v1/invoices/{wrong['invoice_id']}"
    assert (await caller.refused("POST", f"{path}/void", {}))["errors"][0]["field"] == "reason"
    missing = {"reason": "wrong buyer", "replaced_by": str(uuid4())}
    assert (await caller.refused("POST", f"{path}/void", missing))["status"] == 422
    body = {"reason": "wrong buyer", "replaced_by": right["invoice_id"]}
    gone = await caller.post(f"{path}/void", body, 200)
    assert (gone["state"], gone["void"]["reason"]) == ("void", "wrong buyer")
    assert gone["void"]["replaced_by"] == right["invoice_id"]
    [event] = await caller.events("invoice-voided")
    assert (event["number"], event["replaced_by"]) == (wrong["number"], right["invoice_id"])
    for what in ("void", "credit-notes"):
        problem = await caller.refused("POST", f"{path}/{what}", {"reason": "again"})
        assert problem["code"] == "wrong-state"
    [entry] = await caller.rows("select reason from audit_entry where action = 'void-invoice'")
    assert entry["reason"] == "wrong buyer"


async def test_a_full_credit_note_takes_its_own_number_once(caller):
    invoice = await caller.issued(await caller.customer())
    path = f"/v1/invoices/{invoice['invoice_id']}"
    early = {"reason": "returned", "issued_on": "2026-04-01"}
    assert (await caller.refused("POST", f"{path}/credit-notes", early))["status"] == 422
    note = await caller.post(f"{path}/credit-notes", {"reason": "returned"})
    assert (note["number"], note["gross_minor"]) == ("CN-000001", 11900)
    assert note["tax_groups"] == invoice["tax_groups"]
    assert await caller.get(f"/v1/credit-notes/{note['credit_note_id']}") == note
    document = await caller.call("GET", f"/v1/credit-notes/{note['credit_note_id']}/document")
    assert hashlib.sha256(document.content).hexdigest() == note["content_sha256"]
    wrong_door = f"/v1/invoices/{note['credit_note_id']}/document"
    assert (await caller.refused("GET", wrong_door))["status"] == 404
    assert (await caller.get(path))["credit_note_id"] == note["credit_note_id"]
    listed = await caller.get(f"/v1/credit-notes?invoice_id={invoice['invoice_id']}")
    assert [one["number"] for one in listed["items"]] == ["CN-000001"]
    problem = await caller.refused("POST", f"{path}/credit-notes", {"reason": "again"})
    assert problem["code"] == "already-credited"
    assert (await caller.refused("POST", f"{path}/void", {"reason": "x"}))[
        "code"
    ] == "invoice-settled"
    [event] = await caller.events("credit-note-issued")
    assert (event["credit_note_id"], event["reason"]) == (note["credit_note_id"], "returned")
    draft = await caller.draft(await caller.customer())
    drafted = f"/v1/invoices/{draft['invoice_id']}/credit-notes"
    assert (await caller.refused("POST", drafted, {"reason": "x"}))["code"] == "wrong-state"


async def test_invoices_are_found_by_every_filter(caller):
    one, two = await caller.customer(external_ref="one"), await caller.customer()
    paid_by = {"terms": {"net_days": 5}}
    first = await caller.issued(one, external_ref="r1", **paid_by)
    second = await caller.issued(two, currency="USD")
    third = await caller.draft(two)

    async def found(query):
        items = (await caller.get(f"/v1/invoices?{query}"))["items"]
        return [item["invoice_id"] for item in items]

    one_, two_, three = (each["invoice_id"] for each in (first, second, third))
    assert await found("") == [one_, two_, three]
    assert await found(f"customer_id={two['customer_id']}") == [two_, three]
    assert await found("customer_external_ref=one") == [one_]
    assert await found("state=draft") == [three]
    assert await found("settlement=unpaid&currency=USD") == [two_]
    assert await found("number=INV-000002") == [two_]
    assert await found("external_ref=r1") == [one_]
    assert await found("due_before=2026-04-21") == [one_]
    assert await found("updated_after=2026-04-15T12:00:00Z") == []
    assert await found("updated_after=2026-04-15T11:59:59Z") == [one_, two_, three]
    page = await caller.get("/v1/invoices?limit=2")
    rest = await caller.get(f"/v1/invoices?limit=2&cursor={page['next_cursor']}")
    assert [item["invoice_id"] for item in rest["items"]] == [three]
    assert (await caller.refused("GET", "/v1/invoices?state=paid"))["status"] == 422
    assert (await caller.refused("GET", "/v1/invoices?limit=201"))["status"] == 422


async def test_a_forgotten_customer_is_billed_no_more_but_its_documents_stand(caller):
    customer = await caller.customer()
    invoice, draft = await caller.issued(customer), await caller.draft(customer)
    path = f"/v1/customers/{customer['customer_id']}/anonymise"
    await caller.post(path, {"reason": "asked to"}, 200)
    issue = f"/v1/invoices/{draft['invoice_id']}/issue"
    assert (await caller.refused("POST", issue, {}))["code"] == "customer-anonymised"
    problem = await caller.refused("POST", "/v1/invoices", invoice_body(customer))
    assert problem["code"] == "customer-anonymised"
    document = await caller.call("GET", f"/v1/invoices/{invoice['invoice_id']}/document")
    assert json.loads(document.content)["buyer"]["name"] == "Example Trading Ltd"


REFUSALS = (asyncpg.IntegrityConstraintViolationError, asyncpg.InsufficientPrivilegeError)


async def test_the_database_keeps_what_is_issued(caller):
    invoice = await caller.issued(await caller.customer())
    attempts = [
        "update invoice set gross_minor = gross_minor + 1, net_minor = net_minor + 1",
        "update invoice set number = 'INV-000009', series_no = 9",
        "update invoice set issued_on = issued_on - 1",
        "update invoice set state = 'draft'",
        "delete from invoice",
        "update document set content = '{}'",
        "delete from document",
    ]
    for statement in attempts:
        with pytest.raises(REFUSALS):
            async with transaction(caller.database.worker_pool, caller.tenant_id) as conn:
                await conn.execute(statement)
    assert await caller.get(f"/v1/invoices/{invoice['invoice_id']}") == invoice


async def test_row_level_security_alone_keeps_tenants_apart(caller, stranger):
    await caller.issued(await caller.customer())
    other = await stranger().set_up()
    tables = (
        "seller",
        "customer",
        "number_series",
        "invoice",
        "document",
        "credit_note",
        "attention",
    )
    for table in tables:
        mine = await caller.rows(f"select * from {table}")
        assert all(row["tenant_id"] == caller.tenant_id for row in mine)
        theirs = await other.rows(f"select * from {table}")
        assert all(row["tenant_id"] == other.tenant_id for row in theirs)
    async with transaction(caller.database.app_pool, None) as conn:
        for table in tables:
            assert await conn.fetch(f"select * from {table}") == []
