"""An event as a webhook carries it: CloudEvents 1.0 in structured JSON form.

The attributes are those of the Kafka headers, so that one subscriber can read both.
"""

import msgspec

from billing_shared.contracts import Envelope, Event, decode

CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"

_encoder = msgspec.json.Encoder()


def structured(envelope: Envelope, value: bytes) -> bytes:
    """One JSON object, UTF-8: every attribute of the envelope, and the event under `data`.

    The value goes out as it came in, with the fields and codes that only its writer knows.
    """
    attributes: dict[str, object] = {}
    for name, text in envelope.headers():
        attribute = name.removeprefix("ce_")
        attributes["datacontenttype" if name == "content-type" else attribute] = text.decode()
    attributes["data"] = msgspec.Raw(value)
    return _encoder.encode(attributes)


class _Body(msgspec.Struct):
    data: msgspec.Raw


_body_decoder = msgspec.json.Decoder(_Body)


def event_of(type_: str, body: str) -> Event:
    """The event inside a structured body of ours."""
    return decode(type_, bytes(_body_decoder.decode(body).data))
