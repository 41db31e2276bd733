"""Who acts, for which tenant, when, and in which flow: travels beside every command."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal
from uuid import UUID

from billing_shared.contracts import Envelope


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it: a person, another system, one of our services, or a job."""

    kind: Literal["user", "client", "service", "job"]
    id: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}"


@dataclass(frozen=True, slots=True)
class Context:
    """`now` is read once per command from the injected clock (UTC)."""

    tenant_id: UUID
    actor: Actor
    now: datetime
    correlation_id: UUID
    causation_id: UUID | None = None
    traceparent: str | None = None
    reason: str | None = None
    roles: frozenset[str] = field(default_factory=frozenset)

    def caused_by(self, envelope: Envelope) -> "Context":
        """The same work, as the consequence of one event."""
        return replace(
            self,
            correlation_id=envelope.correlation_id,
            causation_id=envelope.id,
            traceparent=envelope.traceparent,
        )
