"""Bank files: import, the statements in them, and the release of a quarantined one."""

import asyncio
import gzip
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import ConfigDict

from billing_shared.errors import NotFound
from billing_shared.http import Door, may, read_file, respond
from billing_shared.paging import Listed, Paged
from payment_svc.api import wire
from payment_svc.api.statement_views import ImportView, LineView, StatementView
from payment_svc.domain.account import normal_account
from payment_svc.gateways.bank_xml import MAX_FILE_BYTES, unpack
from payment_svc.gateways.camt053 import read_camt053
from payment_svc.store.bank_files import load_content
from payment_svc.store.lines import list_lines
from payment_svc.store.statements import list_statements, load_statement
from payment_svc.usecases.import_bank_files import Upload, import_bank_files
from payment_svc.usecases.release_statements import Release, release_statements

router = APIRouter(tags=["bank statements"])

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FILE: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "A camt.053 file as the bank delivers it, plain or gzip",
        "content": {
            media_type: {"schema": {"type": "string", "format": "binary", "minLength": 1}}
            for media_type in ("application/xml", "text/xml", "application/gzip")
        },
    }
}


class ReleaseBody(wire.Request):
    """Why a statement that proves nothing is to be believed."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"reason": "the bank confirms the entries by phone"}]}
    )

    reason: wire.Reason


@router.post("/v1/bank-statements", status_code=201, response_model=ImportView, openapi_extra=_FILE)
async def import_file(
    request: Request, door: Annotated[Door, may("bank-statements:write")]
) -> Response:
    """Import a camt.053 file. The same file again: 200, and nothing is taken twice.

    A statement that does not prove itself is `quarantined`, with line and reason; no entry of it
    counts until a corrected file comes or a person releases it.
    """
    body = await read_file(request, MAX_FILE_BYTES)
    # Reading is work for the processor, not for the event loop.
    upload = await asyncio.to_thread(_read, body)
    async with door.change() as change:
        [imported] = await import_bank_files(change.conn, change.context, [upload])
        view = ImportView(
            file_id=imported.file_id,
            file_sha256=imported.sha256,
            is_repeated=imported.is_repeated,
            statements=[StatementView.of(kept) for kept in imported.statements],
        )
        return await change.answer(200 if imported.is_repeated else 201, view)


@router.get("/v1/bank-statements", response_model=Listed[StatementView])
async def list_bank_statements(
    door: Annotated[Door, may("bank-statements:read")],
    page: Paged,
    account: Annotated[str | None, Query(max_length=42)] = None,
    state: Literal["proved", "quarantined", "released", "superseded", "repeated"] | None = None,
) -> Listed[StatementView]:
    """Statements in the order of their last change."""
    async with door.read() as (conn, context):
        rows = await list_statements(
            conn,
            context.tenant_id,
            account=normal_account(account) if account else None,
            state=state,
            after=page.after,
            updated_after=page.updated_after,
            limit=page.limit,
        )
    return page.answer(rows, lambda row: (row.updated_at, row.statement_id), StatementView.of)


@router.get("/v1/bank-statements/{statement_id}", response_model=StatementView)
async def get_bank_statement(
    statement_id: UUID, door: Annotated[Door, may("bank-statements:read")]
) -> Response:
    """One statement."""
    async with door.read() as (conn, context):
        kept = await load_statement(conn, context.tenant_id, statement_id)
    if kept is None:
        raise _no_statement()
    return respond(200, StatementView.of(kept))


@router.get("/v1/bank-statements/{statement_id}/lines", response_model=Listed[LineView])
async def list_statement_lines(
    statement_id: UUID, door: Annotated[Door, may("bank-statements:read")], page: Paged
) -> Listed[LineView]:
    """The entries a statement shows, in its order: payments, reversals, and what we paid."""
    after_entry_no = page.after[1].int if page.after else 0
    async with door.read() as (conn, context):
        if await load_statement(conn, context.tenant_id, statement_id) is None:
            raise _no_statement()
        rows = await list_lines(conn, context.tenant_id, statement_id, after_entry_no, page.limit)
    # Lines never change: their place in the statement is all there is to page by.
    return page.answer(rows, lambda row: (_EPOCH, UUID(int=row.entry_no)), LineView.of)


@router.post(
    "/v1/bank-statements/{statement_id}/releases", status_code=201, response_model=StatementView
)
async def release_statement(
    statement_id: UUID,
    body: ReleaseBody,
    door: Annotated[Door, may("bank-statements:write", is_watched=True)],
) -> Response:
    """Believe a quarantined statement, signed by a person of role senior or above.

    Its readable entries are published; what could not be read stays out.
    """
    async with door.read() as (conn, context):
        file = await load_content(conn, context.tenant_id, statement_id)
    if file is None:
        raise _no_statement()
    read = await asyncio.to_thread(read_camt053, file.content)
    async with door.change(body.reason) as change:
        [kept] = await release_statements(
            change.conn, change.context, [Release(statement_id, body.reason, read)]
        )
        return await change.answer(201, StatementView.of(kept))


def _read(body: bytes) -> Upload:
    data = unpack(body)
    return Upload(read_camt053(data), gzip.compress(data, compresslevel=6, mtime=0))


def _no_statement() -> NotFound:
    return NotFound("not-found", "there is no such statement")
