"""Load what a list of requests refers to, in one statement whatever its length."""

from collections.abc import Sequence

from billing_shared.context import Context
from billing_shared.postgres import Connection
from invoice_svc.domain.customer import CustomerRef
from invoice_svc.domain.known import Known, required
from invoice_svc.store import known


async def look_up(
    conn: Connection,
    context: Context,
    refs: Sequence[CustomerRef],
    external_refs: Sequence[str | None],
) -> Known:
    """The seller, the customers named, and the callers' ids in use.

    Raises Conflict `seller-missing`.
    """
    asked = [ref for ref in external_refs if ref is not None]
    seller, found, taken = await known.load(conn, context.tenant_id, set(refs), asked)
    return Known(required(seller), found, taken)
