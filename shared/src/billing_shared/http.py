"""The HTTP front of a service: every /v1 route has a door, and a door opens one transaction.

@router.post("/v1/customers", status_code=201, response_model=CustomerView)
async def add_customer(body: NewCustomer, door: Annotated[Door, may("customers:write")]):
    async with door.change() as change:
        [customer] = await create_customers(change.conn, change.context, [body.to_domain()])
        return await change.answer(201, CustomerView.of(customer), etag=customer.version)
"""

from collections.abc import Callable, Iterator, Sequence
from inspect import iscoroutinefunction
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.routing import RouteContext, iter_route_contexts
from starlette.exceptions import HTTPException

from billing_shared import idempotency
from billing_shared.answers import Version, VersionOrNone, respond
from billing_shared.bodies import ndjson, read_file
from billing_shared.doors import Change, Door, Resources, may
from billing_shared.edge import Edge
from billing_shared.errors import BillingError
from billing_shared.metrics import IDEMPOTENT_REPLAYS
from billing_shared.openapi import complete
from billing_shared.problems import render

__all__ = [
    "Change",
    "Door",
    "Resources",
    "Version",
    "VersionOrNone",
    "create_app",
    "may",
    "ndjson",
    "read_file",
    "respond",
]

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def create_app(routers: Sequence[APIRouter], resources: Resources) -> FastAPI:
    """The public application. Refuses (ValueError) a route without a fitting door."""
    openapi_url = f"/openapi/{resources.service}.json"
    app = FastAPI(
        title=resources.service,
        version="1",
        openapi_url=openapi_url,
        docs_url=None,
        redoc_url=None,
        # Traces and metrics are ours; the framework's would look at the environment each time.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.resources = resources
    app.state.cursor_secret = resources.cursor_secret
    for router in routers:
        app.include_router(router)
    for route in routes_of(app):
        if route.path != openapi_url:
            _check_door(route)
    for kind in (BillingError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, render)
    app.add_exception_handler(idempotency.Replayed, _answer_again)
    app.add_middleware(Edge, resources=resources)
    complete(app, scope_of, depends_on)
    return app


def routes_of(app: FastAPI) -> list[RouteContext]:
    """Every route of an application, those of its routers too (`app.routes` shows only routers)."""
    return list(iter_route_contexts(app.routes))


def scope_of(route: RouteContext) -> str | None:
    """The scope a route asks for, or None when it has no door."""
    scopes = (getattr(call, "billing_scope", None) for call in _calls(route))
    return next((scope for scope in scopes if scope is not None), None)


def depends_on(route: RouteContext, call: Callable[..., Any]) -> bool:
    """Whether a route asks for what `call` reads from the request."""
    return call in _calls(route)


def _calls(route: RouteContext) -> list[Callable[..., Any] | None]:
    def calls(dependant: Dependant) -> Iterator[Callable[..., Any] | None]:
        yield dependant.call
        for inner in dependant.dependencies:
            yield from calls(inner)

    dependant = getattr(route, "dependant", None)
    return list(calls(dependant)) if dependant is not None else []


def _check_door(route: RouteContext) -> None:
    scope = scope_of(route)
    if scope is None or not (route.path or "").startswith("/v1/"):
        raise ValueError(f"route {route.path} has no door: it needs may(scope), under /v1/")
    if (route.methods or set()) - SAFE_METHODS and not scope.endswith(":write"):
        raise ValueError(f"route {route.path} changes something, but asks only for {scope}")
    for call in _calls(route):
        # FastAPI runs one that is not async in a thread: two switches for each request.
        if not (iscoroutinefunction(call) or iscoroutinefunction(type(call).__call__)):
            raise ValueError(f"route {route.path} depends on {call!r}, which is not async")


async def _answer_again(request: Request, error: Exception) -> Response:
    assert isinstance(error, idempotency.Replayed)
    IDEMPOTENT_REPLAYS.labels(request.app.state.resources.service).inc()
    return error.response
