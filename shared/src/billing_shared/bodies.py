"""Request bodies are bounded: JSON at 1 MiB, files and NDJSON at limits named by their route."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from fastapi import HTTPException, Request
from starlette.types import Message, Receive, Scope

from billing_shared.errors import FieldError, Invalid, Malformed, TooLarge

MAX_JSON_BYTES = 1 << 20
MAX_NDJSON_BYTES = 16 << 20
MAX_NDJSON_LINES = 20_000
MAX_LINE_BYTES = 256 << 10
MAX_FILE_BYTES = 64 << 20
#: From the head of a request to the last byte of its body: who sends slower holds a place of its
#: tenant for nothing.
MAX_BODY_SECONDS = 120.0

_LIMIT_KEY = "billing.body_limit"


class _RefusedHTTP(HTTPException):
    """FastAPI lets only an HTTPException out of its body reading; the cause is the real error."""


@dataclass(slots=True)
class Limit:
    """How many bytes the body of this request may have; a route may raise it before it reads."""

    max_bytes: int = MAX_JSON_BYTES
    read_bytes: int = 0
    is_whole: bool = False

    def check(self, count: int) -> None:
        if count > self.max_bytes:
            error = TooLarge("too-large", f"the body is larger than {self.max_bytes} bytes")
            raise _RefusedHTTP(413) from error


def bound(scope: Scope, receive: Receive) -> Receive:
    """Wrap `receive` so that it never hands out more than the request's limit."""
    limit = scope[_LIMIT_KEY] = Limit()
    declared = next((v for n, v in scope["headers"] if n == b"content-length"), b"0")
    declared_bytes = int(declared) if declared.isdigit() else 0
    until = asyncio.get_running_loop().time() + MAX_BODY_SECONDS

    async def bounded() -> Message:
        limit.check(declared_bytes)
        if limit.is_whole:
            return await receive()
        try:
            async with asyncio.timeout_at(until):
                message = await receive()
        except TimeoutError:
            error = Malformed("malformed", f"the body took more than {MAX_BODY_SECONDS:g} seconds")
            raise _RefusedHTTP(400) from error
        limit.is_whole = not message.get("more_body", False)
        limit.read_bytes += len(message.get("body", b""))
        limit.check(limit.read_bytes)
        return message

    return bounded


def allow(request: Request, max_bytes: int) -> None:
    """Raise the limit of this request; call it before anything reads the body."""
    request.scope[_LIMIT_KEY].max_bytes = max_bytes


async def read_file(request: Request, max_bytes: int = MAX_FILE_BYTES) -> bytes:
    """The raw body of a file upload (no multipart), or TooLarge. Invalid when it is empty."""
    allow(request, max_bytes)
    body = await request.body()
    if not body:
        raise Invalid("invalid", "the body is empty", [FieldError("body", "is empty")])
    return body


async def ndjson(
    request: Request, max_lines: int = MAX_NDJSON_LINES, max_bytes: int = MAX_NDJSON_BYTES
) -> AsyncIterator[tuple[int, bytes]]:
    """The lines of an NDJSON body with their number from 1; empty lines are left out.

    Raises TooLarge for too many bytes, too many lines or a line that is too long. The body stays in
    memory, for the idempotency hash covers it.
    """
    body = await read_file(request, max_bytes)
    for number, line in enumerate(body.split(b"\n"), start=1):
        if number > max_lines + 1 or (number > max_lines and line.strip()):
            raise TooLarge("too-large", f"more than {max_lines} lines")
        if len(line) > MAX_LINE_BYTES:
            raise TooLarge("too-large", f"line {number} is longer than {MAX_LINE_BYTES} bytes")
        if line.strip():
            yield number, line
