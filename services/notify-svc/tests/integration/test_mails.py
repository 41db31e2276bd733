"""From an issued invoice to a mail, in whatever order we hear of things."""

from datetime import timedelta
from email import message_from_bytes, policy
from itertools import permutations
from typing import Any

import pytest

from billing_shared.context import Actor, Context
from billing_shared.ids import new_id
from billing_shared.postgres import transaction
from notify_svc.usecases.clean_up import KEEP_EVENTS, clean_up
from notify_svc.usecases.prepare_calls import prepare_calls

ADDRESS = "ap@ada.example"


async def cleaned(world: Any) -> None:
    context = Context(world.tenant_id, Actor("job", "clean-up"), world.api.clock.now(), new_id())
    async with transaction(world.database.worker_pool, world.tenant_id) as conn:
        await clean_up(conn, context)


async def test_an_issued_invoice_is_mailed_once(world: Any) -> None:
    await world.hear(world.seller(), world.customer(ADDRESS, "cfo@ada.example"))
    item = world.incoming(world.invoice())
    await world.apply(item, item)
    await world.send()
    [mail] = world.relay.taken
    assert mail.recipients == (ADDRESS, "cfo@ada.example")
    message = message_from_bytes(mail.message, policy=policy.default)
    assert message["Subject"] == "Invoice 2026-000042 from Hansen GmbH"
    delivery = await world.delivery(channel="mail", customer_id=str(world.customer_id))
    assert message["Message-ID"] == f"<{delivery['delivery_id']}@seller.example>"
    assert (delivery["state"], delivery["tries"]) == ("delivered", 1)
    [attempt] = delivery["attempts"]
    assert attempt["recipients"] == ["a***@ada.example", "c***@ada.example"]
    assert await world.fetch("select 1 from delivery_due") == []


@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_whatever_comes_first_the_mail_goes_once(world: Any, order: list[int]) -> None:
    events = [world.invoice(), world.customer(ADDRESS), world.seller()]
    for number, place in enumerate(order):
        await world.hear(events[place])
        await world.send()
        assert len(world.relay.taken) == (number == 2)


async def test_a_waiting_mail_says_for_what(world: Any) -> None:
    await world.hear(world.invoice())
    assert (await world.delivery(state="waiting"))["reason"] == "the customer is not known yet"
    await world.hear(world.customer())
    assert (await world.delivery(state="waiting"))["reason"] == "the seller is not known yet"
    await world.hear(world.seller())
    reason = (await world.delivery(state="waiting"))["reason"]
    assert reason == "the customer has no e-mail address"
    await world.hear(world.customer(ADDRESS))
    assert (await world.delivery())["state"] == "pending"


async def test_an_invoice_issued_elsewhere_is_not_mailed(world: Any) -> None:
    await world.hear(world.seller(), world.customer(ADDRESS), world.invoice(origin="imported"))
    assert await world.deliveries() == []


async def test_the_newest_state_of_a_customer_counts(world: Any) -> None:
    await world.hear(world.seller())
    new = world.incoming(world.customer("new@ada.example", locale="de"), sequence=9)
    old = world.incoming(world.customer("old@ada.example"), sequence=4)
    await world.apply(new, old)
    await world.hear(world.invoice())
    await world.send()
    [mail] = world.relay.taken
    assert mail.recipients == ("new@ada.example",)
    assert b"Rechnung" in mail.message


@pytest.mark.parametrize("when", ["before", "waiting", "queued"])
async def test_an_anonymised_customer_gets_no_mail(world: Any, when: str) -> None:
    if when == "before":
        await world.hear(world.seller(), world.anonymised(), world.invoice())
    elif when == "waiting":
        await world.hear(world.customer(ADDRESS), world.invoice(), world.anonymised())
        await world.hear(world.seller())
    else:
        await world.hear(world.seller(), world.customer(ADDRESS), world.invoice())
        await world.hear(world.anonymised())
    await world.send()
    assert world.relay.taken == []
    delivery = await world.delivery()
    assert (delivery["state"], delivery["reason"]) == ("cancelled", "the customer was anonymised")
    again = await world.client.post(f"/v1/deliveries/{delivery['delivery_id']}/redeliveries")
    assert again.json()["code"] == "delivery-state"
    assert await world.fetch("select 1 from delivery_due") == []


async def test_no_address_is_left_when_a_customer_is_anonymised(world: Any) -> None:
    await world.hear(world.seller(), world.customer(ADDRESS), world.invoice())
    await world.send()
    await world.hear(world.anonymised())
    tables = ("customer", "delivery", "attempt", "event", "audit_entry")
    for table in tables:
        kept = repr([dict(row) for row in await world.fetch(f"select * from {table}")])
        assert "ada.example" not in kept
    [attempt] = (await world.delivery())["attempts"]
    assert attempt["recipients"] is None


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
async def test_a_voided_invoice_is_not_mailed(world: Any, order: tuple[int, int]) -> None:
    invoice = world.invoice()
    events = [invoice, world.void(invoice)]
    await world.hear(world.seller(), world.customer(ADDRESS), *(events[i] for i in order))
    await world.send()
    assert world.relay.taken == []
    delivery = await world.delivery(channel="mail")
    assert (delivery["state"], delivery["reason"]) == ("cancelled", "the invoice was voided")


