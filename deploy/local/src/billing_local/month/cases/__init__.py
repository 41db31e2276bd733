"""What goes wrong in a month: for each discrepancy code, the ways it comes about.

A case says what was meant and what a careful clerk would make of the papers; it applies no rule.
"""

from collections.abc import Callable, Mapping

from billing_local.month.cases import amounts, changes, words
from billing_local.month.desk import Desk
from billing_local.month.model import Code

PROBLEMS: Mapping[Code, tuple[Callable[[Desk], None], ...]] = {
    "ORPHAN_REVERSAL": (
        changes.return_of_nothing,
        changes.return_of_nothing,
        changes.returned_twice,
    ),
    "CURRENCY_MISMATCH": (words.other_currency,),
    "DUPLICATE_PAYMENT": (
        amounts.twice_by_reference,
        amounts.twice_without_reference,
        amounts.twice_collective,
    ),
    "CLOSED_REFERENCE": (
        changes.paid_after_credit_note,
        changes.paid_then_more,
        changes.collective_with_a_closed_one,
    ),
    "BAD_REFERENCE": (words.miskeyed, words.miskeyed_in_field),
    "UNKNOWN_REFERENCE": (
        words.strange,
        words.strange_in_field,
        words.strange_number,
        words.one_known_one_strange,
    ),
    "AMBIGUOUS_MATCH": (amounts.twins, amounts.collective_short, amounts.collective_over),
    "OVER_PAY": (amounts.over, amounts.over_in_field),
    "UNKNOWN_PAYER": (words.name_only, words.new_account),
    "MISSING_REMITTANCE": (words.sum_without_words, words.paid_in_advance, words.named_by_hand),
    "SHORT_PAY": (
        amounts.short,
        amounts.short_by_hand,
        amounts.short_in_field,
        amounts.instalment_returned,
    ),
    "INVOICE_CHANGED_AFTER_PAY": (
        changes.credited_after_payment,
        changes.voided_while_money_was_under_way,
    ),
}
