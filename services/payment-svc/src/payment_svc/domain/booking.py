"""A new line becomes payments and reversals, one for each of its parts that is one."""

from collections.abc import Callable, Iterable
from uuid import UUID

from payment_svc.domain.lines import Line
from payment_svc.domain.parts import Part
from payment_svc.domain.payment import Payment, Reversal

MakeId = Callable[[], UUID]


def to_payments(
    line: Line, parts: Iterable[Part], statement_id: UUID, entry_no: int, make_id: MakeId
) -> list[Payment]:
    """The customers' money in a line."""
    return [
        Payment(
            payment_id=make_id(),
            source="bank-file",
            account=line.account,
            amount_minor=part.amount_minor,
            currency=line.currency,
            booked_on=line.booked_on,
            value_on=line.value_on,
            payer=part.payer(),
            remittance_lines=part.detail.remittance_lines,
            references=part.references(),
            statement_id=statement_id,
            entry_no=entry_no,
            entry_id=line.entry_id,
            part_no=part.part_no,
            original=part.original(line.currency),
            charges_minor=part.charges_minor(line.currency),
            bank_ids=part.bank_ids(),
        )
        for part in parts
        if part.kind == "payment"
    ]


def to_reversals(
    line: Line, parts: Iterable[Part], statement_id: UUID, entry_no: int, make_id: MakeId
) -> list[Reversal]:
    """The customers' money that a line takes back; whose it was is proved elsewhere."""
    return [
        Reversal(
            reversal_id=make_id(),
            payment_id=None,
            account=line.account,
            amount_minor=part.amount_minor,
            currency=line.currency,
            booked_on=line.booked_on,
            value_on=line.value_on,
            kind=part.reversal_kind(),
            reason_code=part.detail.return_reason,
            references=part.references(),
            statement_id=statement_id,
            entry_no=entry_no,
            entry_id=line.entry_id,
            part_no=part.part_no,
            bank_ids=part.bank_ids(),
        )
        for part in parts
        if part.kind == "reversal"
    ]
