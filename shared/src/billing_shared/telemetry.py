"""Logs as JSON lines without secrets or personal data, and the W3C trace that joins them.

Source: W3C Trace Context, level 1 (`traceparent`).
"""

import logging
import re
import secrets
import sys
from collections.abc import Mapping, MutableMapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TextIO
from uuid import UUID

import orjson
import structlog

REDACTED = "[redacted]"
#: A field whose name holds one of these words never reaches a log.
_SECRET_WORDS = re.compile(
    r"authorization|password|passwd|secret|token|api.?key|cookie|credential|private|signature"
    r"|e?mail|iban|account|payer|debtor|creditor|address|phone|remittance|body|payload|dsn"
    r"|database_url",
    re.IGNORECASE,
)
_PERSONAL_NAME = re.compile(r"(^|_)(name|names|alias|aliases)$", re.IGNORECASE)
#: Names of things, not of people.
_HARMLESS = frozenset({"error_name", "job_name", "service_name", "logger_name"})
#: What hides in texts: bearer tokens and JWTs, passwords in URLs, IBANs, mail addresses.
_SECRET_TEXT = re.compile(
    r"(?i:bearer)\s+\S+"
    r"|\beyJ[\w-]+\.[\w-]+\.[\w-]*"
    r"|\bwhsec_\S+"
    r"|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"
    r"|\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?\b"
    r"|[\w.+-]+@[\w-]+\.[\w.-]+"
    # Errors of Postgres and pydantic quote the row or the value they refuse.
    r"|(?<=DETAIL: )(?s:.*?)(?=\n(?:HINT:|\n)|\Z)"
    r"|(?<=input_value=).*(?=, input_type=)"
)
_TRACEPARENT = re.compile(r"^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$")
MAX_LOG_TEXT = 4_000
MAX_LOG_DEPTH = 6


@dataclass(frozen=True, slots=True)
class Trace:
    """Where one request or event stands in its trace."""

    trace_id: str
    span_id: str
    flags: str = "01"

    def __str__(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{self.flags}"


#: The trace and the flow of the work in hand, for logs and problem details.
current_trace: ContextVar[Trace | None] = ContextVar("current_trace", default=None)
current_correlation: ContextVar[UUID | None] = ContextVar("current_correlation", default=None)


def continue_trace(traceparent: str | None) -> Trace:
    """A span of our own within the caller's trace; a new trace when there is none or it is bad."""
    found = _TRACEPARENT.match(traceparent or "")
    if found is None or not int(found[1], 16) or not int(found[2], 16):
        return Trace(secrets.token_hex(16), secrets.token_hex(8))
    return Trace(found[1], secrets.token_hex(8), found[3])


def redact(value: Any, depth: int = 0) -> Any:
    """A copy without secret or personal fields, and with texts cleaned of what looks like one."""
    if isinstance(value, Mapping):
        if depth >= MAX_LOG_DEPTH:
            return REDACTED
        return {
            str(name): REDACTED if _is_secret(str(name)) else redact(item, depth + 1)
            for name, item in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [redact(item, depth + 1) for item in value] if depth < MAX_LOG_DEPTH else REDACTED
    if isinstance(value, str):
        return _SECRET_TEXT.sub(REDACTED, value[:MAX_LOG_TEXT])
    if isinstance(value, bytes | bytearray | memoryview):
        return f"[{len(value)} bytes]"
    return value


@lru_cache(maxsize=1024)
def _is_secret(name: str) -> bool:
    if name in _HARMLESS:
        return False
    return bool(_SECRET_WORDS.search(name) or _PERSONAL_NAME.search(name))


def _redact_event(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    clean: dict[str, Any] = redact(event)
    return clean


def _add_trace(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    trace, correlation = current_trace.get(), current_correlation.get()
    if trace is not None:
        event.setdefault("trace_id", trace.trace_id)
        event.setdefault("span_id", trace.span_id)
    if correlation is not None:
        event.setdefault("correlation_id", str(correlation))
    return event


def _to_json(event: Any, **_: Any) -> str:
    return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def configure_logs(service: str, level: str = "info", to: TextIO | None = None) -> None:
    """One JSON object a line, for our own log calls and for those of libraries."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_trace,
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(to or sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                lambda _, __, event: {"service": service, **event},
                _redact_event,
                structlog.processors.JSONRenderer(serializer=_to_json),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for noisy in ("aiokafka", "httpx", "httpcore", "asyncio", "uvicorn.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    for server in ("uvicorn", "uvicorn.error"):
        logging.getLogger(server).handlers[:] = []
