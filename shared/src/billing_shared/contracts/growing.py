"""Lists of values that later releases may add to: writers are strict, readers are not.

A reader of last week must not choke on a code of today, so such a field is read as any word of its
pattern; whoever does not know it carries it as it is, or takes it as "something else".
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from billing_shared.contracts.compatibility import GROWING

#: Steps from an event to a field: names of fields, and None for each of a list.
Path = tuple[str | None, ...]


def growing(pattern: str, *values: str) -> msgspec.Meta:
    """What a field's annotation says of it: `values` are sent today, `pattern` is what is read."""
    return msgspec.Meta(pattern=pattern, extra_json_schema={GROWING: list(values)})


def growing_fields(info: Any, path: Path = ()) -> Iterator[tuple[Path, frozenset[str]]]:
    """Where a type (of `msgspec.inspect`) has such fields, and what may be written there."""
    match type(info).__name__:
        case "StructType":
            for field in info.fields:
                yield from growing_fields(field.type, (*path, field.name))
        case "ListType":
            yield from growing_fields(info.item_type, (*path, None))
        case "UnionType":
            for each in info.types:
                yield from growing_fields(each, path)
        case "Metadata" if GROWING in (info.extra_json_schema or {}):
            yield path, frozenset(info.extra_json_schema[GROWING])


def values_at(value: Any, path: Path) -> Iterator[Any]:
    """What stands there in one event; nothing where an optional part is absent."""
    if value is None:
        return
    if not path:
        yield value
    elif path[0] is None:
        for each in value:
            yield from values_at(each, path[1:])
    else:
        yield from values_at(getattr(value, path[0]), path[1:])
