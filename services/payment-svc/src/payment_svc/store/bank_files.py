"""The bank's files, as they were received."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from billing_shared.postgres import Connection
from payment_svc.domain.bank_file import BankFile


@dataclass(frozen=True, slots=True)
class FileContent:
    """The original bytes of a file, in gzip."""

    file_id: UUID
    sha256: str
    content: bytes


async def find_file(conn: Connection, tenant_id: UUID, sha256: str) -> UUID | None:
    """The file with this content, if we have had it."""
    file_id: UUID | None = await conn.fetchval(
        "select file_id from bank_file where tenant_id = $1 and sha256 = $2", tenant_id, sha256
    )
    return file_id


async def save_file(
    conn: Connection,
    tenant_id: UUID,
    file_id: UUID,
    *,
    file: BankFile,
    content: bytes,
    now: datetime,
) -> None:
    """Keep a file; its hash is unique in the tenant."""
    await conn.execute(
        """
        insert into bank_file
            (tenant_id, file_id, sha256, message_id, message, size_bytes, content, received_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8)
        """,
        tenant_id,
        file_id,
        file.sha256,
        file.message_id,
        file.version,
        file.size,
        content,
        now,
    )


async def load_content(conn: Connection, tenant_id: UUID, statement_id: UUID) -> FileContent | None:
    """The file a statement came in; None for an unknown statement."""
    row = await conn.fetchrow(
        """
        select f.file_id, f.sha256, f.content from bank_file f
        join statement s on s.tenant_id = f.tenant_id and s.file_id = f.file_id
        where s.tenant_id = $1 and s.statement_id = $2
        """,
        tenant_id,
        statement_id,
    )
    return None if row is None else FileContent(*row)
