"""A delivery: what one receiver is to be told of one event, and what became of each attempt.

waiting   ──route known──────────► pending
pending   ──delivered────────────► delivered
          ──refused for good, or no attempt left──► failed
          ──nobody knows (mail)──► unknown
          ──nobody to tell any more──► cancelled
delivered, failed, unknown, cancelled ──redelivery asked for──► pending
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from billing_shared.errors import Conflict

Channel = Literal["webhook", "mail"]
State = Literal["waiting", "pending", "delivered", "failed", "unknown", "cancelled"]
#: `unknown`: the receiver may or may not have it (a timeout, a connection lost, a killed worker).
Result = Literal["delivered", "failed", "unknown"]

#: Nothing more happens to these by itself.
ENDED: frozenset[State] = frozenset({"delivered", "failed", "unknown", "cancelled"})

#: What a receiver answered is kept for people to look at, in characters.
MAX_EXCERPT_LENGTH = 1_000
MAX_DETAIL_LENGTH = 300


@dataclass(frozen=True, slots=True)
class Delivery:
    """`target_id` is the subscription or the customer, `subject_id` what the event is about.

    `tries` counts the attempts of this round: a redelivery starts a new one.
    """

    delivery_id: UUID
    channel: Channel
    event_id: UUID
    event_type: str
    subject_id: UUID
    target_id: UUID
    state: State
    tries: int
    reason: str | None
    created_at: datetime
    updated_at: datetime
    next_attempt_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one call outside.

    `is_final`: trying again cannot help. `is_gone`: the receiver wants nothing any more.
    `detail` is ours, for people; `excerpt` is the beginning of what the receiver answered.
    """

    result: Result
    detail: str
    status_code: int | None = None
    excerpt: str | None = None
    is_final: bool = False
    is_gone: bool = False


@dataclass(frozen=True, slots=True)
class Retries:
    """Seconds before the first, second, ... attempt; up to `jitter` of itself is added to each."""

    delays_seconds: tuple[float, ...]
    jitter: float

    def delay_seconds(self, tries: int, chance: float) -> float | None:
        """How long to wait after `tries` attempts; None when there are no more.

        `chance` is drawn from [0, 1): receivers that came back are not hit by all at once.
        """
        if tries >= len(self.delays_seconds):
            return None
        return self.delays_seconds[tries] * (1 + self.jitter * chance)


@dataclass(frozen=True, slots=True)
class Step:
    """What a delivery does after an attempt; `delay_seconds` only when it stays pending."""

    state: State
    reason: str | None = None
    delay_seconds: float | None = None


def next_step(
    channel: Channel, tries: int, outcome: Outcome, retries: Retries, chance: float
) -> Step:
    """Decide after the attempt number `tries` of this round.

    A mail nobody knows of is not sent again by itself, because the customer would get it twice;
    a webhook is, because its receiver knows the `webhook-id`.
    """
    if outcome.result == "delivered":
        return Step("delivered")
    if outcome.result == "unknown" and channel == "mail":
        return Step("unknown", outcome.detail)
    if outcome.is_gone or outcome.is_final:
        return Step("failed", outcome.detail)
    delay = retries.delay_seconds(tries, chance)
    if delay is None:
        return Step("failed", f"given up after {tries} attempts: {outcome.detail}")
    return Step("pending", outcome.detail, delay)


def check_ended(state: State) -> None:
    """Conflict `delivery-state` if a delivery cannot start a new round of attempts."""
    if state not in ENDED:
        raise Conflict("delivery-state", f"the delivery is {state}; only an ended one starts again")
