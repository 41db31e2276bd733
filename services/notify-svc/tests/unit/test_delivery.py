"""What a delivery does after an attempt."""

import tomllib
from importlib import resources

import pytest

from billing_shared.errors import Conflict
from notify_svc.domain.delivery import Outcome, Retries, State, check_ended, next_step

RETRIES = Retries((0, 5, 300), jitter=0.1)
DOWN = Outcome("failed", "answered 500", 500)
LOST = Outcome("unknown", "no answer within 15 s")


def test_the_shipped_schedule_is_the_published_one() -> None:
    text = (resources.files("notify_svc") / "policy" / "default.toml").read_text()
    minutes, hours = 60, 3600
    assert tomllib.loads(text)["webhook"]["delays_seconds"] == [
        0, 5, 5 * minutes, 30 * minutes, 2 * hours, 5 * hours, 10 * hours, 14 * hours, 20 * hours,
        24 * hours,
    ]  # fmt: skip


def test_delays_follow_the_schedule_and_then_there_are_no_more() -> None:
    waits = [next_step("webhook", n, DOWN, RETRIES, 0.0).delay_seconds for n in (1, 2, 3)]
    assert waits == [5, 300, None]
    assert next_step("webhook", 3, DOWN, RETRIES, 0.0).state == "failed"


def test_jitter_only_lengthens_and_stays_within_its_bound() -> None:
    waits = [RETRIES.delay_seconds(2, chance) for chance in (0.0, 0.5, 0.999)]
    assert all(wait is not None and 300 <= wait <= 330 for wait in waits)
    assert len(set(waits)) == 3


def test_an_unknown_webhook_is_tried_again_and_an_unknown_mail_is_not() -> None:
    assert next_step("webhook", 1, LOST, RETRIES, 0.0).state == "pending"
    assert next_step("mail", 1, LOST, RETRIES, 0.0).state == "unknown"


def test_a_mail_that_certainly_did_not_go_is_tried_again() -> None:
    assert next_step("mail", 1, DOWN, RETRIES, 0.0).delay_seconds == 5


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome("failed", "answered 410", 410, is_gone=True),
        Outcome("failed", "the relay answered 550", 550, is_final=True),
    ],
)
def test_what_cannot_help_is_not_tried_again(outcome: Outcome) -> None:
    assert next_step("webhook", 1, outcome, RETRIES, 0.0).state == "failed"


def test_a_success_is_the_end_at_any_attempt() -> None:
    for tries in range(1, 5):
        step = next_step("webhook", tries, Outcome("delivered", "answered 204"), RETRIES, 0.0)
        assert (step.state, step.delay_seconds) == ("delivered", None)


@pytest.mark.parametrize(
    "state", ["waiting", "pending", "delivered", "failed", "unknown", "cancelled"]
)
def test_only_what_has_ended_starts_again(state: State) -> None:
    if state in ("waiting", "pending"):
        with pytest.raises(Conflict):
            check_ended(state)
    else:
        check_ended(state)
