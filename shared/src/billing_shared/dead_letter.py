"""Records that cannot be applied: kept with their bytes, code, reason and attempts, for a person.

What comes behind them flows on, the same aggregate included: our events carry whole states or facts
that bear any order.
"""

import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from billing_shared import metrics
from billing_shared.errors import BillingError
from billing_shared.ids import new_id
from billing_shared.inbox import Inbox, advance
from billing_shared.postgres import transaction
from billing_shared.record import Place, Raw, Record, read_record

#: Tries of a record on its own before an error that may be chance counts as poison.
MAX_ATTEMPTS = 5
#: Beyond this many within a minute the fault is ours, not theirs, and the consumer stops.
MAX_PER_MINUTE = 20
MAX_REASON = 1_000
UNREADABLE = "unreadable"
HANDLER_FAILED = "handler-failed"


class TooManyDeadLetters(Exception):
    """The consumer must stop: this many failures are a bug of ours, or of a producer's release."""


class _StillUnreadable(Exception):
    """A replayed dead letter is as bad as it was: no handler has failed."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a record is given up. The code is stable, the reason is for people."""

    code: str
    reason: str
    attempts: int

    @classmethod
    def of(cls, error: Exception, attempts: int) -> "Verdict":
        """A BillingError speaks for itself. Of any other error only its class and the names in the
        schema are kept: its message may quote the row, and operators see no names and amounts."""
        if isinstance(error, BillingError):
            reason = "; ".join([error.detail, *(f"{e.field}: {e.reason}" for e in error.errors)])
            return cls(error.code, reason[:MAX_REASON], attempts)
        names = (getattr(error, f"{kind}_name", None) for kind in ("table", "column", "constraint"))
        reason = " ".join([type(error).__name__, *filter(None, names)])
        return cls(HANDLER_FAILED, reason[:MAX_REASON], attempts)


class Rate:
    """Counts dead letters of the last minute in this process."""

    def __init__(self, limit: int = MAX_PER_MINUTE) -> None:
        self._limit = limit
        self._times: deque[float] = deque()

    def take(self) -> None:
        """Room for one more; TooManyDeadLetters when there is none."""
        now = time.monotonic()
        while self._times and self._times[0] < now - 60:
            self._times.popleft()
        if len(self._times) >= self._limit:
            raise TooManyDeadLetters(f"more than {self._limit} within a minute")
        self._times.append(now)

    def forget(self) -> None:
        """Begin anew, after an operator looked."""
        self._times.clear()


_BURY = """
insert into dead_letter (dead_letter_id, consumer_group, topic, log_partition, log_offset, event_id,
    tenant_id, key, header_names, header_values, value, code, reason, attempts)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
on conflict (consumer_group, event_id) do nothing
"""


async def bury(
    inbox: Inbox, record: Record, expected: Mapping[Place, int], verdict: Verdict
) -> None:
    """Put the record aside and move past it, in one transaction. Raises Overtaken."""
    async with transaction(inbox.pool, None) as conn:
        await advance(conn, inbox.group, [record], expected)
        # Had, so that a repeat of it is dropped like any other.
        if await inbox.remember(conn, [record]):
            await conn.execute(
                _BURY,
                new_id(),
                inbox.group,
                *record.place,
                record.offset,
                record.record_id,
                record.envelope.tenant_id if record.envelope else None,
                record.raw.key,
                [name for name, _ in record.raw.headers],
                [value for _, value in record.raw.headers],
                record.raw.value,
                verdict.code,
                verdict.reason,
                verdict.attempts,
            )
    metrics.DEAD_LETTERS.labels(inbox.group, record.topic, verdict.code).inc()


async def replay(inbox: Inbox, dead_letter_id: UUID) -> Verdict | None:
    """Apply an open dead letter again; None when that went well, or when it is not open (any more).

    Transient errors are raised; any other leaves it open, with its new verdict.
    """
    try:
        async with transaction(inbox.pool, None) as conn:
            row = await conn.fetchrow(
                "select * from dead_letter where dead_letter_id = $1 and state = 'open' for update",
                dead_letter_id,
            )
            if row is None:
                return None
            headers = list(zip(row["header_names"], row["header_values"], strict=True))
            raw = Raw(
                row["topic"],
                row["log_partition"],
                row["log_offset"],
                row["key"],
                headers,
                row["value"],
            )
            record = read_record(raw)
            if record.fault is not None:
                raise _StillUnreadable(record.fault)
            await inbox.handle(conn, [record])
            await conn.execute(
                "update dead_letter set state = 'replayed', replayed_at = now(), "
                "attempts = attempts + 1 where dead_letter_id = $1",
                dead_letter_id,
            )
    except _StillUnreadable as error:
        verdict = Verdict(UNREADABLE, str(error), attempts=1)
        await _reopen(inbox, dead_letter_id, verdict)
        return verdict
    except Exception as error:
        if inbox.is_chance(error):
            raise
        verdict = Verdict.of(error, attempts=1)
        await _reopen(inbox, dead_letter_id, verdict)
        return verdict
    return None


async def _reopen(inbox: Inbox, dead_letter_id: UUID, verdict: Verdict) -> None:
    async with transaction(inbox.pool, None) as conn:
        await conn.execute(
            "update dead_letter set code = $2, reason = $3, attempts = attempts + $4 "
            "where dead_letter_id = $1",
            dead_letter_id,
            verdict.code,
            verdict.reason,
            verdict.attempts,
        )


async def open_letters(inbox: Inbox, tenant_id: UUID | None) -> Sequence[UUID]:
    """Ids of the open dead letters, of one tenant (and of nobody) or of all, oldest first."""
    async with transaction(inbox.pool, None) as conn:
        rows = await conn.fetch(
            "select dead_letter_id from dead_letter where state = 'open' and consumer_group = $1 "
            "and ($2::uuid is null or tenant_id is null or tenant_id = $2) order by died_at",
            inbox.group,
            tenant_id,
        )
    return [row["dead_letter_id"] for row in rows]
