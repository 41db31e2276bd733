"""A customer changed: the accounts it pays from tell whose a payment is."""

from collections.abc import Sequence
from uuid import UUID

from billing_shared.consumer import Incoming
from billing_shared.context import Context
from billing_shared.contracts.invoice import CustomerUpdated
from billing_shared.postgres import Connection
from recon_svc.store import books, facts
from recon_svc.store.groups import Seeds
from recon_svc.usecases.settle_groups import settle_groups


async def update_customers(
    conn: Connection, context: Context, incoming: Sequence[Incoming[CustomerUpdated]]
) -> None:
    """Keep the newest state of each customer, and settle the payments it may identify anew.

    Accounts are those of the newest active state: erasure empties them, and takes no money back.
    """
    tenant_id = context.tenant_id
    tenant_books = await books.lock(conn, tenant_id, context.now)
    first = await facts.save_customers(conn, tenant_id, context.now, _newest(incoming))
    active = _newest([i for i in incoming if i.event.status == "active"])
    changed = await facts.take_accounts_from(conn, tenant_id, active)
    owned = [
        (account, customer.customer_id)
        for _, customer in active
        if customer.customer_id in changed
        for account in customer.bank_accounts
    ]
    accounts = await facts.replace_payer_accounts(conn, tenant_id, list(changed), owned)
    moved = await facts.payments_of(conn, tenant_id, list(first), list(accounts))
    if moved:
        await settle_groups(
            conn,
            context,
            tenant_books,
            Seeds(payments=set(moved)),
            {i.event.customer_id: i.envelope for i in incoming},
        )


def _newest(incoming: Sequence[Incoming[CustomerUpdated]]) -> list[tuple[int, CustomerUpdated]]:
    """The newest state of each customer, with its sequence."""
    found: dict[UUID, tuple[int, CustomerUpdated]] = {}
    for i in incoming:
        known = found.get(i.event.customer_id)
        if known is None or known[0] < i.envelope.sequence:
            found[i.event.customer_id] = (i.envelope.sequence, i.event)
    return list(found.values())
