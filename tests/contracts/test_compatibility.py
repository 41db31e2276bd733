"""Changes of a schema, one by one: which readers and which events they would break."""

import copy

import jsonschema
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing_shared.contracts.compatibility import losses, refusals
from contracts.drawn import values_of

FINE: set[str] = set()
#: Old events before a new reader; new events before an old reader; misread by anyone.
BACKWARD, FORWARD, LOSS = "backward", "forward", "loss"
OLD = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "format": "uuid"},
        "on": {"type": "string", "format": "date"},
        "amount_minor": {"type": "integer", "minimum": 0, "maximum": 999},
        "kind": {"enum": ["a", "b"]},
        "code": {"type": "string", "pattern": "^[A-Z]+$", "x-extensible-enum": ["X", "Y"]},
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
        "parts": {"type": "array", "items": {"$ref": "#/$defs/Part"}},
        "any": {"type": "object"},
    },
    "required": ["id", "on", "amount_minor", "kind", "code", "parts", "any"],
    "$defs": {
        "Part": {
            "type": "object",
            "properties": {"n": {"type": "integer"}, "of": {"$ref": "#/$defs/Part"}},
            "required": ["n"],
        }
    },
}


def judged(old, new) -> set[str]:
    verdicts = {
        BACKWARD: refusals(old, new),
        FORWARD: refusals(new, old),
        LOSS: losses(old, new),
    }
    return {name for name, found in verdicts.items() if found}


def p(schema, name):
    return schema["properties"][name]


CHANGES = {
    "nothing": (lambda s: None, FINE),
    "words only": (lambda s: s.update(title="T", description="D", examples=[]), FINE),
    "an optional field": (lambda s: s["properties"].update(new={"type": "string"}), FINE),
    "an optional part": (lambda s: s["properties"].update(new={"$ref": "#/$defs/Part"}), FINE),
    "an optional field inside": (
        lambda s: s["$defs"]["Part"]["properties"].update(m={"type": "string"}),
        FINE,
    ),
    "a code": (lambda s: p(s, "code")["x-extensible-enum"].append("Z"), FINE),
    "another order": (lambda s: (p(s, "kind")["enum"].reverse(), s["required"].reverse()), FINE),
    "a definition renamed": (
        lambda s: (
            s["$defs"].update(Piece=copy.deepcopy(s["$defs"]["Part"])),
            p(s, "parts").update(items={"$ref": "#/$defs/Piece"}),
        ),
        FINE,
    ),
    "a closed list opened, with the values it had": (
        lambda s: s["properties"].update(
            kind={"type": "string", "pattern": "^[a-z]+$", "x-extensible-enum": ["a", "b"]}
        ),
        FINE,
    ),
    "a closed list opened, with a value more": (
        lambda s: s["properties"].update(
            kind={"type": "string", "pattern": "^[a-z]+$", "x-extensible-enum": ["a", "b", "c"]}
        ),
        {FORWARD},
    ),
    "an optional field removed": (lambda s: s["properties"].pop("note"), {LOSS}),
    "a field removed": (
        lambda s: (s["properties"].pop("on"), s["required"].remove("on")),
        {FORWARD, LOSS},
    ),
    "a field renamed": (
        lambda s: (
            s["properties"].update(day=s["properties"].pop("on")),
            s["required"].append("day"),
            s["required"].remove("on"),
        ),
        {BACKWARD, FORWARD, LOSS},
    ),
    "a new required field": (
        lambda s: (s["properties"].update(new={"type": "string"}), s["required"].append("new")),
        {BACKWARD},
    ),
    "optional becomes required": (lambda s: s["required"].append("note"), {BACKWARD}),
    "required becomes optional": (lambda s: s["required"].remove("on"), {FORWARD}),
    "another type": (lambda s: p(s, "amount_minor").update(type="string"), {BACKWARD, FORWARD}),
    "a wider type": (lambda s: p(s, "amount_minor").update(type="number"), {FORWARD}),
    "a narrower type inside": (
        lambda s: s["$defs"]["Part"]["properties"]["n"].update(type="boolean"),
        {BACKWARD, FORWARD},
    ),
    "null allowed": (
        lambda s: s["properties"].update(on={"anyOf": [p(s, "on"), {"type": "null"}]}),
        {FORWARD},
    ),
    "null refused": (lambda s: s["properties"].update(note={"type": "string"}), {BACKWARD, LOSS}),
    "another default": (lambda s: p(s, "note").update(default="x"), {LOSS}),
    "a value added to a closed list": (lambda s: p(s, "kind")["enum"].append("c"), {FORWARD}),
    "a value taken from a closed list": (
        lambda s: p(s, "kind")["enum"].remove("b"),
        {BACKWARD, LOSS},
    ),
    "a code removed": (lambda s: p(s, "code")["x-extensible-enum"].remove("Y"), {LOSS}),
    "a code that does not fit the pattern": (
        lambda s: p(s, "code")["x-extensible-enum"].append("z9"),
        {FORWARD},
    ),
    "an open list closed": (
        lambda s: s["properties"].update(code={"enum": ["X", "Y"]}),
        {LOSS},
    ),
    "another format": (
        lambda s: p(s, "on").update(format="date-time"),
        {BACKWARD, FORWARD},
    ),
    "no format": (lambda s: p(s, "on").pop("format"), {FORWARD}),
    "another pattern": (lambda s: p(s, "code").update(pattern="^[a-z]+$"), {BACKWARD}),
    "a higher maximum": (lambda s: p(s, "amount_minor").update(maximum=1000), {FORWARD}),
    "a lower maximum": (lambda s: p(s, "amount_minor").update(maximum=10), {BACKWARD}),
    "a lower minimum": (lambda s: p(s, "amount_minor").update(minimum=-1), {FORWARD}),
    "no minimum": (lambda s: p(s, "amount_minor").pop("minimum"), {FORWARD}),
    "at least one": (lambda s: p(s, "parts").update(minItems=1), {BACKWARD}),
    "no field we do not know": (lambda s: s.update(additionalProperties=False), FINE),
    "only some members": (
        lambda s: p(s, "any").update(additionalProperties={"type": "string"}),
        {BACKWARD},
    ),
    "an unknown word": (lambda s: p(s, "parts").update(uniqueItems=True), {BACKWARD}),
}


