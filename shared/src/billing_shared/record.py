"""A record of the log, read as far as it can be read."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias
from uuid import UUID

import msgspec

from billing_shared.contracts import EVENTS, Envelope, Event, decode
from billing_shared.contracts.envelope import SOURCE_PREFIX
from billing_shared.ids import derived_id

#: Topic without prefix (the event type), and partition.
Place: TypeAlias = tuple[str, int]

_QUOTED = re.compile(r"'.*'|\".*\"", re.DOTALL)
_NO_ID = UUID("6f2b5a0e-3c41-5d8e-9a57-5b0c6f0a7d11")


class Raw(NamedTuple):
    """A record as the broker gave it; `topic` is without prefix, so it is the event type."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    headers: Sequence[tuple[str, bytes]]
    value: bytes | None


@dataclass(frozen=True, slots=True)
class Record:
    """`record_id` is the event's id, or made from a hash of the bytes where there is none to read,
    so that the same broken bytes are one dead letter. `fault` says why it could not be read."""

    raw: Raw
    record_id: UUID
    envelope: Envelope | None
    event: Event | None
    fault: str | None

    @property
    def topic(self) -> str:
        return self.raw.topic

    @property
    def offset(self) -> int:
        return self.raw.offset

    @property
    def place(self) -> Place:
        return self.raw.topic, self.raw.partition

    def contents(self) -> tuple[Envelope, Event]:
        """Envelope and event of a record that could be read; ValueError otherwise."""
        if self.envelope is None or self.event is None:
            raise ValueError(self.fault)
        return self.envelope, self.event


def read_record(raw: Raw) -> Record:
    """Decode as far as it goes; never raises."""
    envelope = event = fault = None
    try:
        envelope = Envelope.from_headers(raw.headers)
        event = _event(raw, envelope)
    except (ValueError, msgspec.MsgspecError, RecursionError) as error:
        # Names of fields help; what stands in them is nobody's who looks at dead letters.
        fault = _QUOTED.sub("'...'", str(error))
    return Record(raw, envelope.id if envelope else _hash(raw), envelope, event, fault)


def _event(raw: Raw, envelope: Envelope) -> Event:
    if envelope.type != raw.topic:
        raise ValueError(f"ce_type is not {raw.topic}, whose topic this is")
    expected = EVENTS.get(raw.topic)
    if expected is None:
        raise ValueError(f"unknown event type {raw.topic}")
    if envelope.source != SOURCE_PREFIX + expected.producer:
        raise ValueError(f"ce_source is not {expected.producer}, which publishes {raw.topic}")
    event = decode(raw.topic, raw.value or b"")
    if raw.key != envelope.subject.encode() or str(event.aggregate_id) != envelope.subject:
        raise ValueError(f"key, subject and {expected.key_field} differ")
    return event


def _hash(raw: Raw) -> UUID:
    parts = [raw.topic.encode(), raw.key or b"", raw.value or b""]
    for name, content in raw.headers:
        parts += [name.encode(), content or b""]
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return derived_id(_NO_ID, digest.hexdigest())
