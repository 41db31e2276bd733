"""Take over documents that another system issued."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from billing_shared.context import Context
from billing_shared.errors import BillingError, Conflict, FieldError
from billing_shared.ids import new_id
from billing_shared.postgres import Connection
from invoice_svc.domain.customer import CustomerRef
from invoice_svc.domain.imported import Foreign, take_over
from invoice_svc.domain.invoice import Issued
from invoice_svc.domain.known import Known
from invoice_svc.store import invoices
from invoice_svc.usecases.keep_issued import keep_issued
from invoice_svc.usecases.look_up import look_up


@dataclass(frozen=True, slots=True)
class Repeated:
    """A document that was taken over before, with the same content."""

    invoice_id: UUID
    number: str


async def import_invoices(
    conn: Connection, context: Context, wanted: Sequence[tuple[CustomerRef, Foreign]]
) -> list[Issued | Repeated | BillingError]:
    """What became of each document, in the order given.

    A number taken over before is repeated if its content is the same, else Conflict
    `already-exists`. Raises Conflict `seller-missing`.
    """
    known = await look_up(
        conn, context, [ref for ref, _ in wanted], [foreign.external_ref for _, foreign in wanted]
    )
    numbers = [foreign.number for _, foreign in wanted]
    had = await invoices.imported(conn, context.tenant_id, numbers)
    outcomes: list[Issued | Repeated | BillingError] = []
    for ref, foreign in wanted:
        outcome = _take_over(ref, foreign, known, had, context)
        if isinstance(outcome, Issued):
            had[foreign.number] = (outcome.invoice.invoice_id, outcome.frozen.sha256)
        outcomes.append(outcome)
    fresh = [outcome for outcome in outcomes if isinstance(outcome, Issued)]
    await keep_issued(conn, context, fresh, {}, action="import-invoice")
    return outcomes


def _take_over(
    ref: CustomerRef,
    foreign: Foreign,
    known: Known,
    had: dict[str, tuple[UUID, str]],
    context: Context,
) -> Issued | Repeated | BillingError:
    try:
        issued = take_over(new_id(), known.customer(ref), foreign, context.now)
        if foreign.number in had:
            return _again(foreign.number, issued.frozen.sha256, *had[foreign.number])
        known.claim(foreign.external_ref)
    except BillingError as error:
        return error
    return issued


def _again(number: str, sha256: str, invoice_id: UUID, had_sha256: str) -> Repeated:
    if sha256 != had_sha256:
        reason = f"taken over as invoice {invoice_id}, with other content"
        raise Conflict("already-exists", f"number: {reason}", [FieldError("number", reason)])
    return Repeated(invoice_id, number)
