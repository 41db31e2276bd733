"""Decisions: what was known, by which policy, and what followed. Never changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from billing_shared.postgres import Connection
from recon_svc.domain.plan import Decision


@dataclass(frozen=True, slots=True)
class Made:
    """A decision as it is kept, with who made it and when."""

    decision_id: UUID
    decided_at: datetime
    inputs: str
    inputs_sha256: str
    policy: str
    policy_sha256: str
    outcome: str
    actor: str


async def save(
    conn: Connection, tenant_id: UUID, now: datetime, decisions: Sequence[Decision], actor: str
) -> None:
    if not decisions:
        return
    await conn.execute(
        """
        insert into decision (tenant_id, decision_id, decided_at, inputs, inputs_sha256, policy,
               policy_sha256, outcome, actor)
        select $1::uuid, d.decision_id, $2::timestamptz, d.inputs, d.inputs_sha256, d.policy,
               d.policy_sha256, d.outcome, $3::text
          from unnest($4::uuid[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[])
               d (decision_id, inputs, inputs_sha256, policy, policy_sha256, outcome)
        """,
        tenant_id,
        now,
        actor,
        [d.decision_id for d in decisions],
        [d.inputs for d in decisions],
        [d.inputs_sha256 for d in decisions],
        [d.policy for d in decisions],
        [d.policy_sha256 for d in decisions],
        [d.outcome for d in decisions],
    )
    links = [(p, d.decision_id, tier) for d in decisions for p, tier in d.payments]
    if links:
        await conn.execute(
            """
            insert into decision_payment (tenant_id, payment_id, decision_id, tier)
            select $1::uuid, l.* from unnest($2::uuid[], $3::uuid[], $4::text[]) l
            """,
            tenant_id,
            *(list(column) for column in zip(*links, strict=True)),
        )


async def load(conn: Connection, tenant_id: UUID, decision_id: UUID) -> Made | None:
    row = await conn.fetchrow(
        """
        select decision_id, decided_at, inputs, inputs_sha256, policy, policy_sha256, outcome,
               actor
          from decision where tenant_id = $1 and decision_id = $2
        """,
        tenant_id,
        decision_id,
    )
    return Made(**row) if row else None


async def of_payment(conn: Connection, tenant_id: UUID, payment_id: UUID) -> list[Made]:
    """Every decision about one payment, newest first."""
    rows = await conn.fetch(
        """
        select d.decision_id, d.decided_at, d.inputs, d.inputs_sha256, d.policy,
               d.policy_sha256, d.outcome, d.actor
          from decision_payment p
          join decision d on d.tenant_id = p.tenant_id and d.decision_id = p.decision_id
         where p.tenant_id = $1 and p.payment_id = $2
         order by d.decided_at desc, d.decision_id desc
         limit 200
        """,
        tenant_id,
        payment_id,
    )
    return [Made(**row) for row in rows]
