"""What a handler of consumed events is, and the record of what has been consumed."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

from billing_shared.context import Context
from billing_shared.contracts import Envelope, Event
from billing_shared.postgres import Connection

E = TypeVar("E", bound=Event)


@dataclass(frozen=True, slots=True)
class Incoming(Generic[E]):
    """One event as it was read from the log."""

    envelope: Envelope
    event: E


#: One tenant's events of one type, in log order, to be applied in the transaction of `conn`, which
#: is set to that tenant. The context's causation is the first event's: pass `causes` to outbox.add
#: to name each one's own. A BillingError other than Unavailable makes a record that fails alone a
#: dead letter at once; any other error after five tries; a transient one is retried for ever.
Handler: TypeAlias = Callable[[Connection, Context, list[Incoming[Any]]], Awaitable[None]]
Handlers: TypeAlias = Mapping[type[Event], Handler]
