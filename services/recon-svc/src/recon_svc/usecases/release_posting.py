"""Release a tenant's books: automatic posting goes on, and everything that waited is settled."""

from billing_shared import audit
from billing_shared.audit import AuditChange
from billing_shared.context import Context
from billing_shared.errors import Conflict
from billing_shared.postgres import Connection
from recon_svc.store import books
from recon_svc.store.groups import awake
from recon_svc.usecases.settle_groups import settle_groups


async def release_posting(conn: Connection, context: Context) -> None:
    """Conflict `posting-not-stopped` where nothing is stopped. The reason is the context's."""
    tenant_books = await books.lock(conn, context.tenant_id, context.now)
    if not tenant_books.are_broken:
        raise Conflict("posting-not-stopped", "the books are not broken: nothing to release")
    await books.release(conn, context.tenant_id, context.now)
    await audit.record(
        conn,
        context,
        [
            AuditChange(
                "books",
                str(context.tenant_id),
                "posting-released",
                {"state": "broken"},
                {"state": "ok"},
            )
        ],
    )
    released = await books.lock(conn, context.tenant_id, context.now)
    await settle_groups(conn, context, released, await awake(conn, context.tenant_id))
