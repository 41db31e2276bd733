"""S1 and S19: every route of every service, walked without a database; deny by default."""

import importlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from billing_shared.auth import KeySet, Verifier, from_file, make_local_keys, mint
from billing_shared.clock import SettableClock
from billing_shared.doors import Resources
from billing_shared.health import Health, telemetry_app
from billing_shared.http import create_app, routes_of, scope_of
from billing_shared.ids import new_id
from billing_shared.roles import ALL_SCOPES

ISSUER = "https://issuer.test"
NAMES = ["invoice", "payment", "recon", "notify"]


@pytest.fixture(params=NAMES)
def app(request, tmp_path: Path):
    keys = make_local_keys(tmp_path)
    service = importlib.import_module(f"{request.param}_svc.main").SERVICE
    verifier = Verifier(KeySet(from_file(keys.jwks_file)), ISSUER)
    made = create_app(service.all_routers(), Resources(service.name, verifier, b"x" * 32))
    made.state.private_key_file = keys.private_key_file
    return made


def client(app, scopes: set[str] | None = None) -> httpx.AsyncClient:
    headers = {}
    if scopes is not None:
        token = mint(
            app.state.private_key_file,
            tenant_id=new_id(),
            roles=[],
            scope=" ".join(scopes),
            issuer=ISSUER,
        )
        headers["Authorization"] = f"Bearer {token}"
    transport = httpx.ASGITransport(app)
    return httpx.AsyncClient(transport=transport, base_url="http://api.test", headers=headers)


def calls(app) -> Iterator[tuple[str, str, str]]:
    """Method, path and scope of every route of the document; each is a route of the application."""
    document = app.openapi()["paths"]
    served = {
        (method, route.path_format)
        for route in routes_of(app)
        for method in route.methods
        if route.path_format.startswith("/v1/")
    }
    written = {(m.upper(), path) for path, operations in document.items() for m in operations}
    assert written == served
    for method, path in sorted(written):
        filled = path
        for parameter in document[path][method.lower()]["parameters"]:
            filled = filled.replace("{" + parameter["name"] + "}", str(new_id()))
        yield method, filled, document[path][method.lower()]["x-required-scope"]


def test_the_scope_of_the_document_is_the_one_that_is_asked_for(app):
    document = app.openapi()["paths"]
    for route in routes_of(app):
        for method in route.methods if route.path_format.startswith("/v1/") else ():
            operation = document[route.path_format][method.lower()]
            assert operation["x-required-scope"] == scope_of(route), route.path_format


@pytest.mark.parametrize("authorization", [None, "Basic YTpi", "Bearer x"])
async def test_no_route_opens_without_a_token(app, authorization):
    async with client(app) as nobody:
        if authorization is not None:
            nobody.headers["Authorization"] = authorization
        for method, path, _ in calls(app):
            answer = await nobody.request(method, path)
            assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated"), path


async def test_no_route_opens_to_any_other_scope(app):
    """A token with all scopes but the one that is asked for shows it of every single one."""
    for method, path, scope in calls(app):
        async with client(app, set(ALL_SCOPES - {scope})) as other:
            answer = await other.request(method, path, json={})
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), path


async def test_a_scope_opens_its_own_routes(app):
    for method, path, scope in calls(app):
        async with client(app, {scope}) as holder:
            answer = await holder.request(method, path, json={})
            assert answer.status_code not in (401, 403, 500), (path, answer.text)


async def test_the_openapi_document_is_complete(app):
    document = app.openapi()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            place = f"{method} {path}"
            assert operation["x-required-scope"] in ALL_SCOPES, place
            assert operation.get("summary"), place
            names = {parameter["name"] for parameter in operation["parameters"]}
            assert ("Idempotency-Key" in names) is (method == "post"), place
            assert {"401", "403", "422", "503"} <= operation["responses"].keys(), place


async def test_the_second_port_cannot_be_reached_through_the_first(app):
    """S19: health, metrics and the clock are routes of another application on another port."""
    second = telemetry_app(Health("billing_shared"), SettableClock())
    inner = [route.path for route in second.routes]
    assert set(inner) == {"/healthz", "/readyz", "/metrics", "/clock"}
    guesses = ["/docs", "/redoc", "/openapi.json", "/debug", "/admin", "/health", "/"]
    forms = ["{}", "/{}", "/v1{}", "/v1/..{}", "/v1/%2e%2e{}", "{}/", "{}%00", "/v1//{}"]
    async with client(app) as nobody, client(app, set(ALL_SCOPES)) as somebody:
        for path in [form.format(path) for path in [*inner, *guesses] for form in forms]:
            for method in ("GET", "PUT", "POST"):
                for caller in (nobody, somebody):
                    answer = await caller.request(method, path, json={"at": None})
                    assert answer.status_code in (401, 404), (method, path, answer.status_code)


async def test_the_first_port_cannot_be_reached_through_the_second(app):
    """S19: the port without tokens serves nothing that needs one."""
    second = telemetry_app(Health("billing_shared"), SettableClock())
    async with client(second) as nobody:
        for method, path, _ in calls(app):
            assert (await nobody.request(method, path)).status_code == 404, path
