"""Money came in: it is in the books at once, and on an invoice if that is proven."""

from collections.abc import Sequence

from billing_shared.consumer import Incoming
from billing_shared.context import Context
from billing_shared.contracts.payment import PaymentReceived
from billing_shared.postgres import Connection
from recon_svc.domain.facts import BankReference, Payment
from recon_svc.domain.references import bank_ids, payment_tokens
from recon_svc.store import books, facts
from recon_svc.store.groups import Seeds
from recon_svc.usecases.settle_groups import settle_groups


async def record_payments(
    conn: Connection, context: Context, incoming: Sequence[Incoming[PaymentReceived]]
) -> None:
    """Store payments with the keys they may name, and settle their groups."""
    tenant_books = await books.lock(conn, context.tenant_id, context.now)
    events = [i.event for i in incoming]
    payments = [_as_fact(event) for event in events]
    tokens = {(token, p.payment_id) for p in payments for token in payment_tokens(p)}
    await facts.save_payments(conn, context.tenant_id, context.now, events, sorted(tokens))
    await facts.save_bank_keys(
        conn,
        context.tenant_id,
        [(*bank_id, p.payment_id, None) for p in payments for bank_id in bank_ids(p.references)],
    )
    await settle_groups(
        conn,
        context,
        tenant_books,
        Seeds(payments={p.payment_id for p in payments}),
        {i.event.payment_id: i.envelope for i in incoming},
    )


def _as_fact(event: PaymentReceived) -> Payment:
    return Payment(
        payment_id=event.payment_id,
        amount_minor=event.amount_minor,
        currency=event.currency,
        value_on=event.value_on,
        payer_account=event.payer.account,
        customer_id=event.customer_id,
        remittance_lines=tuple(event.remittance_lines),
        references=tuple(BankReference(r.kind, r.value) for r in event.references),
    )
