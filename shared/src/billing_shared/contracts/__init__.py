"""The published events: pure data. A subscriber may install just this (it needs only msgspec)."""

import msgspec

from billing_shared.contracts.envelope import Envelope, Event
from billing_shared.contracts.growing import growing_fields, values_at
from billing_shared.contracts.invoice import (
    CreditNoteIssued,
    CustomerUpdated,
    InvoiceIssued,
    InvoiceVoided,
    SellerUpdated,
)
from billing_shared.contracts.payment import PaymentReceived, PaymentReversed, StatementImported
from billing_shared.contracts.recon import (
    BooksBroken,
    BooksProved,
    DiscrepancyFound,
    DiscrepancyResolved,
    PaymentAllocated,
    SettlementChanged,
)

#: Every event type there is, by its name, which is also its topic.
EVENTS: dict[str, type[Event]] = {
    event.type: event
    for event in (
        SellerUpdated,
        CustomerUpdated,
        InvoiceIssued,
        CreditNoteIssued,
        InvoiceVoided,
        PaymentReceived,
        PaymentReversed,
        StatementImported,
        PaymentAllocated,
        SettlementChanged,
        DiscrepancyFound,
        DiscrepancyResolved,
        BooksProved,
        BooksBroken,
    )
}

_encoder = msgspec.json.Encoder()
_decoders = {name: msgspec.json.Decoder(event) for name, event in EVENTS.items()}
_growing = {
    name: list(growing_fields(msgspec.inspect.type_info(event))) for name, event in EVENTS.items()
}


def encode(event: Event) -> bytes:
    """The JSON value of an event, as it is stored, signed and sent.

    msgspec.ValidationError for a value that a list which may grow does not have yet.
    """
    for path, known in _growing[event.type]:
        for value in values_at(event, path):
            if value not in known:
                name = ".".join(step or "[]" for step in path)
                raise msgspec.ValidationError(f"{event.type}.{name}: {value!r} is not in the list")
    return _encoder.encode(event)


def decode(type_: str, value: bytes) -> Event:
    """Read a value; unknown fields are ignored, lists that may grow are open.

    ValueError for an unknown type or a bad value.
    """
    decoder = _decoders.get(type_)
    if decoder is None:
        raise ValueError(f"unknown event type {type_!r}")
    return decoder.decode(value)


__all__ = ["EVENTS", "Envelope", "Event", "decode", "encode"]
