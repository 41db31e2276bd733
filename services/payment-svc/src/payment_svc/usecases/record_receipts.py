"""Take in money that a person saw arrive."""

from collections.abc import Sequence

from billing_shared import outbox
from billing_shared.audit import AuditChange, record
from billing_shared.context import Context
from billing_shared.errors import Conflict, FieldError
from billing_shared.postgres import Connection
from payment_svc.domain.payment import Payment, check_receipt
from payment_svc.store.accounts import load_accounts
from payment_svc.store.payments import find_external_refs, save_payments


async def record_receipts(
    conn: Connection, context: Context, receipts: Sequence[Payment]
) -> list[Payment]:
    """Keep and publish receipts entered by hand.

    Invalid for an account that is not ours, a wrong currency or date; Conflict `already-exists`
    naming our id for an `external_ref` that is taken.
    """
    accounts = await load_accounts(conn, context.tenant_id, [r.account for r in receipts])
    today = context.now.date()
    checked = [check_receipt(receipt, accounts.get(receipt.account), today) for receipt in receipts]
    saved = await save_payments(conn, context.tenant_id, checked, context.now)
    refused = [receipt for receipt in checked if receipt.payment_id not in saved]
    if refused:
        raise await _already_exists(conn, context, refused)
    await outbox.add(conn, context, [receipt.received() for receipt in checked])
    await record(conn, context, [_change(receipt) for receipt in checked])
    return checked


async def _already_exists(
    conn: Connection, context: Context, refused: Sequence[Payment]
) -> Conflict:
    references = [receipt.external_ref or "" for receipt in refused]
    had = await find_external_refs(conn, context.tenant_id, references)
    errors = [
        FieldError("external_ref", f"is payment {had[reference]}")
        if reference in had
        else FieldError("external_ref", "stands twice in this request")
        for reference in references
    ]
    return Conflict("already-exists", f"external_ref {errors[0].reason}", errors)


def _change(receipt: Payment) -> AuditChange:
    # Names and texts stay in the payment: the audit trail outlives them.
    after = {
        "account": receipt.account,
        "amount_minor": receipt.amount_minor,
        "currency": receipt.currency,
        "booked_on": receipt.booked_on.isoformat(),
        "value_on": receipt.value_on.isoformat(),
        "customer_id": str(receipt.customer_id) if receipt.customer_id else None,
        "external_ref": receipt.external_ref,
    }
    return AuditChange("payment", str(receipt.payment_id), "received", None, after)
