"""Whether readers of one JSON Schema can bear what writers of another send.

`refusals(writer, reader)` is the one question; everything else asks it: old events before new
readers (backward), new events before old readers (forward), and the same for HTTP documents. What
it cannot judge it refuses, so that a keyword nobody thought of never passes unseen.

A list that may grow is a string with `x-extensible-enum`: writers send only what stands there,
readers take what they do not know as "something else" (`growing.py`).
"""

import re
from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]
#: The documents that the references of two schemas point into.
Documents = tuple[Schema, Schema]

GROWING = "x-extensible-enum"
#: Words that promise nothing about a value.
_NOTES = frozenset(
    "$schema $id $comment $defs title description example examples deprecated default".split()
) | {GROWING}
_LOWEST = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_HIGHEST = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_STRUCTURE = frozenset(
    "type enum const anyOf oneOf properties required items additionalProperties".split()
)
_JUDGED = _NOTES | _STRUCTURE | {*_LOWEST, *_HIGHEST}
_JSON_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}
#: Stands for a default that is not given; null is one.
_NONE = object()
ALL_TYPES = frozenset(_JSON_TYPES) - {"integer"}


def refusals(writer: Schema, reader: Schema, documents: Documents | None = None) -> list[str]:
    """Where a value that `writer` allows may be refused by `reader`; empty when it never is.

    Objects are open: writers send only what they name, readers ignore the rest unless they say
    `additionalProperties: false`. `documents` are what references of each point into, themselves
    if left out.
    """
    sent, taken = documents or (writer, reader)
    return sorted(set(_Judge().refused(_Side(writer, sent), _Side(reader, taken), "value")))


def losses(old: Schema, new: Schema, documents: Documents | None = None) -> list[str]:
    """What no reader would refuse, but would miss or misread: what is gone, another default."""
    before, after = documents or (old, new)
    return sorted(set(_losses(_Side(old, before), _Side(new, after), "value", frozenset())))


class _Side:
    """A schema inside the document its references point into."""

    def __init__(self, schema: Schema | bool, document: Schema) -> None:
        self.document = document
        self.name = ""
        found: Any = {} if schema is True else {"not": {}} if schema is False else schema
        while "$ref" in found:
            self.name = found["$ref"]
            beside = {word: value for word, value in found.items() if word != "$ref"}
            found = _pointed(document, self.name) | beside
        self.schema: Schema = found

    def at(self, schema: Schema | bool) -> "_Side":
        return _Side(schema, self.document)

    def properties(self) -> dict[str, "_Side"]:
        return {name: self.at(s) for name, s in self.schema.get("properties", {}).items()}

    def alternatives(self) -> list["_Side"]:
        for word in ("anyOf", "oneOf"):
            if word in self.schema:
                return [each for s in self.schema[word] for each in self.at(s).alternatives()]
        return [self]

    def types(self) -> frozenset[str]:
        named = self.schema.get("type")
        if named is None:
            return ALL_TYPES
        return frozenset([named] if isinstance(named, str) else named)

    def values(self) -> list[Any] | None:
        """Every value there can be, where they are named."""
        if "const" in self.schema:
            return [self.schema["const"]]
        found: list[Any] | None = self.schema.get("enum", self.schema.get(GROWING))
        return found


class _Judge:
    """Compares side by side, and remembers the pairs it is inside of: schemas may be recursive."""

    def __init__(self) -> None:
        self._inside: set[tuple[str, str]] = set()

    def refused(self, writer: _Side, reader: _Side, path: str) -> Iterator[str]:
        pair = (writer.name, reader.name)
        if all(pair) and pair in self._inside:
            return
        if all(pair):
            self._inside.add(pair)
        takers = reader.alternatives()
        for sent in writer.alternatives():
            reasons = [list(self._one(sent, taker, path)) for taker in takers]
            if all(reasons):
                yield from min(reasons, key=len)
        self._inside.discard(pair)

    def _one(self, writer: _Side, reader: _Side, path: str) -> Iterator[str]:
        values = writer.values()
        if values is not None:
            for value in values:
                if not _takes(reader.schema, value):
                    yield f"{path}: {value!r} is not taken"
            return
        if reader.schema.keys() & {"enum", "const"}:
            yield f"{path}: only some values are taken"
        missing = writer.types() - reader.types()
        if missing and not (missing == {"integer"} and "number" in reader.types()):
            yield f"{path}: type {', '.join(sorted(missing))} is not taken"
            return
        yield from _limits(writer.schema, reader.schema, path)
        yield from self._members(writer, reader, path)

    def _members(self, writer: _Side, reader: _Side, path: str) -> Iterator[str]:
        sent, taken = writer.properties(), reader.properties()
        for name in sorted(
            {*reader.schema.get("required", ())} - {*writer.schema.get("required", ())}
        ):
            yield f"{path}.{name} is required, but need not be there"
        others = reader.schema.get("additionalProperties", True)
        for name, side in sent.items():
            if name in taken:
                yield from self.refused(side, taken[name], f"{path}.{name}")
            elif others is False:
                yield f"{path}.{name} is not known"
            elif isinstance(others, dict):
                yield from self.refused(side, reader.at(others), f"{path}.{name}")
        for word in ("items", "additionalProperties"):
            had, wanted = writer.schema.get(word, True), reader.schema.get(word, True)
            if isinstance(wanted, dict) and had is not False:
                yield from self.refused(writer.at(had), reader.at(wanted), f"{path}[]")


