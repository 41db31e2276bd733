"""Bank statements as callers see them."""

from datetime import date, datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel

from payment_svc.domain.proof import Totals
from payment_svc.domain.taking import KeptStatement, State
from payment_svc.store.lines import ShownLine


class TotalsView(BaseModel):
    """How many entries of one direction, and their sum."""

    count: int
    sum_minor: int

    @classmethod
    def of(cls, totals: Totals) -> "TotalsView":
        return cls(count=totals.count, sum_minor=totals.sum_minor)


class ProblemView(BaseModel):
    """Why a statement is quarantined: where in the file, on which line, and why."""

    code: str
    field: str
    line: int | None
    reason: str


class StatementView(BaseModel):
    """A bank statement. `gap_after` is the last day known before a missing statement.

    `repeated` counts entries that earlier statements had shown; they made no payments again.
    """

    statement_id: UUID
    file_id: UUID
    statement_no: int
    bank_id: str
    account: str
    currency: str
    state: State
    opened_on: date
    closed_on: date
    opening_minor: int | None
    closing_minor: int | None
    credits: TotalsView
    debits: TotalsView
    not_booked: int
    repeated: int
    payments: int
    reversals: int
    gap_after: date | None
    problems: list[ProblemView]
    same_as: UUID | None
    superseded_by: UUID | None
    released_at: datetime | None
    released_by: str | None
    release_reason: str | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, kept: KeptStatement) -> "StatementView":
        return cls(
            statement_id=kept.statement_id,
            file_id=kept.file_id,
            statement_no=kept.statement_no,
            bank_id=kept.bank_id,
            account=kept.account,
            currency=kept.currency,
            state=kept.state,
            opened_on=kept.opened_on,
            closed_on=kept.closed_on,
            opening_minor=kept.opening_minor,
            closing_minor=kept.closing_minor,
            credits=TotalsView.of(kept.credits),
            debits=TotalsView.of(kept.debits),
            not_booked=kept.not_booked,
            repeated=kept.repeated,
            payments=kept.payments,
            reversals=kept.reversals,
            gap_after=kept.gap_after,
            problems=[
                ProblemView(code=p.code, field=p.field, line=p.line, reason=p.reason)
                for p in kept.problems
            ],
            same_as=kept.same_as,
            superseded_by=kept.superseded_by,
            released_at=kept.released_at,
            released_by=kept.released_by,
            release_reason=kept.release_reason,
            created_at=kept.created_at,
            updated_at=kept.updated_at,
        )


class ImportView(BaseModel):
    """What came of a file. `is_repeated`: we have had the very same; nothing was taken again."""

    file_id: UUID
    file_sha256: str
    is_repeated: bool
    statements: list[StatementView]


class LineView(BaseModel):
    """A booked entry as a statement shows it, and what we made of it."""

    entry_id: UUID
    entry_no: int
    file_line: int
    direction: Literal["credit", "debit"]
    kind: Literal["payment", "reversal", "outgoing", "outgoing-returned", "empty", "mixed"]
    amount_minor: int
    currency: str
    booked_on: date
    value_on: date
    bank_ref: str | None
    other_name: str | None
    note: str | None
    payment_ids: list[UUID]
    reversal_ids: list[UUID]

    @classmethod
    def of(cls, shown: ShownLine) -> "LineView":
        line = shown.line
        return cls.model_validate(
            {
                "entry_id": line.entry_id,
                "entry_no": shown.entry_no,
                "file_line": shown.file_line,
                "direction": line.direction,
                "kind": line.kind,
                "amount_minor": line.amount_minor,
                "currency": line.currency,
                "booked_on": line.booked_on,
                "value_on": line.value_on,
                "bank_ref": line.bank_ref,
                "other_name": line.other_name,
                "note": line.note,
                "payment_ids": list(shown.payment_ids),
                "reversal_ids": list(shown.reversal_ids),
            }
        )
