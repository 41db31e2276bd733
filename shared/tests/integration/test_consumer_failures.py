"""What a consumer does when records, handlers, the database or the log are bad."""

import asyncio

import asyncpg
import pytest

from billing_shared import dead_letter
from billing_shared.contracts.invoice import InvoiceVoided
from billing_shared.errors import Invalid
from billing_shared.ids import new_id
from billing_shared.migrate import migrate
from billing_shared.operator_requests import OperatorRequests
from billing_shared.replay import refill_pending, replay_outbox
from billing_shared.testing.broker import running, until
from billing_shared.testing.database import APP_PASSWORD, RELAY_PASSWORD
from billing_shared.testing.sample import a_void
from billing_shared.topics import create_topics


def guarding(handlers, guard):
    """The handlers, with a look at each event first."""
    handle = handlers[InvoiceVoided]

    async def guarded(conn, context, incoming):
        for each in incoming:
            guard(each)
        await handle(conn, context, incoming)

    return {InvoiceVoided: guarded}


async def test_repeats_are_applied_once(pair, group, handlers):
    ids = await pair.publish([a_void() for _ in range(30)])
    async with running(pair.relay(), pair.consumer_of(group, handlers)):
        await pair.until_applied(ids)
        again = await replay_outbox(pair.producer.worker_pool, pair.context.now)
        more = await pair.publish([a_void()])
        await pair.until_applied(more)
        await until(lambda: _is(pair.pending(), 0))
        await asyncio.sleep(0.5)
    assert again == 30
    assert sorted(await pair.effects()) == sorted(ids + more)


async def test_poison_is_put_aside_and_what_comes_behind_flows(pair, group, handlers):
    invoice = new_id()
    events = [a_void(invoice, number=str(i)) for i in range(20)]

    def refuse(each):
        if each.event.number == "7":
            raise Invalid("totals-differ", "the totals do not add up")

    ids = await pair.publish(events)
    async with running(pair.relay(), pair.consumer_of(group, guarding(handlers, refuse))):
        await pair.until_applied(ids[:7] + ids[8:])
    assert await pair.effects() == ids[:7] + ids[8:], "order within the aggregate"
    (letter,) = await pair.dead_letters()
    assert (letter["event_id"], letter["code"], letter["attempts"]) == (ids[7], "totals-differ", 1)
    assert letter["tenant_id"] == pair.context.tenant_id


async def test_unknown_error_gets_five_tries_alone(pair, group, handlers):
    tries = []

    def stumble(each):
        if each.event.number == "bad":
            tries.append(each)
            raise ZeroDivisionError("a bug")

    ids = await pair.publish([a_void(), a_void(number="bad"), a_void()])
    async with running(pair.relay(), pair.consumer_of(group, guarding(handlers, stumble))):
        (letter,) = await until(pair.dead_letters)
        await pair.until_applied([ids[0], ids[2]])
    assert (letter["code"], letter["attempts"]) == (dead_letter.HANDLER_FAILED, 5)
    assert len(tries) in (5, 6), "the batch, then five alone"


async def test_dead_letter_is_applied_once_when_replayed(pair, group, handlers):
    is_broken = True

    def stumble(each):
        if is_broken:
            raise Invalid("broken", "for now")

    ids = await pair.publish([a_void() for _ in range(3)])
    consumer = pair.consumer_of(group, guarding(handlers, stumble))
    async with running(pair.relay(), consumer):
        await until(lambda: _is(_count(pair.dead_letters()), 3))
    requests = OperatorRequests(consumer.inbox, ())
    outcomes = []
    for broken in (True, False, False):
        is_broken = broken
        await _ask(pair, "replay-dead-letters")
        assert await requests.carry_out_next()
        outcomes.append(await _count(pair.effects()))
    assert outcomes == [0, 3, 3]
    assert sorted(await pair.effects()) == sorted(ids)
    assert {(r["state"], r["attempts"]) for r in await pair.dead_letters()} == {("replayed", 3)}


async def test_bad_bytes_are_dead_letters(pair, group, handlers):
    producer = pair.broker.producer("t")
    await producer.start()
    topic = pair.broker.topic("invoice-voided")
    await producer.send_and_wait(topic, b"{", key=b"k", headers=[("ce_id", b"\xff")])
    await producer.send_and_wait(topic, None, key=b"k", headers=[("ce_id", None)])
    await producer.send_and_wait(topic, b"{", key=b"k", headers=[("ce_id", b"\xff")])
    await producer.stop()
    ids = await pair.publish([a_void()])
    async with running(pair.relay(), pair.consumer_of(group, handlers)):
        await pair.until_applied(ids)
        letters = await until(lambda: _if(pair.dead_letters(), lambda rows: len(rows) >= 2))
    assert {row["code"] for row in letters} == {dead_letter.UNREADABLE}
    assert len(letters) == 2, "the same bytes are one letter"
    assert {bytes(row["value"] or b"") for row in letters} == {b"{", b""}


async def test_chance_errors_are_retried_without_end(pair, group, handlers):
    tries = []

    def lock(each):
        tries.append(each)
        if len(tries) <= 12:
            raise asyncpg.LockNotAvailableError("busy")

    ids = await pair.publish([a_void()])
    consumer = pair.consumer_of(group, guarding(handlers, lock))
    consumer._backoff._high = 0.3
    async with running(pair.relay(), consumer):
        await pair.until_applied(ids)
    assert await pair.dead_letters() == []


