"""What invoice-svc tells."""

from billing_shared.consumer import Handlers, Incoming
from billing_shared.context import Context
from billing_shared.contracts.invoice import (
    CreditNoteIssued,
    CustomerUpdated,
    InvoiceIssued,
    InvoiceVoided,
    SellerUpdated,
)
from billing_shared.postgres import Connection
from notify_svc.usecases.cancel_mails import cancel_mails
from notify_svc.usecases.fan_out_events import fan_out_events
from notify_svc.usecases.queue_mails import queue_mails
from notify_svc.usecases.update_customers import update_customers
from notify_svc.usecases.update_seller import update_seller


async def on_customer_updated(
    conn: Connection, context: Context, incoming: list[Incoming[CustomerUpdated]]
) -> None:
    await update_customers(conn, context, incoming)
    await fan_out_events(conn, context, incoming)


async def on_seller_updated(
    conn: Connection, context: Context, incoming: list[Incoming[SellerUpdated]]
) -> None:
    await update_seller(conn, context, incoming)
    await fan_out_events(conn, context, incoming)


async def on_invoice_issued(
    conn: Connection, context: Context, incoming: list[Incoming[InvoiceIssued]]
) -> None:
    await queue_mails(conn, context, incoming)
    await fan_out_events(conn, context, incoming)


async def on_invoice_voided(
    conn: Connection, context: Context, incoming: list[Incoming[InvoiceVoided]]
) -> None:
    await cancel_mails(conn, context, incoming)
    await fan_out_events(conn, context, incoming)


HANDLERS: Handlers = {
    SellerUpdated: on_seller_updated,
    CustomerUpdated: on_customer_updated,
    InvoiceIssued: on_invoice_issued,
    InvoiceVoided: on_invoice_voided,
    CreditNoteIssued: fan_out_events,
}