@pytest.mark.parametrize(("change", "expected"), CHANGES.values(), ids=CHANGES)
def test_each_change_is_judged_right(change, expected):
    new = copy.deepcopy(OLD)
    change(new)
    assert judged(OLD, new) == expected


def test_a_field_unknown_to_a_closed_reader_is_refused():
    closed = OLD | {"additionalProperties": False}
    grown = copy.deepcopy(closed)
    grown["properties"]["new"] = {"type": "string"}
    assert refusals(grown, closed) == ["value.new is not known"]
    assert refusals(closed, grown) == []


def scalars():
    bounds = st.integers(-5, 5)
    words = st.lists(st.sampled_from("abc"), min_size=1, max_size=3, unique=True)
    return st.one_of(
        st.builds(
            lambda low, n: {"type": "integer", "minimum": low, "maximum": low + abs(n)},
            bounds,
            bounds,
        ),
        st.just({"type": "integer"}),
        st.just({"type": "number"}),
        st.just({"type": "boolean"}),
        st.just({"type": "null"}),
        st.builds(lambda n: {"type": "string", "maxLength": abs(n)}, bounds),
        st.just({"type": "string", "pattern": "^[a-z]$"}),
        st.builds(lambda values: {"enum": values}, words),
    )


def objects(members):
    def made(properties, data):
        return {
            "type": "object",
            "properties": properties,
            "required": sorted(data & properties.keys()),
        }

    names = st.sampled_from(["x", "y", "z"])
    return st.builds(made, st.dictionaries(names, members, max_size=3), st.sets(names))


SCHEMAS = st.recursive(
    scalars(),
    lambda inner: st.one_of(
        objects(inner),
        st.builds(lambda items: {"type": "array", "items": items, "maxItems": 3}, inner),
        st.builds(lambda one, other: {"anyOf": [one, other]}, inner, inner),
    ),
    max_leaves=4,
)


@settings(
    max_examples=300, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)
@given(st.data(), SCHEMAS, SCHEMAS)
def test_what_passes_is_really_read(data, writer, reader):
    """Any two schemas: where we see no refusal, no value the writer sends is refused."""
    if refusals(writer, reader):
        return
    value = data.draw(values_of(writer))
    jsonschema.validate(value, writer, cls=jsonschema.Draft202012Validator)
    jsonschema.validate(value, reader, cls=jsonschema.Draft202012Validator)


@given(SCHEMAS)
def test_a_schema_breaks_no_promise_to_itself(schema):
    again = msgspec.json.decode(msgspec.json.encode(schema))
    assert judged(schema, again) == FINE
