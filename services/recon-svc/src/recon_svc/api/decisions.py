"""Why a payment was treated as it was: the facts, the policy, the outcome, and plain sentences."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Response

from billing_shared.errors import NotFound
from billing_shared.http import Door, may, respond
from billing_shared.openapi_parts import SHOWS_AS_OF
from billing_shared.paging import Listed
from recon_svc.api import wire
from recon_svc.domain import snapshot
from recon_svc.domain.sentences import sentences
from recon_svc.store import decisions
from recon_svc.store.decisions import Made
from recon_svc.usecases.replay_decision import replay_decision

router = APIRouter(tags=["decisions"])


class DecisionView(wire.View):
    """A decision. `inputs` is all that was known of the group, `outcome` all that followed."""

    decision_id: UUID
    decided_at: datetime
    actor: str
    policy_sha256: str
    inputs_sha256: str
    sentences: list[str]
    policy: dict[str, Any]
    inputs: dict[str, Any]
    outcome: dict[str, Any]

    @classmethod
    def shown(cls, made: Made, payment_id: UUID | None = None) -> "DecisionView":
        group = snapshot.decode_group(made.inputs)
        outcome = snapshot.decode_outcome(made.outcome)
        return cls(
            decision_id=made.decision_id,
            decided_at=made.decided_at,
            actor=made.actor,
            policy_sha256=made.policy_sha256,
            inputs_sha256=made.inputs_sha256,
            sentences=sentences(group, outcome, payment_id),
            policy=orjson.loads(made.policy),
            inputs=orjson.loads(made.inputs),
            outcome=orjson.loads(made.outcome),
        )


class ReplayView(wire.View):
    """Whether settling the stored inputs again gives the stored outcome."""

    decision_id: UUID
    inputs_are_intact: bool
    outcome_is_identical: bool


@router.get("/v1/decisions", response_model=Listed[DecisionView])
async def list_decisions(
    payment_id: UUID, door: Annotated[Door, may("decisions:read")]
) -> Listed[DecisionView]:
    """Every decision about one payment, newest first."""
    async with door.read() as (conn, context):
        made = await decisions.of_payment(conn, context.tenant_id, payment_id)
    return Listed(items=[DecisionView.shown(each, payment_id) for each in made])


@router.get("/v1/decisions/{decision_id}", response_model=DecisionView, responses=SHOWS_AS_OF)
async def get_decision(decision_id: UUID, door: Annotated[Door, may("decisions:read")]) -> Response:
    """One decision."""
    async with door.read() as (conn, context):
        made = await decisions.load(conn, context.tenant_id, decision_id)
    if made is None:
        raise NotFound("not-found", f"no decision {decision_id}")
    return respond(200, DecisionView.shown(made), as_of=made.decided_at)


@router.get("/v1/decisions/{decision_id}/replay", response_model=ReplayView)
async def replay(decision_id: UUID, door: Annotated[Door, may("decisions:read")]) -> Response:
    """Settle the stored inputs again and compare; changes nothing."""
    async with door.read() as (conn, context):
        replayed = await replay_decision(conn, context.tenant_id, decision_id)
    return respond(200, ReplayView.of(replayed))
