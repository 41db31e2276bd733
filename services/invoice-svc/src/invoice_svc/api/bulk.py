"""Many invoices in one request, as NDJSON."""

from typing import Annotated, Any

from fastapi import APIRouter, Request, Response

from billing_shared.errors import BillingError
from billing_shared.http import Door, may
from invoice_svc.api.imported_requests import ImportLine
from invoice_svc.api.invoice_requests import BulkLine
from invoice_svc.api.lines import (
    acceptance,
    commands,
    inlined,
    outcomes_by_line,
    read_lines,
    refusal,
    require_all,
)
from invoice_svc.domain.customer import CustomerRef
from invoice_svc.domain.imported import Foreign
from invoice_svc.domain.invoice import Issued
from invoice_svc.usecases.bill_customers import Bill, bill_customers
from invoice_svc.usecases.import_invoices import Repeated, import_invoices

router = APIRouter(tags=["invoices"])

_NDJSON: dict[str, Any] = {
    "responses": {
        200: {
            "description": "One line for each line of the request, in its order: `status` and "
            "`invoice_id`, or `status`, `code`, `detail` and `errors`.",
            "content": {"application/x-ndjson": {"schema": {"type": "string"}}},
        }
    }
}


def _body(line: type[BulkLine] | type[ImportLine]) -> dict[str, Any]:
    lines = {"schema": inlined(line.model_json_schema())}
    return {"requestBody": {"required": True, "content": {"application/x-ndjson": lines}}}


@router.post("/v1/invoices:bulk", openapi_extra=_body(BulkLine), **_NDJSON)
async def bill(
    request: Request, door: Annotated[Door, may("invoices:write")], atomic: bool = False
) -> Response:
    """Draft and issue up to 1000 invoices, one JSON object per line.

    Numbers are taken in the order of the legal dates. With `atomic=true` all stand or none.
    """
    parsed = await read_lines(
        request, BulkLine, lambda line: Bill(line.customer, line.content(), line.dates())
    )
    async with door.change() as change:
        done = await bill_customers(change.conn, change.context, commands(parsed), change.later)
        lines = outcomes_by_line(parsed, done)
        if atomic:
            require_all(lines)
        return await change.answer_lines([_billed(number, what) for number, what in lines])


@router.post("/v1/imported-invoices", openapi_extra=_body(ImportLine), **_NDJSON)
async def take_over(
    request: Request, door: Annotated[Door, may("invoices:write")], atomic: bool = False
) -> Response:
    """Take over up to 1000 documents issued elsewhere, with number, dates and what is still due.

    A number that was taken over before is answered `repeated` if its content is the same.
    """

    def command(line: ImportLine) -> tuple[CustomerRef, Foreign]:
        return line.customer, line.foreign()

    parsed = await read_lines(request, ImportLine, command)
    async with door.change() as change:
        done = await import_invoices(change.conn, change.context, commands(parsed))
        lines = outcomes_by_line(parsed, done)
        if atomic:
            require_all(lines)
        return await change.answer_lines([_taken(number, what) for number, what in lines])


def _billed(number: int, outcome: Issued | BillingError) -> dict[str, Any]:
    if isinstance(outcome, BillingError):
        return refusal(number, outcome)
    invoice = outcome.invoice
    more = {
        "number": invoice.number,
        "external_ref": invoice.external_ref,
        "issued_on": invoice.issued_on,
        "due_on": invoice.due_on,
        "gross_minor": invoice.gross_minor,
        "payment_reference": invoice.payment_reference,
        "content_sha256": invoice.content_sha256,
    }
    return acceptance(number, 201, invoice.invoice_id, more)


def _taken(number: int, outcome: Issued | Repeated | BillingError) -> dict[str, Any]:
    if isinstance(outcome, BillingError):
        return refusal(number, outcome)
    if isinstance(outcome, Repeated):
        more: dict[str, Any] = {"number": outcome.number, "result": "repeated"}
        return acceptance(number, 200, outcome.invoice_id, more)
    invoice = outcome.invoice
    more = {
        "number": invoice.number,
        "result": "imported",
        "content_sha256": invoice.content_sha256,
    }
    return acceptance(number, 201, invoice.invoice_id, more)
