"""Forget what is old."""

from dataclasses import replace
from datetime import datetime, timedelta

from billing_shared.context import Context
from billing_shared.postgres import Connection
from notify_svc.domain.delivery import Delivery
from notify_svc.store.deliveries import customers_waited_for, lock_mails_to, save_deliveries
from notify_svc.store.event_bodies import delete_events
from notify_svc.store.subscriptions import delete_expired_secrets
from notify_svc.usecases.find_policy import find_policy

#: As long as the topics keep them: what a subscriber may ask for is the same on both ways.
KEEP_EVENTS = timedelta(days=35)


async def clean_up(conn: Connection, context: Context) -> None:
    """One tenant's old events with their deliveries, dead secrets, mails that waited too long."""
    policy = await find_policy(conn, context.now.date())
    await _end_waiting(conn, context, context.now - policy.max_mail_wait)
    await delete_expired_secrets(conn, context.tenant_id)
    await delete_events(conn, context.tenant_id, context.now - KEEP_EVENTS)


async def _end_waiting(conn: Connection, context: Context, before: datetime) -> None:
    tenant_id = context.tenant_id
    customers = await customers_waited_for(conn, tenant_id, before)
    waiting = await lock_mails_to(conn, tenant_id, customers, ["waiting"])
    ended: list[Delivery] = [
        replace(mail, state="cancelled", reason=f"waited too long: {mail.reason}")
        for mail in waiting
        if mail.created_at < before
    ]
    await save_deliveries(conn, tenant_id, ended)
