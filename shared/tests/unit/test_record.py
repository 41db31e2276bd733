"""Reading records of the log: whatever the bytes, there is an answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_shared.contracts import Envelope, encode
from billing_shared.ids import new_id
from billing_shared.record import Raw, read_record
from billing_shared.testing.sample import a_context, a_void

CONTEXT = a_context()


def a_raw(**changed) -> Raw:
    event = a_void()
    envelope = Envelope(
        id=new_id(),
        type="invoice-voided",
        source="/invoice-svc",
        subject=str(event.invoice_id),
        time=CONTEXT.now,
        tenant_id=CONTEXT.tenant_id,
        sequence=1,
        correlation_id=CONTEXT.correlation_id,
    )
    raw = Raw(
        "invoice-voided", 0, 7, str(event.invoice_id).encode(), envelope.headers(), encode(event)
    )
    return raw._replace(**changed)


def with_header(raw: Raw, name: str, value: bytes) -> Raw:
    return raw._replace(headers=[(n, value if n == name else v) for n, v in raw.headers])


def test_a_good_record_is_read():
    raw = a_raw()
    record = read_record(raw)
    envelope, event = record.contents()
    assert record.fault is None
    assert str(event.aggregate_id) == envelope.subject
    assert record.record_id == envelope.id
    assert record.place == ("invoice-voided", 0)


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (a_raw(value=None), "truncated"),
        (a_raw(value=b'{"invoice_id": 5}'), "uuid"),
        (a_raw(key=None), "differ"),
        (a_raw(key=b"another"), "differ"),
        (a_raw(headers=[]), "specversion"),
        (a_raw(topic="invoice-issued"), "whose topic this is"),
        (with_header(a_raw(), "ce_source", b"/payment-svc"), "which publishes"),
        (with_header(a_raw(), "ce_subject", str(new_id()).encode()), "differ"),
        (with_header(a_raw(), "ce_tenantid", b"x"), "envelope"),
        (with_header(a_raw(), "ce_id", b"\xff"), "UTF-8"),
    ],
)
def test_a_bad_record_says_why(raw, why):
    record = read_record(raw)
    assert why in record.fault
    with pytest.raises(ValueError, match=r".+"):
        record.contents()


def test_unknown_headers_and_fields_are_ignored():
    raw = a_raw()
    value = raw.value[:-1] + b',"added_later":1}'
    record = read_record(raw._replace(value=value, headers=[*raw.headers, ("x-new", b"1")]))
    assert record.fault is None


def test_the_same_broken_bytes_have_the_same_id():
    broken = a_raw(headers=[], value=b"{")
    assert read_record(broken).record_id == read_record(broken._replace(offset=99)).record_id
    assert read_record(broken).record_id != read_record(broken._replace(value=b"}")).record_id


@given(
    key=st.none() | st.binary(max_size=40),
    value=st.none() | st.binary(max_size=200),
    headers=st.lists(
        st.tuples(
            st.sampled_from(["ce_id", "ce_type", "ce_specversion", "traceparent", "x"]),
            st.binary(max_size=40) | st.sampled_from([b"1.0", b"billing.invoice-voided.v1"]),
        ),
        max_size=8,
    ),
)
def test_any_bytes_end_as_a_fault(key, value, headers):
    assert read_record(Raw("invoice-voided", 0, 0, key, headers, value)).fault is not None
