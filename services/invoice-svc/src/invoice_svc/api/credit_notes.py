"""Credit notes: issued for an invoice, looked up by themselves."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel

from billing_shared.errors import NotFound
from billing_shared.http import Door, may, respond
from billing_shared.paging import Listed, Paged
from invoice_svc.api.invoice_requests import CreditBody
from invoice_svc.api.invoice_views import AllowanceView, LineView, TaxGroupView
from invoice_svc.domain.credit_note import CreditNote, Wish
from invoice_svc.domain.document import Document
from invoice_svc.store import credit_notes, documents
from invoice_svc.usecases.credit_invoice import credit_invoice

router = APIRouter(tags=["credit notes"])


class CreditNoteSummary(BaseModel):
    """A credit note as lists show it; every amount is positive."""

    credit_note_id: UUID
    invoice_id: UUID
    customer_id: UUID
    currency: str
    series: str
    number: str
    issued_on: date
    reason: str
    net_minor: int
    tax_minor: int
    gross_minor: int
    content_sha256: str
    created_at: datetime

    @classmethod
    def of(cls, note: CreditNote) -> "CreditNoteSummary":
        return cls(**{name: getattr(note, name) for name in cls.model_fields})


class CreditNoteView(CreditNoteSummary):
    """A credit note whole."""

    lines: list[LineView]
    allowances: list[AllowanceView]
    tax_groups: list[TaxGroupView]

    @classmethod
    def of_document(cls, note: CreditNote, document: Document) -> "CreditNoteView":
        return cls(
            **CreditNoteSummary.of(note).model_dump(),
            lines=[LineView.of(line) for line in document.lines],
            allowances=[AllowanceView.of(one) for one in document.allowances],
            tax_groups=[TaxGroupView.of(group) for group in document.tax_groups],
        )


@router.post(
    "/v1/invoices/{invoice_id}/credit-notes", status_code=201, response_model=CreditNoteView
)
async def add_credit_note(
    invoice_id: UUID, body: CreditBody, door: Annotated[Door, may("credit-notes:write")]
) -> Response:
    """Credit an issued invoice in full, with a number of its own; once per invoice."""
    async with door.change(body.reason) as change:
        wish = Wish(body.reason, body.issued_on)
        credited = await credit_invoice(change.conn, change.context, invoice_id, wish)
        note = credited.credit_note
        return await change.answer(
            201,
            CreditNoteView.of_document(note, credited.frozen.document),
            location=f"/v1/credit-notes/{note.credit_note_id}",
        )


@router.get("/v1/credit-notes", response_model=Listed[CreditNoteSummary])
async def list_credit_notes(
    door: Annotated[Door, may("credit-notes:read")],
    page: Paged,
    invoice_id: UUID | None = None,
    number: Annotated[str | None, Query(max_length=100)] = None,
) -> Listed[CreditNoteSummary]:
    """Credit notes in the order of their making; they never change."""
    async with door.read() as (conn, context):
        rows = await credit_notes.page(
            conn,
            context.tenant_id,
            invoice_id=invoice_id,
            number=number,
            after=page.after,
            updated_after=page.updated_after,
            limit=page.limit,
        )
    return page.answer(rows, lambda row: (row.created_at, row.credit_note_id), CreditNoteSummary.of)


@router.get("/v1/credit-notes/{credit_note_id}", response_model=CreditNoteView)
async def get_credit_note(
    credit_note_id: UUID, door: Annotated[Door, may("credit-notes:read")]
) -> Response:
    """One credit note whole."""
    async with door.read() as (conn, context):
        note = await credit_notes.load(conn, context.tenant_id, credit_note_id)
        found = await documents.load(conn, context.tenant_id, [credit_note_id])
    if note is None:
        raise NotFound("not-found", f"no credit note {credit_note_id}")
    return respond(200, CreditNoteView.of_document(note, found[credit_note_id]))


@router.get("/v1/credit-notes/{credit_note_id}/document")
async def get_credit_document(
    credit_note_id: UUID, door: Annotated[Door, may("credit-notes:read")]
) -> Response:
    """The frozen document, byte for byte what `content_sha256` was taken of."""
    async with door.read() as (conn, context):
        note = await credit_notes.load(conn, context.tenant_id, credit_note_id)
        text = await documents.load_text(conn, context.tenant_id, credit_note_id)
    if note is None:
        raise NotFound("not-found", f"no credit note {credit_note_id}")
    return Response(text, media_type="application/json")
