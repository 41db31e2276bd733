"""S14 and S15: what comes from the log is a stranger's until it was read: no crash, no effect."""

from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing_shared.contracts import EVENTS, encode
from billing_shared.contracts.examples import example, example_envelope
from billing_shared.record import Raw, read_record

ATTACKS = [
    "'; drop table outbox; --",
    "$1",
    "\x00",
    "../../x",
    "{{7*7}}",
    "9" * 400,
    "NaN",
    "\ud7ff",
]
values = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20),
    st.sampled_from(ATTACKS),
)  # fmt: skip
fuzz = settings(max_examples=150, deadline=None, database=None, derandomize=True,
                suppress_health_check=list(HealthCheck))  # fmt: skip


def good(topic: str) -> Raw:
    event = example(EVENTS[topic])
    headers = example_envelope(event).headers()
    return Raw(topic, 0, 0, str(event.aggregate_id).encode(), headers, encode(event))


@pytest.mark.parametrize("topic", EVENTS)
def test_an_event_on_a_foreign_topic_or_of_a_foreign_source_is_not_read(topic: str) -> None:
    """S14: `ce_source` must be the producer of the topic, `ce_type` its type, key = subject."""
    record = good(topic)
    assert read_record(record).fault is None
    producer = EVENTS[topic].producer
    for source in ("/evil", "", producer, f"/{producer}/", f"//{producer}", f"/{producer}\x00"):
        headers = [(n, source.encode() if n == "ce_source" else v) for n, v in record.headers]
        assert read_record(record._replace(headers=headers)).fault is not None, source
    for other in EVENTS.keys() - {topic}:
        assert read_record(record._replace(topic=other)).fault is not None
    assert read_record(record._replace(key=b"another")).fault is not None
    assert read_record(record._replace(key=None)).fault is not None


@fuzz
@given(
    topic=st.sampled_from([*EVENTS, "nothing-we-know"]),
    headers=st.lists(st.tuples(st.text(max_size=12), st.binary(max_size=40)), max_size=6),
    value=st.one_of(st.none(), st.binary(max_size=200)),
    key=st.one_of(st.none(), st.binary(max_size=40)),
)
def test_bytes_of_any_kind_are_read_as_a_fault(
    topic: str, headers: list[tuple[str, bytes]], value: bytes | None, key: bytes | None
) -> None:
    """S15: never an exception, and the same bytes are the same record."""
    raw = Raw(topic, 0, 0, key, headers, value)
    record = read_record(raw)
    assert record.fault is not None
    assert record.record_id == read_record(raw).record_id


@fuzz
@given(
    topic=st.sampled_from(sorted(EVENTS)), number=st.integers(0, 30), bad=st.sampled_from(ATTACKS)
)
def test_a_header_that_is_changed_is_a_fault_or_harmless(topic: str, number: int, bad: str) -> None:
    """S15: each envelope attribute with each attack in it."""
    raw = good(topic)
    name = raw.headers[number % len(raw.headers)][0]
    headers = [(n, bad.encode() if n == name else v) for n, v in raw.headers]
    record = read_record(raw._replace(headers=headers))
    free = {"ce_dataschema", "content-type", "ce_partitionkey", "traceparent"}
    assert record.fault is not None or name in free


@fuzz
@given(topic=st.sampled_from(sorted(EVENTS)), number=st.integers(0, 40), bad=values)
def test_a_field_that_is_changed_is_a_fault_or_of_its_type(
    topic: str, number: int, bad: Any
) -> None:
    """S15: each field of each event with numbers, texts and attacks of any kind."""
    raw = good(topic)
    body = msgspec.json.decode(raw.value or b"")
    name = sorted(body)[number % len(body)]
    record = read_record(raw._replace(value=msgspec.json.encode(body | {name: bad})))
    assert record.fault is not None or record.event is not None


@pytest.mark.parametrize("depth", [100, 10_000, 1_000_000])
@pytest.mark.parametrize("topic", ["invoice-issued", "discrepancy-found"])
def test_deep_and_huge_values_are_faults(topic: str, depth: int) -> None:
    """S15: a reader that recursed without end would take the process down."""
    raw = good(topic)
    for value in (b"[" * depth, b'{"a":' * depth, b'{"evidence":' + b"[" * depth + b"]" * depth):
        assert read_record(raw._replace(value=value)).fault is not None
    whole = (raw.value or b"")[:-1] + b',"newer":' + b"[" * depth + b"]" * depth + b"}"
    record = read_record(raw._replace(value=whole))
    assert record.fault is not None or record.event is not None
