"""One record in a hundred is bad: each becomes one dead letter, what is around it flows on, and
what can be healed takes effect once when it is told to."""

import asyncio

import asyncpg
import pytest

from billing_shared.contracts.invoice import InvoiceVoided
from billing_shared.dead_letter import HANDLER_FAILED, UNREADABLE
from billing_shared.errors import Invalid
from billing_shared.ids import new_id
from billing_shared.operator_requests import OperatorRequests
from billing_shared.replay import replay_outbox
from billing_shared.testing.broker import running, until
from billing_shared.testing.sample import a_void

pytestmark = pytest.mark.slow

ROUNDS = 40
INVOICES = 30
#: Of 1,200 events 12 are bad; more than 20 in a minute would stop the consumer.
TOTALS_DIFFER, BUG = "totals", "bug"
WRONG_SCHEMAS = ("not json", '{"invoice_id": "not a uuid"}', "[]", "null")
BAD_BYTES = (b"\xff\xfe", b"", b"{" * 2000)


class Handler:
    """Refuses some events and stumbles over others, until it is mended."""

    def __init__(self, handle):
        self._handle = handle
        self.is_mended = False

    async def __call__(self, conn, context, incoming):
        for each in incoming:
            if self.is_mended:
                break
            if each.event.number == TOTALS_DIFFER:
                raise Invalid("totals-differ", "the totals do not add up")
            if each.event.number == BUG:
                raise ZeroDivisionError("a bug")
        await self._handle(conn, context, incoming)


async def write(pair):
    """Events of many aggregates; the ids of the good of each, of those a handler refuses, and of
    those whose value was spoilt."""
    invoices = [new_id() for _ in range(INVOICES)]
    good, refused = [[] for _ in invoices], []
    for turn in range(ROUNDS):
        # The bug is one of one key alone; the totals are wrong here and there.
        numbers = {0: BUG} if turn in (3, 9, 15) else {}
        numbers |= {turn: TOTALS_DIFFER} if turn in (5, 11) else {}
        events = [a_void(one, numbers.get(place, "A-1")) for place, one in enumerate(invoices)]
        ids = await pair.publish(events)
        for place, event_id in enumerate(ids):
            (refused if place in numbers else good[place]).append(event_id)
    spoilt = [good[place].pop(place) for place in range(2, 2 + len(WRONG_SCHEMAS))]
    admin = await asyncpg.connect(pair.producer.admin_dsn)
    for event_id, payload in zip(spoilt, WRONG_SCHEMAS, strict=True):
        await admin.execute(
            "update invoice.outbox set payload = $2 where id = $1", event_id, payload
        )
    await admin.close()
    return good, refused, spoilt


async def spoil_topic(pair):
    """Bytes from a stranger, straight onto the topic."""
    producer = pair.broker.producer("stranger")
    await producer.start()
    for value in BAD_BYTES:
        await producer.send_and_wait(pair.broker.topic("invoice-voided"), value, key=b"k")
    await producer.stop()


async def test_each_bad_record_is_one_dead_letter_and_no_other_suffers(pair, group, handlers):
    handler = Handler(handlers[InvoiceVoided])
    by_invoice, refused, spoilt = await write(pair)
    good = [event_id for ids in by_invoice for event_id in ids]
    await spoil_topic(pair)
    consumer = pair.consumer_of(group, {InvoiceVoided: handler})
    requests = OperatorRequests(consumer.inbox, ())
    expected = len(refused) + len(spoilt) + len(BAD_BYTES)

    async def all_dead():
        return len(await pair.dead_letters()) == expected

    async with running(pair.relay(), consumer):
        await pair.until_applied(good)
        await until(all_dead)
        handler.is_mended = True
        for _ in range(2):
            await ask_for_replay(pair)
            assert await requests.carry_out_next()
        # Everything once more: what was had is dropped, dead letters included.
        await replay_outbox(pair.producer.worker_pool, pair.context.now)
        await pair.until_applied(await pair.publish([a_void() for _ in range(20)]))
        await asyncio.sleep(0.5)
    letters = await pair.dead_letters()
    assert len(letters) == expected, "each once, after a second telling too"
    by_state = {row["event_id"]: row["state"] for row in letters}
    assert {i for i, state in by_state.items() if state == "replayed"} == set(refused)
    unread = [row for row in letters if row["state"] == "open"]
    assert {row["code"] for row in unread} == {UNREADABLE}
    assert {bytes(row["value"] or b"") for row in unread} == {
        *BAD_BYTES,
        *(text.encode() for text in WRONG_SCHEMAS),
    }
    codes = {row["code"] for row in letters if row["state"] == "replayed"}
    assert codes == {HANDLER_FAILED, "totals-differ"}
    effects = await pair.effects()
    assert sorted(effects[:-20]) == sorted([*good, *refused]), "each in effect once"
    for ids in by_invoice:
        mine = set(ids)
        assert [event_id for event_id in effects if event_id in mine] == ids, "in order"


async def ask_for_replay(pair):
    await pair.consumer.worker_pool.execute(
        "insert into operator_request (request_id, kind, requested_by, reason) "
        "values ($1, 'replay-dead-letters', 'user:operator', 'the bug is mended')",
        new_id(),
    )
