"""Statements as we keep them: what they say, what was wrong with them, and how they may change."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Literal
from uuid import UUID

from billing_shared.contracts.payment import Movements, StatementImported
from billing_shared.errors import Conflict, Forbidden, Invalid
from payment_svc.domain.bank_file import Problem, Statement
from payment_svc.domain.identity import Window
from payment_svc.domain.proof import Proof, Totals

State = Literal["proved", "quarantined", "released", "superseded", "repeated"]

#: Proved and released statements count; a quarantined one waits for a person or a better file; a
#: repeated one said what another file had said.
MOVES: dict[State, frozenset[State]] = {
    "quarantined": frozenset({"released", "superseded"}),
    "proved": frozenset(),
    "released": frozenset(),
    "superseded": frozenset(),
    "repeated": frozenset(),
}


@dataclass(frozen=True, slots=True)
class KeptStatement:
    """One statement. `first_on` and `last_on` are the booking days of its readable entries.

    `repeated` counts entries that earlier statements had shown; `payments` and `reversals` what was
    published of the others.
    """

    statement_id: UUID
    file_id: UUID
    statement_no: int
    account: str
    currency: str
    bank_id: str
    opened_on: date
    closed_on: date
    first_on: date | None
    last_on: date | None
    opening_minor: int | None
    closing_minor: int | None
    credits: Totals
    debits: Totals
    not_booked: int
    state: State
    problems: tuple[Problem, ...]
    created_at: datetime
    updated_at: datetime
    repeated: int = 0
    payments: int = 0
    reversals: int = 0
    gap_after: date | None = None
    superseded_by: UUID | None = None
    same_as: UUID | None = None
    released_at: datetime | None = None
    released_by: str | None = None
    release_reason: str | None = None

    def window(self) -> Window | None:
        """What it covers; None where its balances prove nothing."""
        if self.state != "proved" or self.opening_minor is None or self.closing_minor is None:
            return None
        return Window(
            self.statement_id, self.opening_minor, self.closing_minor, self.first_on, self.last_on
        )

    def imported(self, file_sha256: str) -> StatementImported:
        """The fact to publish. A balance that could not be read is published as 0, never proved."""
        return StatementImported(
            statement_id=self.statement_id,
            account=self.account,
            currency=self.currency,
            opened_on=self.opened_on,
            closed_on=self.closed_on,
            opening_minor=self.opening_minor or 0,
            closing_minor=self.closing_minor or 0,
            credits=Movements(count=self.credits.count, sum_minor=self.credits.sum_minor),
            debits=Movements(count=self.debits.count, sum_minor=self.debits.sum_minor),
            state="proved" if self.state == "proved" else "quarantined",
            gap_after=self.gap_after,
            file_sha256=file_sha256,
        )

    def move(self, state: State, now: datetime) -> "KeptStatement":
        """The same statement in another state, or Conflict `statement-not-quarantined`."""
        if state not in MOVES[self.state]:
            raise Conflict("statement-not-quarantined", f"the statement is {self.state}")
        return replace(self, state=state, updated_at=now)


def keep(
    statement: Statement,
    proof: Proof,
    *,
    currency: str,
    statement_id: UUID,
    file_id: UUID,
    now: datetime,
) -> KeptStatement:
    """A statement as read and proved, before it is known what of it is new."""
    days = booking_days(statement, proof).values()
    return KeptStatement(
        statement_id=statement_id,
        file_id=file_id,
        statement_no=statement.statement_no,
        account=statement.account,
        currency=currency,
        bank_id=statement.bank_id,
        opened_on=proof.opened_on,
        closed_on=proof.closed_on,
        first_on=min(days, default=None),
        last_on=max(days, default=None),
        opening_minor=proof.opening_minor,
        closing_minor=proof.closing_minor,
        credits=proof.credits,
        debits=proof.debits,
        not_booked=statement.not_booked,
        state="proved" if proof.is_proved else "quarantined",
        problems=proof.problems,
        created_at=now,
        updated_at=now,
    )


def booking_days(statement: Statement, proof: Proof) -> dict[int, date]:
    """The booking day of each readable entry; where the bank gives none, the statement's own."""
    return {
        entry.entry_no: entry.booked_on or proof.closed_on
        for entry in statement.entries
        if entry.entry_no in proof.amounts
    }


def summary(kept: KeptStatement) -> dict[str, object]:
    """What the audit trail keeps of a statement: figures, no names."""
    return {
        "account": kept.account,
        "currency": kept.currency,
        "state": kept.state,
        "closed_on": kept.closed_on.isoformat(),
        "opening_minor": kept.opening_minor,
        "closing_minor": kept.closing_minor,
        "credits_minor": kept.credits.sum_minor,
        "debits_minor": kept.debits.sum_minor,
        "payments": kept.payments,
        "reversals": kept.reversals,
        "repeated": kept.repeated,
        "problems": [problem.code for problem in kept.problems],
        "superseded_by": str(kept.superseded_by) if kept.superseded_by else None,
        "same_as": str(kept.same_as) if kept.same_as else None,
        "release_reason": kept.release_reason,
    }


def release(
    statement: KeptStatement, person: str, is_allowed: bool, reason: str, now: datetime
) -> KeptStatement:
    """A person answers for a statement that proves nothing, and says why."""
    if not is_allowed:
        raise Forbidden("role-too-low", "a person of role senior or above releases a statement")
    if not reason.strip():
        raise Invalid("reason-missing", "say why the statement is to be believed")
    released = statement.move("released", now)
    return replace(released, released_at=now, released_by=person, release_reason=reason.strip())
