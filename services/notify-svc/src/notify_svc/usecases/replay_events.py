"""Give a subscription again what happened in a stretch of time."""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from billing_shared.audit import AuditChange, record
from billing_shared.context import Context
from billing_shared.errors import Conflict, TooLarge, invalid
from billing_shared.ids import new_id
from billing_shared.postgres import Connection
from notify_svc.domain.delivery import ENDED, Delivery
from notify_svc.domain.subscription import ALL_TYPES, Subscription
from notify_svc.store.deliveries import add_deliveries, lock_deliveries_of, save_deliveries
from notify_svc.store.due_deliveries import put_due
from notify_svc.store.event_bodies import KeptEvent, events_between, oldest_kept
from notify_svc.usecases.change_subscription import lock_current

#: Events of one replay; for more, ask for shorter stretches.
MAX_REPLAY_EVENTS = 10_000


@dataclass(frozen=True, slots=True)
class Replay:
    """What was found and queued; `window_begins_at` is the oldest event we can still give."""

    since: datetime
    until: datetime
    window_begins_at: datetime | None
    events: int
    queued: int


async def replay_events(
    conn: Connection, context: Context, subscription_id: UUID, since: datetime, until: datetime
) -> Replay:
    """Queue every kept event in [since, until) the subscription wants, delivered before or not.

    What is being delivered right now is left alone. The ids are those of the first time, so a
    receiver drops what it has. Invalid for an empty stretch, TooLarge beyond `MAX_REPLAY_EVENTS`,
    Conflict if the subscription is disabled.
    """
    if since >= until:
        raise invalid("since", "must be before until")
    subscription = await lock_current(conn, context, subscription_id, None)
    if subscription.status != "active":
        raise Conflict("conflict", "the subscription is disabled; enable it first")
    tenant_id = context.tenant_id
    types = None if subscription.event_types == (ALL_TYPES,) else subscription.event_types
    events = await events_between(
        conn, tenant_id, since, until, event_types=types, limit=MAX_REPLAY_EVENTS + 1
    )
    if len(events) > MAX_REPLAY_EVENTS:
        raise TooLarge("too-large", f"more than {MAX_REPLAY_EVENTS} events; shorten the stretch")
    queued = await _queue(conn, context, subscription, events)
    replayed = AuditChange(
        "subscription",
        str(subscription_id),
        "replay-requested",
        None,
        {"since": since, "until": until, "events": len(events), "queued": queued},
    )
    await record(conn, context, [replayed])
    return Replay(since, until, await oldest_kept(conn, tenant_id), len(events), queued)


async def _queue(
    conn: Connection, context: Context, subscription: Subscription, events: list[KeptEvent]
) -> int:
    tenant_id, target_id = context.tenant_id, subscription.subscription_id
    had = await lock_deliveries_of(
        conn, tenant_id, "webhook", target_id, [event.event_id for event in events]
    )
    again = [
        replace(delivery, state="pending", tries=0, reason=None)
        for delivery in had.values()
        if delivery.state in ENDED
    ]
    new = [
        Delivery(
            delivery_id=new_id(),
            channel="webhook",
            event_id=event.event_id,
            event_type=event.type,
            subject_id=event.subject_id,
            target_id=target_id,
            state="pending",
            tries=0,
            reason=None,
            created_at=context.now,
            updated_at=context.now,
        )
        for event in events
        if event.event_id not in had
    ]
    # The consumer may queue one of them at this very moment: then it is theirs.
    added = frozenset(await add_deliveries(conn, tenant_id, new))
    await save_deliveries(conn, tenant_id, again)
    queued = [*again, *(delivery for delivery in new if delivery.delivery_id in added)]
    await put_due(conn, tenant_id, queued)
    return len(queued)
