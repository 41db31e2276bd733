"""Payment terms: a rule that a customer or a draft carries, and its dates on one document."""

from dataclasses import dataclass
from datetime import date, timedelta

from billing_shared.contracts.envelope import EarlyPayment, Terms
from billing_shared.errors import invalid
from billing_shared.money import parse_decimal
from invoice_svc.domain.totals import plain

DEFAULT_NET_DAYS = 30


@dataclass(frozen=True, slots=True)
class EarlyPaymentRule:
    """`percent` of the gross (a decimal string) off, if paid within `days` of issue."""

    days: int
    percent: str


@dataclass(frozen=True, slots=True)
class TermsRule:
    """Due `net_days` after issue, and cheaper if paid early."""

    net_days: int = DEFAULT_NET_DAYS
    early_payment: tuple[EarlyPaymentRule, ...] = ()


def check_terms(rule: TermsRule) -> TermsRule:
    """Raises Invalid for a discount that is no percentage or outlives the due date."""
    for at, step in enumerate(rule.early_payment):
        field = f"terms.early_payment[{at}]"
        if not 0 < parse_decimal(step.percent, f"{field}.percent") < 100:
            raise invalid(f"{field}.percent", "must be between 0 and 100")
        if step.days > rule.net_days:
            raise invalid(f"{field}.days", "later than the invoice is due")
    return rule


def dated(rule: TermsRule, issued_on: date) -> Terms:
    """The rule as dates, for a document of this date."""
    return Terms(
        net_days=rule.net_days,
        early_payment=[
            EarlyPayment(
                until_on=issued_on + timedelta(days=step.days),
                percent=plain(parse_decimal(step.percent, "terms.early_payment")),
            )
            for step in rule.early_payment
        ],
    )


def undated(rule: TermsRule) -> Terms:
    """The rule without a document. Early payment has no dates yet, so it is left out."""
    return Terms(net_days=rule.net_days, early_payment=[])
