"""Takes one polled batch to its end: applied, repeated, or dead letters. Nothing is parked."""

import asyncio
import time
from collections.abc import Mapping, Sequence

import structlog

from billing_shared import metrics
from billing_shared.dead_letter import MAX_ATTEMPTS, UNREADABLE, Rate, Verdict, bury
from billing_shared.errors import BillingError
from billing_shared.inbox import Inbox, Overtaken
from billing_shared.positions import Position
from billing_shared.record import Place, Record

#: Between tries of one record on its own, times the number of the try.
ALONE_SECONDS = 0.05
#: A batch that failed this often by chance (a lock, a timeout) is taken apart.
BATCH_CHANCES = 3

_log = structlog.get_logger()


class Batches:
    """Applies batches of one consumer, whole where that goes well, else record by record."""

    def __init__(self, inbox: Inbox, rate: Rate) -> None:
        self._inbox = inbox
        self._rate = rate
        self._chances = 0

    async def process(self, records: Sequence[Record], places: Mapping[Place, Position]) -> None:
        """Apply the records and move `places` on.

        Raises what may go away by itself (the caller reads again from the offset rows), Overtaken,
        TooManyDeadLetters.
        """
        if len(records) == 1 or any(record.fault for record in records):
            await self._one_by_one(records, places)
            return
        try:
            await self._apply(records, places)
        except Overtaken:
            raise
        except Exception as error:
            if self._inbox.is_chance(error):
                self._chances += 1
                if self._chances < BATCH_CHANCES:
                    raise
            # Which record it was shows when each is applied alone.
            _log.warning("batch_taken_apart", error_name=type(error).__name__, records=len(records))
            await self._one_by_one(records, places)
        self._chances = 0

    async def _one_by_one(
        self, records: Sequence[Record], places: Mapping[Place, Position]
    ) -> None:
        for record in records:
            if record.fault is not None:
                await self._bury(record, places, Verdict(UNREADABLE, record.fault, attempts=1))
            else:
                await self._alone(record, places)

    async def _alone(self, record: Record, places: Mapping[Place, Position]) -> None:
        for attempt in range(1, MAX_ATTEMPTS + 1):
            try:
                await self._apply([record], places)
                return
            except Overtaken:
                raise
            except Exception as error:
                if self._inbox.is_chance(error):
                    raise
                if isinstance(error, BillingError) or attempt == MAX_ATTEMPTS:
                    verdict = Verdict.of(error, attempt)
                    # A BillingError says all by its code; anything else is a bug to be found.
                    trace = None if isinstance(error, BillingError) else error
                    _log.error(
                        "record_given_up",
                        topic=record.topic,
                        event_id=str(record.record_id),
                        code=verdict.code,
                        exc_info=trace,
                    )
                    await self._bury(record, places, verdict)
                    return
            await asyncio.sleep(ALONE_SECONDS * attempt)

    async def _apply(self, records: Sequence[Record], places: Mapping[Place, Position]) -> None:
        group = self._inbox.group
        started = time.perf_counter()
        fresh = await self._inbox.apply(records, _expected(records, places))
        _move(records, places)
        metrics.CONSUMER_BATCH_SECONDS.labels(group).observe(time.perf_counter() - started)
        metrics.CONSUMER_BATCH_RECORDS.labels(group).observe(len(records))
        metrics.CONSUMER_PROGRESS.labels(group).set_to_current_time()
        metrics.INBOX_DUPLICATES.labels(group).inc(len(records) - fresh)
        now = self._inbox.clock.now()
        for record in records:
            envelope, _ = record.contents()
            age = (now - envelope.time).total_seconds()
            metrics.EVENT_SECONDS.labels(group, record.topic).observe(max(0.0, age))

    async def _bury(
        self, record: Record, places: Mapping[Place, Position], verdict: Verdict
    ) -> None:
        self._rate.take()
        await bury(self._inbox, record, _expected([record], places), verdict)
        _move([record], places)


def _expected(records: Sequence[Record], places: Mapping[Place, Position]) -> dict[Place, int]:
    return {record.place: places[record.place].next for record in records}


def _move(records: Sequence[Record], places: Mapping[Place, Position]) -> None:
    for record in records:
        position = places[record.place]
        position.next = record.offset + 1
        position.is_fresh = False
