"""Discrepancies: listed, looked at, and resolved by hand."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import ConfigDict, Field

from billing_shared.errors import NotFound
from billing_shared.http import Door, may, respond
from billing_shared.openapi_parts import SHOWS_AS_OF
from billing_shared.paging import Listed, Paged
from recon_svc.api import wire
from recon_svc.domain.resolutions import Part, Request
from recon_svc.store import books, discrepancies, resolutions
from recon_svc.store.discrepancies import Discrepancy
from recon_svc.usecases.resolve_discrepancy import resolve_discrepancy
from recon_svc.usecases.reverse_allocation import reverse_allocation

router = APIRouter(tags=["discrepancies"])

MAX_PARTS = 200


def _example(body: dict[str, Any]) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [body]})


class Suggested(wire.View):
    """What we would do about it, and why."""

    action: str
    reason: str


class DiscrepancyView(wire.View):
    """Something that does not add up. Amounts are minor units of `currency`."""

    discrepancy_id: UUID
    code: str
    family: Literal["cash", "item"]
    severity: str
    state: Literal["open", "resolved"]
    amount_minor: int
    currency: str
    subject_id: UUID
    customer_id: UUID | None
    payment_id: UUID | None
    invoice_id: UUID | None
    evidence: dict[str, Any]
    suggested: Suggested
    decision_id: UUID
    found_at: datetime
    due_at: datetime
    resolution: str | None
    superseded_by: UUID | None
    journal_ids: list[UUID]
    resolved_by: str | None
    resolved_reason: str | None
    resolved_at: datetime | None
    updated_at: datetime

    @classmethod
    def shown(cls, row: Discrepancy) -> "DiscrepancyView":
        suggested = Suggested(action=row.suggested_action, reason=row.suggested_reason)
        return cls(
            suggested=suggested,
            **{name: getattr(row, name) for name in cls.model_fields if name != "suggested"},
        )


class ResolutionView(wire.View):
    """What a person decided about a discrepancy."""

    resolution_id: UUID
    action: str
    payment_id: UUID | None
    invoice_id: UUID | None
    customer_id: UUID | None
    amount_minor: int | None
    reason: str
    actor: str
    role: str | None
    decided_at: datetime


class DiscrepancyDetail(DiscrepancyView):
    """A discrepancy with what people decided about it."""

    resolutions: list[ResolutionView] = Field(default_factory=list)


class PartBody(wire.Request):
    """Part of the payment for one invoice."""

    invoice_id: UUID
    amount_minor: wire.PositiveMinor


class ApplyBody(wire.Request):
    """Put the held money on invoices."""

    model_config = _example(
        {
            "action": "apply",
            "reason": "the customer named the invoice on the phone",
            "allocations": [
                {"invoice_id": "0198f6a0-5a10-7a40-9f5e-0b1f1d3c2b1a", "amount_minor": 11900}
            ],
        }
    )

    action: Literal["apply"]
    reason: wire.Reason
    allocations: Annotated[tuple[PartBody, ...], Field(min_length=1, max_length=MAX_PARTS)]

    def asked(self) -> Request:
        parts = tuple(Part(part.invoice_id, part.amount_minor) for part in self.allocations)
        return Request(self.action, self.reason, parts=parts)


class UnapplyBody(wire.Request):
    """Take money off an invoice; the machine does not put it there again.

    A cash discrepancy knows its payment, an item discrepancy its invoice: name the other one.
    """

    model_config = _example(
        {
            "action": "un-apply",
            "reason": "meant for another invoice",
            "payment_id": "0198f6a0-5a10-7a40-9f5e-0b1f1d3c2b1a",
        }
    )

    action: Literal["un-apply"]
    reason: wire.Reason
    payment_id: UUID | None = None
    invoice_id: UUID | None = None

    def asked(self) -> Request:
        return Request(
            self.action, self.reason, payment_id=self.payment_id, invoice_id=self.invoice_id
        )


class KeepBody(wire.Request):
    """Keep held money as the customer's credit: all of it unless an amount is given."""

    model_config = _example({"action": "keep-on-account", "reason": "the customer asked for it"})

    action: Literal["keep-on-account"]
    reason: wire.Reason
    customer_id: UUID | None = None
    amount_minor: wire.PositiveMinor | None = None

    def asked(self) -> Request:
        return Request(
            self.action,
            self.reason,
            customer_id=self.customer_id,
            amount_minor=self.amount_minor,
        )


class AcceptBody(wire.Request):
    """Accept that the rest, or part of it, will not be paid; up to the limit of the role."""

    model_config = _example({"action": "accept-short", "reason": "bank charges, not worth it"})

    action: Literal["accept-short"]
    reason: wire.Reason
    amount_minor: wire.PositiveMinor | None = None

    def asked(self) -> Request:
        return Request(self.action, self.reason, amount_minor=self.amount_minor)


