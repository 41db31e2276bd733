"""The rules of notify-svc a tenant may change, read from policy/default.toml or its own version."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from notify_svc.domain.delivery import Channel, Retries


@dataclass(frozen=True, slots=True)
class NotifyPolicy:
    """How often a delivery is tried, how long an old secret still signs and a mail may wait."""

    retries: Mapping[Channel, Retries]
    secret_overlap: timedelta
    max_mail_wait: timedelta


def read_policy(values: Mapping[str, Any]) -> NotifyPolicy:
    """KeyError, TypeError or ValueError when something is missing or makes no sense."""
    webhook, mail = values["webhook"], values["mail"]
    return NotifyPolicy(
        retries={"webhook": _retries(webhook), "mail": _retries(mail)},
        secret_overlap=timedelta(hours=float(webhook["secret_overlap_hours"])),
        max_mail_wait=timedelta(days=float(mail["max_wait_days"])),
    )


def _retries(values: Mapping[str, Any]) -> Retries:
    delays = tuple(float(delay) for delay in values["delays_seconds"])
    jitter = float(values["jitter"])
    if not delays or min(delays) < 0 or not 0 <= jitter <= 1:
        raise ValueError("needs at least one delay >= 0, and a jitter between 0 and 1")
    return Retries(delays, jitter)
