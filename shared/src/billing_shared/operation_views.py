"""Bodies and views of the routes every service has alike (see operations.py)."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from billing_shared import policy
from billing_shared.moments import Day, Instant

MAX_DEAD_LETTERS = 1_000

Reason = Annotated[str, Field(min_length=3, max_length=500, examples=["fixed in release 1.4.2"])]


class Closed(BaseModel):
    """A request body: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


class Seal(BaseModel):
    """The link of the chain that covers an entry."""

    number: int
    sha256: str


class AuditView(BaseModel):
    """One change. `seal` is null for the second until the sealer has been."""

    entry_id: UUID
    at: datetime
    actor_kind: str
    actor_id: str
    action: str
    subject_kind: str
    subject_id: str
    reason: str | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    correlation_id: UUID | None
    seal: Seal | None


class PolicyView(BaseModel):
    """A whole policy; without `policy_id` it is the one that ships with the service."""

    sha256: str
    values: dict[str, Any]
    policy_id: UUID | None = None
    effective_on: date | None = None
    author: str | None = None
    reason: str | None = None
    recorded_at: datetime | None = None

    @classmethod
    def of(cls, version: policy.PolicyVersion) -> "PolicyView":
        return cls(
            sha256=version.policy.sha256,
            values=dict(version.policy.values),
            policy_id=version.policy_id,
            effective_on=version.effective_on,
            author=version.author,
            reason=version.reason,
            recorded_at=version.recorded_at,
        )


class NewPolicy(Closed):
    """Values to change from a date on; what is not named stays as it is."""

    effective_on: Day = Field(examples=["2027-01-01"])
    values: dict[str, Any]
    reason: Reason


class DeadLetterView(BaseModel):
    """An event that could not be applied: where it stands and why, without its bytes."""

    dead_letter_id: UUID
    consumer_group: str
    topic: str
    log_partition: int
    log_offset: int
    event_id: UUID
    code: str
    reason: str
    attempts: int
    state: Literal["open", "replayed"]
    died_at: datetime
    replayed_at: datetime | None


class DeadLetterReplay(Closed):
    """Which dead letters to try again; all open ones when none is named."""

    dead_letter_ids: list[UUID] | None = Field(None, min_length=1, max_length=MAX_DEAD_LETTERS)
    reason: Reason


class OutboxReplay(Closed):
    """Publish the tenant's events of a time again, with their old ids; readers drop repeats."""

    since: Instant = Field(examples=["2026-11-01T00:00:00Z"])
    until: Instant | None = None
    topics: list[str] | None = Field(None, min_length=1, examples=[["invoice-issued"]])
    reason: Reason


class JobView(BaseModel):
    """The last run of a job for a local date."""

    job: str
    local_date: date
    state: Literal["done", "failed"]
    attempts: int
    reason: str | None
    ended_at: datetime


class JobRun(Closed):
    """Run a job for a date."""

    local_date: Day
    reason: Reason


class RequestView(BaseModel):
    """What was asked of the worker, and what came of it."""

    request_id: UUID
    kind: str
    arguments: dict[str, Any]
    requested_by: str
    reason: str
    requested_at: datetime
    state: Literal["waiting", "done", "failed"]
    result: Any
    ended_at: datetime | None
