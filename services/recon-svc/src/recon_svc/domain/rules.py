"""The tenant's policy as recon-svc reads it: how to match, how urgent a code is, who may accept."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from billing_shared.money import exponent, round_minor
from recon_svc.domain.codes import SUGGESTIONS
from recon_svc.domain.facts import Group, Policy

SEVERITIES = frozenset({"S1", "S2", "S3", "S4"})


#: What reading a policy that is none may raise.
UNREADABLE = (KeyError, TypeError, ValueError, ArithmeticError, re.error)


@dataclass(frozen=True, slots=True)
class Rules:
    """One version of the policy. `accept_short`: role -> currency or `default` -> whole units."""

    matching: Policy
    severity: Mapping[str, str]
    due_days: Mapping[str, int]
    accept_short: Mapping[str, Mapping[str, Decimal]]

    def due_at(self, code: str, now: datetime) -> datetime:
        """Until when somebody must have cleared a discrepancy of this code."""
        return now + timedelta(days=self.due_days[self.severity[code]])

    def accept_limit_minor(self, roles: Iterable[str], currency: str) -> int:
        """The highest short payment any of these roles may accept alone, in minor units."""
        found = Decimal(0)
        for role in roles:
            limits = self.accept_short.get(role, {})
            found = max(found, limits.get(currency, limits.get("default", Decimal(0))))
        return round_minor(found.scaleb(exponent(currency)))


@dataclass(frozen=True, slots=True)
class Rulebook:
    """Every version of a tenant's rules with the date it takes effect, oldest first."""

    shipped: Rules
    versions: tuple[tuple[date, Rules], ...] = ()

    def on(self, day: date) -> Rules:
        """The rules in force on a date; of versions for one date the last recorded."""
        return next((r for since, r in reversed(self.versions) if since <= day), self.shipped)

    @property
    def widest_group_limit(self) -> int:
        """What no version's limit exceeds: how much of a payer must be loaded to decide."""
        return max(r.matching.group_limit for r in self._all())

    @property
    def widest_window_days(self) -> int:
        """What no version's duplicate window exceeds."""
        return max(r.matching.duplicate_window_days for r in self._all())

    def _all(self) -> tuple[Rules, ...]:
        return (self.shipped, *(rules for _, rules in self.versions))


def business_date(group: Group, today: date) -> date:
    """The date of a group's newest fact, whose policy version decides; `today` without facts."""
    dates = (
        *(i.voided_on or i.issued_on for i in group.invoices),
        *(n.issued_on for n in group.credit_notes),
        *(p.value_on for p in group.payments),
        *(r.value_on for r in group.reversals),
    )
    return max(dates, default=today)


def rules_of(raw: Mapping[str, Any], sha256: str) -> Rules:
    """Read a policy; one of `UNREADABLE` where it cannot be."""
    matching = raw["matching"]
    for pattern in matching["number_patterns"]:
        re.compile(pattern)
    if set(raw["severity"]) != set(SUGGESTIONS) or set(raw["severity"].values()) - SEVERITIES:
        raise ValueError("severity must give S1 to S4 to each code")
    return Rules(
        matching=Policy(
            sha256=sha256,
            duplicate_window_days=int(matching["duplicate_window_days"]),
            group_limit=int(matching["group_limit"]),
            number_patterns=tuple(map(str, matching["number_patterns"])),
        ),
        severity=dict(raw["severity"]),
        due_days={level: int(raw["due_days"][level]) for level in SEVERITIES},
        accept_short={
            role: {currency: Decimal(str(limit)) for currency, limit in limits.items()}
            for role, limits in raw["accept_short"].items()
        },
    )
