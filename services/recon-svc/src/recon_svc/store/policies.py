"""The tenant's policy versions, read for what recon-svc decides."""

from uuid import UUID

import structlog

from billing_shared.policy import Policy, list_versions, load_default
from billing_shared.postgres import Connection
from recon_svc.domain.rules import UNREADABLE, Rulebook, Rules, rules_of

#: A version a day for 27 years.
MAX_VERSIONS = 10_000

log = structlog.get_logger()


async def rulebook(conn: Connection, tenant_id: UUID) -> Rulebook:
    """All rules of the transaction's tenant.

    A version that cannot be read must not stop the money: the shipped policy decides instead, and
    the decisions name it by its hash.
    """
    default = load_default("recon_svc")
    shipped = rules_of(default.values, default.sha256)
    versions = await list_versions(conn, None, None, MAX_VERSIONS)
    in_order = sorted(versions, key=lambda v: (v.effective_on, v.recorded_at, v.policy_id))
    return Rulebook(
        shipped,
        tuple((v.effective_on, _readable(v.policy, shipped, tenant_id)) for v in in_order),
    )


def _readable(policy: Policy, shipped: Rules, tenant_id: UUID) -> Rules:
    try:
        return rules_of(policy.values, policy.sha256)
    except UNREADABLE as error:
        log.error("policy-unreadable", tenant_id=str(tenant_id), error=repr(error))
        return shipped
