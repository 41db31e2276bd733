"""Prove the books: add them up again, say so, and stop automatic posting where they disagree."""

from typing import Literal

from billing_shared import outbox
from billing_shared.context import Context
from billing_shared.contracts import Event
from billing_shared.contracts.recon import BooksBroken, BooksProved
from billing_shared.ids import new_id
from billing_shared.postgres import Connection
from recon_svc.store import books, proofs
from recon_svc.store.proofs import Proof


async def prove_books(
    conn: Connection, context: Context, kind: Literal["incremental", "full"]
) -> Proof:
    """Prove everything, or what was posted since the last good proof.

    Broken books stay broken, whatever a later proof says, until a person releases them.
    """
    tenant_id = context.tenant_id
    sums = await proofs.add_up(
        conn,
        tenant_id,
        proved_no=await books.proved_no(conn, tenant_id),
        is_full=kind == "full",
    )
    is_broken = bool(sums.differences)
    proof = Proof(
        proof_id=new_id(),
        kind=kind,
        state="broken" if is_broken else "proved",
        journals=sums.journals,
        entries=sums.entries,
        journal_no=sums.journal_no,
        differences=proofs.as_rows(sums.differences),
        asked_by=str(context.actor),
        proved_at=context.now,
    )
    await proofs.save(conn, tenant_id, proof)
    event: Event
    if is_broken:
        await books.stop(conn, tenant_id, context.now)
        event = BooksBroken(
            books_id=tenant_id,
            proof_id=proof.proof_id,
            kind=kind,
            differences=list(sums.differences),
        )
    else:
        await books.mark_proved(conn, tenant_id, sums.journal_no)
        event = BooksProved(
            books_id=tenant_id,
            proof_id=proof.proof_id,
            kind=kind,
            journals=sums.journals,
            entries=sums.entries,
        )
    await outbox.add(conn, context, [event])
    return proof
