"""JSON answers with the headers of the house: Location, ETag, As-Of; and If-Match on the way in."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
from fastapi import Request, Response
from pydantic import BaseModel

from billing_shared.errors import Malformed, PreconditionRequired


def respond(
    status: int,
    body: BaseModel | Mapping[str, Any] | None = None,
    *,
    location: str | None = None,
    etag: int | None = None,
    as_of: datetime | None = None,
) -> Response:
    """A JSON response with the headers of the house."""
    headers = {}
    if location is not None:
        headers["Location"] = location
    if etag is not None:
        headers["ETag"] = f'"{etag}"'
    if as_of is not None:
        headers["As-Of"] = as_of.astimezone(UTC).isoformat()
    if body is None:
        return Response(None, status, headers)
    return Response(to_json(body), status, headers, "application/json")


def to_json(body: BaseModel | Mapping[str, Any]) -> bytes:
    """A body as it is sent."""
    if isinstance(body, BaseModel):
        return body.model_dump_json(by_alias=True).encode()
    return orjson.dumps(body)


def if_match(request: Request) -> int:
    """The version a caller read. PreconditionRequired when missing, Malformed when not ours."""
    value = request.headers.get("if-match")
    if value is None:
        raise PreconditionRequired("precondition-required", "header If-Match is required")
    number = value.strip().removeprefix("W/").strip('"')
    if not (number.isascii() and number.isdigit() and len(number) <= 18):
        raise Malformed("if-match-invalid", "header If-Match must hold one ETag as we gave it")
    return int(number)
