"""Every route of the operations, walked with every role."""

import pytest

from billing_shared.http import routes_of, scope_of
from billing_shared.ids import new_id
from billing_shared.roles import ROLE_SCOPES
from billing_shared.testing.api import Api


def routes(api: Api) -> list[tuple[str, str, str]]:
    found = []
    for route in routes_of(api.app):
        path = route.path_format
        for name in route.param_convertors:
            path = path.replace("{" + name + "}", str(new_id()))
        if path.startswith("/v1/"):
            found += [(method, path, scope_of(route)) for method in route.methods]
    return found


async def test_no_route_opens_without_a_token(api: Api):
    assert len(routes(api)) >= 15
    for method, path, _ in routes(api):
        answer = await api.anonymous().request(method, path)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("role", ROLE_SCOPES)
async def test_a_role_passes_just_the_doors_of_its_scopes(api: Api, role):
    client = api.acting(role)
    for method, path, scope in routes(api):
        answer = await client.request(method, path)
        allowed = scope in ROLE_SCOPES[role]
        assert (answer.status_code != 403) is allowed, (role, method, path, answer.text)
