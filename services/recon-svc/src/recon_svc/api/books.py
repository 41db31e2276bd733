"""The ledger and its proof: journals, proofs on request, and releasing posting after a break."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Response

from billing_shared.errors import NotFound
from billing_shared.http import Door, may, respond
from billing_shared.openapi_parts import SHOWS_AS_OF
from billing_shared.paging import Listed, Paged
from recon_svc.api import wire
from recon_svc.store import books, ledger_reads, proofs
from recon_svc.usecases.prove_books import prove_books
from recon_svc.usecases.release_posting import release_posting

router = APIRouter(tags=["books"])


class EntryView(wire.View):
    """A line of a journal; debits positive, credits negative."""

    account: str
    customer_id: UUID | None
    item_id: UUID | None
    amount_minor: int


class JournalView(wire.View):
    """A journal; it is never changed. `mirror_of` names the one it takes back."""

    journal_id: UUID
    journal_no: int
    kind: str
    subject_id: UUID
    against_id: UUID | None
    currency: str
    posted_on: date
    recorded_at: datetime
    mirror_of: UUID | None
    decision_id: UUID | None
    actor: str
    reason: str | None
    entries: list[EntryView]


class ProofView(wire.View):
    """The books, added up again."""

    proof_id: UUID
    kind: Literal["incremental", "full"]
    state: Literal["proved", "broken"]
    journals: int
    entries: int
    journal_no: int
    differences: list[dict[str, Any]]
    asked_by: str
    proved_at: datetime


class BooksView(wire.View):
    """Whether automatic posting goes on, and how far the books are proved."""

    state: Literal["ok", "broken"]
    journal_no: int
    proved_no: int


class ReleaseBody(wire.Request):
    """Why posting may go on."""

    reason: wire.Reason


@router.get("/v1/journals", response_model=Listed[JournalView], responses=SHOWS_AS_OF)
async def list_journals(
    *,
    door: Annotated[Door, may("journals:read")],
    page: Paged,
    payment_id: UUID | None = None,
    invoice_id: UUID | None = None,
    customer_id: UUID | None = None,
) -> Response:
    """Journals in the order they were recorded; of a payment, invoice or customer, if given."""
    async with door.read() as (conn, context):
        rows = await ledger_reads.journals(
            conn,
            context.tenant_id,
            fact=payment_id or invoice_id,
            customer_id=customer_id,
            after=page.after,
            updated_after=page.updated_after,
            limit=page.limit,
        )
        as_of = await books.facts_at(conn, context.tenant_id)
    listed = page.answer(rows, lambda row: (row.recorded_at, row.journal_id), JournalView.of)
    return respond(200, listed, as_of=as_of)


@router.post("/v1/proofs", status_code=201, response_model=ProofView)
async def add_proof(door: Annotated[Door, may("proofs:write")]) -> Response:
    """Add the books up again, all of them. If they disagree, automatic posting stops."""
    async with door.change() as change:
        proof = await prove_books(change.conn, change.context, "full")
        view = ProofView.of(proof)
        return await change.answer(201, view, location=f"/v1/proofs/{proof.proof_id}")


@router.get("/v1/proofs", response_model=Listed[ProofView])
async def list_proofs(
    *,
    door: Annotated[Door, may("proofs:read")],
    page: Paged,
    state: Literal["proved", "broken"] | None = None,
) -> Listed[ProofView]:
    """Proofs, oldest first."""
    async with door.read() as (conn, context):
        rows = await proofs.listed(
            conn,
            context.tenant_id,
            state=state,
            after=page.after,
            updated_after=page.updated_after,
            limit=page.limit,
        )
    return page.answer(rows, lambda row: (row.proved_at, row.proof_id), ProofView.of)


@router.get("/v1/proofs/{proof_id}", response_model=ProofView)
async def get_proof(proof_id: UUID, door: Annotated[Door, may("proofs:read")]) -> Response:
    """One proof, with the differences it found."""
    async with door.read() as (conn, context):
        proof = await proofs.load(conn, context.tenant_id, proof_id)
    if proof is None:
        raise NotFound("not-found", f"no proof {proof_id}")
    return respond(200, ProofView.of(proof))


@router.get("/v1/recon/books", response_model=BooksView)
async def get_books(door: Annotated[Door, may("proofs:read")]) -> Response:
    """The state of the books."""
    async with door.read() as (conn, context):
        return respond(200, BooksView.of(await books.load(conn, context.tenant_id)))


@router.post("/v1/recon/posting-releases", status_code=201, response_model=BooksView)
async def add_release(
    body: ReleaseBody, door: Annotated[Door, may("posting-releases:write")]
) -> Response:
    """Let automatic posting go on after broken books; all that waited is settled at once."""
    async with door.change(body.reason) as change:
        await release_posting(change.conn, change.context)
        view = BooksView.of(await books.load(change.conn, change.context.tenant_id))
        return await change.answer(201, view)
