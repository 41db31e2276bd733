"""S5: Subscriptions over HTTP."""

from typing import Any

import pytest
from standardwebhooks import Webhook

from billing_shared.contracts import EVENTS
from billing_shared.ids import new_id
from notify_svc.domain.subscription import MAX_SUBSCRIPTIONS
from notify_svc.events import HANDLERS


def test_every_event_there_is_can_be_subscribed_to() -> None:
    assert {event.type for event in HANDLERS} == EVENTS.keys()


async def test_a_subscription_from_its_making_to_its_end(world: Any) -> None:
    made = await world.subscribe(event_types=["invoice-issued"], description="ERP")
    assert made["secret"].startswith("whsec_")
    assert (made["status"], made["version"], made["event_types"]) == (
        "active",
        1,
        ["invoice-issued"],
    )
    path = f"/v1/subscriptions/{made['subscription_id']}"
    got = await world.client.get(path)
    assert got.headers["etag"] == '"1"'
    assert "secret" not in got.json()
    body = {"url": "https://new.example.com/", "event_types": ["*"], "status": "disabled"}
    put = await world.client.put(path, json=body, headers={"If-Match": '"1"'})
    assert put.status_code == 200, put.text
    assert put.json()["version"] == 2
    assert put.json()["status"] == "disabled"
    assert (await world.client.delete(path, headers={"If-Match": '"2"'})).status_code == 204
    assert (await world.client.get(path)).status_code == 404
    audit = await world.fetch("select action, before, after from audit_entry order by entry_id")
    assert [row["action"] for row in audit] == ["created", "changed", "deleted"]
    assert "whsec" not in str([dict(row) for row in audit])


async def test_the_secret_is_shown_once_and_kept_nowhere_in_the_clear(world: Any) -> None:
    body = {"url": "https://example.com/"}
    headers = {"Idempotency-Key": "one"}
    first = await world.client.post("/v1/subscriptions", json=body, headers=headers)
    again = await world.client.post("/v1/subscriptions", json=body, headers=headers)
    assert first.status_code == again.status_code == 201
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json()["secret"] is None
    assert again.json()["subscription_id"] == first.json()["subscription_id"]
    secret = first.json()["secret"].removeprefix("whsec_").encode()
    for table in ("subscription", "subscription_secret", "idempotency_key", "audit_entry"):
        for row in await world.fetch(f"select * from {table}"):
            assert secret not in repr(dict(row)).encode()
            assert all(secret not in v for v in row.values() if isinstance(v, bytes))


async def test_a_rotated_secret_overlaps_with_the_old_one(world: Any) -> None:
    made = await world.subscribe()
    path = f"/v1/subscriptions/{made['subscription_id']}/secret-rotations"
    rotated = await world.client.post(path, headers={"Idempotency-Key": "r"})
    assert rotated.status_code == 201, rotated.text
    new = rotated.json()["secret"]
    assert new != made["secret"]
    assert rotated.json()["previous_expires_at"] is not None
    repeated = await world.client.post(path, headers={"Idempotency-Key": "r"})
    assert repeated.json()["secret"] is None
    await world.hear(world.void(world.invoice()))
    await world.send()
    [(headers, body)] = world.hooks.received
    for secret in (made["secret"], new):
        Webhook(secret).verify(body, headers)
    await world.execute(
        "update subscription_secret set expires_at = now() where expires_at > now()"
    )
    await world.hear(world.void(world.invoice()))
    await world.send()
    headers, body = world.hooks.received[1]
    Webhook(new).verify(body, headers)
    assert len(headers["webhook-signature"].split()) == 1