async def test_a_relay_that_was_down_gets_it_when_it_is_up(world: Any) -> None:
    await world.hear(world.seller(), world.customer(ADDRESS), world.invoice())
    for behaviour in ("down", "busy"):
        world.relay.behaviour = behaviour
        await world.send()
        assert (await world.delivery())["state"] == "pending"
        await world.make_due()
    world.relay.behaviour = "ok"
    await world.send()
    delivery = await world.delivery()
    assert (delivery["state"], delivery["tries"]) == ("delivered", 3)


async def test_a_mail_nobody_knows_of_is_shown_and_sent_again_only_by_hand(world: Any) -> None:
    await world.hear(world.seller(), world.customer(ADDRESS), world.invoice())
    world.relay.behaviour = "hang-after-text"
    await world.send()
    await world.make_due()
    await world.send()
    delivery = await world.delivery(state="unknown")
    assert [attempt["result"] for attempt in delivery["attempts"]] == ["unknown"]
    world.relay.behaviour = "ok"
    path = f"/v1/deliveries/{delivery['delivery_id']}/redeliveries"
    assert (await world.client.post(path)).status_code == 202
    await world.send()
    assert (await world.delivery())["state"] == "delivered"
    first, second = (message_from_bytes(mail.message) for mail in world.relay.taken)
    assert first["Message-ID"] == second["Message-ID"]


async def test_a_worker_killed_while_mailing_leaves_it_unknown(world: Any) -> None:
    await world.hear(world.seller(), world.customer(ADDRESS), world.invoice())
    async with transaction(world.database.worker_pool, None) as conn:
        assert len(await prepare_calls(conn, world.api.clock.now(), 10)) == 1
    await world.let_leases_run_out()
    await world.send()
    delivery = await world.delivery()
    assert (delivery["state"], delivery["tries"]) == ("unknown", 1)
    assert delivery["reason"] == "the worker stopped before the answer came"
    assert world.relay.taken == []


async def test_a_refused_address_ends_it_and_a_corrected_one_is_used(world: Any) -> None:
    await world.hear(world.seller(), world.customer("ap@refused.example"), world.invoice())
    await world.send()
    delivery = await world.delivery()
    assert (delivery["state"], delivery["reason"]) == ("failed", "the relay answered 550")
    await world.hear(world.customer(ADDRESS))
    await world.client.post(f"/v1/deliveries/{delivery['delivery_id']}/redeliveries")
    await world.send()
    [mail] = world.relay.taken
    assert mail.recipients == (ADDRESS,)


async def test_an_address_taken_away_before_sending_makes_the_mail_wait(world: Any) -> None:
    await world.hear(world.seller(), world.customer(ADDRESS), world.invoice())
    await world.hear(world.customer())
    await world.send()
    assert (await world.delivery())["state"] == "waiting"
    await world.hear(world.customer(ADDRESS))
    await world.send()
    assert (await world.delivery())["state"] == "delivered"


async def test_hostile_names_and_addresses_reach_no_header(world: Any) -> None:
    name = "Evil\r\nBcc: victim@example.com =?utf-8?q?=0ABcc=3A_victim=40example.com?="
    addresses = ["a@b.example\r\nRCPT TO:<victim@example.com>", ADDRESS]
    await world.hear(world.seller(name=name), world.customer(*addresses, name=name))
    await world.hear(world.invoice(number=name))
    await world.send()
    [mail] = world.relay.taken
    assert mail.recipients == (ADDRESS,)
    message = message_from_bytes(mail.message, policy=policy.default)
    assert message["Bcc"] is None
    assert str(message["To"]) == ADDRESS


async def test_another_tenant_s_customer_is_no_help(world: Any) -> None:
    other = new_id()
    await world.hear(world.seller(), world.customer(ADDRESS), tenant_id=other)
    await world.hear(world.seller(), world.invoice())
    await world.send()
    assert world.relay.taken == []
    assert (await world.delivery())["state"] == "waiting"


async def test_a_mail_waits_so_long_and_no_longer(world: Any) -> None:
    await world.hear(world.seller(), world.invoice())
    world.api.clock.set(world.api.clock.now() + timedelta(days=29))
    await cleaned(world)
    assert (await world.delivery())["state"] == "waiting"
    world.api.clock.set(world.api.clock.now() + timedelta(days=2))
    await cleaned(world)
    delivery = await world.delivery()
    assert (delivery["state"], delivery["reason"]) == (
        "cancelled",
        "waited too long: the customer is not known yet",
    )


async def test_what_is_old_is_forgotten_with_all_that_hangs_on_it(world: Any) -> None:
    await world.subscribe()
    await world.hear(world.seller(), world.customer(ADDRESS), world.invoice())
    await world.send()
    world.api.clock.set(world.api.clock.now() + KEEP_EVENTS + timedelta(hours=1))
    await world.hear(world.void(world.invoice()))
    await cleaned(world)
    kept = {
        table: len(await world.fetch(f"select 1 from {table}"))
        for table in ("event", "delivery", "attempt", "delivery_due")
    }
    assert kept == {"event": 1, "delivery": 1, "attempt": 0, "delivery_due": 1}
