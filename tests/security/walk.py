"""The routes of an OpenAPI document, and what to send to them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

#: Written on every request that may need them; routes that do not, ignore them.
HEADERS = {"If-Match": '"1"', "X-Reason": "to see what happens"}
XML = b"<Document/>"


@dataclass(frozen=True)
class Route:
    """One operation. `bodies` are examples of its document, one per alternative."""

    method: str
    path: str
    media_type: str | None
    bodies: tuple[Any, ...]
    parameters: tuple[str, ...]
    operation: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def filled(self, values: dict[str, str]) -> str:
        """The path with these values for its parameters; KeyError for one that is missing."""
        path = self.path
        for name in self.parameters:
            path = path.replace("{" + name + "}", values[name])
        return path

    def sent(self, body: Any) -> dict[str, Any]:
        """Arguments of httpx for a body."""
        if self.media_type is None:
            return {"headers": HEADERS}
        content = body if isinstance(body, bytes) else orjson.dumps(body)
        return {"content": content, "headers": HEADERS | {"Content-Type": self.media_type}}

    def sendings(self) -> list[dict[str, Any]]:
        """One for each example; one without a body where none is taken."""
        return [self.sent(body) for body in self.bodies] or [self.sent(None)]


def routes(document: dict[str, Any]) -> Iterator[Route]:
    """Every operation under /v1."""
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            content = operation.get("requestBody", {}).get("content", {})
            media_type = next(iter(content), None)
            bodies: tuple[Any, ...] = ()
            if media_type is not None:
                bodies = tuple(examples(document, content[media_type]["schema"]))
            named = [p["name"] for p in operation["parameters"] if p["in"] == "path"]
            yield Route(method.upper(), path, media_type, bodies, tuple(named), operation)


def examples(document: dict[str, Any], schema: dict[str, Any]) -> Iterator[Any]:
    """What the document shows of a body, one per alternative; made up where it shows nothing."""
    schema = resolved(document, schema)
    if schema.get("format") == "binary":
        yield XML
    elif "examples" in schema:
        yield schema["examples"][0]
    elif "oneOf" in schema:
        for alternative in schema["oneOf"]:
            yield from examples(document, alternative)
    else:
        yield _made(document, schema)


_BY_NAME = {"url": "https://hooks.example.com/billing"}
_PLAIN = {"string": "words", "integer": 1, "number": 1, "boolean": True}
_FORMATS = {
    "uuid": "0198f6a0-5a10-7a40-9f5e-0b1f1d3c2b1a",
    "date": "2026-01-31",
    "date-time": "2026-01-31T12:00:00Z",
}


def _made(document: dict[str, Any], schema: dict[str, Any]) -> Any:
    schema = resolved(document, schema)
    for alternative in schema.get("anyOf", [])[:1]:
        return _made(document, alternative)
    if "const" in schema or "enum" in schema:
        return schema.get("const") or schema["enum"][0]
    if schema.get("type") == "array":
        return [_made(document, schema["items"])]
    if schema.get("type") == "object":
        needed = schema.get("required", ())
        return {
            name: _BY_NAME.get(name) or _made(document, schema["properties"][name])
            for name in needed
        }
    return _FORMATS.get(schema.get("format", ""), _PLAIN[schema["type"]])


def resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """The schema behind a reference."""
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema
