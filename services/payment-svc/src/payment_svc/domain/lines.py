"""Statement lines: one per booked entry the bank ever showed us."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from payment_svc.domain.bank_file import Direction, Entry
from payment_svc.domain.parts import Part

MAX_NOTE = 500


@dataclass(frozen=True, slots=True)
class Line:
    """An entry as we keep it. `kind` is that of its parts, or `mixed` where they differ."""

    entry_id: UUID
    entry_key: UUID
    ordinal: int
    account: str
    currency: str
    direction: Direction
    kind: str
    amount_minor: int
    booked_on: date
    value_on: date
    bank_ref: str | None
    other_name: str | None
    note: str | None


@dataclass(frozen=True, slots=True)
class Sighting:
    """A statement shows an entry: at which of its places, on which line of its file."""

    entry_no: int
    file_line: int
    entry_id: UUID


def to_line(
    entry: Entry,
    parts: tuple[Part, ...],
    *,
    entry_id: UUID,
    entry_key: UUID,
    ordinal: int,
    account: str,
    currency: str,
    amount_minor: int,
    booked_on: date,
) -> Line:
    """A new entry as we keep it; its value date falls back to the booking date."""
    kinds = {part.kind for part in parts}
    sides = {
        each.debtor if entry.direction == "credit" else each.creditor for each in entry.details
    }
    names = {side.name for side in sides}
    texts = [line for detail in entry.details for line in detail.remittance_lines]
    return Line(
        entry_id=entry_id,
        entry_key=entry_key,
        ordinal=ordinal,
        account=account,
        currency=currency,
        direction=entry.direction,
        kind=kinds.pop() if len(kinds) == 1 else "mixed",
        amount_minor=amount_minor,
        booked_on=booked_on,
        value_on=entry.value_on or booked_on,
        bank_ref=entry.bank_ref,
        other_name=names.pop() if len(names) == 1 else None,
        note=" ".join([*texts, entry.note or ""]).strip()[:MAX_NOTE] or None,
    )
