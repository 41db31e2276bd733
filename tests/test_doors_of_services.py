"""Every route of every service, walked without a database: deny by default, everywhere."""

import importlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from billing_shared.auth import KeySet, Verifier, from_file, make_local_keys, mint
from billing_shared.doors import Resources
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
    for route in routes_of(app):
        path = route.path_format
        for name in route.param_convertors:
            path = path.replace("{" + name + "}", str(new_id()))
        if path.startswith("/v1/"):
            yield from ((method, path, scope_of(route)) for method in route.methods)


async def test_no_route_opens_without_a_token(app):
    async with client(app) as nobody:
        for method, path, _ in calls(app):
            answer = await nobody.request(method, path)
            assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated"), path


async def test_no_route_opens_to_every_other_scope(app):
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
