from datetime import UTC, datetime, timedelta

import pytest

from billing_shared.ids import new_id
from billing_shared.testing.api import Api

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.fixture
async def names(api: Api) -> list[str]:
    """Seven things, some at the same instant."""
    made = []
    for i in range(7):
        api.clock.set(NOON + timedelta(seconds=i // 2))
        made.append(f"thing {i}")
        await api.acting("clerk").post("/v1/customers", json={"name": made[-1]})
    return made


async def test_pages_join_without_gap_or_repeat(api: Api, names):
    seen, cursor = [], None
    while True:
        params = {"limit": 3} | ({"cursor": cursor} if cursor else {})
        page = (await api.acting("clerk").get("/v1/customers", params=params)).json()
        seen += [item["name"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == names


async def test_the_tail_after_an_instant(api: Api, names):
    params = {"updated_after": (NOON + timedelta(seconds=1)).isoformat()}
    page = (await api.acting("clerk").get("/v1/customers", params=params)).json()
    assert [item["name"] for item in page["items"]] == names[4:]


async def test_a_cursor_is_good_for_its_list_filter_and_tenant_only(api: Api, names):
    clerk = api.acting("clerk")
    cursor = (await clerk.get("/v1/customers?limit=2&name=thing 1")).json()["next_cursor"]
    assert cursor is None
    cursor = (await clerk.get("/v1/customers?limit=2")).json()["next_cursor"]
    flipped = ("B" if cursor[0] == "A" else "A") + cursor[1:]
    director, stranger = api.acting("director"), api.acting("clerk", tenant_id=new_id())
    for client, path, params in [
        (clerk, "/v1/customers", {"cursor": cursor, "name": "thing 1"}),
        (clerk, "/v1/customers", {"cursor": flipped}),
        (clerk, "/v1/customers", {"cursor": cursor[:-4]}),
        (clerk, "/v1/customers", {"cursor": cursor + "AAAA"}),
        (clerk, "/v1/customers", {"cursor": "ü"}),
        (director, "/v1/shared/audit", {"cursor": cursor}),
        (stranger, "/v1/customers", {"cursor": cursor}),
    ]:
        answer = await client.get(path, params=params)
        assert (answer.status_code, answer.json()["code"]) == (400, "cursor-invalid")
    good = await clerk.get("/v1/customers", params={"cursor": cursor, "limit": 200})
    assert [item["name"] for item in good.json()["items"]] == names[2:]
