"""Take the readable entries of statements into the account: each once, whatever file showed it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID

from billing_shared.context import Context
from billing_shared.contracts import Event
from billing_shared.ids import new_id
from billing_shared.postgres import Connection
from payment_svc.domain.bank_file import Entry, Statement
from payment_svc.domain.booking import to_payments, to_reversals
from payment_svc.domain.continuity import gap_after
from payment_svc.domain.identity import Known, entry_key, lying_apart, recognise
from payment_svc.domain.lines import Line, Sighting, to_line
from payment_svc.domain.parts import split_entry
from payment_svc.domain.payment import Payment, Reversal
from payment_svc.domain.proof import Proof
from payment_svc.domain.reversal_proof import prove_payments
from payment_svc.domain.taking import KeptStatement, booking_days
from payment_svc.store.lines import load_known, save_lines, save_sightings
from payment_svc.store.payments import find_candidates, save_payments, touch_payments
from payment_svc.store.reversals import save_reversals
from payment_svc.store.statements import (
    insert_statement,
    load_earlier,
    load_windows,
    update_statements,
)


@dataclass(frozen=True, slots=True)
class Taking:
    """A statement to take: as kept, as read, and what it comes to. `is_new` has no row yet."""

    kept: KeptStatement
    statement: Statement
    proof: Proof
    is_new: bool


@dataclass(frozen=True, slots=True)
class _Sorted:
    """The entries of a statement, told apart."""

    lines: list[Line]
    sightings: list[Sighting]
    payments: list[Payment]
    reversals: list[Reversal]


async def take_statements(
    conn: Connection, context: Context, takings: Sequence[Taking]
) -> tuple[list[KeptStatement], list[Event]]:
    """Book what is new in each statement, in their order; the account's row must be locked.

    Answers the statements with their counts and gap, and the events to publish of their entries.
    """
    kept, events = [], list[Event]()
    for taking in takings:
        statement, published = await _take(conn, context, taking)
        kept.append(statement)
        events += published
    return kept, events


async def _take(
    conn: Connection, context: Context, taking: Taking
) -> tuple[KeptStatement, list[Event]]:
    kept, tenant_id = taking.kept, context.tenant_id
    found = await _sort(conn, context, taking)
    wanted = [bank_id for reversal in found.reversals for bank_id in reversal.bank_ids]
    candidates = await find_candidates(conn, tenant_id, kept.account, wanted)
    reversals = prove_payments(found.reversals, candidates, found.payments)
    kept = replace(
        kept,
        repeated=len(found.sightings) - len(found.lines),
        payments=len(found.payments),
        reversals=len(reversals),
        gap_after=await find_gap(conn, context, kept),
    )
    if taking.is_new:
        await insert_statement(conn, tenant_id, kept)
    else:
        await update_statements(conn, tenant_id, [kept])
    await save_lines(conn, tenant_id, found.lines)
    await save_sightings(conn, tenant_id, kept.statement_id, found.sightings)
    await save_payments(conn, tenant_id, found.payments, context.now)
    await save_reversals(conn, tenant_id, reversals, context.now)
    taken_back = [r.payment_id for r in reversals if r.payment_id is not None]
    await touch_payments(conn, tenant_id, taken_back, context.now)
    events: list[Event] = [payment.received() for payment in found.payments]
    return kept, events + [reversal.reversed() for reversal in reversals]


async def find_gap(conn: Connection, context: Context, kept: KeptStatement) -> date | None:
    """The last day known before a gap in front of this statement."""
    if kept.opening_minor is None:
        return None
    earlier = await load_earlier(
        conn, context.tenant_id, kept.account, kept.statement_id, kept.opened_on
    )
    return gap_after(kept.opened_on, kept.opening_minor, earlier)


async def _sort(conn: Connection, context: Context, taking: Taking) -> _Sorted:
    kept, amounts = taking.kept, taking.proof.amounts
    days = booking_days(taking.statement, taking.proof)
    entries = [entry for entry in taking.statement.entries if entry.entry_no in amounts]
    keys = [entry_key(each, amounts[each.entry_no], days[each.entry_no]) for each in entries]
    known = await load_known(conn, context.tenant_id, kept.account, keys)
    apart = await _lying_apart(conn, context, taking, zip(entries, keys, strict=True), known)
    found = _Sorted([], [], [], [])
    for entry, key, answer in zip(entries, keys, recognise(keys, known, apart), strict=True):
        entry_id = new_id() if isinstance(answer, int) else answer.entry_id
        found.sightings.append(Sighting(entry.entry_no, entry.line, entry_id))
        if isinstance(answer, int):
            parts = split_entry(entry, amounts[entry.entry_no], kept.currency)
            line = to_line(
                entry,
                parts,
                entry_id=entry_id,
                entry_key=key,
                ordinal=answer,
                account=kept.account,
                currency=kept.currency,
                amount_minor=amounts[entry.entry_no],
                booked_on=days[entry.entry_no],
            )
            found.lines.append(line)
            place = (kept.statement_id, entry.entry_no, new_id)
            found.payments.extend(to_payments(line, parts, *place))
            found.reversals.extend(to_reversals(line, parts, *place))
    return found


async def _lying_apart(
    conn: Connection,
    context: Context,
    taking: Taking,
    entries: Iterable[tuple[Entry, UUID]],
    known: Mapping[UUID, Sequence[Known]],
) -> frozenset[UUID]:
    window = taking.kept.window()
    if window is None or not known:
        return frozenset()
    had = [each for group in known.values() for each in group]
    others = await load_windows(conn, context.tenant_id, taking.kept.account, window)
    amounts = taking.proof.amounts
    movements = [
        (key, amounts[entry.entry_no] * (1 if entry.direction == "credit" else -1))
        for entry, key in entries
    ]
    return lying_apart(window, movements, had, others)
