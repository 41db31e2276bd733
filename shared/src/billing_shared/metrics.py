"""Every metric there is, in one typed list. No tenant or document id is ever a label."""

from prometheus_client import Counter, Gauge, Histogram

_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_SLOW = (0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 1800, 7200)

HTTP_SECONDS = Histogram(
    "billing_http_request_seconds",
    "HTTP requests by route template",
    ["service", "method", "route", "status"],
    buckets=_FAST,
)
AUTH_REFUSED = Counter(
    "billing_auth_refused_total", "requests without a valid token or scope", ["service", "status"]
)
IDEMPOTENT_REPLAYS = Counter(
    "billing_idempotent_replays_total", "POSTs answered from their key", ["service"]
)

OUTBOX_PENDING = Gauge("billing_outbox_pending", "events not yet on the broker", ["service"])
OUTBOX_OLDEST_SECONDS = Gauge(
    "billing_outbox_oldest_seconds", "age of the oldest event not yet on the broker", ["service"]
)
RELAY_IS_LEADER = Gauge(
    "billing_relay_is_leader", "1 where the shard is held", ["service", "shard"]
)
RELAY_SENT = Counter("billing_relay_sent_total", "events acknowledged by the broker", ["service"])
RELAY_FAILURES = Counter("billing_relay_failures_total", "producers dropped", ["service"])

CONSUMER_LAG = Gauge(
    "billing_consumer_lag_records", "records behind the end of the log", ["service", "topic"]
)
CONSUMER_PROGRESS = Gauge(
    "billing_consumer_last_progress_timestamp_seconds", "when a batch last committed", ["service"]
)
CONSUMER_BATCH_SECONDS = Histogram(
    "billing_consumer_batch_seconds", "one batch, one transaction", ["service"], buckets=_FAST
)
CONSUMER_BATCH_RECORDS = Histogram(
    "billing_consumer_batch_records",
    "records in a batch",
    ["service"],
    buckets=(1, 5, 20, 50, 100, 200, 500, 1000),
)
CONSUMER_RETRIES = Counter(
    "billing_consumer_retries_total", "batches rolled back and tried again", ["service"]
)
CONSUMER_ALARMS = Counter(
    "billing_consumer_alarms_total", "logs that are not what was remembered", ["service", "kind"]
)
INBOX_DUPLICATES = Counter("billing_inbox_duplicates_total", "events had before", ["service"])
EVENT_SECONDS = Histogram(
    "billing_event_seconds", "from the fact to its effect here", ["service", "type"], buckets=_SLOW
)
DEAD_LETTERS = Counter(
    "billing_dead_letters_total", "events given up", ["service", "topic", "code"]
)
DEAD_LETTERS_OPEN = Gauge("billing_dead_letters_open", "dead letters not replayed", ["service"])

JOB_SECONDS = Histogram(
    "billing_job_seconds", "one run of a job", ["service", "job"], buckets=_SLOW
)
JOB_FAILURES = Counter("billing_job_failures_total", "runs that raised", ["service", "job"])
AUDIT_UNSEALED = Gauge("billing_audit_unsealed", "audit entries not yet chained", ["service"])
AUDIT_UNSEALED_SECONDS = Gauge(
    "billing_audit_unsealed_oldest_seconds", "age of the oldest unchained entry", ["service"]
)
EVENT_LOOP_LAG = Gauge("billing_event_loop_lag_seconds", "how late the loop runs", ["service"])
POOL_IN_USE = Gauge("billing_db_pool_in_use", "connections in use", ["service", "role"])

DISCREPANCIES_OPEN = Gauge("billing_discrepancies_open", "open discrepancies", ["code"])
UNAPPLIED_MINOR = Gauge("billing_unapplied_minor", "money given to no item yet", ["currency"])
BOOKS_BROKEN = Gauge("billing_books_broken", "tenants whose books do not agree")

DELIVERY_ATTEMPTS = Counter(
    "billing_delivery_attempts_total", "calls to receivers and the relay", ["channel", "result"]
)
DELIVERIES_DUE = Gauge("billing_deliveries_due", "webhooks and mails that are due")
DELIVERIES_DUE_SECONDS = Gauge("billing_deliveries_due_oldest_seconds", "how long the oldest is")