async def test_no_more_than_three_secrets_are_alive(world: Any) -> None:
    made = await world.subscribe()
    path = f"/v1/subscriptions/{made['subscription_id']}/secret-rotations"
    statuses = [(await world.client.post(path)).status_code for _ in range(3)]
    assert statuses == [201, 201, 409]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "url"),
        ({"url": "http://example.com/"}, "url"),
        ({"url": "https://127.0.0.1/"}, "url"),
        ({"url": "https://169.254.169.254/"}, "url"),
        ({"url": "https://[::1]:8443/"}, "url"),
        ({"url": "https://localhost.example/" + "x" * 2000}, "url"),
        ({"url": "https://a:b@example.com/"}, "url"),
        ({"url": 7}, "url"),
        ({"url": "https://example.com/", "event_types": []}, "event_types"),
        ({"url": "https://example.com/", "event_types": ["invoice.issued"]}, "event_types"),
        ({"url": "https://example.com/", "event_types": ["*", "invoice-issued"]}, "event_types"),
        ({"url": "https://example.com/", "status": "paused"}, "status"),
        ({"url": "https://example.com/", "description": "x" * 501}, "description"),
        ({"url": "https://example.com/", "secret": "whsec_mine"}, "secret"),
    ],
)
async def test_a_bad_body_names_the_field(world: Any, body: dict[str, Any], field: str) -> None:
    response = await world.client.post("/v1/subscriptions", json=body)
    assert response.status_code == 422, response.text
    assert response.json()["errors"][0]["field"].startswith(field)
    assert await world.fetch("select 1 from subscription") == []


async def test_a_change_needs_the_version_that_was_read(world: Any) -> None:
    made = await world.subscribe()
    path = f"/v1/subscriptions/{made['subscription_id']}"
    body = {"url": "https://example.com/"}
    assert (await world.client.put(path, json=body)).status_code == 428
    stale = await world.client.put(path, json=body, headers={"If-Match": '"7"'})
    assert stale.status_code == 412
    assert (await world.client.delete(path)).status_code == 428
    missing = f"/v1/subscriptions/{new_id()}"
    gone = await world.client.put(missing, json=body, headers={"If-Match": '"1"'})
    assert gone.status_code == 404


async def test_a_tenant_has_so_many_subscriptions_and_no_more(world: Any) -> None:
    for _ in range(MAX_SUBSCRIPTIONS):
        await world.subscribe()
    response = await world.client.post("/v1/subscriptions", json={"url": "https://example.com/"})
    assert (response.status_code, response.json()["code"]) == (409, "too-many-subscriptions")


async def test_lists_are_paged_in_the_order_of_change(world: Any) -> None:
    made = [(await world.subscribe())["subscription_id"] for _ in range(3)]
    first = (await world.client.get("/v1/subscriptions", params={"limit": 2})).json()
    rest = await world.client.get(
        "/v1/subscriptions", params={"limit": 2, "cursor": first["next_cursor"]}
    )
    listed = [item["subscription_id"] for item in first["items"] + rest.json()["items"]]
    assert listed == sorted(made)


async def test_a_tenant_sees_and_touches_only_its_own(world: Any) -> None:
    made = await world.subscribe()
    await world.hear(world.void(world.invoice()))
    [delivery] = await world.deliveries()
    stranger = world.api.acting("supervisor", new_id())
    path = f"/v1/subscriptions/{made['subscription_id']}"
    body = {"url": "https://evil.example.com/"}
    match = {"If-Match": '"1"'}
    assert (await stranger.get("/v1/subscriptions")).json()["items"] == []
    assert (await stranger.get("/v1/deliveries")).json()["items"] == []
    refused = [
        await stranger.get(path),
        await stranger.put(path, json=body, headers=match),
        await stranger.delete(path, headers=match),
        await stranger.post(path + "/secret-rotations"),
        await stranger.post(path + "/replays", json={"since": "2020-01-01T00:00:00Z"}),
        await stranger.get(f"/v1/deliveries/{delivery['delivery_id']}"),
        await stranger.post(f"/v1/deliveries/{delivery['delivery_id']}/redeliveries"),
    ]
    assert [response.status_code for response in refused] == [404] * len(refused)


async def test_only_roles_that_may_get_in(world: Any) -> None:
    body = {"url": "https://example.com/"}
    statuses = {
        role: (await world.api.acting(role).post("/v1/subscriptions", json=body)).status_code
        for role in ("clerk", "auditor", "operator", "subscriber", "integration", "supervisor")
    }
    assert statuses == {
        "clerk": 403,
        "auditor": 403,
        "operator": 403,
        "subscriber": 201,
        "integration": 201,
        "supervisor": 201,
    }
    assert (await world.api.anonymous().get("/v1/subscriptions")).status_code == 401
