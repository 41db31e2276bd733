"""The tenant's policy in force, read for what recon-svc decides."""

from datetime import date
from uuid import UUID

import structlog

from billing_shared.policy import load_default, policy_in_force
from billing_shared.postgres import Connection
from recon_svc.domain.rules import UNREADABLE, Rules, rules_of

log = structlog.get_logger()


async def rules_in_force(conn: Connection, tenant_id: UUID, on: date) -> Rules:
    """The rules of a tenant on a date.

    A version that cannot be read must not stop the money: the shipped policy decides instead, and
    the decisions name it by its hash.
    """
    default = load_default("recon_svc")
    policy = await policy_in_force(conn, default, on)
    try:
        return rules_of(policy.values, policy.sha256)
    except UNREADABLE as error:
        log.error("policy-unreadable", tenant_id=str(tenant_id), error=repr(error))
        return rules_of(default.values, default.sha256)
