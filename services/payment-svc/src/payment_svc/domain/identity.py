"""Is this entry one we have had? Two files may overlap; two equal payments on one day stay two.

An entry is known by the bank's reference with its amount, direction and booking date; without a
reference by everything the bank tells about it. Entries that are equal even then are counted: the
second of a day is another one than the first. Why: decision record 0012.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from billing_shared.ids import derived_id
from payment_svc.domain.bank_file import Detail, Entry

_NAMESPACE = UUID("6f1d9c52-4a0e-5b7c-9a55-0c1f2b9b7a10")


@dataclass(frozen=True, slots=True)
class Known:
    """An entry we have had: `ordinal` counts equal ones from 1; `statement_ids` showed it."""

    entry_id: UUID
    key: UUID
    ordinal: int
    statement_ids: frozenset[UUID]


@dataclass(frozen=True, slots=True)
class Window:
    """What a proved statement covers: its balances and the days of its first and last entry."""

    statement_id: UUID
    opening_minor: int
    closing_minor: int
    first_on: date | None
    last_on: date | None


def entry_key(entry: Entry, amount_minor: int, booked_on: date) -> UUID:
    """The same for the same entry in whatever file, within one account.

    `booked_on` stands in where the bank gave no booking date: it is then the statement's own date,
    so it does not count where a reference does the work.
    """
    head = [entry.direction, str(amount_minor)]
    if entry.bank_ref is not None:
        stated_on = entry.booked_on.isoformat() if entry.booked_on else ""
        return derived_id(_NAMESPACE, "reference", *head, stated_on, entry.bank_ref)
    marks = [str(entry.is_reversal), booked_on.isoformat(), str(entry.value_on), entry.note or ""]
    for detail in entry.details:
        marks += _marks(detail)
    return derived_id(_NAMESPACE, "content", *head, *marks)


def recognise(
    keys: Sequence[UUID], known: Mapping[UUID, Sequence[Known]], apart: frozenset[UUID]
) -> list[Known | int]:
    """For each entry, in its order: the one we have had, or the ordinal of a new one.

    Entries shown only by statements that lie `apart` from this one cannot be among its own.
    """
    waiting: dict[UUID, list[Known]] = {}
    last: dict[UUID, int] = defaultdict(int)
    answers: list[Known | int] = []
    for key in keys:
        if key not in waiting:
            had = sorted(known.get(key, ()), key=lambda entry: entry.ordinal)
            waiting[key] = [entry for entry in had if not entry.statement_ids <= apart]
            last[key] = max((entry.ordinal for entry in had), default=0)
        if waiting[key]:
            answers.append(waiting[key].pop(0))
        else:
            last[key] += 1
            answers.append(last[key])
    return answers


def lying_apart(
    window: Window,
    movements: Iterable[tuple[UUID, int]],
    known: Iterable[Known],
    others: Iterable[Window],
) -> frozenset[UUID]:
    """The statements that share no entry with this one, though some of their entries look the same.

    Where one statement closes with the very balance with which the next opens, the entries they
    share must come to nothing. If those that look the same come to something, they are not the
    same: a second payment, equal to the first, was booked in a later file of that day. `movements`
    are key and signed amount of each entry of this statement, `others` the statements of its days.
    """
    counts: Counter[UUID] = Counter()
    signed: dict[UUID, int] = {}
    for key, amount_minor in movements:
        counts[key] += 1
        signed[key] = amount_minor
    shown: dict[UUID, Counter[UUID]] = defaultdict(Counter)
    for entry in known:
        for statement_id in entry.statement_ids:
            shown[statement_id][entry.key] += 1
    others = tuple(others)
    in_a_row = _chain(window, others, _follows) | _chain(
        window, others, lambda earlier, later: _follows(later, earlier)
    )
    return frozenset(
        statement_id
        for statement_id in in_a_row
        if sum(signed[key] * min(counts[key], alike) for key, alike in shown[statement_id].items())
    )


def _chain(
    start: Window, others: Sequence[Window], follows: Callable[[Window, Window], bool]
) -> set[UUID]:
    """The statements that lead up to `start`, link by link."""
    reached: set[UUID] = set()
    links = [start]
    while links:
        link = links.pop()
        for other in others:
            if other.statement_id not in reached and follows(link, other):
                reached.add(other.statement_id)
                links.append(other)
    return reached


def _follows(later: Window, earlier: Window) -> bool:
    """Whether the balances show that one begins where the other ends.

    A statement that comes to nothing opens and closes alike, which shows no order.
    """
    if earlier.last_on is None or later.first_on is None:
        return False
    both_move = all(each.opening_minor != each.closing_minor for each in (earlier, later))
    is_later = earlier.last_on <= later.first_on
    return both_move and is_later and earlier.closing_minor == later.opening_minor


def _marks(detail: Detail) -> list[str]:
    money = f"{detail.money.amount.normalize()} {detail.money.currency}" if detail.money else ""
    parties = (detail.debtor, detail.creditor)
    return [
        money,
        *(f"{kind}={value}" for kind, value in detail.ids),
        *detail.creditor_references,
        *detail.remittance_lines,
        *(f"{party.name}|{party.account}" for party in parties),
    ]
