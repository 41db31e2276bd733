"""What callers send and see."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from billing_shared.moments import Instant
from notify_svc.domain.delivery import Channel, Delivery, Result, State
from notify_svc.domain.endpoint import MAX_URL_LENGTH
from notify_svc.domain.subscription import ALL_TYPES, MAX_DESCRIPTION_LENGTH, Subscription, Wish
from notify_svc.store.attempts import Attempt
from notify_svc.usecases.replay_events import Replay

EventTypes = Annotated[
    list[Annotated[str, Field(max_length=60)]],
    Field(
        min_length=1,
        max_length=50,
        description="names of event types, or `*` alone for all, those to come included",
        examples=[["invoice-issued", "settlement-changed"]],
    ),
]


class Closed(BaseModel):
    """A request body: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


class SubscriptionBody(Closed):
    """A subscription as its owner wants it; a PUT replaces all of it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "url": "https://erp.example.com/hooks/billing",
                    "event_types": ["invoice-issued", "settlement-changed"],
                    "description": "ERP, production",
                }
            ]
        }
    )

    url: str = Field(
        max_length=MAX_URL_LENGTH,
        description="https, at public addresses; called by POST with CloudEvents 1.0 JSON",
        examples=["https://erp.example.com/hooks/billing"],
        json_schema_extra={"format": "uri"},
    )
    event_types: EventTypes = [ALL_TYPES]
    status: Literal["active", "disabled"] = "active"
    description: str = Field("", max_length=MAX_DESCRIPTION_LENGTH, examples=["ERP, production"])

    def to_wish(self) -> Wish:
        return Wish(self.url, tuple(self.event_types), self.status, self.description)


class SubscriptionView(BaseModel):
    """A subscription. `disabled_reason` says why we disabled it, if we did."""

    model_config = ConfigDict(from_attributes=True)

    subscription_id: UUID
    url: str
    event_types: list[str]
    status: Literal["active", "disabled"]
    description: str
    disabled_reason: str | None
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, subscription: Subscription) -> "SubscriptionView":
        return cls.model_validate(subscription)


class NewSubscriptionView(SubscriptionView):
    """A subscription just made. `secret` is shown this once, and null when the POST is repeated."""

    secret: str | None = Field(examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])


class RotationView(BaseModel):
    """A new secret, shown this once. Until `previous_expires_at` both secrets sign."""

    secret_id: UUID
    secret: str | None = Field(examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])
    previous_expires_at: datetime | None


class ReplayBody(Closed):
    """Which stretch of time to deliver again, by the time of the events."""

    since: Instant = Field(examples=["2026-11-01T00:00:00Z"])
    until: Instant | None = Field(None, description="now, when absent")


class ReplayView(BaseModel):
    """`events` were found and `queued` of them will be delivered: the rest is under way already.

    Nothing before `window_begins_at` is kept any more (null: nothing is kept at all).
    """

    model_config = ConfigDict(from_attributes=True)

    since: datetime
    until: datetime
    window_begins_at: datetime | None
    events: int
    queued: int

    @classmethod
    def of(cls, replay: Replay) -> "ReplayView":
        return cls.model_validate(replay)


class DeliveryView(BaseModel):
    """What one receiver is told of one event. `target_id` is the subscription or the customer."""

    model_config = ConfigDict(from_attributes=True)

    delivery_id: UUID
    channel: Channel
    event_id: UUID
    event_type: str
    subject_id: UUID
    target_id: UUID
    state: State
    tries: int
    reason: str | None
    next_attempt_at: datetime | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, delivery: Delivery) -> "DeliveryView":
        return cls.model_validate(delivery)


class AttemptView(BaseModel):
    """One call. `result` is null while it is under way, `unknown` when nobody can say.

    `excerpt` is the beginning of what the receiver answered; `recipients` are masked.
    """

    model_config = ConfigDict(from_attributes=True)

    attempt_id: UUID
    started_at: datetime
    ended_at: datetime | None
    result: Result | None
    status_code: int | None
    detail: str | None
    excerpt: str | None
    recipients: list[str] | None


class DeliveryDetail(DeliveryView):
    """A delivery with its attempts, oldest first."""

    attempts: list[AttemptView]

    @classmethod
    def with_attempts(cls, delivery: Delivery, attempts: list[Attempt]) -> "DeliveryDetail":
        shown = [AttemptView.model_validate(attempt) for attempt in attempts]
        return cls(**DeliveryView.of(delivery).model_dump(), attempts=shown)
