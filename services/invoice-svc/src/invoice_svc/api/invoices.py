"""Invoices one by one: draft, change, issue, void, look up."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response

from billing_shared.context import Context
from billing_shared.errors import NotFound
from billing_shared.http import Door, Version, VersionOrNone, may, respond
from billing_shared.moments import Day
from billing_shared.openapi_parts import SHOWS_AS_OF
from billing_shared.paging import Listed, Paged
from billing_shared.postgres import Connection
from invoice_svc.api.invoice_requests import InvoiceBody, IssueBody, VoidBody
from invoice_svc.api.invoice_views import InvoiceSummary, InvoiceView
from invoice_svc.api.wire import only
from invoice_svc.domain.invoice import Invoice, reopen
from invoice_svc.store import attention, documents, invoices
from invoice_svc.store.invoices import Filter, Window
from invoice_svc.usecases.delete_draft import delete_draft
from invoice_svc.usecases.draft_invoices import draft_invoices
from invoice_svc.usecases.issue_invoices import issue_invoices
from invoice_svc.usecases.replace_draft import replace_draft
from invoice_svc.usecases.void_invoice import void_invoice

router = APIRouter(tags=["invoices"])


@router.post("/v1/invoices", status_code=201, response_model=InvoiceView)
async def draft_invoice(
    body: InvoiceBody, door: Annotated[Door, may("invoices:write")]
) -> Response:
    """Draft an invoice or debit note and work out its totals. No number is taken yet."""
    async with door.change() as change:
        wanted = [(body.customer, body.content())]
        draft = only(await draft_invoices(change.conn, change.context, wanted, change.later))
        return await change.answer(
            201,
            InvoiceView.of_draft(draft),
            location=f"/v1/invoices/{draft.invoice.invoice_id}",
            etag=draft.invoice.version,
        )


@router.get("/v1/invoices", response_model=Listed[InvoiceSummary])
async def list_invoices(
    door: Annotated[Door, may("invoices:read")],
    page: Paged,
    *,
    customer_id: UUID | None = None,
    customer_external_ref: Annotated[str | None, Query(max_length=100)] = None,
    state: Literal["draft", "issued", "void"] | None = None,
    settlement: Literal["unpaid", "partial", "settled"] | None = None,
    number: Annotated[str | None, Query(max_length=100)] = None,
    external_ref: Annotated[str | None, Query(max_length=100)] = None,
    currency: Annotated[str | None, Query(pattern="^[A-Z]{3}$")] = None,
    due_before: Annotated[
        Day | None, Query(description="issued, not settled, and due before this day")
    ] = None,
) -> Listed[InvoiceSummary]:
    """Invoices in the order of their last change, without their lines."""
    narrowed = Filter(
        customer_id=customer_id,
        customer_external_ref=customer_external_ref,
        state=state,
        settlement=settlement,
        number=number,
        external_ref=external_ref,
        currency=currency,
        due_before=due_before,
    )
    async with door.read() as (conn, context):
        window = Window(page.after, page.updated_after, page.limit)
        rows = await invoices.page(conn, context.tenant_id, narrowed, window)
    return page.answer(rows, lambda row: (row.updated_at, row.invoice_id), InvoiceSummary.of)


@router.get("/v1/invoices/{invoice_id}", response_model=InvoiceView, responses=SHOWS_AS_OF)
async def get_invoice(invoice_id: UUID, door: Annotated[Door, may("invoices:read")]) -> Response:
    """One invoice whole, with what recon-svc last said is due and what it found wrong."""
    async with door.read() as (conn, context):
        invoice = await _load(conn, context, invoice_id)
        view = await _view(conn, context, invoice)
    as_of = invoice.settlement.as_of if invoice.settlement else None
    return respond(200, view, etag=invoice.version, as_of=as_of)


@router.get("/v1/invoices/{invoice_id}/document")
async def get_document(invoice_id: UUID, door: Annotated[Door, may("invoices:read")]) -> Response:
    """The frozen document, byte for byte what `content_sha256` was taken of."""
    async with door.read() as (conn, context):
        invoice = await _load(conn, context, invoice_id)
        text = await documents.load_text(conn, context.tenant_id, invoice.invoice_id)
    if text is None:
        raise NotFound("not-found", "a draft has no document yet")
    return Response(text, media_type="application/json")


@router.put("/v1/invoices/{invoice_id}", response_model=InvoiceView)
async def put_draft(
    invoice_id: UUID,
    body: InvoiceBody,
    door: Annotated[Door, may("invoices:write")],
    version: Version,
) -> Response:
    """Replace a draft whole; If-Match says which version you read."""
    async with door.change() as change:
        wanted = (body.customer, body.content())
        draft = await replace_draft(change.conn, change.context, invoice_id, version, wanted)
        view = InvoiceView.of_draft(draft)
        return await change.answer(200, view, etag=draft.invoice.version)


@router.delete("/v1/invoices/{invoice_id}", status_code=204)
async def remove_draft(
    invoice_id: UUID, door: Annotated[Door, may("invoices:write")], version: Version
) -> Response:
    """Throw a draft away; what is issued can only be voided or credited."""
    async with door.change() as change:
        await delete_draft(change.conn, change.context, invoice_id, version)
        return await change.answer(204)


@router.post("/v1/invoices/{invoice_id}/issue", response_model=InvoiceView)
async def issue_invoice(
    invoice_id: UUID,
    door: Annotated[Door, may("invoices:write")],
    version: VersionOrNone,
    body: IssueBody = IssueBody(),  # noqa: B008 - frozen
) -> Response:
    """Issue a draft: number, payment reference and due date are set, the document is frozen.

    With If-Match, only if the draft is still the one you read.
    """
    async with door.change() as change:
        orders = [(invoice_id, body.dates(), version)]
        issued = only(await issue_invoices(change.conn, change.context, orders, change.later))
        view = InvoiceView.of_document(issued.invoice, issued.frozen.document)
        return await change.answer(200, view, etag=issued.invoice.version)


@router.post("/v1/invoices/{invoice_id}/void", response_model=InvoiceView)
async def void(
    invoice_id: UUID, body: VoidBody, door: Annotated[Door, may("invoices:write")]
) -> Response:
    """Take an issued invoice back whole. Refused once money or credit is on it."""
    async with door.change(body.reason) as change:
        invoice = await void_invoice(
            change.conn, change.context, invoice_id, body.reason, body.replaced_by
        )
        view = await _view(change.conn, change.context, invoice)
        return await change.answer(200, view, etag=invoice.version)


async def _load(conn: Connection, context: Context, invoice_id: UUID) -> Invoice:
    found = await invoices.load(conn, context.tenant_id, [invoice_id])
    if invoice_id not in found:
        raise NotFound("not-found", f"no invoice {invoice_id}")
    return found[invoice_id]


async def _view(conn: Connection, context: Context, invoice: Invoice) -> InvoiceView:
    if invoice.content is not None:
        return InvoiceView.of_draft(reopen(invoice))
    ids = [invoice.invoice_id]
    document = (await documents.load(conn, context.tenant_id, ids))[invoice.invoice_id]
    wrong = (await attention.open_on(conn, context.tenant_id, ids)).get(invoice.invoice_id, [])
    return InvoiceView.of_document(invoice, document, wrong)
