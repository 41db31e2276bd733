"""Our copy of what recon-svc says is due on an invoice, and of what it says is wrong with it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from billing_shared.contracts.recon import SettlementChanged

Standing = Literal["unpaid", "partial", "settled"]


@dataclass(frozen=True, slots=True)
class Settlement:
    """gross = paid + credited + written off + due. Sequence 0 is our own word."""

    standing: Standing
    paid_minor: int
    credited_minor: int
    written_off_minor: int
    disputed_minor: int
    due_minor: int
    sequence: int
    as_of: datetime

    @property
    def is_touched(self) -> bool:
        """Money, credit or a write-off is on the invoice."""
        return bool(self.paid_minor or self.credited_minor or self.written_off_minor)


def opening(gross_minor: int, due_minor: int, now: datetime) -> Settlement:
    """What is due as the document says: an invoice of 0 is settled at once."""
    standing: Standing = "unpaid"
    if due_minor == 0:
        standing = "settled"
    elif due_minor < gross_minor:
        standing = "partial"
    return Settlement(standing, gross_minor - due_minor, 0, 0, 0, due_minor, 0, now)


def newest(
    heard: Iterable[tuple[SettlementChanged, int, datetime]],
) -> dict[UUID, Settlement]:
    """Of events with their sequence and time, the newest state of each invoice."""
    states: dict[UUID, Settlement] = {}
    for event, sequence, at in heard:
        known = states.get(event.invoice_id)
        if known is None or known.sequence < sequence:
            states[event.invoice_id] = Settlement(
                event.settlement,
                event.paid_minor,
                event.credited_minor,
                event.written_off_minor,
                event.disputed_minor,
                event.due_minor,
                sequence,
                at,
            )
    return states


@dataclass(frozen=True, slots=True)
class Attention:
    """An open discrepancy that speaks of an invoice, as recon-svc told it."""

    discrepancy_id: UUID
    code: str
    amount_minor: int
    as_of: datetime
