"""Each entry once: overlapping files make no duplicates, equal payments stay apart."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise, permutations
from uuid import UUID, uuid4

from hypothesis import given, settings
from hypothesis import strategies as st

from billing_shared.money import to_minor
from payment_svc.domain.bank_file import Detail, Direction, Entry, Money
from payment_svc.domain.identity import Known, Window, entry_key, lying_apart, recognise

DAY_ONE = date(2026, 3, 1)
#: Where each of four statements of a day opens.
START = [0, 100, 200, 207]


def entry(
    amount: int = 100,
    day: int = 0,
    text: str = "x",
    ref: str | None = None,
    direction: Direction = "credit",
    booked: bool = True,
) -> Entry:
    on = DAY_ONE + timedelta(days=day)
    return Entry(
        entry_no=1,
        line=1,
        money=Money(Decimal(amount).scaleb(-2), "EUR"),
        direction=direction,
        is_reversal=False,
        booked_on=on if booked else None,
        value_on=None,
        bank_ref=ref,
        details=(Detail(remittance_lines=(text,)),),
    )


@dataclass
class Books:
    """What the store does, in memory."""

    known: dict[UUID, list[Known]] = field(default_factory=lambda: defaultdict(list))
    windows: dict[UUID, Window] = field(default_factory=dict)
    taken: list[Entry] = field(default_factory=list)

    def take(self, entries: list[Entry], opening: int) -> int:
        """Import a statement; the number of new entries."""
        statement_id = uuid4()
        amounts = [to_minor(each.money.amount, "EUR") for each in entries]
        days = [each.booked_on or DAY_ONE for each in entries]
        keys = [entry_key(*each) for each in zip(entries, amounts, days, strict=True)]
        signed = [
            amount if each.direction == "credit" else -amount
            for each, amount in zip(entries, amounts, strict=True)
        ]
        window = Window(
            statement_id,
            opening,
            opening + sum(signed),
            min(days, default=None),
            max(days, default=None),
        )
        had = [each for key in set(keys) for each in self.known[key]]
        movements = zip(keys, signed, strict=True)
        apart = lying_apart(window, movements, had, self.windows.values())
        new = 0
        for each, key, answer in zip(
            entries, keys, recognise(keys, self.known, apart), strict=True
        ):
            if isinstance(answer, int):
                seen = Known(uuid4(), key, answer, frozenset({statement_id}))
                self.known[key].append(seen)
                self.taken.append(each)
                new += 1
            else:
                place = self.known[key].index(answer)
                shown = answer.statement_ids | {statement_id}
                self.known[key][place] = Known(answer.entry_id, key, answer.ordinal, shown)
        self.windows[statement_id] = window
        return new


drawn_entries = st.lists(
    st.builds(
        entry,
        amount=st.sampled_from([100, 100, 250]),
        day=st.integers(0, 5),
        text=st.sampled_from(["x", "x", "y"]),
        ref=st.sampled_from([None, None, "R1", "R2"]),
        direction=st.sampled_from(["credit", "credit", "debit"]),
    ),
    max_size=25,
).map(lambda entries: sorted(entries, key=lambda each: each.booked_on or DAY_ONE))
drawn_windows = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 5)).map(sorted), min_size=1, max_size=6
)


@settings(max_examples=150)
@given(drawn_entries, drawn_windows, st.randoms())
def test_overlapping_windows_in_any_order_give_each_entry_once(
    entries: list[Entry], windows: list[list[int]], random: object
) -> None:
    day = [(each.booked_on or DAY_ONE) - DAY_ONE for each in entries]
    value = [
        to_minor(each.money.amount, "EUR") * (1 if each.direction == "credit" else -1)
        for each in entries
    ]
    books, covered = Books(), set()
    for first, last in [*windows, *windows]:
        inside = [i for i, d in enumerate(day) if first <= d.days <= last]
        opening = sum(v for v, d in zip(value, day, strict=True) if d.days < first)
        shown = [entries[i] for i in inside]
        random.shuffle(shown)  # type: ignore[attr-defined]
        books.take(shown, opening)
        covered.update(inside)
    assert Counter(map(_same, books.taken)) == Counter(_same(entries[i]) for i in covered)


def _same(each: Entry) -> tuple[object, ...]:
    return (each.booked_on, each.money, each.direction, each.bank_ref, each.details)


def test_two_equal_payments_on_one_day_stay_two() -> None:
    books = Books()
    assert books.take([entry(), entry()], 0) == 2
    assert books.take([entry(), entry()], 0) == 0
    assert books.take([entry(), entry(), entry()], 0) == 1


def test_a_second_equal_payment_in_the_next_file_of_the_day_is_another_one() -> None:
    books = Books()
    assert books.take([entry()], 0) == 1
    assert books.take([entry()], 100) == 1, "it opens where the first closed"
    assert books.take([entry(), entry()], 0) == 0, "the day's file shows both"


def test_the_next_file_may_come_first() -> None:
    books = Books()
    assert books.take([entry()], 100) == 1
    assert books.take([entry()], 0) == 1


def test_a_day_that_comes_to_nothing_proves_no_order() -> None:
    books = Books()
    both = [entry(), entry(direction="debit")]
    assert books.take(both, 0) == 2
    assert books.take([*both, entry(250)], 0) == 1


def test_the_reference_tells_entries_apart_and_together() -> None:
    books = Books()
    assert books.take([entry(ref="A"), entry(ref="B")], 0) == 2
    assert books.take([entry(ref="A", text="now with more text")], 0) == 0
    assert books.take([entry(ref="A", amount=1)], 0) == 1, "the fee of A"


def test_a_reference_without_booking_date_is_known_from_any_statement() -> None:
    one = entry_key(entry(ref="A", booked=False), 100, DAY_ONE)
    other = entry_key(entry(ref="A", booked=False), 100, DAY_ONE + timedelta(days=9))
    assert one == other


def test_the_way_an_amount_is_written_does_not_matter() -> None:
    plain, padded = entry(), entry()
    object.__setattr__(padded, "money", Money(Decimal("1.00000"), "EUR"))
    assert entry_key(plain, 100, DAY_ONE) == entry_key(padded, 100, DAY_ONE)


def test_many_files_of_one_day_each_with_an_equal_payment() -> None:
    for order in permutations(range(4)):
        books = Books()
        for n in order:
            books.take([entry(amount=7, text="other")] if n == 2 else [entry()], START[n])
        count = len(books.taken)
        chained = all(abs(a - b) == 1 for a, b in pairwise(order))
        assert count == 4 or not chained, "each leads to the next"
        assert (
            books.take([entry(), entry(), entry(amount=7, text="other"), entry()], 0) == 4 - count
        )
