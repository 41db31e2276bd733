"""Who wants to hear of what."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal
from uuid import UUID

from billing_shared.contracts import EVENTS
from billing_shared.errors import invalid
from notify_svc.domain.endpoint import check_endpoint, parse_endpoint

#: Subscriptions of one tenant; every event costs a look at each.
MAX_SUBSCRIPTIONS = 50
MAX_DESCRIPTION_LENGTH = 500
#: Stands for every event type, those to come included.
ALL_TYPES = "*"

Status = Literal["active", "disabled"]


@dataclass(frozen=True, slots=True)
class Subscription:
    """`version` counts changes from 1; `disabled_reason` says why we disabled it, if we did."""

    subscription_id: UUID
    url: str
    event_types: tuple[str, ...]
    status: Status
    description: str
    version: int
    created_at: datetime
    updated_at: datetime
    disabled_reason: str | None = None

    def wants(self, event_type: str) -> bool:
        return self.status == "active" and (
            self.event_types == (ALL_TYPES,) or event_type in self.event_types
        )


@dataclass(frozen=True, slots=True)
class Wish:
    """What a caller asks for: a subscription without what we add to it."""

    url: str
    event_types: tuple[str, ...] = (ALL_TYPES,)
    status: Status = "active"
    description: str = ""


def check_event_types(event_types: Sequence[str], field: str = "event_types") -> tuple[str, ...]:
    """Sorted and without repeats; Invalid for an unknown name, or `*` beside others."""
    wanted = tuple(sorted(set(event_types)))
    if not wanted:
        raise invalid(field, f"name at least one event type, or {ALL_TYPES!r} for all")
    if ALL_TYPES in wanted and len(wanted) > 1:
        raise invalid(field, f"{ALL_TYPES!r} stands alone")
    for name in wanted:
        if name != ALL_TYPES and name not in EVENTS:
            raise invalid(field, "holds a name that is no event type")
    return wanted


def change(subscription: Subscription, wish: Wish, now: datetime) -> Subscription:
    """The subscription as the caller wants it from now on."""
    return replace(
        subscription,
        url=wish.url,
        event_types=wish.event_types,
        status=wish.status,
        description=wish.description,
        version=subscription.version + 1,
        updated_at=now,
        disabled_reason=None,
    )


def disable(subscription: Subscription, reason: str, now: datetime) -> Subscription:
    """Stopped by us, not by its owner."""
    return replace(
        subscription,
        status="disabled",
        version=subscription.version + 1,
        updated_at=now,
        disabled_reason=reason,
    )


def audited(subscription: Subscription) -> dict[str, object]:
    """What the audit keeps of a subscription; secrets are never part of it."""
    return {
        "url": subscription.url,
        "event_types": list(subscription.event_types),
        "status": subscription.status,
        "description": subscription.description,
        "version": subscription.version,
        "disabled_reason": subscription.disabled_reason,
    }


def checked(wish: Wish, allowed: frozenset[str]) -> Wish:
    """The wish in our spelling, or Invalid. `allowed`: see endpoint.check_endpoint."""
    endpoint = parse_endpoint(wish.url)
    check_endpoint(endpoint, allowed)
    return replace(wish, url=endpoint.url, event_types=check_event_types(wish.event_types))
