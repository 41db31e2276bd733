"""The edge of a service: what happens to every request before a route sees it, and after.

Trace and correlation ids, the token, the body limit, the last catch of errors, metrics and the
access log. Nothing under /v1 goes past here without a valid token, not even a 404.
"""

import time
from typing import TYPE_CHECKING, Any
from uuid import UUID

import structlog
from fastapi import Request
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from billing_shared.bodies import bound
from billing_shared.errors import Unauthenticated
from billing_shared.ids import new_id
from billing_shared.metrics import AUTH_REFUSED, HTTP_SECONDS
from billing_shared.problems import render
from billing_shared.roles import Principal
from billing_shared.security_log import record_request
from billing_shared.telemetry import Trace, continue_trace, current_correlation, current_trace

if TYPE_CHECKING:
    from billing_shared.doors import Resources

CORRELATION_HEADER = "X-Correlation-Id"
#: The status that proxies log for a caller who hung up.
CLIENT_GONE = 499


class Edge:
    """ASGI middleware, outermost of ours."""

    def __init__(self, app: ASGIApp, resources: "Resources") -> None:
        self._app = app
        self._resources = resources
        # Bound here and not at import, for logs are configured in between; once, for speed.
        self._log = structlog.get_logger().bind()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started_at = time.perf_counter()
        headers = Headers(scope=scope)
        trace = continue_trace(headers.get("traceparent"))
        correlation_id = _correlation(headers.get(CORRELATION_HEADER))
        scope.setdefault("state", {}).update(trace=trace, correlation_id=correlation_id)
        current_trace.set(trace)
        current_correlation.set(correlation_id)
        status = 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], *_ours(trace, correlation_id)]
            await send(message)

        try:
            await self._serve(scope, headers, receive, sending)
        except ClientDisconnect:
            status = status or CLIENT_GONE
        except Exception as error:
            if status:
                raise
            await render(Request(scope), error)(scope, receive, sending)
        finally:
            self._record(scope, status, time.perf_counter() - started_at)

    async def _serve(self, scope: Scope, headers: Headers, receive: Receive, send: Send) -> None:
        if not scope["path"].startswith("/v1"):
            await self._app(scope, bound(scope, receive), send)
            return
        principal = scope["state"]["principal"] = await self._authenticate(headers)
        with self._resources.admit(principal.tenant_id):
            await self._app(scope, bound(scope, receive), send)

    async def _authenticate(self, headers: Headers) -> Principal:
        kind, _, token = headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not token:
            raise Unauthenticated("unauthenticated", "a bearer token is required")
        return await self._resources.verifier.verify(token.strip())

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        service, method = self._resources.service, scope["method"]
        template = getattr(scope.get("route"), "path_format", "unmatched")
        HTTP_SECONDS.labels(service, method, template, str(status)).observe(seconds)
        if status in (401, 403):
            AUTH_REFUSED.labels(service, str(status)).inc()
        record_request(scope, status, template)
        principal: Any = scope["state"].get("principal")
        self._log.info(
            "http.served",
            method=method,
            route=template,
            status=status,
            milliseconds=round(seconds * 1000, 1),
            tenant_id=str(principal.tenant_id) if principal else None,
            actor=str(principal.actor) if principal else None,
            client_id=principal.client_id if principal else None,
        )


def _ours(trace: Trace, correlation_id: UUID) -> list[tuple[bytes, bytes]]:
    return [
        (b"trace-id", trace.trace_id.encode()),
        (b"x-correlation-id", str(correlation_id).encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
    ]


def _correlation(value: str | None) -> UUID:
    try:
        return UUID(value) if value else new_id()
    except ValueError:
        return new_id()
