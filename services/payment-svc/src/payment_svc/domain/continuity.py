"""Does a statement open where the account stood? If not, a statement in between is missing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Earlier:
    """A statement that opened no later; `before_minor` is its balance before the day asked for."""

    opened_on: date
    closed_on: date
    closing_minor: int
    before_minor: int


def gap_after(opened_on: date, opening_minor: int, earlier: Sequence[Earlier]) -> date | None:
    """The last day known before a gap; None if there is none, or if nothing earlier is known.

    Continuous is: the latest statement that ended by then closed with this opening balance, or one
    of the same first day did, or one that overlaps shows it at the start of the day.
    """
    ended = [other for other in earlier if other.closed_on <= opened_on]
    overlapping = [other for other in earlier if other.closed_on >= opened_on]
    if not ended and not overlapping:
        return None
    ends = {other.closed_on for other in ended}
    # A day may have several files: what ended today or on the last day before both count.
    last_ends = {
        max(ends, default=None),
        max((end for end in ends if end < opened_on), default=None),
    }
    if any(other.closing_minor == opening_minor for other in ended if other.closed_on in last_ends):
        return None
    same_day = [other for other in overlapping if other.opened_on == opened_on]
    if any(other.closing_minor == opening_minor for other in same_day):
        return None
    if any(other.before_minor == opening_minor for other in overlapping):
        return None
    return max(ends, default=min(other.opened_on for other in earlier))
