"""RFC 9457 problem details: the only shape an error leaves the house in.

Input values are never echoed: a problem names the field and the rule it broke.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import asyncpg
import orjson
import structlog
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException

from billing_shared.errors import (
    CODES,
    BillingError,
    Conflict,
    FieldError,
    Invalid,
    Malformed,
    Unavailable,
)
from billing_shared.postgres import is_transient
from billing_shared.telemetry import current_trace

CONTENT_TYPE = "application/problem+json"
TYPE_URI = "https://docs.billing.example/errors#{code}"
RETRY_AFTER_SECONDS = 2
MAX_FIELD_ERRORS = 100
_RETRY_STATUS = frozenset({429, 503})
_CODE_OF_STATUS = {
    400: "malformed",
    401: "unauthenticated",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    406: "malformed",
    413: "too-large",
    415: "malformed",
    422: "invalid",
    429: "too-many",
    503: "unavailable",
}

log = structlog.get_logger()


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    instance: str | None = None,
    errors: Iterable[FieldError] = (),
    extra: dict[str, str] | None = None,
) -> Response:
    """A problem response; `extra` headers such as Allow."""
    trace = current_trace.get()
    known = CODES.get(code)
    body: dict[str, Any] = {
        "type": TYPE_URI.format(code=code),
        "title": known.meaning if known else code.replace("-", " "),
        "status": status,
        "detail": detail,
        "code": code,
    }
    if instance is not None:
        body["instance"] = instance
    if trace is not None:
        body["trace_id"] = trace.trace_id
    listed = [field_error(error) for error in errors]
    if listed:
        body["errors"] = listed[:MAX_FIELD_ERRORS]
    headers = dict(extra or {})
    if status in _RETRY_STATUS or code == "idempotency-key-in-flight":
        headers.setdefault("Retry-After", str(RETRY_AFTER_SECONDS))
    if status == 401:
        headers.setdefault("WWW-Authenticate", 'Bearer realm="billing"')
    return Response(orjson.dumps(body), status, headers, CONTENT_TYPE)


def field_error(error: FieldError) -> dict[str, Any]:
    """A field error as it stands in `errors[]`."""
    shown: dict[str, Any] = {"field": error.field, "reason": error.reason}
    if error.line is not None:
        shown["line"] = error.line
    return shown


def render(request: Request, error: Exception) -> Response:
    """Any exception as a problem; what we did not expect is logged and says nothing."""
    known = as_billing_error(error)
    if known is not None:
        if known.status >= 500:
            log.warning("http.unavailable", code=known.code, error=repr(error))
        return problem(
            known.status, known.code, known.detail, instance=request.url.path, errors=known.errors
        )
    if isinstance(error, HTTPException):
        code = _CODE_OF_STATUS.get(error.status_code, "malformed")
        detail = error.detail if isinstance(error.detail, str) else code
        extra = {"Allow": _allowed(request)} if error.status_code == 405 else None
        return problem(error.status_code, code, detail, instance=request.url.path, extra=extra)
    log.error("http.failed", path=request.url.path, exc_info=error)
    return problem(500, "internal", "something broke on our side", instance=request.url.path)


def _allowed(request: Request) -> str:
    """Every method of this path; Starlette names those of one route only."""
    matching = (
        route.methods or ()
        for route in iter_route_contexts(request.app.routes)
        if re.fullmatch(getattr(route, "path_regex", ""), request.url.path)
    )
    return ", ".join(sorted(set().union(*matching)))


def as_billing_error(error: BaseException) -> BillingError | None:
    """Our own error, or what a library's error means in our words; None for a surprise."""
    if isinstance(error, BillingError):
        return error
    if isinstance(error, RequestValidationError):
        return from_validation(error.errors())
    if isinstance(error, HTTPException) and isinstance(error.__cause__, BillingError):
        return error.__cause__
    return _from_database(error)


def from_validation(errors: Sequence[Any]) -> BillingError:
    """Pydantic's findings as one error: Malformed for broken JSON, Invalid for broken rules.

    A finding whose type is a code of ours (a PydanticCustomError) keeps that code.
    """
    if any(error.get("type") == "json_invalid" for error in errors):
        return Malformed("malformed", "the body is not JSON")
    found = [FieldError(_path(error["loc"]), _reason(error)) for error in errors]
    first = found[0] if found else FieldError("", "unknown")
    type_ = errors[0].get("type") if errors else None
    code = type_ if type_ in CODES else "invalid"
    return Invalid(code, f"{first.field}: {first.reason}", found)


def _reason(error: Any) -> str:
    # A validator of ours speaks in its own words; they never hold the value (a rule of the house).
    if error["type"] == "value_error" and "error" in (error.get("ctx") or {}):
        return str(error["ctx"]["error"])
    if error["type"] == "model_attributes_type":
        return "must be a JSON object, sent with Content-Type: application/json"
    if error["type"] == "union_tag_invalid":
        # The library's words quote what was sent.
        context = error["ctx"]
        return f"{context['discriminator']} must be one of {context['expected_tags']}"
    return str(error["msg"])


def _path(location: Sequence[Any]) -> str:
    """("body", "lines", 2, "quantity") -> lines[2].quantity."""
    parts = list(location)
    if parts and parts[0] in ("body", "query", "path", "header"):
        parts = parts[1:]
    text = ""
    for part in parts:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text[:200] or "body"


def _from_database(error: BaseException) -> BillingError | None:
    match error:
        case asyncpg.CharacterNotInRepertoireError() | asyncpg.UntranslatableCharacterError():
            return Invalid("invalid", "a text holds a character that cannot be kept (NUL)")
        case asyncpg.UniqueViolationError():
            log.error("http.unique-violation", constraint=error.constraint_name)
            return Conflict("conflict", "another request made the same thing at the same time")
    if is_transient(error):
        return Unavailable("unavailable", "the database is busy or away; try again")
    return None
