"""Doors: what a route gets once its token is checked, and the one transaction behind each."""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel

from billing_shared import idempotency
from billing_shared.answers import respond, to_json
from billing_shared.auth import Verifier, require
from billing_shared.clock import Clock, SystemClock
from billing_shared.context import Context
from billing_shared.errors import Malformed, TooMany, Unavailable
from billing_shared.postgres import Connection, Pool, transaction
from billing_shared.roles import ALL_SCOPES, Principal
from billing_shared.security_log import ADMINISTRATIVE
from billing_shared.writes import Later

MAX_REASON_CHARACTERS = 500
#: Requests of one tenant that one process has in hand at once.
MAX_PER_TENANT = 64
REASON_HEADER = "X-Reason"


def _nothing() -> None:
    """Nobody to wake."""


@dataclass(slots=True)
class Resources:
    """What an API process holds. `pool` is None until the database was reached."""

    service: str
    verifier: Verifier
    cursor_secret: bytes
    clock: Clock = field(default_factory=SystemClock)
    pool: "Pool | None" = None
    on_commit: Callable[[], None] = _nothing
    max_per_tenant: int = MAX_PER_TENANT
    in_hand: Counter[UUID] = field(default_factory=Counter)

    @contextmanager
    def admit(self, tenant_id: UUID) -> Iterator[None]:
        """Count a request of a tenant while it is in hand. TooMany when there are too many, so that
        one tenant cannot take every connection of this process."""
        if self.in_hand[tenant_id] >= self.max_per_tenant:
            raise TooMany("too-many", "too many requests of this tenant at once")
        self.in_hand[tenant_id] += 1
        try:
            yield
        finally:
            self.in_hand[tenant_id] -= 1
            if not self.in_hand[tenant_id]:
                del self.in_hand[tenant_id]

    def ready_pool(self) -> Pool:
        """The pool, or Unavailable."""
        if self.pool is None:
            raise Unavailable("unavailable", "the database has not been reached yet")
        return self.pool


class Change:
    """One transaction that changes something: `conn`, `context`, and the answer kept beside it.

    What a use case leaves to `later` is written in one statement with the answer.
    """

    def __init__(self, conn: Connection, context: Context, key: idempotency.Key | None) -> None:
        self.conn = conn
        self.context = context
        self.later = Later()
        self._key = key
        self.is_answered = False

    async def answer(
        self,
        status: int,
        body: BaseModel | Mapping[str, Any] | None = None,
        *,
        location: str | None = None,
        etag: int | None = None,
        as_of: datetime | None = None,
    ) -> Response:
        """Make the response and, on a POST, store it under the Idempotency-Key."""
        return await self._keep(respond(status, body, location=location, etag=etag, as_of=as_of))

    async def answer_lines(
        self, lines: Sequence[BaseModel | Mapping[str, Any]], status: int = 200
    ) -> Response:
        """An NDJSON answer, one line for each line of the request, in its order."""
        content = b"".join(to_json(line) + b"\n" for line in lines)
        return await self._keep(Response(content, status, media_type="application/x-ndjson"))

    async def _keep(self, response: Response) -> Response:
        if self._key is not None:
            self.later.writes.append(idempotency.keeping(self._key, response))
        await self.later.flush(self.conn)
        self.is_answered = True
        return response


class Door:
    """What a route gets once its token is checked."""

    def __init__(self, request: Request, principal: Principal, resources: Resources) -> None:
        self.principal = principal
        self._request = request
        self._resources = resources

    @asynccontextmanager
    async def read(self) -> AsyncIterator[tuple[Connection, Context]]:
        """A transaction of the token's tenant, to read in."""
        pool = self._resources.ready_pool()
        async with transaction(pool, self.principal.tenant_id) as conn:
            yield conn, self._context(None)

    @asynccontextmanager
    async def change(self, reason: str | None = None) -> AsyncIterator[Change]:
        """A transaction of the token's tenant, to change something in; ends with an answer.

        `reason` (a field of the body) goes before the header X-Reason. A POST takes its
        Idempotency-Key here. A route that reads NDJSON or a file reads it before it comes here.
        """
        pool = self._resources.ready_pool()
        context = self._context(reason)
        key = None
        if self._request.method == "POST":
            key = idempotency.key_of(
                self._request,
                context.tenant_id,
                self.principal.client_id,
                self._request.scope["route"].path,
                await self._request.body(),
            )
        async with transaction(pool, None if key else context.tenant_id) as conn:
            if key is not None:
                await idempotency.claim(conn, key, context.now)
            change = Change(conn, context, key)
            yield change
            if not change.is_answered:
                raise RuntimeError("a change ended without an answer")
        self._resources.on_commit()

    def _context(self, reason: str | None) -> Context:
        state = self._request.state
        # Looked at even where the body has a reason: a header that breaks its rule is refused.
        given = _reason_of(self._request)
        return Context(
            tenant_id=self.principal.tenant_id,
            actor=self.principal.actor,
            now=self._resources.clock.now(),
            correlation_id=state.correlation_id,
            traceparent=str(state.trace),
            reason=given if reason is None else reason,
            roles=self.principal.roles,
        )


def _reason_of(request: Request) -> str | None:
    value = request.headers.get(REASON_HEADER)
    if value is None:
        return None
    # Sent as UTF-8 by most, as Latin-1 by some: both are text, and HTTP allows both.
    with suppress(UnicodeDecodeError):
        value = value.encode("latin-1").decode()
    if len(value) > MAX_REASON_CHARACTERS:
        raise Malformed("malformed", f"header {REASON_HEADER} is too long")
    return value.strip() or None


_bearer = HTTPBearer(auto_error=False, bearerFormat="JWT", scheme_name="token")


def may(scope: str, *, is_watched: bool = False) -> Any:
    """A dependency that gives a Door to a token with this scope; 403 for another.

    What a watched route did stands in the security log, as for every administrative scope.
    """
    if scope not in ALL_SCOPES:
        raise ValueError(f"no such scope: {scope}")

    async def open_door(
        request: Request,
        _: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    ) -> Door:
        principal: Principal = request.state.principal
        request.state.scope_needed = scope
        request.state.is_watched = is_watched or scope in ADMINISTRATIVE
        require(principal, scope)
        return Door(request, principal, request.app.state.resources)

    open_door.billing_scope = scope  # type: ignore[attr-defined]
    return Depends(open_door)
