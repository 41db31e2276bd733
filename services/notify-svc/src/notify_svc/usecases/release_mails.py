"""Mails that waited for somebody can go, or never will."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from billing_shared.context import Context
from billing_shared.postgres import Connection
from notify_svc.domain.delivery import Delivery
from notify_svc.domain.route import mail_step
from notify_svc.store.deliveries import lock_mails_to, save_deliveries
from notify_svc.store.due_deliveries import put_due
from notify_svc.store.parties import lock_parties, voided_among


async def release_mails(conn: Connection, context: Context, customer_ids: Sequence[UUID]) -> None:
    """Look again at the waiting mails to these customers."""
    if not customer_ids:
        return
    tenant_id = context.tenant_id
    parties = await lock_parties(conn, tenant_id, customer_ids, context.now)
    waiting = await lock_mails_to(conn, tenant_id, customer_ids, ["waiting"])
    if not waiting:
        return
    voided = await voided_among(conn, tenant_id, [mail.subject_id for mail in waiting])
    moved: list[Delivery] = []
    for mail in waiting:
        step = mail_step(
            parties.customers.get(mail.target_id),
            parties.seller,
            is_voided=mail.subject_id in voided,
        )
        if (step.state, step.reason) != (mail.state, mail.reason):
            moved.append(replace(mail, state=step.state, reason=step.reason))
    await save_deliveries(conn, tenant_id, moved)
    await put_due(conn, tenant_id, [mail for mail in moved if mail.state == "pending"])
