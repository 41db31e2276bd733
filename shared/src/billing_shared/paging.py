"""Lists: keyset paging by (updated_at, id) behind a signed cursor, `updated_after` for tails.

A list is a snapshot, then a tail: read it to the end, then ask again with `updated_after`. Rows
become visible when their transaction commits, so a tail should reach back a minute and drop what it
knows (same id, same version).
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Generic, TypeVar
from uuid import UUID

from fastapi import Depends, Query, Request
from pydantic import BaseModel

from billing_shared.errors import Malformed
from billing_shared.moments import Instant

MAX_LIMIT = 200
DEFAULT_LIMIT = 50
MAX_CURSOR_CHARACTERS = 400
SIGNATURE_BYTES = 16

Row = TypeVar("Row")
Shown = TypeVar("Shown")


class Listed(BaseModel, Generic[Shown]):
    """One page; `next_cursor` is null on the last one."""

    items: list[Shown]
    next_cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """What a caller asked of a list: stores take `after`, `updated_after` and `limit`.

    Rows are ordered by (updated_at, id); `after` is the last row of the page before.
    """

    limit: int
    after: tuple[datetime, UUID] | None
    updated_after: datetime | None
    binding: bytes
    secret: bytes

    def answer(
        self,
        rows: Sequence[Row],
        key: Callable[[Row], tuple[datetime, UUID]],
        show: Callable[[Row], Shown],
    ) -> Listed[Shown]:
        """The page of `rows` (at most `limit` of them), each as `show` makes it."""
        full = len(rows) >= self.limit
        cursor = sign(self.secret, self.binding, key(rows[-1])) if full else None
        return Listed(items=[show(row) for row in rows], next_cursor=cursor)


def sign(secret: bytes, binding: bytes, after: tuple[datetime, UUID]) -> str:
    """A cursor that is good for one list with one set of filters."""
    text = f"{after[0].astimezone(UTC).isoformat()} {after[1]}".encode()
    signature = hmac.digest(secret, binding + b"\0" + text, "sha256")[:SIGNATURE_BYTES]
    return base64.urlsafe_b64encode(signature + text).decode().rstrip("=")


def read(secret: bytes, binding: bytes, cursor: str) -> tuple[datetime, UUID]:
    """What `sign` signed, or Malformed `cursor-invalid`."""
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    except (binascii.Error, ValueError) as error:
        raise _invalid() from error
    signature, text = raw[:SIGNATURE_BYTES], raw[SIGNATURE_BYTES:]
    expected = hmac.digest(secret, binding + b"\0" + text, "sha256")[:SIGNATURE_BYTES]
    if not hmac.compare_digest(signature, expected):
        raise _invalid()
    at, _, row_id = text.decode().partition(" ")
    return datetime.fromisoformat(at), UUID(row_id)


def _invalid() -> Malformed:
    return Malformed("cursor-invalid", "the cursor is not ours, or of another list or filter")


async def _page(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT, description="rows of a page")] = DEFAULT_LIMIT,
    cursor: Annotated[
        str | None,
        Query(max_length=MAX_CURSOR_CHARACTERS, description="`next_cursor` of the page before"),
    ] = None,
    updated_after: Annotated[
        Instant | None, Query(description="only what changed after this instant")
    ] = None,
) -> Page:
    secret: bytes = request.app.state.cursor_secret
    filters = sorted(
        (name, value)
        for name, value in request.query_params.multi_items()
        if name not in ("cursor", "limit")
    )
    tenant = request.state.principal.tenant_id
    binding = hashlib.sha256(repr((str(tenant), request.url.path, filters)).encode()).digest()
    after = read(secret, binding, cursor) if cursor else None
    return Page(limit, after, updated_after, binding, secret)


#: `page: Paged` in a route's parameters.
Paged = Annotated[Page, Depends(_page)]
