"""Draws the values a writer of a JSON Schema may send: what it names, and nothing else."""

from datetime import UTC
from typing import Any

from hypothesis import strategies as st

_MAX_ITEMS = 3
_FORMATS = {
    "uuid": st.uuids().map(str),
    "date": st.dates().map(str),
    "date-time": st.datetimes(timezones=st.just(UTC)).map(lambda at: at.isoformat()),
    "uri": st.just("https://a.example/b"),
}
_SCALARS = {
    "boolean": st.booleans(),
    "null": st.none(),
    "number": st.floats(allow_nan=False, allow_infinity=False),
}


def values_of(schema: dict[str, Any], document: dict[str, Any] | None = None) -> st.SearchStrategy:
    """Values that fit `schema`, with optional fields there or not."""
    document = document or schema
    if "$ref" in schema:
        return values_of(document["$defs"][schema["$ref"].rpartition("/")[2]], document)
    if "anyOf" in schema:
        return st.one_of([values_of(each, document) for each in schema["anyOf"]])
    for word in ("enum", "x-extensible-enum"):
        if word in schema:
            return st.sampled_from(schema[word])
    match schema.get("type"):
        case "object":
            return _objects(schema, document)
        case "array":
            most = min(_MAX_ITEMS, schema.get("maxItems", _MAX_ITEMS))
            return st.lists(values_of(schema["items"], document), max_size=most)
        case "string":
            return _texts(schema)
        case "integer":
            return st.integers(schema.get("minimum"), schema.get("maximum"))
    return _SCALARS[schema["type"]]


def _objects(schema: dict[str, Any], document: dict[str, Any]) -> st.SearchStrategy:
    if "properties" not in schema:
        return st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2)
    fields = {name: values_of(field, document) for name, field in schema["properties"].items()}
    needed = schema.get("required", ())
    return st.fixed_dictionaries(
        {name: fields.get(name, st.text()) for name in needed},
        optional={name: field for name, field in fields.items() if name not in needed},
    )


def _texts(schema: dict[str, Any]) -> st.SearchStrategy:
    if "pattern" in schema:
        return st.from_regex(schema["pattern"], fullmatch=True)
    if "format" in schema:
        return _FORMATS[schema["format"]]
    return st.text(max_size=schema.get("maxLength"))
