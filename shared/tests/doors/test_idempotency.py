import asyncio

import asyncpg
import pytest

from billing_shared.ids import new_id
from billing_shared.postgres import transaction
from billing_shared.testing.api import Api
from billing_shared.testing.database import ServiceDatabase

KEY = "Idempotency-Key"


async def count(database: ServiceDatabase, api: Api, table: str) -> int:
    async with transaction(database.app_pool, api.tenant_id) as conn:
        return await conn.fetchval(f"select count(*) from {table}")


async def test_a_replay_gets_the_first_answer_and_has_no_second_effect(api: Api, database):
    clerk, key = api.acting("clerk"), {KEY: "order-1"}
    first = await clerk.post("/v1/customers", json={"name": "Ada"}, headers=key)
    again = await clerk.post("/v1/customers", json={"name": "Ada"}, headers=key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    for header in ("Location", "ETag", "Content-Type"):
        assert again.headers[header] == first.headers[header]
    assert await count(database, api, "thing") == 1


async def test_another_body_under_the_same_key_is_refused(api: Api):
    clerk, key = api.acting("clerk"), {KEY: "order-1"}
    await clerk.post("/v1/customers", json={"name": "Ada"}, headers=key)
    other = await clerk.post("/v1/customers", json={"name": "Bob"}, headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-key-reused")


async def test_a_key_belongs_to_tenant_and_client(api: Api, database):
    key = {KEY: "order-1"}
    for client in (
        api.acting("clerk"),
        api.acting("clerk", client_id="shop"),
        api.acting("clerk", tenant_id=new_id()),
    ):
        answer = await client.post("/v1/customers", json={"name": "Ada"}, headers=key)
        assert answer.status_code == 201
        assert "Idempotent-Replayed" not in answer.headers
    assert await count(database, api, "thing") == 2


@pytest.mark.parametrize("key", ["", "x" * 256, "tab\there"])
async def test_an_unusable_key_is_refused(api: Api, key):
    answer = await api.acting("clerk").post(
        "/v1/customers", json={"name": "Ada"}, headers={KEY: key}
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency-key-invalid")


async def test_a_post_without_key_is_refused(api: Api):
    client = api.acting("clerk")
    client.event_hooks = {"request": []}
    answer = await client.post("/v1/customers", json={"name": "Ada"})
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency-key-missing")


async def test_a_failure_of_ours_is_not_kept_and_leaves_nothing(api: Api, database):
    clerk, key = api.acting("clerk"), {KEY: "order-1"}
    broken = await clerk.post("/v1/customers", json={"name": "broken"}, headers=key)
    assert broken.status_code == 500
    for table in ("thing", "idempotency_key", "audit_entry"):
        assert await count(database, api, table) == 0
    fixed = await clerk.post("/v1/customers", json={"name": "Ada"}, headers=key)
    assert fixed.status_code == 201


async def test_a_refusal_is_not_kept(api: Api, database):
    clerk, key = api.acting("clerk"), {KEY: "order-1"}
    refused = await clerk.post("/v1/customers", json={"name": "clash"}, headers=key)
    assert refused.status_code == 409
    assert await count(database, api, "idempotency_key") == 0


async def test_concurrent_copies_have_one_effect(api: Api, database):
    clerk = api.acting("clerk")
    answers = await asyncio.gather(
        *(
            clerk.post("/v1/customers", json={"name": "Ada"}, headers={KEY: f"order-{i % 5}"})
            for i in range(40)
        )
    )
    assert {answer.status_code for answer in answers} == {201}
    assert sum("Idempotent-Replayed" in answer.headers for answer in answers) == 35
    assert len({answer.content for answer in answers}) == 5
    assert await count(database, api, "thing") == 5


async def test_a_copy_of_a_request_in_flight_is_told_to_come_back(api: Api, database):
    held = await asyncpg.connect(database.app_dsn)
    try:
        transaction_of_first = held.transaction()
        await transaction_of_first.start()
        await held.execute(
            "select begin_change($1, 'local', '/v1/customers', 'order-1', '', now())",
            api.tenant_id,
        )
        answer = await api.acting("clerk").post(
            "/v1/customers", json={"name": "Ada"}, headers={KEY: "order-1"}
        )
        assert (answer.status_code, answer.json()["code"]) == (409, "idempotency-key-in-flight")
        assert int(answer.headers["Retry-After"]) > 0
        await transaction_of_first.rollback()
    finally:
        await held.close()


async def test_another_path_of_the_same_route_is_another_request(api: Api):
    operator, key = api.acting("operator"), {KEY: "run-1"}
    body = {"local_date": "2026-01-31", "reason": "asked for"}
    first = await operator.post("/v1/shared/jobs/clean-up/runs", json=body, headers=key)
    other = await operator.post("/v1/shared/jobs/audit-seal/runs", json=body, headers=key)
    assert (first.status_code, other.status_code) == (202, 422)
