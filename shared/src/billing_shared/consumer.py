"""Consumes the topics of a service's handlers: a poll is a batch, a batch is a transaction.

The offsets that count are ours, in Postgres, written with the effects. So nothing here has to be
right about who owns a partition: the offset row decides, and applying a record twice is impossible.
What must be right is never to skip, never to exit, and never to wait for ever on the client.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.structs import ConsumerRecord

from billing_shared import metrics, positions
from billing_shared.backoff import Backoff, rest
from billing_shared.batch import Batches
from billing_shared.broker import CALL_SECONDS, MAX_POLL_RECORDS, Broker, stop_client
from billing_shared.clock import Clock, SystemClock
from billing_shared.dead_letter import Rate, TooManyDeadLetters
from billing_shared.inbox import Handler, Handlers, Inbox, Incoming, Overtaken
from billing_shared.positions import Alarm, Position, Start
from billing_shared.postgres import Pool, is_transient, transaction
from billing_shared.record import Place, Raw, Record, read_record

POLL_MS = 200
#: Offsets go to Kafka for lag dashboards only.
REPORT_SECONDS = 2.0
#: How often the ends of the logs are compared with where we are.
WATCH_SECONDS = 10.0
HALTED_LOOK_SECONDS = 2.0
STOP_SECONDS = 10.0

_NOW = "select now()"
_RESUMED = """
select true from operator_request
where kind = 'resume-consumer' and state = 'done' and ended_at > $1 limit 1
"""

_log = structlog.get_logger()

__all__ = ["Consumer", "Handler", "Handlers", "Incoming"]

Polled = Mapping[TopicPartition, Sequence["ConsumerRecord[bytes, bytes]"]]


class Consumer:
    """One member of the service's consumer group. `pool` is the worker's."""

    def __init__(
        self,
        pool: Pool,
        service: str,
        handlers: Handlers,
        broker: Broker,
        clock: Clock | None = None,
    ) -> None:
        self.inbox = Inbox(pool, service, handlers, clock or SystemClock())
        #: When the loop last turned (time.monotonic), for liveness.
        self.turned_at = time.monotonic()
        #: Stopped by too many dead letters, until an operator resumes it.
        self.is_halted = False
        self._pool = pool
        self._group = service
        self._broker = broker
        self._topics = [event.type for event in handlers]
        self._rate = Rate()
        self._batches = Batches(self.inbox, self._rate)
        #: Partitions that may be applied. A rebalance replaces the dict, so what was under way then
        #: moves only the old one.
        self._positions: dict[Place, Position] = {}
        self._backoff = Backoff()
        self._retry_at = 0.0
        self._watch_at = 0.0
        self._report_at = 0.0
        self._report: asyncio.Task[None] | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until `stop`; whatever goes wrong is tried again."""
        if not self._topics:
            await stop.wait()
            return
        working = asyncio.create_task(self._work(stop))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        # The batch in hand may end; a client that hangs in a rebalance may not.
        await asyncio.wait({working}, timeout=STOP_SECONDS)
        if working.done():
            working.result()
        working.cancel()
        await asyncio.wait({working}, timeout=STOP_SECONDS)

    def forget_positions(self) -> None:
        """From now on every partition has to be looked at anew before it is applied."""
        self._positions = {}

    async def _work(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            self.turned_at = time.monotonic()
            try:
                async with transaction(self._pool, None) as conn:
                    await positions.remember_topics(conn, self._group, self._topics)
                await self._be_member(stop)
            except TooManyDeadLetters as error:
                _log.critical("consumer_halted", reason=str(error))
                await self._halt(stop)
            except Exception as error:
                # Where every error ends: counted, named, and tried again.
                metrics.CONSUMER_RETRIES.labels(self._group).inc()
                if isinstance(error, KafkaError) or is_transient(error):
                    _log.warning("consumer_restarts", error_name=type(error).__name__)
                else:
                    _log.exception("consumer_failed")
                await rest(stop, self._backoff.next())

    async def _be_member(self, stop: asyncio.Event) -> None:
        """One membership of the group, from joining to leaving."""
        consumer = self._broker.consumer(self._group)
        self.forget_positions()
        self._retry_at = 0.0
        try:
            await asyncio.wait_for(consumer.start(), 2 * CALL_SECONDS)
            topics = [self._broker.topic(topic) for topic in self._topics]
            consumer.subscribe(topics, listener=_OnRebalance(self))
            while not stop.is_set():
                self.turned_at = time.monotonic()
                await self._make_ready(consumer)
                # Never cancelled: a cancelled poll switches off the client's own watch over us.
                polled = await consumer.getmany(timeout_ms=POLL_MS, max_records=MAX_POLL_RECORDS)
                await self._turn(consumer, polled)
        finally:
            if self._report is not None:
                self._report.cancel()
            await stop_client(consumer)

    async def _turn(self, consumer: AIOKafkaConsumer, polled: Polled) -> None:
        places = self._positions
        try:
            records = await self._ready_records(consumer, polled)
            if records:
                await self._batches.process(records, places)
                self._backoff.forget()
                self._report_offsets(consumer, places)
            await self._watch(consumer)
        except Overtaken:
            # Somebody else is further, or an operator moved us: look again.
            self.forget_positions()
        except Exception as error:
            if isinstance(error, KafkaError) or not self.inbox.is_chance(error):
                raise
            # Rolled back. Keep polling, or the group would throw us out, and read again from the
            # offset rows once the database answers.
            metrics.CONSUMER_RETRIES.labels(self._group).inc()
            self._pause(consumer, error)

    def _pause(self, consumer: AIOKafkaConsumer, error: Exception) -> None:
        _log.warning("consumer_pauses", error_name=type(error).__name__)
        consumer.pause(*consumer.assignment())
        self.forget_positions()
        self._retry_at = time.monotonic() + self._backoff.next()

    async def _make_ready(self, consumer: AIOKafkaConsumer) -> None:
        """Find our place in every partition that is assigned and not ready."""
        places = self._positions
        waiting = [tp for tp in consumer.assignment() if self._place(tp) not in places]
        if not waiting or time.monotonic() < self._retry_at:
            return
        try:
            starts = await self._starts(consumer, waiting)
            for tp in set(waiting) & consumer.assignment():
                start = starts[self._place(tp)]
                consumer.seek(tp, start.seek)
                consumer.resume(tp)
                places[self._place(tp)] = start.position
            self._backoff.forget()
        except Exception as error:
            if not (isinstance(error, KafkaError) or is_transient(error)):
                raise
            self._pause(consumer, error)

    async def _starts(
        self, consumer: AIOKafkaConsumer, waiting: Sequence[TopicPartition]
    ) -> dict[Place, Start]:
        begins = self._by_place(
            await asyncio.wait_for(consumer.beginning_offsets(waiting), CALL_SECONDS)
        )
        ends = self._by_place(await asyncio.wait_for(consumer.end_offsets(waiting), CALL_SECONDS))
        async with transaction(self._pool, None) as conn:
            stored = await positions.load(conn, self._group, begins)
        starts = {
            place: positions.start_of(stored[place], begins[place], ends[place]) for place in begins
        }
        alarms = {place: start.alarm for place, start in starts.items() if start.alarm}
        if alarms:
            await self._restart(alarms, begins)
        return starts

    async def _restart(self, alarms: Mapping[Place, Alarm], begins: Mapping[Place, int]) -> None:
        """Alarm, and from now on read these logs from their begin; the inbox drops what was had."""
        for (topic, partition), alarm in alarms.items():
            metrics.CONSUMER_ALARMS.labels(self._group, alarm.value).inc()
            _log.error("log_changed", alarm=alarm.value, topic=topic, log_partition=partition)
        async with transaction(self._pool, None) as conn:
            await positions.restart(conn, self._group, {place: begins[place] for place in alarms})
        for place in alarms:
            self._positions.pop(place, None)

    async def _ready_records(self, consumer: AIOKafkaConsumer, polled: Polled) -> list[Record]:
        """What may be applied, in log order per partition; proofs are checked and taken off."""
        ready: list[Record] = []
        lost: list[TopicPartition] = []
        # A full poll may have been cut in the middle of the batch that holds the proof.
        is_cut = sum(map(len, polled.values())) >= MAX_POLL_RECORDS
        for tp, raw in polled.items():
            place = self._place(tp)
            position = self._positions.get(place)
            if position is None:
                # Delivered before we looked at the partition; it will be sought again.
                continue
            records = [self._read(record) for record in raw]
            if position.probe is not None:
                while records and records[0].offset < position.next - 1:
                    records.pop(0)
                if not records and is_cut:
                    continue
                if not records or not position.is_proved_by(records.pop(0)):
                    lost.append(tp)
                    continue
                position.probe = None
            if not records:
                continue
            if records[0].offset < position.next or not (
                position.is_fresh or records[0].offset == position.next
            ):
                # The log moved under us. Looked at anew, a gap that is its own will be let through.
                self._positions.pop(place)
                continue
            ready.extend(records)
        if lost:
            begins = await asyncio.wait_for(consumer.beginning_offsets(lost), CALL_SECONDS)
            alarms = {self._place(tp): Alarm.LOG_LOST for tp in lost}
            await self._restart(alarms, self._by_place(begins))
        return ready

    async def _watch(self, consumer: AIOKafkaConsumer) -> None:
        """Measure the lag; a log that ends before our place is looked at anew."""
        if time.monotonic() < self._watch_at or not self._positions:
            return
        self._watch_at = time.monotonic() + WATCH_SECONDS
        ready = [tp for tp in consumer.assignment() if self._place(tp) in self._positions]
        if not ready:
            return
        ends = await asyncio.wait_for(consumer.end_offsets(ready), CALL_SECONDS)
        lag = dict.fromkeys(self._topics, 0)
        for place, end in self._by_place(ends).items():
            position = self._positions.get(place)
            if position is not None:
                lag[place[0]] += max(0, end - position.next)
                # Made anew, or told a batch short: the proof will tell.
                if end < position.next:
                    self._positions.pop(place)
        for topic, records in lag.items():
            metrics.CONSUMER_LAG.labels(self._group, topic).set(records)

    def _report_offsets(self, consumer: AIOKafkaConsumer, places: Mapping[Place, Position]) -> None:
        if time.monotonic() < self._report_at or (self._report and not self._report.done()):
            return
        self._report_at = time.monotonic() + REPORT_SECONDS
        offsets = {
            tp: places[self._place(tp)].next
            for tp in consumer.assignment()
            if self._place(tp) in places
        }
        self._report = asyncio.create_task(_report(consumer, offsets))

    async def _halt(self, stop: asyncio.Event) -> None:
        """Stay out of the group until an operator resumes us, or we are started again."""
        self.is_halted = True
        since: datetime | None = None
        while not stop.is_set():
            self.turned_at = time.monotonic()
            await rest(stop, HALTED_LOOK_SECONDS)
            try:
                async with transaction(self._pool, None) as conn:
                    since = since or await conn.fetchval(_NOW)
                    if await conn.fetchval(_RESUMED, since):
                        break
            except Exception as error:
                if not is_transient(error):
                    raise
        self._rate.forget()
        self.is_halted = False

    def _place(self, tp: TopicPartition) -> Place:
        return self._broker.event_type(tp.topic), tp.partition

    def _by_place(self, offsets: Mapping[TopicPartition, int]) -> dict[Place, int]:
        return {self._place(tp): offset for tp, offset in offsets.items()}

    def _read(self, raw: "ConsumerRecord[bytes, bytes]") -> Record:
        topic = self._broker.event_type(raw.topic)
        # A header may be null, which says as much as an empty one.
        headers = [(name, value or b"") for name, value in raw.headers]
        return read_record(Raw(topic, raw.partition, raw.offset, raw.key, headers, raw.value))


class _OnRebalance(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """Clears a flag and nothing else: what a listener awaits can deadlock the group, what it raises
    is swallowed, and records come before it has ended."""

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:  # noqa: ARG002
        self._consumer.forget_positions()

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:  # noqa: ARG002
        self._consumer.forget_positions()


async def _report(consumer: AIOKafkaConsumer, offsets: Mapping[TopicPartition, int]) -> None:
    try:
        await asyncio.wait_for(consumer.commit(dict(offsets)), CALL_SECONDS)
    except (KafkaError, TimeoutError, OSError) as error:
        # Costs nothing but a stale dashboard; in a rebalance it always fails.
        _log.debug("offsets_not_reported", error_name=type(error).__name__)
