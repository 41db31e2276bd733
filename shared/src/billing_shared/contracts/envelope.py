"""What every published event has in common: CloudEvents 1.0 in Kafka binary mode.

Source: CloudEvents 1.0.2, its Kafka protocol binding, its partitioning and sequence extensions;
W3C Trace Context.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Annotated, Any, ClassVar
from uuid import UUID

import msgspec

SOURCE_PREFIX = "/"
TYPE_PREFIX = "billing."
SPEC_VERSION = "1.0"
CONTENT_TYPE = "application/json"
SCHEMA_URI = "https://schemas.billing.example/events/{type}.v1.json"
#: Amounts have at most 15 digits, so that every JSON reader keeps them exact.
MAX_MINOR = 10**15 - 1
#: What a consumer can store as bigint.
MAX_SEQUENCE = 2**63 - 1

AmountMinor = Annotated[int, msgspec.Meta(ge=0, le=MAX_MINOR)]
SignedMinor = Annotated[int, msgspec.Meta(ge=-MAX_MINOR, le=MAX_MINOR)]
Currency = Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$")]
Country = Annotated[str, msgspec.Meta(pattern="^[A-Z]{2}$")]
Sha256 = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class Part(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A named part of an event. Optional fields are absent rather than null."""


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A published fact, complete enough to act on without a call back.

    `type` is also the topic; `aggregate_id` is the Kafka key and the CloudEvents subject.
    """

    type: ClassVar[str]
    producer: ClassVar[str]
    aggregate_type: ClassVar[str]
    key_field: ClassVar[str]

    @property
    def aggregate_id(self) -> UUID:
        return getattr(self, self.key_field)  # type: ignore[no-any-return]


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """The CloudEvents attributes of one event, as they travel in Kafka headers or a webhook.

    `sequence` counts all events of one aggregate of one producer from 1, whatever their topic.
    """

    id: UUID
    type: str
    source: str
    subject: str
    time: datetime
    tenant_id: UUID
    sequence: int
    correlation_id: UUID
    causation_id: UUID | None = None
    traceparent: str | None = None

    def headers(self) -> list[tuple[str, bytes]]:
        """Kafka headers in a fixed order, UTF-8."""
        values = {
            "ce_specversion": SPEC_VERSION,
            "ce_id": str(self.id),
            "ce_source": self.source,
            "ce_type": wire_type(self.type),
            "ce_subject": self.subject,
            "ce_time": self.time.isoformat(),
            "ce_dataschema": SCHEMA_URI.format(type=self.type),
            "content-type": CONTENT_TYPE,
            "ce_partitionkey": self.subject,
            "ce_tenantid": str(self.tenant_id),
            "ce_sequence": str(self.sequence),
            "ce_correlationid": str(self.correlation_id),
        }
        if self.causation_id is not None:
            values["ce_causationid"] = str(self.causation_id)
        if self.traceparent is not None:
            values["traceparent"] = self.traceparent
        return [(name, value.encode()) for name, value in values.items()]

    @classmethod
    def from_headers(cls, headers: Iterable[tuple[str, bytes]]) -> "Envelope":
        """Read what `headers` wrote; unknown headers are ignored.

        Raises ValueError naming the header that is missing, doubled or malformed.
        """
        seen: dict[str, str] = {}
        for name, value in headers:
            if name.startswith("ce_") and name in seen:
                raise ValueError(f"header {name} stands twice")
            try:
                seen[name] = value.decode()
            except UnicodeDecodeError as error:
                raise ValueError(f"header {name} is not UTF-8") from error
        if seen.get("ce_specversion") != SPEC_VERSION:
            raise ValueError("header ce_specversion is not 1.0")
        fields: Mapping[str, Any] = {
            "id": seen.get("ce_id"),
            "type": event_type(seen.get("ce_type", "")),
            "source": seen.get("ce_source"),
            "subject": seen.get("ce_subject"),
            "time": seen.get("ce_time"),
            "tenant_id": seen.get("ce_tenantid"),
            "sequence": seen.get("ce_sequence"),
            "correlation_id": seen.get("ce_correlationid"),
            "causation_id": seen.get("ce_causationid"),
            "traceparent": seen.get("traceparent"),
        }
        try:
            envelope = msgspec.convert(fields, cls, strict=False)
        except msgspec.ValidationError as error:
            raise ValueError(f"envelope: {error}") from error
        if not 1 <= envelope.sequence <= MAX_SEQUENCE:
            raise ValueError("header ce_sequence is out of range")
        return envelope


def wire_type(type_: str) -> str:
    """`invoice-issued` -> `billing.invoice-issued.v1`."""
    return f"{TYPE_PREFIX}{type_}.v1"


def event_type(wire: str) -> str:
    """`billing.invoice-issued.v1` -> `invoice-issued`; ValueError for anything else."""
    if not (wire.startswith(TYPE_PREFIX) and wire.endswith(".v1")):
        raise ValueError(f"header ce_type is not ours: {wire!r}")
    return wire.removeprefix(TYPE_PREFIX).removesuffix(".v1")


class Terms(Part, frozen=True, kw_only=True):
    """Payment terms: days net, and cheaper if paid early."""

    net_days: Annotated[int, msgspec.Meta(ge=0, le=3650)]
    early_payment: "list[EarlyPayment]"


class EarlyPayment(Part, frozen=True, kw_only=True):
    """`percent` is a decimal string, of the gross amount, if paid on or before `until_on`."""

    until_on: date
    percent: str


class TaxGroup(Part, frozen=True, kw_only=True):
    """One tax category and rate of a document; `tax_rate` is a decimal string in percent."""

    tax_category: str
    tax_rate: str
    base_minor: SignedMinor
    tax_minor: SignedMinor
