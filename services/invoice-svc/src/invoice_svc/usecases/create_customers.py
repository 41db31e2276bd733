"""Create customers."""

import secrets
from collections.abc import Sequence

from billing_shared import audit, outbox
from billing_shared.audit import AuditChange
from billing_shared.context import Context
from billing_shared.errors import BillingError, Conflict, FieldError
from billing_shared.ids import new_id
from billing_shared.postgres import Connection
from invoice_svc.domain.customer import (
    Customer,
    CustomerDetails,
    CustomerRef,
    audit_view,
    check,
    updated,
)
from invoice_svc.store import customers
from invoice_svc.usecases.require_seller import require_seller

SALT_BYTES = 16


async def create_customers(
    conn: Connection, context: Context, wanted: Sequence[CustomerDetails]
) -> list[Customer | BillingError]:
    """The new customers, in the order asked for; in the place of one refused, why.

    An external_ref in use is `already-exists`. Raises Conflict `seller-missing`.
    """
    await require_seller(conn, context)
    outcomes = [_new(details, context) for details in wanted]
    fresh = [outcome for outcome in outcomes if isinstance(outcome, Customer)]
    added = await customers.add(conn, context.tenant_id, fresh)
    refused = [
        CustomerRef(external_ref=customer.details.external_ref)
        for customer in fresh
        if customer.customer_id not in added
    ]
    known = await customers.find(conn, context.tenant_id, refused) if refused else {}
    stand = [customer for customer in fresh if customer.customer_id in added]
    await outbox.add(conn, context, [updated(customer) for customer in stand])
    await audit.record(
        conn,
        context,
        [
            AuditChange("customer", str(one.customer_id), "create-customer", None, audit_view(one))
            for one in stand
        ],
    )
    return [
        outcome
        if isinstance(outcome, BillingError) or outcome.customer_id in added
        else _exists(outcome, known)
        for outcome in outcomes
    ]


def _new(details: CustomerDetails, context: Context) -> Customer | BillingError:
    try:
        checked = check(details)
    except BillingError as error:
        return error
    salt = secrets.token_bytes(SALT_BYTES)
    return Customer(new_id(), checked, salt, context.now, context.now)


def _exists(refused: Customer, known: dict[CustomerRef, Customer]) -> Conflict:
    ref = refused.details.external_ref
    found = known.get(CustomerRef(external_ref=ref))
    reason = f"in use by customer {found.customer_id}" if found else "in use"
    return Conflict(
        "already-exists", f"external_ref: {reason}", [FieldError("external_ref", reason)]
    )
