"""S2: what belongs to another tenant is not there: not by any route, and not by any query."""

import pytest

from security.world import NAMES, World

#: Paths whose parameter is no row of a tenant: the name of a job.
NO_ROW = {"job"}
#: A bank account is named by its number, which two tenants may both put.
OF_BOTH = {"PUT /v1/bank-accounts/{account}"}


@pytest.mark.parametrize("name", NAMES)
async def test_another_tenants_ids_are_not_found_on_any_route(world: World, name: str) -> None:
    """S2: each path parameter is filled with a row of Ada's that exists; Ben gets 404."""
    house = world[name]
    walked = 0
    async with house.client(world.ada) as ada, house.client(world.ben) as ben:
        for route in house.routes():
            if not set(route.parameters) - NO_ROW or str(route) in OF_BOTH:
                continue
            path = route.filled(house.ids)
            if route.method == "GET":
                own = await ada.get(path)
                assert own.status_code == 200, (str(route), own.text)
            for sent in route.sendings():
                answer = await ben.request(route.method, path, **sent)
                assert answer.status_code == 404, (str(route), answer.text)
                assert answer.json()["code"] == "not-found", (str(route), answer.text)
                walked += 1
    assert walked >= 3


@pytest.mark.parametrize("name", NAMES)
async def test_lists_and_answers_hold_no_word_of_another_tenant(world: World, name: str) -> None:
    """S2: no list of Ben's names an id of Ada's, filtered by her ids or not."""
    house = world[name]
    foreign = {value for key, value in house.ids.items() if key.endswith("_id")}
    async with house.client(world.ben) as ben:
        for route in house.routes():
            if route.method != "GET" or route.parameters:
                continue
            names = {p["name"] for p in route.operation["parameters"] if p["in"] == "query"}
            filters = {key: house.ids[key] for key in names & house.ids.keys()}
            for params in ({}, filters):
                answer = await ben.get(route.path, params=params)
                # Some lists need a filter, and say so.
                assert answer.status_code in (200, 404, 422), (str(route), answer.text)
                assert not [value for value in foreign if value in answer.text], str(route)


async def test_a_body_cannot_name_what_is_another_tenants(world: World) -> None:
    """S2: ids inside bodies are looked up among the tenant's own."""
    invoice, recon = world["invoice"], world["recon"]
    [draft] = next(r.bodies for r in invoice.routes() if str(r) == "POST /v1/invoices")
    named = {key: value for key, value in draft.items() if key != "customer_external_ref"}
    for body in (draft, named | {"customer_id": invoice.ids["customer_id"]}):
        async with invoice.client(world.ben) as ben:
            answer = await ben.post("/v1/invoices", json=body | {"external_ref": "theft"})
            assert answer.status_code in (404, 409, 422), answer.text
    async with recon.client(world.ben) as ben:
        for params in ({"customer_id": invoice.ids["customer_id"]}, {}):
            answer = await ben.get("/v1/balances", params=params)
            assert answer.json()["items"] == [], answer.text


async def test_two_tenants_may_have_the_same_account_and_keep_their_own(world: World) -> None:
    """S2: the one path that names nothing of a tenant: both may put it, neither sees the other."""
    house = world["payment"]
    path = f"/v1/bank-accounts/{house.ids['account']}"
    async with house.client(world.ada) as ada, house.client(world.ben) as ben:
        before = (await ada.get(path)).json()
        body = {"currency": "EUR", "name": "Ben's"}
        answer = await ben.put(path, json=body)
        assert answer.status_code == 200, answer.text
        assert (await ada.get(path)).json() == before
        assert (await ben.get(path)).json()["name"] == "Ben's"


async def test_a_cursor_of_one_tenant_opens_no_list_of_another(world: World) -> None:
    """S2: the signed place to go on from belongs to its tenant."""
    house = world["invoice"]
    async with house.client(world.ada) as ada, house.client(world.ben) as ben:
        cursor = (await ada.get("/v1/invoices", params={"limit": 1})).json()["next_cursor"]
        assert (await ada.get("/v1/invoices", params={"cursor": cursor})).status_code == 200
        for sent in (cursor, cursor[:-2] + "xx", "x", "%00"):
            answer = await ben.get("/v1/invoices", params={"cursor": sent})
            assert (answer.status_code, answer.json()["code"]) == (400, "cursor-invalid"), sent
