"""The parts of our OpenAPI documents that every service has alike: problems, headers, refusals."""

from typing import Any

from billing_shared.answers import ETAG_PATTERN
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
IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "description": "Made by the caller, one per intent; a retry with the same key gets the first "
    "answer again. Kept 7 days.",
    "schema": {
        "type": "string",
        "minLength": 1,
        "maxLength": MAX_KEY_CHARACTERS,
        "pattern": "^[!-~]([ -~]*[!-~])?$",
    },
    "example": "0198f6a0-5a10-7a40-9f5e-0b1f1d3c2b1a",
}
IF_MATCH: dict[str, Any] = {
    "name": "If-Match",
    "in": "header",
    "description": "The ETag that was read; required where the thing exists already.",
    "schema": {"type": "string", "pattern": "^" + ETAG_PATTERN.replace("?P<version>", "") + "$"},
    "example": '"3"',
}
REASON = {
    "name": "X-Reason",
    "in": "header",
    "required": False,
    "description": "Why; stands in the audit beside who.",
    "schema": {"type": "string", "maxLength": 500},
    "example": "agreed on the phone",
}
#: Headers of answers. None is required: each says when it comes.
ETAG = {"description": "the version, for If-Match", "schema": {"type": "string"}, "example": '"3"'}
LOCATION = {"description": "where it can be read", "schema": {"type": "string"}}
AS_OF = {
    "description": "how fresh the facts of another service are; absent while there are none",
    "schema": {"type": "string", "format": "date-time"},
}
REPLAYED = {
    "description": "`true` where this is the first answer to this Idempotency-Key, again",
    "schema": {"const": "true"},
}
_RETRY_AFTER = {"description": "seconds", "schema": {"type": "string", "pattern": "^[0-9]+$"}}
_CHALLENGE = {"description": "what is missing", "schema": {"type": "string"}}
#: `responses=SHOWS_AS_OF` of a route that shows facts of another service.
SHOWS_AS_OF: dict[int | str, dict[str, Any]] = {200: {"headers": {"As-Of": AS_OF}}}

MEANINGS = {
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
_HEADERS = {
    "401": {"WWW-Authenticate": _CHALLENGE},
    "409": {"Retry-After": _RETRY_AFTER},
    "429": {"Retry-After": _RETRY_AFTER},
    "503": {"Retry-After": _RETRY_AFTER},
}
RESPONSES: dict[str, dict[str, Any]] = {
    status: {
        "description": meaning,
        **({"headers": _HEADERS[status]} if status in _HEADERS else {}),
        "content": {
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
        },
    }
    for status, meaning in MEANINGS.items()
}
