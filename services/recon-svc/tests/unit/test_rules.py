"""The policy as recon-svc reads it, and what a person may do by it."""

from copy import deepcopy
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from billing_shared.errors import Forbidden, Invalid
from billing_shared.policy import load_default
from recon_svc.domain.changes import OpenDiscrepancy
from recon_svc.domain.codes import ACTIONS, ITEM_CODES, SUGGESTIONS
from recon_svc.domain.resolutions import Request, amount_of, check_action, check_limit
from recon_svc.domain.rules import UNREADABLE, rules_of

DEFAULT = load_default("recon_svc")
RULES = rules_of(DEFAULT.values, DEFAULT.sha256)


def _discrepancy(code: str, amount_minor: int = 500) -> OpenDiscrepancy:
    family = "item" if code in ITEM_CODES else "cash"
    one = UUID(int=1)
    return OpenDiscrepancy(one, code, family, one, None, None, None, "EUR", amount_minor, {})


def test_the_shipped_policy_gives_every_code_a_deadline() -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    assert {code for code in SUGGESTIONS if RULES.due_at(code, now) > now} == SUGGESTIONS.keys()


def test_limits_are_whole_units_of_each_currency_and_the_highest_role_counts() -> None:
    assert RULES.accept_limit_minor(["clerk", "senior"], "EUR") == 2500
    assert RULES.accept_limit_minor(["senior"], "JPY") == 2500
    assert RULES.accept_limit_minor(["senior"], "KWD") == 25000
    assert RULES.accept_limit_minor(["auditor"], "EUR") == 0
    with pytest.raises(Forbidden, match="over-limit"):
        check_limit(2501, 2500, "EUR")


@pytest.mark.parametrize(
    ("table", "name", "value"),
    [
        ("matching", "number_patterns", ["("]),
        ("severity", "OVER_PAY", "urgent"),
        ("accept_short", "clerk", {"default": "much"}),
        ("due_days", "S1", "soon"),
    ],
)
def test_a_policy_that_cannot_be_read_is_told_apart(table: str, name: str, value: Any) -> None:
    values = deepcopy(dict(DEFAULT.values))
    values[table][name] = value
    with pytest.raises(UNREADABLE):
        rules_of(values, "0" * 64)


@pytest.mark.parametrize("code", sorted(SUGGESTIONS))
@pytest.mark.parametrize("action", sorted(ACTIONS))
def test_each_action_fits_the_codes_it_is_for(code: str, action: str) -> None:
    fits = {
        "apply": code not in ITEM_CODES,
        "keep-on-account": code not in ITEM_CODES,
        "un-apply": True,
        "dismiss": code in ITEM_CODES,
        "accept-short": code == "SHORT_PAY",
    }[action] and code != "ORPHAN_REVERSAL"
    asked = Request(action, "a reason")
    if fits:
        check_action(asked, _discrepancy(code))
    else:
        with pytest.raises(Invalid, match="action-not-possible"):
            check_action(asked, _discrepancy(code))


def test_all_of_it_unless_less_is_asked_for() -> None:
    assert amount_of(Request("accept-short", "why"), _discrepancy("SHORT_PAY")) == 500
    part = Request("accept-short", "why", amount_minor=200)
    assert amount_of(part, _discrepancy("SHORT_PAY")) == 200
    with pytest.raises(Invalid, match="amount-beyond-held"):
        amount_of(part, _discrepancy("SHORT_PAY", 199))
