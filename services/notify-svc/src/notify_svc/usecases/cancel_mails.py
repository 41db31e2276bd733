"""No mail for an invoice that was taken back."""

from collections.abc import Sequence
from dataclasses import replace

from billing_shared.consumer import Incoming
from billing_shared.context import Context
from billing_shared.contracts.invoice import InvoiceVoided
from billing_shared.postgres import Connection
from notify_svc.domain.route import VOIDED
from notify_svc.store.deliveries import lock_mails_about, save_deliveries
from notify_svc.store.parties import remember_voided


async def cancel_mails(
    conn: Connection, context: Context, incoming: Sequence[Incoming[InvoiceVoided]]
) -> None:
    """Those that wait are cancelled; the others are looked at again when they fall due.

    The voiding is remembered, because it may be heard of before the invoice.
    """
    voided = [item.event.invoice_id for item in incoming]
    await remember_voided(conn, context.tenant_id, voided, context.now)
    waiting = await lock_mails_about(conn, context.tenant_id, voided, ["waiting"])
    ended = [replace(mail, state=VOIDED.state, reason=VOIDED.reason) for mail in waiting]
    await save_deliveries(conn, context.tenant_id, ended)
