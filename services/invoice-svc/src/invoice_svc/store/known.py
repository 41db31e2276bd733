"""What a list of requests refers to, in one statement whatever its length."""

from collections.abc import Collection
from uuid import UUID

import msgspec

from billing_shared.postgres import Connection
from invoice_svc.domain.customer import Customer, CustomerRef
from invoice_svc.domain.seller import Seller, SellerDetails
from invoice_svc.store.customers import by_name, from_row


async def load(
    conn: Connection,
    tenant_id: UUID,
    refs: Collection[CustomerRef],
    external_refs: Collection[str],
) -> tuple[Seller | None, dict[CustomerRef, Customer], dict[str, UUID]]:
    """The seller; the customers named; and which of the callers' ids are in use, for which invoice.

    Who or what is unknown is absent.
    """
    ids = [ref.customer_id for ref in refs if ref.customer_id]
    externals = [ref.external_ref for ref in refs if ref.external_ref]
    rows = await conn.fetch(_LOAD, tenant_id, ids, externals, list(external_refs))
    seller: Seller | None = None
    found: list[Customer] = []
    taken: dict[str, UUID] = {}
    for row in rows:
        if row["what"] == "customer":
            found.append(from_row(row))
        elif row["what"] == "invoice":
            taken[row["external_ref"]] = row["customer_id"]
        else:
            details = msgspec.convert(row["details"], SellerDetails)
            seller = Seller(details, row["version"], row["updated_at"])
    return seller, by_name(found, refs), taken


#: Three kinds of rows in the shape of a customer: one round trip costs more than the empty columns.
_LOAD = """
select 'customer' as what, customer_id, null as external_ref, details, audit_salt, status, version,
    created_at, updated_at
from customer
where tenant_id = $1 and (customer_id = any($2::uuid[]) or external_ref = any($3::text[]))
union all
select 'invoice', invoice_id, external_ref, null, null, null, null, null, null
from invoice where tenant_id = $1 and external_ref = any($4::text[])
union all
select 'seller', null, null, details, null, null, version, null, updated_at
from seller where tenant_id = $1
"""
