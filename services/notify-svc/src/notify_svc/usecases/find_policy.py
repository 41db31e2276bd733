"""The rules that hold for a tenant on a date."""

from datetime import date

from billing_shared.policy import load_default, policy_in_force
from billing_shared.postgres import Connection
from notify_svc.domain.policy import NotifyPolicy, read_policy

PACKAGE = "notify_svc"


async def find_policy(conn: Connection, on: date) -> NotifyPolicy:
    """The tenant's own, or the shipped one; one that makes no sense counts as none.

    A tenant must not be able to stop the sender, which serves everybody, by its policy.
    """
    default = load_default(PACKAGE)
    policy = await policy_in_force(conn, default, on)
    try:
        return read_policy(policy.values)
    except (KeyError, TypeError, ValueError):
        return read_policy(default.values)
