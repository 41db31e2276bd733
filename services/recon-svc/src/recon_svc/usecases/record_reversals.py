"""Money was taken back: out of its payment if we can tell which, else it waits for it."""

from collections.abc import Sequence

from billing_shared.consumer import Incoming
from billing_shared.context import Context
from billing_shared.contracts.payment import PaymentReversed
from billing_shared.postgres import Connection
from recon_svc.domain.facts import BankReference
from recon_svc.domain.references import bank_ids
from recon_svc.store import books, facts
from recon_svc.store.groups import Seeds
from recon_svc.usecases.settle_groups import settle_groups


async def record_reversals(
    conn: Connection, context: Context, incoming: Sequence[Incoming[PaymentReversed]]
) -> None:
    """Store reversals with the bank's ids for their payments, and settle their groups."""
    tenant_books = await books.lock(conn, context.tenant_id, context.now)
    reversals = [i.event for i in incoming]
    await facts.save_reversals(conn, context.tenant_id, context.now, reversals)
    await facts.save_bank_keys(
        conn,
        context.tenant_id,
        [
            (*bank_id, None, reversal.reversal_id)
            for reversal in reversals
            for bank_id in bank_ids(BankReference(r.kind, r.value) for r in reversal.references)
        ],
    )
    await settle_groups(
        conn,
        context,
        tenant_books,
        Seeds(reversals={reversal.reversal_id for reversal in reversals}),
        {i.event.reversal_id: i.envelope for i in incoming},
    )
