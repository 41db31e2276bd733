"""Say who the tenant is as seller: the first call of every tenant."""

from dataclasses import replace

import msgspec

from billing_shared import audit, outbox
from billing_shared.audit import AuditChange
from billing_shared.context import Context
from billing_shared.errors import PreconditionRequired, Stale
from billing_shared.jobs import remember_tenant
from billing_shared.postgres import Connection
from invoice_svc.domain.seller import Seller, SellerDetails, check, updated
from invoice_svc.store import sellers


async def put_seller(
    conn: Connection, context: Context, details: SellerDetails, version: int | None
) -> Seller:
    """Create the seller, or replace it if `version` is still the one that stands.

    Saying again what already stands changes nothing and needs no version, so that a set-up script
    can run twice. Raises Invalid, PreconditionRequired or Stale.
    """
    check(details)
    old = await sellers.load(conn, context.tenant_id, lock=True)
    if old is None:
        new = Seller(details, 1, context.now)
    elif old.details == details:
        return old
    elif version is None:
        raise PreconditionRequired(
            "precondition-required", "the seller exists: say which version you change"
        )
    elif version != old.version:
        raise Stale("stale", f"the seller is at version {old.version}")
    else:
        new = replace(old, details=details, version=old.version + 1, updated_at=context.now)
    await sellers.save(conn, context.tenant_id, new)
    await remember_tenant(conn, context, details.time_zone)
    await outbox.add(conn, context, [updated(context.tenant_id, details)])
    before = None if old is None else msgspec.to_builtins(old.details)
    after = msgspec.to_builtins(details)
    change = AuditChange("seller", str(context.tenant_id), "put-seller", before, after)
    await audit.record(conn, context, [change])
    return new
