"""Sellers and customers over HTTP."""

from uuid import uuid4


async def test_before_the_seller_is_known_every_write_is_refused(stranger):
    caller = stranger()
    customer = {"name": "x", "country": "DE"}
    assert (await caller.refused("GET", "/v1/seller"))["code"] == "not-found"
    assert (await caller.refused("POST", "/v1/customers", customer))["code"] == "seller-missing"


async def test_a_seller_is_set_changed_by_version_and_published(caller):
    seller = await caller.get("/v1/seller")
    assert (seller["version"], seller["seller_id"]) == (1, str(caller.tenant_id))
    again = await caller.call("PUT", "/v1/seller", {k: seller[k] for k in SAID})
    assert (again.status_code, again.headers["etag"]) == (200, '"1"')
    other = {k: seller[k] for k in SAID} | {"name": "Nordwind AG"}
    assert (await caller.refused("PUT", "/v1/seller", other))["status"] == 428
    assert (await caller.refused("PUT", "/v1/seller", other, If_Match='"7"'))["status"] == 412
    changed = await caller.call("PUT", "/v1/seller", other, If_Match='"1"')
    assert changed.json()["version"] == 2
    assert [event["name"] for event in await caller.events("seller-updated")] == [
        "Nordwind Consulting GmbH",
        "Nordwind AG",
    ]
    [tenant] = await caller.rows("select time_zone from tenant")
    assert tenant["time_zone"] == "Europe/Berlin"


SAID = ("name", "address", "tax_ids", "time_zone", "base_currency")


async def test_bad_sellers_are_refused_naming_the_field(stranger):
    caller = stranger()
    await caller.set_up()
    seller = {k: v for k, v in (await caller.get("/v1/seller")).items() if k in SAID}
    for change, field in [
        ({"time_zone": "Mars/Base"}, "time_zone"),
        ({"base_currency": "XXX"}, "base_currency"),
        ({"logo": "x"}, "logo"),
        ({"name": ""}, "name"),
        ({"name": "a\u0000b"}, "name"),
        ({"address": {**seller["address"], "country": "Germany"}}, "address.country"),
    ]:
        problem = await caller.refused("PUT", "/v1/seller", seller | change, If_Match='"1"')
        assert problem["status"] == 422
        assert problem["errors"][0]["field"] == field


async def test_a_customer_lives_through_create_replace_and_forgetting(caller):
    said = {
        "name": "Ada Example",
        "country": "GB",
        "external_ref": "crm-1",
        "emails": [{"role": "billing", "address": "ada@example.com"}],
        "bank_accounts": ["GB33 BUKB 2020 1555 5555 55"],
        "terms": {"net_days": 10, "early_payment": [{"days": 5, "percent": "2"}]},
    }
    made = await caller.call("POST", "/v1/customers", said)
    customer = made.json()
    path = made.headers["location"]
    assert (made.status_code, made.headers["etag"]) == (201, '"1"')
    assert customer["bank_accounts"] == ["GB33BUKB20201555555555"]
    assert await caller.get(path) == customer

    problem = await caller.refused("POST", "/v1/customers", said)
    assert (problem["status"], problem["code"]) == (409, "already-exists")
    assert customer["customer_id"] in problem["detail"]

    assert (await caller.refused("PUT", path, said))["status"] == 428
    assert (await caller.refused("PUT", path, said, If_Match='"4"'))["code"] == "stale"
    changed = await caller.call("PUT", path, said | {"name": "Ada E."}, If_Match='"1"')
    assert (changed.json()["name"], changed.json()["version"]) == ("Ada E.", 2)

    forgotten = await caller.post(f"{path}/anonymise", {"reason": "asked to be forgotten"}, 200)
    assert (forgotten["status"], forgotten["name"], forgotten["emails"]) == ("anonymised", "", [])
    problem = await caller.refused("POST", f"{path}/anonymise", {"reason": "again"})
    assert problem["code"] == "customer-anonymised"
    problem = await caller.refused("PUT", path, said, If_Match='"3"')
    assert problem["code"] == "customer-anonymised"

    states = await caller.events("customer-updated")
    assert [state["status"] for state in states] == ["active", "active", "anonymised"]
    assert states[-1]["name"] == ""
    [left] = await caller.rows("select details::text, name, audit_salt from customer")
    assert "Ada" not in left["details"]
    entries = await caller.rows("select action, reason, before::text, after::text from audit_entry")
    assert "Ada" not in repr(entries)
    assert [e["reason"] for e in entries if e["action"] == "anonymise-customer"] == [
        "asked to be forgotten"
    ]


