"""JSON Schemas and an AsyncAPI 3 document of the events, made from their types.

Schemas are open (unknown fields are allowed), because readers must ignore what they do not know;
our own writers cannot send any. What may change within v1 is judged by `compatibility.py`.
"""

from typing import Any

import msgspec

from billing_shared.contracts import EVENTS, Event, encode
from billing_shared.contracts.envelope import CONTENT_TYPE, SCHEMA_URI, SPEC_VERSION, wire_type
from billing_shared.contracts.examples import example, example_envelope

Schema = dict[str, Any]

PARTITIONS = 12
RETENTION_DAYS = 35
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema_of(event: type[Event]) -> Schema:
    """The JSON Schema of an event's value, with an example."""
    (_,), components = msgspec.json.schema_components([event], ref_template="#/$defs/{name}")
    for component in components.values():
        for name, field in component.get("properties", {}).items():
            if name.endswith("_at"):
                field["format"] = "date-time"
    top = components.pop(event.__name__)
    return {
        "$schema": DIALECT,
        "$id": SCHEMA_URI.format(type=event.type),
        **top,
        "examples": [msgspec.json.decode(encode(example(event)))],
        **({"$defs": dict(sorted(components.items()))} if components else {}),
    }


def asyncapi() -> Schema:
    """The AsyncAPI 3 document: a channel per topic, what is sent there and how to read it."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Billing events",
            "version": "1.0.0",
            "description": "From invoice to cash to discrepancy. See README.md beside this file.",
        },
        "defaultContentType": CONTENT_TYPE,
        "channels": {name: _channel(event) for name, event in sorted(EVENTS.items())},
        "operations": {
            f"send-{name}": {
                "action": "send",
                "channel": {"$ref": f"#/channels/{name}"},
                "summary": f"sent by {event.producer}",
            }
            for name, event in sorted(EVENTS.items())
        },
        "components": {"schemas": {"Headers": headers_schema()}},
    }


def _channel(event: type[Event]) -> Schema:
    value = example(event)
    headers = {name: data.decode() for name, data in example_envelope(value).headers()}
    return {
        "address": event.type,
        "description": (event.__doc__ or "").strip(),
        "bindings": {
            "kafka": {
                "topic": event.type,
                "partitions": PARTITIONS,
                "topicConfiguration": {
                    "cleanup.policy": ["delete"],
                    "retention.ms": RETENTION_DAYS * 86_400_000,
                },
                "bindingVersion": "0.5.0",
            }
        },
        "messages": {
            event.type: {
                "name": wire_type(event.type),
                "contentType": CONTENT_TYPE,
                "headers": {"$ref": "#/components/schemas/Headers"},
                "payload": {"$ref": f"./{event.type}.json"},
                "bindings": {
                    "kafka": {
                        "key": {
                            "type": "string",
                            "format": "uuid",
                            "description": f"{event.key_field}, in UTF-8",
                        },
                        "bindingVersion": "0.5.0",
                    }
                },
                "examples": [{"headers": headers, "payload": msgspec.json.decode(encode(value))}],
            }
        },
    }


def headers_schema() -> Schema:
    """CloudEvents attributes as Kafka headers (binary mode); all values are UTF-8 text."""
    text, uuid = {"type": "string"}, {"type": "string", "format": "uuid"}
    properties: dict[str, Schema] = {
        "ce_specversion": {"const": SPEC_VERSION},
        "ce_id": {**uuid, "description": "UUIDv7; drop what you had before by it"},
        "ce_source": {**text, "description": "for example /invoice-svc"},
        "ce_type": {**text, "description": "for example billing.invoice-issued.v1"},
        "ce_subject": {**uuid, "description": "the aggregate's id, which is also the key"},
        "ce_time": {**text, "format": "date-time"},
        "ce_dataschema": {**text, "format": "uri"},
        "content-type": {"const": CONTENT_TYPE},
        "ce_partitionkey": uuid,
        "ce_tenantid": uuid,
        "ce_sequence": {
            **text,
            "pattern": "^[1-9][0-9]*$",
            "description": "counts the aggregate's events from 1, over all topics of its producer",
        },
        "ce_correlationid": {**uuid, "description": "the flow all of this belongs to"},
        "ce_causationid": {**uuid, "description": "the event that led to this one"},
        "traceparent": {**text, "description": "W3C Trace Context"},
    }
    optional = {"ce_causationid", "traceparent"}
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in optional],
    }
