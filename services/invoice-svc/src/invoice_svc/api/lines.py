"""NDJSON in, NDJSON out: one bad line does not sink the rest, unless the caller wants it so."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar
from uuid import UUID

from fastapi import Request
from pydantic import BaseModel, ValidationError

from billing_shared.errors import BillingError, FieldError, Invalid, Malformed
from billing_shared.http import ndjson
from billing_shared.problems import field_error, from_validation

MAX_LINES = 1000
MAX_BYTES = 16 << 20

Body = TypeVar("Body", bound=BaseModel)
Command = TypeVar("Command")


async def read_lines(
    request: Request, body: type[Body], command: Callable[[Body], Command]
) -> list[tuple[int, Command | BillingError]]:
    """Each line's number with what it asks for, or why it cannot be understood.

    Raises TooLarge, and Invalid for a body without lines.
    """
    parsed: list[tuple[int, Command | BillingError]] = []
    async for number, line in ndjson(request, MAX_LINES, MAX_BYTES):
        try:
            parsed.append((number, command(body.model_validate_json(line))))
        except ValidationError as error:
            parsed.append((number, _unreadable(error)))
        except BillingError as error:
            parsed.append((number, error))
    if not parsed:
        raise Invalid("invalid", "the body has no lines", [FieldError("body", "has no lines")])
    return parsed


def _unreadable(error: ValidationError) -> BillingError:
    refused = from_validation(error.errors(include_url=False))
    if isinstance(refused, Malformed):
        return Malformed("malformed", "the line is not JSON")
    return refused


def commands(parsed: Sequence[tuple[int, Command | BillingError]]) -> list[Command]:
    """What the readable lines ask for, in their order."""
    return [what for _, what in parsed if not isinstance(what, BillingError)]


def outcomes_by_line(
    parsed: Sequence[tuple[int, Command | BillingError]], outcomes: Sequence[Any]
) -> list[tuple[int, Any]]:
    """The outcome of each line, readable or not."""
    done = iter(outcomes)
    return [
        (number, what if isinstance(what, BillingError) else next(done)) for number, what in parsed
    ]


def require_all(lines: Sequence[tuple[int, Any]]) -> None:
    """For `atomic=true`: Invalid `line-refused`, naming line and field of every refusal."""
    errors = [
        FieldError(error.field, error.reason, number)
        for number, outcome in lines
        if isinstance(outcome, BillingError)
        for error in (outcome.errors or (FieldError("line", outcome.detail),))
    ]
    if errors:
        raise Invalid("line-refused", "nothing was done: a line was refused", errors)


def inlined(schema: dict[str, Any]) -> dict[str, Any]:
    """A JSON Schema without references: what stands outside OpenAPI's components must be whole."""
    definitions = schema.get("$defs", {})

    def whole(node: Any) -> Any:
        if isinstance(node, list):
            return [whole(each) for each in node]
        if not isinstance(node, dict):
            return node
        if "$ref" in node:
            return whole(definitions[node["$ref"].rpartition("/")[2]])
        return {name: whole(value) for name, value in node.items() if name != "$defs"}

    result: dict[str, Any] = whole(schema)
    return result


def refusal(number: int, error: BillingError) -> dict[str, Any]:
    """The answer to a line that was refused."""
    return {
        "line": number,
        "status": error.status,
        "code": error.code,
        "detail": error.detail,
        "errors": [field_error(one) for one in error.errors],
    }


def acceptance(
    number: int, status: int, invoice_id: UUID, more: Mapping[str, Any]
) -> dict[str, Any]:
    """The answer to a line that was done."""
    return {"line": number, "status": status, "invoice_id": str(invoice_id), **more}