@pytest.mark.slow
async def test_too_many_dead_letters_stop_the_consumer_until_resumed(
    pair, group, handlers, monkeypatch
):
    monkeypatch.setattr("billing_shared.consumer.HALTED_LOOK_SECONDS", 0.1)
    is_broken = True

    def stumble(each):
        if is_broken:
            raise Invalid("broken", "everything")

    ids = await pair.publish([a_void() for _ in range(30)])
    consumer = pair.consumer_of(group, guarding(handlers, stumble))
    async with running(pair.relay(), consumer):
        await until(lambda: _true(consumer.is_halted))
        assert len(await pair.dead_letters()) == 20
        is_broken = False
        await asyncio.sleep(0.3)
        assert await pair.effects() == []
        await _ask(pair, "resume-consumer")
        await OperatorRequests(consumer.inbox, ()).carry_out_next()
        await until(lambda: _is(_count(pair.effects()), 10))
    dead = {row["event_id"] for row in await pair.dead_letters()}
    assert dead | set(await pair.effects()) == set(ids), "nothing is lost"


async def test_sessions_cut_at_any_moment(pair, group, handlers):
    admin = await asyncpg.connect(pair.consumer.admin_dsn)
    ids = []
    async with running(pair.relay(), pair.consumer_of(group, handlers)):
        for _ in range(15):
            ids += await pair.publish([a_void() for _ in range(20)])
            await admin.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where usename in ('recon_relay', 'invoice_relay') and pid <> pg_backend_pid()"
            )
            await asyncio.sleep(0.05)
        await pair.until_applied(ids)
    await admin.close()
    assert await pair.dead_letters() == []


async def test_lost_log_is_noticed_and_read_again(fragile_pair, own_broker, group, handlers):
    pair = fragile_pair
    own_broker.start()
    topics = [pair.broker.topic("invoice-voided")]
    await create_topics(own_broker.bootstrap, topics)
    ids = await pair.publish([a_void() for _ in range(40)])
    async with running(pair.relay(), pair.consumer_of(group, handlers)):
        await pair.until_applied(ids)
        own_broker.kill()
        # Written while there is no broker, and on the new log at lower offsets than the old ones.
        ids += await pair.publish([a_void() for _ in range(5)])
        own_broker.start()
        await create_topics(own_broker.bootstrap, topics)
        # As the launcher does: what the relay sent to topics that this broker made up by itself is
        # gone again.
        await replay_outbox(pair.producer.worker_pool, pair.context.now)
        await pair.until_applied(ids)
    assert sorted(await pair.effects()) == sorted(ids)


@pytest.mark.slow
async def test_new_log_that_grew_past_the_old_place(fragile_pair, own_broker, group, handlers):
    """The worst case: by offsets alone nothing looks wrong."""
    pair = fragile_pair
    topics = [pair.broker.topic("invoice-voided")]
    own_broker.start()
    await create_topics(own_broker.bootstrap, topics)
    invoice = new_id()
    ids = await pair.publish([a_void(invoice) for _ in range(10)])
    async with running(pair.relay(), pair.consumer_of(group, handlers)):
        await pair.until_applied(ids)
    own_broker.kill()
    own_broker.start()
    await create_topics(own_broker.bootstrap, topics)
    ids += await pair.publish([a_void(invoice) for _ in range(30)])
    async with running(pair.relay()):
        await until(lambda: _is(pair.pending(), 0))
    async with running(pair.consumer_of(group, handlers)):
        await pair.until_applied(ids)


async def test_refill_puts_back_only_what_somebody_has_not_had(
    service_database, pair, group, handlers, postgres
):
    both = await service_database("invoice-svc", "billing_shared")
    # One database, two schemas, as the launcher has it.
    await migrate(
        both.admin_dsn,
        "recon-svc",
        "billing_shared",
        app_password=APP_PASSWORD,
        relay_password=RELAY_PASSWORD,
    )
    admin = await asyncpg.connect(both.admin_dsn)
    pair.producer = both
    ids = await pair.publish([a_void() for _ in range(6)])
    await admin.execute("delete from invoice.outbox_pending")
    assert await refill_pending(both.admin_dsn) == 6, "recon-svc never said what it reads"
    await admin.execute(
        "delete from invoice.outbox_pending;"
        "insert into recon.consumed_topic values ('recon-svc', 'invoice-voided');"
        "insert into invoice.consumed_topic values ('invoice-svc', 'settlement-changed')"
    )
    await admin.execute("insert into recon.inbox select 'recon-svc', unnest($1::uuid[])", ids[:4])
    assert await refill_pending(both.admin_dsn) == 2
    assert await refill_pending(both.admin_dsn) == 2, "pending already, and told again all the same"
    rows = await admin.fetch(
        "select o.id from invoice.outbox_pending p join invoice.outbox o using (seq) order by seq"
    )
    assert [row["id"] for row in rows] == ids[4:]
    await admin.close()


async def _ask(pair, kind):
    await pair.consumer.worker_pool.execute(
        "insert into operator_request (request_id, kind, requested_by, reason) "
        "values ($1, $2, 'user:operator', 'a test')",
        new_id(),
        kind,
    )


async def _true(value):
    return value


async def _is(awaitable, expected):
    return await awaitable == expected


async def _count(awaitable):
    return len(await awaitable)


async def _if(awaitable, condition):
    value = await awaitable
    return value if condition(value) else None


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch):
    monkeypatch.setattr("billing_shared.backoff.HIGH_SECONDS", 1.0)