class DismissBody(wire.Request):
    """Sign an item discrepancy off: it is seen, and nothing is to be done."""

    model_config = _example({"action": "dismiss", "reason": "the rest is being collected"})

    action: Literal["dismiss"]
    reason: wire.Reason

    def asked(self) -> Request:
        return Request(self.action, self.reason)


ResolutionBody = Annotated[
    ApplyBody | UnapplyBody | KeepBody | AcceptBody | DismissBody, Field(discriminator="action")
]


class UndoBody(wire.Request):
    """Why an allocation is taken back."""

    reason: wire.Reason


class UndoView(wire.View):
    """The decision that took an allocation back."""

    resolution_id: UUID
    allocation_id: UUID


@router.get("/v1/discrepancies", response_model=Listed[DiscrepancyView], responses=SHOWS_AS_OF)
async def list_discrepancies(
    *,
    door: Annotated[Door, may("discrepancies:read")],
    page: Paged,
    code: Annotated[str | None, Query(max_length=40, examples=["SHORT_PAY"])] = None,
    family: Literal["cash", "item"] | None = None,
    state: Literal["open", "resolved"] | None = None,
    severity: Literal["S1", "S2", "S3", "S4"] | None = None,
    customer_id: UUID | None = None,
    payment_id: UUID | None = None,
    invoice_id: UUID | None = None,
) -> Response:
    """Discrepancies in the order in which they last changed."""
    wanted = discrepancies.Filter(
        code=code,
        family=family,
        state=state,
        severity=severity,
        customer_id=customer_id,
        payment_id=payment_id,
        invoice_id=invoice_id,
    )
    async with door.read() as (conn, context):
        rows = await discrepancies.listed(
            conn,
            context.tenant_id,
            wanted,
            after=page.after,
            updated_after=page.updated_after,
            limit=page.limit,
        )
        as_of = await books.facts_at(conn, context.tenant_id)
    listed = page.answer(rows, lambda r: (r.updated_at, r.discrepancy_id), DiscrepancyView.shown)
    return respond(200, listed, as_of=as_of)


@router.get(
    "/v1/discrepancies/{discrepancy_id}", response_model=DiscrepancyDetail, responses=SHOWS_AS_OF
)
async def get_discrepancy(
    discrepancy_id: UUID, door: Annotated[Door, may("discrepancies:read")]
) -> Response:
    """One discrepancy, with what people decided about it."""
    async with door.read() as (conn, context):
        body = await _detail(conn, context.tenant_id, discrepancy_id)
        as_of = await books.facts_at(conn, context.tenant_id)
    return respond(200, body, as_of=as_of)


@router.post(
    "/v1/discrepancies/{discrepancy_id}/resolutions",
    status_code=201,
    response_model=DiscrepancyDetail,
)
async def add_resolution(
    discrepancy_id: UUID,
    body: ResolutionBody,
    door: Annotated[Door, may("discrepancies:write")],
) -> Response:
    """Resolve an open discrepancy; answers it as it then stands.

    If it changed meanwhile: 409 `discrepancy-closed` or `amount-beyond-due`. More accepted than
    the role may: 403 `over-limit`.
    """
    async with door.change(body.reason) as change:
        await resolve_discrepancy(change.conn, change.context, discrepancy_id, body.asked())
        answer = await _detail(change.conn, change.context.tenant_id, discrepancy_id)
        return await change.answer(201, answer, location=f"/v1/discrepancies/{discrepancy_id}")


@router.post("/v1/allocations/{allocation_id}/reversals", status_code=201, response_model=UndoView)
async def undo_allocation(
    allocation_id: UUID,
    body: UndoBody,
    door: Annotated[Door, may("discrepancies:write")],
) -> Response:
    """Take money off an invoice where no discrepancy asks for it, by a mirror entry."""
    async with door.change(body.reason) as change:
        resolution_id = await reverse_allocation(
            change.conn, change.context, allocation_id, body.reason
        )
        view = UndoView(resolution_id=resolution_id, allocation_id=allocation_id)
        return await change.answer(201, view)


async def _detail(conn: Any, tenant_id: UUID, discrepancy_id: UUID) -> DiscrepancyDetail:
    found = await discrepancies.load(conn, tenant_id, discrepancy_id)
    if found is None:
        raise NotFound("not-found", f"no discrepancy {discrepancy_id}")
    decided = await resolutions.of_discrepancy(conn, tenant_id, discrepancy_id)
    detail = DiscrepancyDetail(**DiscrepancyView.shown(found).model_dump())
    detail.resolutions = [ResolutionView.of(each) for each in decided]
    return detail