def _limits(writer: Schema, reader: Schema, path: str) -> Iterator[str]:
    """Bounds that the reader draws closer, and words it has that are others or unknown to us."""
    for word in _LOWEST:
        if word in reader and not writer.get(word, float("-inf")) >= reader[word]:
            yield f"{path}: {word} is {reader[word]}"
    for word in _HIGHEST:
        if word in reader and not writer.get(word, float("inf")) <= reader[word]:
            yield f"{path}: {word} is {reader[word]}"
    for word in sorted(reader.keys() - _JUDGED):
        if reader[word] != writer.get(word):
            yield f"{path}: {word} is {reader[word]!r}, not {writer.get(word)!r}"


def _takes(reader: Schema, value: Any) -> bool:
    """Whether one named value fits a reader's schema that has no alternatives."""
    types = reader.get("type", list(_JSON_TYPES))
    if not any(_is(value, name) for name in ([types] if isinstance(types, str) else types)):
        return False
    if "enum" in reader and value not in reader["enum"]:
        return False
    if "const" in reader and value != reader["const"]:
        return False
    if isinstance(value, str):
        if "pattern" in reader and re.search(reader["pattern"], value) is None:
            return False
        return (
            reader.get("minLength", 0) <= len(value) <= reader.get("maxLength", len(value))
            and "format" not in reader
        )
    return not reader.keys() - _NOTES - {"type", "enum", "const"}


def _is(value: Any, json_type: str) -> bool:
    return isinstance(value, _JSON_TYPES[json_type]) and (
        not isinstance(value, bool) or json_type == "boolean"
    )


def _losses(old: _Side, new: _Side, path: str, inside: frozenset[str]) -> Iterator[str]:
    if old.name and old.name in inside:
        return
    inside |= {old.name}
    if old.schema.get("default", _NONE) != new.schema.get("default", _NONE):
        yield f"{path}: what its absence means changed"
    first, second = old.alternatives(), new.alternatives()
    if (len(first), len(second)) != (1, 1):
        for one, other in _paired(first, second):
            yield from _losses(one, other, path, inside)
        return
    [old], [new] = first, second
    if GROWING in old.schema and GROWING not in new.schema:
        yield f"{path} may grow no more"
    for value in sorted(
        set(old.values() or ()) - set(new.values() or old.values() or ()), key=repr
    ):
        yield f"{path}: {value!r} was removed"
    before, after = old.properties(), new.properties()
    for name in sorted(before.keys() - after.keys()):
        yield f"{path}.{name} was removed"
    for name in before.keys() & after.keys():
        yield from _losses(before[name], after[name], f"{path}.{name}", inside)
    for word in ("items", "additionalProperties"):
        had, has = old.schema.get(word), new.schema.get(word)
        if isinstance(had, dict) and isinstance(has, dict):
            yield from _losses(old.at(had), new.at(has), f"{path}[]", inside)


def _paired(old: list[_Side], new: list[_Side]) -> Iterator[tuple[_Side, _Side]]:
    """Alternatives that stand for each other: alone of their type, or of one name."""
    for first in old:
        same = [each for each in new if each.types() == first.types()]
        alone = sum(each.types() == first.types() for each in old) == len(same) == 1
        yield from ((first, each) for each in same if alone or (each.name == first.name != ""))


def _pointed(document: Schema, reference: str) -> Any:
    found: Any = document
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    return found
