"""From an event to a receiver, whatever the receiver does."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from standardwebhooks import Webhook

from billing_shared.contracts import decode
from billing_shared.ids import new_id
from billing_shared.postgres import transaction
from notify_svc.usecases.prepare_calls import MAX_CALLS_PER_TARGET, prepare_calls

#: The database reads its clock twice for one row.
TICK = timedelta(milliseconds=1)


async def test_an_event_reaches_its_subscriber_signed_and_whole(world: Any) -> None:
    made = await world.subscribe(event_types=["invoice-issued"])
    invoice = world.invoice()
    item = world.incoming(invoice, sequence=3)
    await world.apply(item)
    await world.send()
    [(headers, body)] = world.hooks.received
    event = Webhook(made["secret"]).verify(body, headers)
    assert event == json.loads(body)
    assert headers["webhook-id"] == event["id"] == str(item.envelope.id)
    assert event["type"] == "billing.invoice-issued.v1"
    assert (event["specversion"], event["sequence"]) == ("1.0", "3")
    assert event["subject"] == event["partitionkey"] == str(invoice.invoice_id)
    assert event["tenantid"] == str(world.tenant_id)
    assert event["datacontenttype"] == "application/json"
    assert event["data"]["payment_reference"] == "RF18539007547034"
    delivery = await world.delivery(channel="webhook")
    assert (delivery["state"], delivery["tries"]) == ("delivered", 1)
    [attempt] = delivery["attempts"]
    assert (attempt["result"], attempt["status_code"]) == ("delivered", 204)


async def test_what_a_newer_writer_says_more_goes_on_to_the_subscriber(world: Any) -> None:
    await world.subscribe(event_types=["invoice-issued"])
    item = world.incoming(world.invoice())
    sent = json.loads(item.value) | {"incoterm": "DAP"}
    value = json.dumps(sent).encode()
    await world.apply(replace(item, event=decode("invoice-issued", value), value=value))
    await world.send()
    [(_, body)] = world.hooks.received
    assert json.loads(body)["data"] == sent


async def test_each_subscription_gets_what_it_asked_for_and_once(world: Any) -> None:
    everything = await world.subscribe()
    voids = await world.subscribe(event_types=["invoice-voided"])
    await world.subscribe(status="disabled")
    invoice = world.invoice()
    issued, voided = world.incoming(invoice), world.incoming(world.void(invoice))
    await world.apply(issued, voided, issued, voided)
    hooks = await world.deliveries(channel="webhook")
    told = sorted((d["target_id"], d["event_type"]) for d in hooks)
    assert told == sorted(
        [
            (everything["subscription_id"], "invoice-issued"),
            (everything["subscription_id"], "invoice-voided"),
            (voids["subscription_id"], "invoice-voided"),
        ]
    )


async def test_a_receiver_that_was_down_gets_it_when_it_is_up(world: Any) -> None:
    await world.subscribe()
    await world.hear(world.void(world.invoice()))
    for behaviour in ("closed", 500, 302, "hang", "drop"):
        world.hooks.behaviour = behaviour
        await world.send()
        delivery = await world.delivery()
        assert delivery["state"] == "pending"
        assert delivery["next_attempt_at"] is not None
        await world.make_due()
    world.hooks.behaviour = 204
    await world.send()
    delivery = await world.delivery()
    assert delivery["state"] == "delivered"
    results = [attempt["result"] for attempt in delivery["attempts"]]
    assert results == ["failed", "failed", "failed", "unknown", "unknown", "delivered"]
    assert len({headers["webhook-id"] for headers, _ in world.hooks.received}) == 1


async def test_the_schedule_ends_and_a_person_can_begin_it_again(world: Any) -> None:
    await world.subscribe()
    await world.hear(world.void(world.invoice()))
    world.hooks.behaviour = 503
    waits = []
    for _ in range(10):
        await world.make_due()
        await world.send()
        [row] = await world.fetch("select next_attempt_at - updated_at as wait from delivery")
        waits.append(row["wait"])
    expected = [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400]
    for wait, seconds in zip(waits, expected, strict=False):
        assert timedelta(seconds=seconds) <= wait + TICK
        assert wait <= timedelta(seconds=seconds * 1.1)
    delivery = await world.delivery()
    assert (delivery["state"], delivery["tries"]) == ("failed", 10)
    assert delivery["reason"] == "given up after 10 attempts: answered 503"
    assert await world.fetch("select 1 from delivery_due") == []
    world.hooks.behaviour = 204
    path = f"/v1/deliveries/{delivery['delivery_id']}/redeliveries"
    again = await world.client.post(path)
    assert (again.status_code, again.json()["state"]) == (202, "pending")
    assert (await world.client.post(path)).json()["code"] == "delivery-state"
    await world.send()
    assert (await world.delivery())["state"] == "delivered"
    audit = await world.fetch("select action, reason from audit_entry order by entry_id")
    assert [row["action"] for row in audit] == ["created", "redelivery-requested"]


async def test_410_disables_the_subscription_and_404_does_not(world: Any) -> None:
    made = await world.subscribe()
    path = f"/v1/subscriptions/{made['subscription_id']}"
    await world.hear(world.void(world.invoice()), world.void(world.invoice()))
    world.hooks.behaviour = 404
    await world.send()
    assert (await world.client.get(path)).json()["status"] == "active"
    world.hooks.behaviour = 410
    await world.make_due()
    await world.send()
    got = (await world.client.get(path)).json()
    assert (got["status"], got["version"]) == ("disabled", 2)
    assert got["disabled_reason"] == "its endpoint answered 410 Gone"
    assert {d["state"] for d in await world.deliveries()} == {"failed"}
    [*_, entry] = await world.fetch("select * from audit_entry order by entry_id")
    assert (entry["action"], entry["actor_kind"], entry["actor_id"]) == (
        "disabled",
        "service",
        "notify-svc",
    )
    await world.hear(world.void(world.invoice()))
    assert len(await world.deliveries()) == 2


@pytest.mark.parametrize("how", ["disabled", "deleted"])
async def test_nothing_is_sent_to_who_wants_no_more(world: Any, how: str) -> None:
    made = await world.subscribe()
    path = f"/v1/subscriptions/{made['subscription_id']}"
    await world.hear(world.void(world.invoice()))
    match = {"If-Match": '"1"'}
    if how == "deleted":
        await world.client.delete(path, headers=match)
    else:
        body = {"url": made["url"], "status": "disabled"}
        await world.client.put(path, json=body, headers=match)
    await world.send()
    assert world.hooks.received == []
    delivery = await world.delivery()
    assert (delivery["state"], delivery["attempts"]) == ("cancelled", [])
    again = await world.client.post(f"/v1/deliveries/{delivery['delivery_id']}/redeliveries")
    assert (again.status_code, again.json()["code"]) == (409, "delivery-state")


async def test_a_worker_killed_in_the_middle_of_a_call_loses_nothing(world: Any) -> None:
    await world.subscribe()
    await world.hear(world.void(world.invoice()))
    async with transaction(world.database.worker_pool, None) as conn:
        [call] = await prepare_calls(conn, world.api.clock.now(), 10)
    # Killed here: the attempt is committed, its outcome never will be.
    await world.send()
    assert world.hooks.received == []
    await world.let_leases_run_out()
    await world.send()
    delivery = await world.delivery()
    assert [attempt["result"] for attempt in delivery["attempts"]] == ["unknown", "delivered"]
    assert world.received()[0]["id"] == str(call.event_id)


async def test_a_worker_that_comes_back_late_moves_nothing(world: Any) -> None:
    await world.subscribe()
    await world.hear(world.void(world.invoice()))
    slow, quick = world.sender(), world.sender()
    world.hooks.behaviour = 500
    await slow.turn(10)
    await asyncio.sleep(0.05)
    await world.let_leases_run_out()
    world.hooks.behaviour = 204
    await world.send(quick)
    assert (await world.delivery())["state"] == "delivered"
    await slow.turn(0)
    delivery = await world.delivery()
    assert (delivery["state"], delivery["tries"]) == ("delivered", 2)
    assert [attempt["result"] for attempt in delivery["attempts"]] == ["failed", "delivered"]


async def test_a_receiver_that_hangs_holds_up_only_itself(world: Any) -> None:
    first, second = await world.subscribe(), await world.subscribe()
    await world.hear(*(world.void(world.invoice()) for _ in range(30)))
    async with transaction(world.database.worker_pool, None) as conn:
        calls = await prepare_calls(conn, world.api.clock.now(), 64)
    taken = [call.owner.rpartition("/")[2] for call in calls]
    assert {who: taken.count(who) for who in set(taken)} == {
        first["subscription_id"]: MAX_CALLS_PER_TARGET,
        second["subscription_id"]: MAX_CALLS_PER_TARGET,
    }
    async with transaction(world.database.worker_pool, None) as conn:
        assert await prepare_calls(conn, world.api.clock.now(), 64) == []


async def test_two_workers_never_send_the_same_thing(world: Any) -> None:
    await world.subscribe()
    await world.hear(*(world.void(world.invoice()) for _ in range(40)))
    await asyncio.gather(*(world.send() for _ in range(3)))
    while await world.fetch("select 1 from delivery_due"):
        await world.send()
    ids = [event["id"] for event in world.received()]
    assert len(ids) == len(set(ids)) == 40


async def test_tenants_hear_only_of_themselves(world: Any) -> None:
    other = new_id()
    mine = await world.subscribe()
    theirs = await world.subscribe(world.api.acting("supervisor", other))
    await world.hear(world.void(world.invoice()))
    await world.hear(world.void(world.invoice()), tenant_id=other)
    await world.send()
    for headers, body in world.hooks.received:
        event = json.loads(body)
        secret = mine if event["tenantid"] == str(world.tenant_id) else theirs
        Webhook(secret["secret"]).verify(body, headers)
    assert sorted(event["tenantid"] for event in world.received()) == sorted(
        [str(other), str(world.tenant_id)]
    )


async def test_what_a_receiver_answers_is_kept_short(world: Any) -> None:
    await world.subscribe()
    await world.hear(world.void(world.invoice()))
    world.hooks.behaviour = 500
    await world.send()
    [attempt] = (await world.delivery())["attempts"]
    assert (attempt["excerpt"], attempt["detail"]) == ("ok", "answered 500")


async def test_a_lost_key_fails_one_delivery_and_stops_nothing(world: Any) -> None:
    await world.subscribe()
    await world.hear(world.void(world.invoice()))
    await world.execute("update subscription_secret set sealed = sealed || '\\x00'::bytea")
    await world.send()
    delivery = await world.delivery()
    assert delivery["state"] == "pending"
    assert "cannot be read" in delivery["reason"]


async def test_a_policy_of_the_tenant_sets_the_schedule_and_nonsense_does_not(world: Any) -> None:
    await world.subscribe()
    for body, seconds in [('{"webhook": {"delays_seconds": []}}', 5), (SLOW, 60)]:
        await world.execute(
            """
            insert into policy_version (tenant_id, policy_id, effective_on, body, sha256, author,
                                        recorded_at)
            values ($1, $2, '2026-01-01', $3, '', 'test', clock_timestamp())
            """,
            world.tenant_id,
            new_id(),
            body,
        )
        await world.hear(world.void(world.invoice()))
        world.hooks.behaviour = 500
        await world.send()
        rows = await world.fetch(
            "select next_attempt_at - updated_at as wait from delivery order by delivery_id desc"
        )
        assert TICK + rows[0]["wait"] >= timedelta(seconds=seconds)
        assert rows[0]["wait"] < timedelta(seconds=seconds * 1.2)


SLOW = """{"webhook": {"delays_seconds": [0, 60], "jitter": 0.0, "secret_overlap_hours": 1},
           "mail": {"delays_seconds": [0], "jitter": 0.0, "max_wait_days": 1}}"""
