"""One complete example of every event, made from its types: for the documents and for tests."""

from datetime import UTC, date, datetime
from typing import Any, TypeVar
from uuid import UUID, uuid5

import msgspec

from billing_shared.contracts.compatibility import GROWING
from billing_shared.contracts.envelope import Envelope, Event

E = TypeVar("E", bound=Event)

_NAMESPACE = UUID("0198f6a0-5a10-7a40-9f5e-0b1f1d3c2b1a")
#: What a field of this name looks like; a type says the rest.
_BY_NAME: dict[str, Any] = {
    "account": "DE75512108001245126199",
    "action": "put-on-account",
    "actor": "user:carla@example.com",
    "address": "billing@example.com",
    "aliases": ["Muster"],
    "bank": "SOGEDEFFXXX",
    "bank_accounts": ["DE75512108001245126199"],
    "base_currency": "EUR",
    "check": "receivables",
    "city": "Musterstadt",
    "country": "DE",
    "currency": "EUR",
    "description": "Consulting, January",
    "discount_minor": 0,
    "entry_no": 1,
    "external_ref": "C-1001",
    "line_no": 1,
    "lines": ["Musterstrasse 1"],
    "locale": "de-DE",
    "name": "Muster GmbH",
    "net_days": 30,
    "number": "INV-2026-000042",
    "payment_reference": "RF18539007547034",
    "percent": "2",
    "postal_code": "12345",
    "purchase_order": "PO-77",
    "quantity": "1",
    "rate": "1.0842",
    "reason": "agreed with the customer",
    "reason_code": "AC04",
    "remittance_lines": ["INV-2026-000042"],
    "role": "billing",
    "series": "INV",
    "tax_category": "S",
    "tax_ids": ["DE123456789"],
    "tax_rate": "19",
    "time_zone": "Europe/Berlin",
    "unit_price": "100.00",
    "value": "RF18539007547034",
}
#: Where a name means another thing in another struct.
_BY_STRUCT: dict[tuple[str, str], Any] = {
    ("Cause", "kind"): "payment",
    ("SellerUpdated", "name"): "Billing Example GmbH",
    ("DiscrepancyFound", "evidence"): {"candidates": ["INV-2026-000042"]},
}
#: Amounts that fit each other.
_AMOUNTS = {
    "net_minor": 10_000,
    "base_minor": 10_000,
    "tax_minor": 1_900,
    "opening_minor": 0,
    "found_minor": 0,
    "difference_minor": -11_900,
    "unapplied_minor": 0,
    "on_account_minor": 0,
    "unidentified_minor": 0,
    "refunded_minor": 0,
    "reversed_minor": 0,
    "credited_minor": 0,
    "written_off_minor": 0,
    "disputed_minor": 0,
    "charges_minor": 0,
}


def example(event: type[E]) -> E:
    """An event of this type with every field set; the same one every time."""
    return msgspec.convert(_struct(msgspec.inspect.type_info(event)), event)


def bare_example(event: type[E]) -> E:
    """The same with nothing that may be left out, and every list empty."""
    return msgspec.convert(_bare(_struct(msgspec.inspect.type_info(event)), event), event)


def example_envelope(event: Event) -> Envelope:
    """The envelope the example would travel in."""
    return Envelope(
        id=_id("event_id"),
        type=event.type,
        source=f"/{event.producer}",
        subject=str(event.aggregate_id),
        time=datetime(2026, 1, 31, 12, 0, tzinfo=UTC),
        tenant_id=_id("tenant_id"),
        sequence=1,
        correlation_id=_id("correlation_id"),
        causation_id=_id("causation_id"),
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    )


def _id(name: str) -> UUID:
    return uuid5(_NAMESPACE, name)


def _struct(info: Any) -> dict[str, Any]:
    owner = info.cls.__name__
    return {
        field.encode_name: _value(owner, field.encode_name, field.type) for field in info.fields
    }


def _bare(full: dict[str, Any], struct: type[msgspec.Struct]) -> dict[str, Any]:
    kept = {}
    for field in msgspec.structs.fields(struct):
        if field.required:
            value = full[field.encode_name]
            if isinstance(value, list):
                value = []
            elif isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
                value = _bare(value, field.type)
            kept[field.encode_name] = value
    return kept


def _value(owner: str, name: str, info: Any) -> Any:
    if (owner, name) in _BY_STRUCT:
        return _BY_STRUCT[owner, name]
    kind = type(info).__name__
    if kind == "UnionType":
        return _value(owner, name, next(t for t in info.types if type(t).__name__ != "NoneType"))
    if kind == "Metadata" and GROWING in (info.extra_json_schema or {}):
        return info.extra_json_schema[GROWING][0]
    if kind == "StructType":
        return _struct(info)
    if kind == "ListType" and type(info.item_type).__name__ == "StructType":
        return [_struct(info.item_type)]
    return _plain(name, kind, info)


def _plain(name: str, kind: str, info: Any) -> Any:
    if name.endswith("_minor"):
        return _AMOUNTS.get(name, 11_900)
    if kind == "LiteralType":
        return info.values[0]
    if name in _BY_NAME:
        return _BY_NAME[name]
    if name.endswith("sha256"):
        return "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
    match kind:
        case "UUIDType":
            return _id(name)
        case "DateType":
            return date(2026, 1, 31)
        case "DateTimeType":
            return datetime(2026, 2, 2, 9, 0, tzinfo=UTC)
        case "IntType":
            return 1
        case "ListType":
            return [_value("", name.removesuffix("s"), info.item_type)]
        case "DictType":
            return {}
    raise ValueError(f"no example for field {name} of type {kind}")
