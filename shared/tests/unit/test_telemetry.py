import io
import json
import logging

import pytest
import structlog

from billing_shared.telemetry import (
    REDACTED,
    configure_logs,
    continue_trace,
    current_correlation,
    current_trace,
    redact,
)

CANARIES = {
    "authorization": "Bearer abc.def.ghi",
    "password": "hunter2",
    "api_key": "k-123",
    "client_secret": "s3cret",
    "email": "ada@example.com",
    "iban": "DE75512108001245126199",
    "account": "1234567",
    "customer_name": "Ada Lovelace",
    "name": "Ada Lovelace",
    "payer": {"name": "Ada", "bank": "X"},
    "remittance_lines": ["invoice 7"],
    "database_url": "postgresql://app:hunter2@db/billing",
}


@pytest.mark.parametrize("name", CANARIES)
def test_a_field_with_such_a_name_is_redacted_wherever_it_stands(name):
    assert redact({name: CANARIES[name]}) == {name: REDACTED}
    assert redact({"a": [{"b": {name: CANARIES[name]}}]}) == {"a": [{"b": {name: REDACTED}}]}


@pytest.mark.parametrize(
    "text",
    [
        "got Bearer abc.def.ghi from the shop",
        "connect postgresql://app:hunter2@db:5432/billing failed",
        "paid from DE75 5121 0800 1245 1261 99 today",
        "paid from GB33BUKB20201555555555",
        "mail to ada.lovelace+billing@example.co.uk bounced",
        "token eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJ4In0.c2ln was refused",
        "signed with whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    ],
)
def test_a_text_is_cleaned_of_what_looks_like_a_secret(text):
    clean = redact(text)
    assert REDACTED in clean
    for canary in ("abc.def", "hunter2", "1245", "BUKB", "lovelace", "eyJ", "MfKQ"):
        assert canary not in clean


def test_what_helps_stays():
    event = {"route": "/v1/invoices", "invoice_id": "0198-x", "net_minor": 11900, "job_name": "x"}
    assert redact(event) == event


def test_depth_and_bytes_do_not_reach_the_log():
    deep: dict = {}
    for _ in range(20):
        deep = {"a": deep}
    assert REDACTED in json.dumps(redact(deep))
    assert redact({"raw": b"\x00" * 10}) == {"raw": "[10 bytes]"}


@pytest.fixture
def lines():
    stream = io.StringIO()
    root = logging.getLogger()
    before = (root.handlers[:], root.level, structlog.get_config())
    configure_logs("invoice-svc", "info", stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers[:], root.level = before[0], before[1]
    structlog.configure(**before[2])


def test_a_log_line_is_json_with_trace_and_flow(lines):
    trace = continue_trace(None)
    token = current_trace.set(trace)
    flow = current_correlation.set("flow-1")  # type: ignore[arg-type]
    structlog.get_logger().info("invoice.issued", invoice_id="x", email="ada@example.com")
    current_trace.reset(token)
    current_correlation.reset(flow)
    [line] = lines()
    assert (line["service"], line["event"], line["level"]) == (
        "invoice-svc",
        "invoice.issued",
        "info",
    )
    assert (line["trace_id"], line["correlation_id"]) == (trace.trace_id, "flow-1")
    assert line["email"] == REDACTED


def test_logs_of_libraries_and_tracebacks_are_cleaned_too(lines):
    logging.getLogger("asyncpg").warning("login as %s failed", "postgresql://app:hunter2@db/x")
    try:
        raise ValueError("mail to ada@example.com")
    except ValueError:
        structlog.get_logger().exception("mail.failed", id=object())
    text = json.dumps(lines())
    assert "ValueError" in text
    assert "hunter2" not in text
    assert "ada@" not in text


def test_a_trace_goes_on_with_a_span_of_our_own():
    given = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
    trace = continue_trace(given)
    assert str(trace).startswith("00-0af7651916cd43dd8448eb211c80319c-")
    assert str(trace).endswith("-00")
    assert trace.span_id != "b7ad6b7169203331"
    assert continue_trace(None).trace_id != continue_trace(None).trace_id
