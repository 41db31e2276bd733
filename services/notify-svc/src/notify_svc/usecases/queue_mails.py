"""A mail for every invoice we issued."""

from collections.abc import Sequence

from billing_shared.consumer import Incoming
from billing_shared.context import Context
from billing_shared.contracts.invoice import InvoiceIssued
from billing_shared.ids import new_id
from billing_shared.postgres import Connection
from notify_svc.domain.delivery import Delivery
from notify_svc.domain.route import mail_step
from notify_svc.store.deliveries import add_deliveries
from notify_svc.store.due_deliveries import put_due
from notify_svc.store.event_bodies import add_events
from notify_svc.store.parties import lock_parties, voided_among
from notify_svc.usecases.fan_out_events import body_of


async def queue_mails(
    conn: Connection, context: Context, incoming: Sequence[Incoming[InvoiceIssued]]
) -> None:
    """Queue the mails that can go; the others wait for their customer or seller.

    Imported invoices were sent by whoever issued them.
    """
    issued = [item for item in incoming if item.event.origin == "issued"]
    if not issued:
        return
    tenant_id = context.tenant_id
    parties = await lock_parties(
        conn, tenant_id, [item.event.customer_id for item in issued], context.now
    )
    voided = await voided_among(conn, tenant_id, [item.event.invoice_id for item in issued])
    await add_events(conn, tenant_id, [body_of(item) for item in issued], context.now)
    mails = []
    for item in issued:
        invoice = item.event
        step = mail_step(
            parties.customers.get(invoice.customer_id),
            parties.seller,
            is_voided=invoice.invoice_id in voided,
        )
        mails.append(
            Delivery(
                delivery_id=new_id(),
                channel="mail",
                event_id=item.envelope.id,
                event_type=item.envelope.type,
                subject_id=invoice.invoice_id,
                target_id=invoice.customer_id,
                state=step.state,
                tries=0,
                reason=step.reason,
                created_at=context.now,
                updated_at=context.now,
            )
        )
    new = await add_deliveries(conn, tenant_id, mails)
    can_go = [mail for mail in mails if mail.state == "pending" and mail.delivery_id in new]
    await put_due(conn, tenant_id, can_go)
