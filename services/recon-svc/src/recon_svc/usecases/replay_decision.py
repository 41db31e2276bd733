"""Replay a decision: settle its stored inputs again, and compare."""

import hashlib
from dataclasses import dataclass
from uuid import UUID

from billing_shared.errors import NotFound
from billing_shared.postgres import Connection
from recon_svc.domain import snapshot
from recon_svc.domain.settle import settle
from recon_svc.store import decisions


@dataclass(frozen=True, slots=True)
class Replay:
    """Whether the stored inputs are untouched, and lead to the stored outcome."""

    decision_id: UUID
    inputs_are_intact: bool
    outcome_is_identical: bool


async def replay_decision(conn: Connection, tenant_id: UUID, decision_id: UUID) -> Replay:
    """Settle a decision's inputs by its own policy. NotFound where there is no such decision."""
    made = await decisions.load(conn, tenant_id, decision_id)
    if made is None:
        raise NotFound("not-found", f"no decision {decision_id}")
    outcome = settle(snapshot.decode_group(made.inputs), snapshot.decode_policy(made.policy))
    return Replay(
        decision_id,
        hashlib.sha256(made.inputs.encode()).hexdigest() == made.inputs_sha256,
        snapshot.encode_outcome(outcome) == made.outcome,
    )
