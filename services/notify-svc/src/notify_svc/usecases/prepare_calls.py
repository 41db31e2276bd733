"""Take what is due and commit an attempt for each, before anybody is called."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from uuid import UUID

from billing_shared.ids import new_id
from billing_shared.postgres import Connection, set_tenant
from notify_svc.domain.call import Call, Claim, MailCall, WebhookCall, owner_of
from notify_svc.domain.delivery import Delivery, Step
from notify_svc.domain.letter import masked, recipients
from notify_svc.domain.route import mail_step
from notify_svc.domain.subscription import Subscription
from notify_svc.store.attempts import abandon_attempts, add_attempts
from notify_svc.store.deliveries import load_deliveries, lock_deliveries, save_deliveries
from notify_svc.store.due_deliveries import remove_due, take_due
from notify_svc.store.event_bodies import load_bodies
from notify_svc.store.parties import Parties, lock_parties, voided_among
from notify_svc.store.subscriptions import SealedSecret, load_subscriptions, secrets_in_force

#: How long a delivery stays with a worker that says nothing. The sender renews it while its call
#: goes on; a killed worker's places at a target are free again after this.
LEASE = timedelta(seconds=30)
#: Calls under way to one target, over all workers.
MAX_CALLS_PER_TARGET = 16

_DIED = "the worker stopped before the answer came"


@dataclass(frozen=True, slots=True)
class _Surroundings:
    """What deciding about a tenant's due deliveries needs to know."""

    subscriptions: Mapping[UUID, Subscription]
    secrets: Mapping[UUID, list[SealedSecret]]
    parties: Parties
    voided: frozenset[UUID]
    bodies: Mapping[UUID, str]
    abandoned: frozenset[UUID]


async def prepare_calls(conn: Connection, now: datetime, limit: int) -> list[Call]:
    """Attempts for at most `limit` deliveries of any tenant, to be called after the commit.

    An attempt nobody completed before its lease ran out (a killed worker) becomes `unknown` here.
    """
    if limit <= 0:
        return []
    lease_id = new_id()
    due = await take_due(conn, lease_id, LEASE, limit, MAX_CALLS_PER_TARGET)
    calls: list[Call] = []
    due.sort(key=lambda item: (item.tenant_id, item.delivery_id))
    for tenant_id, items in groupby(due, key=lambda item: item.tenant_id):
        await set_tenant(conn, tenant_id)
        ids = [item.delivery_id for item in items]
        calls += await _prepare_tenant(conn, tenant_id, ids, lease_id, now)
    return calls


async def _prepare_tenant(
    conn: Connection, tenant_id: UUID, ids: Sequence[UUID], lease_id: UUID, now: datetime
) -> list[Call]:
    around = await _look_around(conn, tenant_id, ids, now)
    deliveries = await lock_deliveries(conn, tenant_id, ids)
    calls: list[Call] = []
    tried: list[Delivery] = []
    ended: list[Delivery] = []
    for delivery in deliveries.values():
        step = _step(delivery, around)
        if step.state != "pending":
            ended.append(replace(delivery, state=step.state, reason=step.reason))
            continue
        claim = Claim(tenant_id, delivery.delivery_id, new_id(), lease_id)
        calls.append(_call(claim, delivery, around))
        tried.append(replace(delivery, tries=delivery.tries + 1, reason=None))
    await add_attempts(conn, tenant_id, [_attempt(call) for call in calls])
    await save_deliveries(conn, tenant_id, [*tried, *ended])
    await remove_due(conn, tenant_id, [delivery.delivery_id for delivery in ended])
    return calls


async def _look_around(
    conn: Connection, tenant_id: UUID, ids: Sequence[UUID], now: datetime
) -> _Surroundings:
    # Customers are locked before deliveries, as the event handlers do.
    deliveries = list((await load_deliveries(conn, tenant_id, ids)).values())
    hooks = {d.target_id for d in deliveries if d.channel == "webhook"}
    mails = [d for d in deliveries if d.channel == "mail"]
    parties, voided = Parties(None, {}), frozenset[UUID]()
    if mails:
        parties = await lock_parties(conn, tenant_id, [d.target_id for d in mails], now)
        voided = await voided_among(conn, tenant_id, [d.subject_id for d in mails])
    return _Surroundings(
        subscriptions=await load_subscriptions(conn, tenant_id, list(hooks)),
        secrets=await secrets_in_force(conn, tenant_id, list(hooks)),
        parties=parties,
        voided=voided,
        bodies=await load_bodies(conn, tenant_id, [d.event_id for d in deliveries]),
        abandoned=await abandon_attempts(conn, tenant_id, ids, _DIED),
    )


def _step(delivery: Delivery, around: _Surroundings) -> Step:
    """Whether this delivery is to be attempted now (`pending`), or what becomes of it instead."""
    if delivery.state != "pending":
        return Step(delivery.state, delivery.reason)
    if delivery.channel == "mail":
        if delivery.delivery_id in around.abandoned:
            # It may have gone; a person decides, by asking for a redelivery.
            return Step("unknown", _DIED)
        return mail_step(
            around.parties.customers.get(delivery.target_id),
            around.parties.seller,
            is_voided=delivery.subject_id in around.voided,
        )
    subscription = around.subscriptions.get(delivery.target_id)
    if subscription is None:
        return Step("cancelled", "the subscription was deleted")
    if subscription.status != "active":
        return Step("cancelled", "the subscription is disabled")
    return Step("pending")


def _call(claim: Claim, delivery: Delivery, around: _Surroundings) -> Call:
    body = around.bodies[delivery.event_id]
    if delivery.channel == "mail":
        seller = around.parties.seller
        assert seller is not None, "mail_step lets no mail go without its seller"
        return MailCall(claim, around.parties.customers[delivery.target_id], seller, body)
    secrets = around.secrets.get(delivery.target_id, [])
    return WebhookCall(
        claim,
        url=around.subscriptions[delivery.target_id].url,
        event_id=delivery.event_id,
        owner=owner_of(claim.tenant_id, delivery.target_id),
        secrets=tuple(secret.sealed for secret in secrets),
        body=body,
    )


def _attempt(call: Call) -> tuple[UUID, UUID, list[str]]:
    shown: list[str] = []
    if isinstance(call, MailCall):
        shown = [masked(address) for address in recipients(call.customer.emails)]
    return call.claim.attempt_id, call.claim.delivery_id, shown
