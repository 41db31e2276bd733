"""S6: nothing is taken that is not declared, and nothing is answered that is not declared."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import orjson
import pytest

from security.walk import Route, resolved
from security.world import NAMES, House, World

#: What a caller would like to set, and may not.
READ_ONLY = {
    "tenant_id": "0198f6a0-5a10-7a40-9f5e-0b1f1d3c2b1a",
    "version": 7,
    "state": "issued",
    "created_at": "2020-01-01T00:00:00Z",
    "roles": ["director"],
    "settlement": "settled",
    "paid_minor": 1,
    "is_admin": True,
    "sha256": "0" * 64,
    "actor": "user:somebody",
    "secret": "whsec_x",
    "__proto__": {},
}


def variants(body: Any) -> Iterator[tuple[str, Any]]:
    """The body with one more field, in each of its objects."""
    for field, value in READ_ONLY.items():
        yield field, body | {field: value}
    for path in inner(body):
        changed = deepcopy(body)
        target = changed
        for step in path:
            target = target[step]
        target["undeclared"] = 1
        yield "undeclared", changed


def inner(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where objects stand inside a body; a policy's values are free, their names are judged."""
    if isinstance(value, dict):
        yield path
        for name, item in value.items():
            yield from inner(item, (*path, name))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from inner(item, (*path, number))


@pytest.mark.parametrize("name", NAMES)
async def test_a_field_that_is_not_declared_refuses_the_body(world: World, name: str) -> None:
    house = world[name]
    tried = 0
    async with house.client(world.ada) as ada:
        for route in house.routes():
            for body in route.bodies:
                if isinstance(body, bytes):
                    continue
                for field, changed in variants(body):
                    path = route.filled(house.ids)
                    answer = await ada.request(route.method, path, **route.sent(changed))
                    status = answer.status_code
                    if route.media_type == "application/x-ndjson" and status == 200:
                        status = orjson.loads(answer.content.splitlines()[0])["status"]
                    assert status == 422, (str(route), field, answer.text)
                    tried += 1
    assert tried > 50


@pytest.mark.parametrize("name", NAMES)
async def test_answers_hold_what_their_document_declares_and_no_more(
    world: World, name: str
) -> None:
    house = world[name]
    document = house.api.app.openapi()
    checked = 0
    async with house.client(world.ada) as ada:
        for route in house.routes():
            if route.method != "GET" or (route.parameters and not known(route, house)):
                continue
            answer = await ada.get(route.filled(house.ids))
            if answer.status_code != 200 or "json" not in answer.headers["Content-Type"]:
                continue
            content = route.operation["responses"]["200"]["content"]["application/json"]
            found = list(undeclared(document, content["schema"], answer.json()))
            assert found == [], (str(route), found)
            checked += 1
    assert checked >= 8


def known(route: Route, house: House) -> bool:
    return set(route.parameters) <= house.ids.keys()


def undeclared(
    document: dict[str, Any], schema: dict[str, Any], value: Any, place: str = ""
) -> Iterator[str]:
    """Fields of an answer that its schema does not name, and needed ones that are not there."""
    schema = resolved(document, schema)
    choices = schema.get("anyOf") or schema.get("oneOf")
    if choices:
        found = [list(undeclared(document, choice, value, place)) for choice in choices]
        yield from min(found, key=len)
    elif isinstance(value, dict) and schema.get("type") == "object":
        declared = schema.get("properties", {})
        more = schema.get("additionalProperties")
        yield from (
            f"{place}.{name} is missing" for name in set(schema.get("required", ())) - value.keys()
        )
        for name, item in value.items():
            if name in declared:
                yield from undeclared(document, declared[name], item, f"{place}.{name}")
            elif more is None or more is False:
                yield f"{place}.{name}"
    elif isinstance(value, list) and schema.get("type") == "array":
        for number, item in enumerate(value):
            yield from undeclared(document, schema["items"], item, f"{place}[{number}]")
    elif isinstance(value, dict | list) and "type" in schema:
        yield f"{place} is no {schema['type']}"
