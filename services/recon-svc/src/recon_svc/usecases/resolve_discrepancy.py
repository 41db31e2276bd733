"""A person resolves a discrepancy: the decision is a fact, and the groups are settled with it."""

from dataclasses import replace
from datetime import date
from uuid import UUID

from billing_shared import audit
from billing_shared.audit import AuditChange
from billing_shared.clock import local_date
from billing_shared.context import Context
from billing_shared.errors import Conflict, NotFound, invalid
from billing_shared.ids import new_id
from billing_shared.postgres import Connection
from billing_shared.roles import STAFF
from recon_svc.domain.changes import OpenDiscrepancy
from recon_svc.domain.resolutions import (
    Request,
    Resolved,
    amount_of,
    check_action,
    check_limit,
    check_parts,
)
from recon_svc.store import books, discrepancies, facts, positions, resolutions
from recon_svc.store.groups import Seeds
from recon_svc.store.policies import rulebook
from recon_svc.usecases.settle_groups import settle_groups


async def resolve_discrepancy(
    conn: Connection, context: Context, discrepancy_id: UUID, asked: Request
) -> list[UUID]:
    """Do what a person asks about one open discrepancy; returns the resolutions' ids.

    NotFound; Conflict `discrepancy-closed` or `amount-beyond-due` where it changed meanwhile,
    `posting-stopped` while the books are broken, `no-effect` where the facts leave nothing to do;
    Forbidden `over-limit`; Invalid for what does not fit.
    """
    context = replace(context, reason=asked.reason)
    tenant_id = context.tenant_id
    tenant_books = await books.lock(conn, tenant_id, context.now)
    if tenant_books.are_broken:
        raise Conflict("posting-stopped", "the books are broken: nothing is posted until released")
    found = await discrepancies.load(conn, tenant_id, discrepancy_id)
    if found is None:
        raise NotFound("not-found", f"no discrepancy {discrepancy_id}")
    if found.state != "open":
        raise Conflict("discrepancy-closed", f"resolved meanwhile as {found.resolution}")
    discrepancy = found.as_open()
    check_action(asked, discrepancy)
    resolved = await _decide(conn, context, discrepancy, asked)
    await resolutions.save(conn, context, resolved, _role(context))
    await settle_groups(
        conn,
        context,
        tenant_books,
        Seeds(
            payments={r.payment_id for r in resolved if r.payment_id},
            invoices={r.invoice_id for r in resolved if r.invoice_id},
        ),
    )
    after = await discrepancies.load(conn, tenant_id, discrepancy_id)
    if after is None or after.state == "open":
        raise Conflict("no-effect", "the facts leave nothing to do that for")
    await audit.record(conn, context, [_change(discrepancy, r) for r in resolved])
    return [r.resolution_id for r in resolved]


async def _decide(
    conn: Connection, context: Context, discrepancy: OpenDiscrepancy, asked: Request
) -> list[Resolved]:
    base = Resolved(new_id(), asked.action, discrepancy_id=discrepancy.discrepancy_id)
    match asked.action:
        case "apply":
            ids = [part.invoice_id for part in asked.parts]
            items = await positions.items(conn, context.tenant_id, ids)
            check_parts(asked.parts, discrepancy, {id_: item for id_, (item, _) in items.items()})
            return [
                replace(
                    base,
                    resolution_id=new_id(),
                    payment_id=discrepancy.payment_id,
                    invoice_id=part.invoice_id,
                    amount_minor=part.amount_minor,
                )
                for part in asked.parts
            ]
        case "un-apply":
            return [await _unapply(conn, context, discrepancy, asked, base)]
        case "keep-on-account":
            return [await _keep(conn, context, discrepancy, asked, base)]
        case "accept-short":
            return [await _accept(conn, context, discrepancy, asked, base)]
        case _:
            return [
                replace(
                    base,
                    invoice_id=discrepancy.subject_id,
                    code=discrepancy.code,
                    amount_minor=discrepancy.amount_minor,
                )
            ]


async def _unapply(
    conn: Connection,
    context: Context,
    discrepancy: OpenDiscrepancy,
    asked: Request,
    base: Resolved,
) -> Resolved:
    payment_id = discrepancy.payment_id or asked.payment_id
    invoice_id = asked.invoice_id if discrepancy.payment_id else discrepancy.invoice_id
    if payment_id is None:
        raise invalid("payment_id", "which payment is to be taken off the invoice?")
    if invoice_id is None:
        raise invalid("invoice_id", "which invoice is the payment to be taken off?")
    if not await resolutions.has_allocation(conn, context.tenant_id, payment_id, invoice_id):
        raise Conflict("allocation-ended", "no money of this payment lies on that invoice")
    return replace(base, payment_id=payment_id, invoice_id=invoice_id)


async def _keep(
    conn: Connection,
    context: Context,
    discrepancy: OpenDiscrepancy,
    asked: Request,
    base: Resolved,
) -> Resolved:
    customer_id = asked.customer_id or discrepancy.customer_id
    if customer_id is None:
        raise invalid("customer_id", "nobody is known to have paid: whose account is it?")
    if not await resolutions.knows_customer(conn, context.tenant_id, customer_id):
        raise invalid("customer_id", "no such customer", "unknown-customer")
    return replace(
        base,
        payment_id=discrepancy.payment_id,
        customer_id=customer_id,
        amount_minor=amount_of(asked, discrepancy),
    )


async def _accept(
    conn: Connection,
    context: Context,
    discrepancy: OpenDiscrepancy,
    asked: Request,
    base: Resolved,
) -> Resolved:
    """The limit counts all that was ever accepted on the invoice, or it could be split."""
    amount = amount_of(asked, discrepancy)
    tenant_id = context.tenant_id
    [(item, _)] = (await positions.items(conn, tenant_id, [discrepancy.subject_id])).values()
    rules = (await rulebook(conn, tenant_id)).on(await _today(conn, context))
    check_limit(
        item.accepted_minor + amount,
        rules.accept_limit_minor(context.roles, discrepancy.currency),
        discrepancy.currency,
    )
    return replace(base, invoice_id=discrepancy.subject_id, amount_minor=amount)


async def _today(conn: Connection, context: Context) -> date:
    return local_date(context.now, await facts.time_zone(conn, context.tenant_id))


def _role(context: Context) -> str | None:
    """The highest staff role, whose limits counted."""
    return next((role for role in reversed(STAFF) if role in context.roles), None)


def _change(discrepancy: OpenDiscrepancy, resolved: Resolved) -> AuditChange:
    return AuditChange(
        "discrepancy",
        str(discrepancy.discrepancy_id),
        resolved.action,
        {"code": discrepancy.code, "amount_minor": discrepancy.amount_minor},
        {
            "resolution_id": str(resolved.resolution_id),
            "payment_id": resolved.payment_id and str(resolved.payment_id),
            "invoice_id": resolved.invoice_id and str(resolved.invoice_id),
            "customer_id": resolved.customer_id and str(resolved.customer_id),
            "amount_minor": resolved.amount_minor,
        },
    )
