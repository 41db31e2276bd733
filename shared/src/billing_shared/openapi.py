"""What FastAPI cannot know about our routes, added to their OpenAPI document."""

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import RouteContext, iter_route_contexts

from billing_shared.idempotency import MAX_KEY_CHARACTERS

PROBLEM_SCHEMA: dict[str, Any] = {
    "title": "Problem",
    "description": "RFC 9457 problem details; `code` is stable and stands in docs/errors.md",
    "type": "object",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "instance": {"type": "string"},
        "trace_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "reason"],
                "properties": {
                    "field": {"type": "string"},
                    "reason": {"type": "string"},
                    "line": {"type": "integer"},
                },
            },
        },
    },
    "example": {
        "type": "https://docs.billing.example/errors#invalid",
        "title": "A field breaks a rule",
        "status": 422,
        "detail": "lines[0].quantity: must be positive",
        "code": "invalid",
        "instance": "/v1/invoices",
        "trace_id": "0af7651916cd43dd8448eb211c80319c",
        "errors": [{"field": "lines[0].quantity", "reason": "must be positive"}],
    },
}
_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "description": "Made by the caller, one per intent; a retry with the same key gets the first "
    "answer again. Kept 7 days.",
    "schema": {"type": "string", "minLength": 1, "maxLength": MAX_KEY_CHARACTERS},
    "example": "0198f6a0-5a10-7a40-9f5e-0b1f1d3c2b1a",
}
_IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "required": False,
    "description": "The ETag that was read; required where the thing exists already.",
    "schema": {"type": "string"},
    "example": '"3"',
}
_REASON = {
    "name": "X-Reason",
    "in": "header",
    "required": False,
    "description": "Why; stands in the audit beside who.",
    "schema": {"type": "string", "maxLength": 500},
    "example": "agreed on the phone",
}


def complete(app: FastAPI, scope_of: Callable[[RouteContext], str | None]) -> None:
    """Make `app.openapi()` name scopes, our headers and the problem responses."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = get_openapi(title=app.title, version=app.version, routes=app.routes)
            components = schema.setdefault("components", {})
            schemas = components.setdefault("schemas", {})
            schemas["Problem"] = PROBLEM_SCHEMA
            for unused in ("HTTPValidationError", "ValidationError"):
                schemas.pop(unused, None)
            components["responses"] = _RESPONSES
            for route in iter_route_contexts(app.routes):
                operations = schema["paths"].get(route.path_format, {})
                for method in route.methods or ():
                    if method.lower() in operations:
                        _complete(operations[method.lower()], method, scope_of(route))
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _complete(operation: dict[str, Any], method: str, scope: str | None) -> None:
    parameters = operation.setdefault("parameters", [])
    statuses = ["401", "403", "422", "429", "503"]
    if method != "GET":
        parameters.append(_REASON)
        statuses += ["400", "409", "413"]
    if method == "POST":
        parameters.append(_IDEMPOTENCY_KEY)
    if method in ("PUT", "PATCH", "DELETE"):
        parameters.append(_IF_MATCH)
        statuses += ["412", "428"]
    if any(parameter.get("in") == "path" for parameter in parameters):
        statuses.append("404")
    if scope is not None:
        operation["x-required-scope"] = scope
    for status in sorted(statuses):
        operation["responses"][status] = {"$ref": f"#/components/responses/{status}"}


_MEANINGS = {
    "400": "The request cannot be read",
    "401": "No valid token",
    "403": "The token does not allow it",
    "404": "No such thing in this tenant",
    "409": "The state does not allow it",
    "412": "It changed since it was read",
    "413": "Beyond a named limit",
    "422": "A field breaks a rule",
    "428": "If-Match is required",
    "429": "Slow down; Retry-After says how long",
    "503": "A dependency is away; try again",
}
_RESPONSES = {
    status: {
        "description": meaning,
        "content": {
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
        },
    }
    for status, meaning in _MEANINGS.items()
}
