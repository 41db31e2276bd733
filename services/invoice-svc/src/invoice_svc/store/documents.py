"""Frozen documents: written once, with the row that stands by them; read back whole."""

from collections.abc import Sequence
from uuid import UUID

from billing_shared.postgres import Connection
from invoice_svc.domain.document import Document, thaw


async def load(
    conn: Connection, tenant_id: UUID, document_ids: Sequence[UUID]
) -> dict[UUID, Document]:
    """Documents by the id of their invoice or credit note."""
    rows = await conn.fetch(_LOAD, tenant_id, document_ids)
    return {row["document_id"]: thaw(row["content"]) for row in rows}


async def load_text(conn: Connection, tenant_id: UUID, document_id: UUID) -> str | None:
    """The very bytes the hash was taken of, as text."""
    text: str | None = await conn.fetchval(_LOAD_TEXT, tenant_id, document_id)
    return text


_LOAD = """
select document_id, content from document
where tenant_id = $1 and document_id = any($2::uuid[])
"""
_LOAD_TEXT = "select content from document where tenant_id = $1 and document_id = $2"