async def test_a_renamed_external_ref_must_be_free(caller):
    first = await caller.customer(external_ref="a")
    second = await caller.customer(external_ref="b")
    body = {"name": "x", "country": "DE", "external_ref": "a"}
    path = f"/v1/customers/{second['customer_id']}"
    problem = await caller.refused("PUT", path, body, If_Match='"1"')
    assert problem["code"] == "already-exists"
    assert first["customer_id"] in problem["detail"]


async def test_bad_customers_are_refused_naming_the_field(caller):
    good = {"name": "x", "country": "DE"}
    late = [{"days": 40, "percent": "2"}]
    for change, field in [
        ({"country": "de"}, "country"),
        ({"name": "x" * 201}, "name"),
        ({"name": 7}, "name"),
        ({"emails": [{"address": "a@b.example\r\nBcc: x@y.example"}]}, "emails[0].address"),
        ({"bank_accounts": ["GB34BUKB20201555555555"]}, "bank_accounts[0]"),
        ({"terms": {"net_days": -1}}, "terms.net_days"),
        ({"terms": {"net_days": "30"}}, "terms.net_days"),
        ({"terms": {"early_payment": late}}, "terms.early_payment[0].days"),
        ({"vip": True}, "vip"),
    ]:
        problem = await caller.refused("POST", "/v1/customers", good | change)
        assert problem["status"] == 422
        assert problem["errors"][0]["field"] == field


async def test_customers_are_listed_by_page_and_found_by_ref(caller):
    made = [await caller.customer(external_ref=f"c{n}") for n in range(5)]
    first = await caller.get("/v1/customers?limit=3")
    rest = await caller.get(f"/v1/customers?limit=3&cursor={first['next_cursor']}")
    ids = [one["customer_id"] for one in first["items"] + rest["items"]]
    assert ids == [one["customer_id"] for one in made]
    assert rest["next_cursor"] is None
    found = await caller.get("/v1/customers?external_ref=c3")
    assert [one["customer_id"] for one in found["items"]] == [made[3]["customer_id"]]
    assert (await caller.refused("GET", f"/v1/customers/{uuid4()}"))["code"] == "not-found"


async def test_a_tenant_never_sees_anothers_customers(caller, stranger):
    mine = await caller.customer(external_ref="same")
    other = await stranger().set_up()
    theirs = await other.customer(external_ref="same")
    assert theirs["customer_id"] != mine["customer_id"]
    assert (await other.refused("GET", f"/v1/customers/{mine['customer_id']}"))["status"] == 404
    assert len((await other.get("/v1/customers"))["items"]) == 1
    body = {"currency": "EUR", "customer_id": mine["customer_id"], "lines": [LINE]}
    problem = await other.refused("POST", "/v1/invoices", body)
    assert problem["code"] == "unknown-customer"


LINE = {
    "description": "x",
    "quantity": "1",
    "unit_price": "1",
    "tax_category": "Z",
    "tax_rate": "0",
}


async def test_roles_are_kept(caller, stranger):
    auditor = stranger(tenant_id=caller.tenant_id, role="auditor")
    assert (await auditor.get("/v1/customers"))["items"] == []
    problem = await auditor.refused("POST", "/v1/customers", {"name": "x", "country": "DE"})
    assert problem["status"] == 403
    operator = stranger(tenant_id=caller.tenant_id, role="operator")
    assert (await operator.refused("GET", "/v1/invoices"))["status"] == 403
