"""A reader as somebody else would have built it from a released schema, and never touched again."""

import datetime
import uuid
from typing import Annotated, Any, Literal

import msgspec

_FORMATS = {"uuid": uuid.UUID, "date": datetime.date, "date-time": datetime.datetime}
_PLAIN = {"integer": int, "number": float, "boolean": bool, "object": dict, "null": None}
_BOUNDS = {"minimum": "ge", "maximum": "le", "pattern": "pattern"}


def reader_of(schema: dict[str, Any]) -> msgspec.json.Decoder:
    """Decodes values of the schema; what it does not name is ignored, what it names is checked."""
    return msgspec.json.Decoder(_struct(schema, schema.get("$defs", {})))


def _struct(schema, defs) -> type[msgspec.Struct]:
    fields = []
    for name, field in schema["properties"].items():
        kind = _type(field, defs)
        if name in schema.get("required", ()):
            fields.append((name, kind))
        else:
            fields.append((name, kind | None if kind is not Any else kind, None))
    return msgspec.defstruct(schema["title"], fields, kw_only=True, omit_defaults=True)


def _type(schema, defs) -> Any:
    if "$ref" in schema:
        return _struct(defs[schema["$ref"].rpartition("/")[2]], defs)
    if "anyOf" in schema:
        one, other = (_type(each, defs) for each in schema["anyOf"])
        return one | other
    if "enum" in schema:
        return Literal[tuple(schema["enum"])]
    if schema.get("type") == "array":
        return list[_type(schema["items"], defs)]
    if schema.get("type") == "string":
        plain = _FORMATS.get(schema.get("format"), str)
    else:
        plain = _PLAIN.get(schema.get("type"), Any)
    bounds = {ours: schema[word] for word, ours in _BOUNDS.items() if word in schema}
    return Annotated[plain, msgspec.Meta(**bounds)] if bounds else plain
