"""JSON answers with the headers of the house: Location, ETag, As-Of; and If-Match on the way in."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import orjson
from fastapi import Depends, Request, Response
from pydantic import BaseModel

from billing_shared.errors import Malformed, PreconditionRequired

#: An entity tag as we give it; proxies may make it a weak one.
ETAG_PATTERN = r'(W/)?"(?P<version>[0-9]{1,18})"'


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


async def if_match(request: Request) -> int:
    """The version a caller read. PreconditionRequired when missing, Malformed when not ours."""
    version = await if_match_or_none(request)
    if version is None:
        raise PreconditionRequired("precondition-required", "header If-Match is required")
    return version


async def if_match_or_none(request: Request) -> int | None:
    """The version a caller read, if it says so; Malformed when not ours."""
    value = request.headers.get("if-match")
    if value is None:
        return None
    found = re.fullmatch(ETAG_PATTERN, value.strip())
    if found is None:
        raise Malformed("if-match-invalid", "header If-Match must hold one ETag as we gave it")
    return int(found["version"])


#: Parameters of routes; the OpenAPI document shows the header, required or not.
Version = Annotated[int, Depends(if_match)]
VersionOrNone = Annotated[int | None, Depends(if_match_or_none)]
