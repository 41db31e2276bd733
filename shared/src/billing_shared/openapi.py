"""What FastAPI cannot know about our routes, added to their OpenAPI document."""

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import RouteContext, iter_route_contexts

from billing_shared.answers import if_match, if_match_or_none
from billing_shared.idempotency import REPLAYED_HEADER
from billing_shared.openapi_parts import (
    ETAG,
    IDEMPOTENCY_KEY,
    IF_MATCH,
    LOCATION,
    PROBLEM_SCHEMA,
    REASON,
    REPLAYED,
    RESPONSES,
)

Json = dict[str, Any]


def complete(
    app: FastAPI,
    scope_of: Callable[[RouteContext], str | None],
    depends_on: Callable[[RouteContext, Callable[..., Any]], bool],
) -> None:
    """Make `app.openapi()` name scopes, our headers and the problem responses."""

    def openapi() -> Json:
        if app.openapi_schema is None:
            schema = get_openapi(title=app.title, version=app.version, routes=app.routes)
            components = schema.setdefault("components", {})
            schemas = components.setdefault("schemas", {})
            schemas["Problem"] = PROBLEM_SCHEMA
            for unused in ("HTTPValidationError", "ValidationError"):
                schemas.pop(unused, None)
            components["responses"] = RESPONSES
            for route in iter_route_contexts(app.routes):
                operations = schema["paths"].get(route.path_format, {})
                for method in route.methods or ():
                    operation = operations.get(method.lower())
                    if operation is not None:
                        _add_parameters(operation, method, route, depends_on)
                        _add_refusals(operation, method)
                        _add_headers(operation, method, schemas)
                        scope = scope_of(route)
                        if scope is not None:
                            operation["x-required-scope"] = scope
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _add_parameters(
    operation: Json,
    method: str,
    route: RouteContext,
    depends_on: Callable[[RouteContext, Callable[..., Any]], bool],
) -> None:
    parameters = operation.setdefault("parameters", [])
    if method != "GET":
        parameters.append(REASON)
    if method == "POST":
        parameters.append(IDEMPOTENCY_KEY)
    if depends_on(route, if_match):
        parameters.append(IF_MATCH | {"required": True})
    elif depends_on(route, if_match_or_none):
        parameters.append(IF_MATCH | {"required": False})


def _add_refusals(operation: Json, method: str) -> None:
    named = {(parameter["in"], parameter["name"]) for parameter in operation["parameters"]}
    statuses = {"401", "403", "422", "429", "503"}
    if method != "GET":
        statuses |= {"400", "409", "413"}
    if ("query", "cursor") in named:
        statuses.add("400")
    if ("header", "If-Match") in named:
        statuses |= {"412", "428"}
    if any(place == "path" for place, _ in named):
        statuses.add("404")
    for status in sorted(statuses):
        operation["responses"][status] = {"$ref": f"#/components/responses/{status}"}


def _add_headers(operation: Json, method: str, schemas: Json) -> None:
    for status, response in operation["responses"].items():
        if not status.startswith("2"):
            continue
        headers = response.setdefault("headers", {})
        if method == "POST":
            headers[REPLAYED_HEADER] = REPLAYED
            if status in ("201", "202"):
                headers["Location"] = LOCATION
        if "version" in _properties(response, schemas):
            headers["ETag"] = ETAG
        if not headers:
            del response["headers"]


def _properties(response: Json, schemas: Json) -> Json:
    content = response.get("content", {}).get("application/json", {})
    name = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
    found: Json = schemas.get(name, {}).get("properties", {})
    return found
