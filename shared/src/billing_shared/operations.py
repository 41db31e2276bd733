"""Routes every service has alike, under /v1/<service>/: audit, policy, dead letters, replays, jobs.

An operator sees codes and positions here, never a payload; what is asked for is written down as an
operator request, which the worker carries out.
"""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import asyncpg
from fastapi import APIRouter, Body, Response

from billing_shared import audit, policy
from billing_shared.contracts import EVENTS
from billing_shared.errors import NotFound, invalid
from billing_shared.http import Change, Door, may
from billing_shared.ids import new_id
from billing_shared.migrate import schema_of
from billing_shared.moments import Day
from billing_shared.operation_views import (
    AuditView,
    DeadLetterReplay,
    DeadLetterView,
    JobRun,
    JobView,
    NewPolicy,
    OutboxReplay,
    PolicyView,
    RequestView,
    Seal,
)
from billing_shared.paging import Listed, Page, Paged


def operations(service: str, package: str) -> APIRouter:
    """The router of a service: `invoice-svc` answers under /v1/invoice/."""
    router = APIRouter(prefix=f"/v1/{schema_of(service)}", tags=["operations"])
    _audit_routes(router)
    _policy_routes(router, package)
    _dead_letter_routes(router)
    _request_routes(router)
    _job_routes(router)
    return router


def _audit_routes(router: APIRouter) -> None:
    @router.get("/audit", response_model=Listed[AuditView], summary="Who changed what, and why")
    async def list_audit(
        door: Annotated[Door, may("audit:read")],
        page: Paged,
        subject_kind: str | None = None,
        subject_id: str | None = None,
        actor_id: str | None = None,
    ) -> Listed[AuditView]:
        async with door.read() as (conn, _):
            rows = await conn.fetch(
                """
                select e.*, s.number, encode(s.sha256, 'hex') as sha256
                  from audit_entry e left join audit_seal s using (tenant_id, entry_id)
                 where ($1::timestamptz is null or (e.at, e.entry_id) > ($1, $2::uuid))
                   and ($3::timestamptz is null or e.at > $3)
                   and ($4::text is null or e.subject_kind = $4)
                   and ($5::text is null or e.subject_id = $5)
                   and ($6::text is null or e.actor_id = $6)
                 order by e.at, e.entry_id limit $7
                """,
                *_start(page),
                page.updated_after,
                subject_kind,
                subject_id,
                actor_id,
                page.limit,
            )
        return page.answer(rows, lambda row: (row["at"], row["entry_id"]), _audit_view)


def _audit_view(row: asyncpg.Record) -> AuditView:
    values = dict(row)
    number, sha256 = values.pop("number"), values.pop("sha256")
    return AuditView(seal=Seal(number=number, sha256=sha256) if sha256 else None, **values)


def _policy_routes(router: APIRouter, package: str) -> None:
    default = policy.load_default(package)
    # Each service has tables of its own; what is shown is one that it takes.
    shown = {
        "effective_on": "2027-01-01",
        "values": dict(list(default.values.items())[:1]),
        "reason": "as the board decided",
    }

    @router.get("/policy", response_model=PolicyView, summary="The policy in force on a date")
    async def get_policy(
        door: Annotated[Door, may("policies:read")], on: Day | None = None
    ) -> PolicyView:
        async with door.read() as (conn, context):
            day = on or context.now.date()
            found = await policy.version_in_force(conn, day)
        if found is not None:
            return PolicyView.of(found)
        return PolicyView(sha256=default.sha256, values=dict(default.values))

    @router.get(
        "/policy/versions", response_model=Listed[PolicyView], summary="The tenant's own versions"
    )
    async def list_policy_versions(
        door: Annotated[Door, may("policies:read")], page: Paged
    ) -> Listed[PolicyView]:
        async with door.read() as (conn, _):
            versions = await policy.list_versions(conn, page.after, page.updated_after, page.limit)
        return page.answer(versions, lambda v: (v.recorded_at, v.policy_id), PolicyView.of)

    @router.post(
        "/policy", status_code=201, response_model=PolicyView, summary="Set values from a date on"
    )
    async def set_policy(
        body: Annotated[NewPolicy, Body(examples=[shown])],
        door: Annotated[Door, may("policies:write")],
    ) -> Response:
        async with door.change(body.reason) as change:
            before = await policy.policy_in_force(change.conn, default, body.effective_on)
            version = await policy.add_version(
                change.conn, change.context, default, body.effective_on, body.values
            )
            entry = audit.AuditChange(
                "policy",
                str(version.policy_id),
                "policy-set",
                {"sha256": before.sha256, "values": before.values},
                {"sha256": version.policy.sha256, "values": version.policy.values},
            )
            await audit.record(change.conn, change.context, [entry])
            return await change.answer(201, PolicyView.of(version))


def _dead_letter_routes(router: APIRouter) -> None:
    @router.get(
        "/dead-letters", response_model=Listed[DeadLetterView], summary="Events not applied"
    )
    async def list_dead_letters(
        door: Annotated[Door, may("dead-letters:read")],
        page: Paged,
        state: Literal["open", "replayed"] | None = None,
    ) -> Listed[DeadLetterView]:
        async with door.read() as (conn, _):
            rows = await conn.fetch(
                """
                select * from dead_letter_summary
                 where ($1::timestamptz is null or (died_at, dead_letter_id) > ($1, $2::uuid))
                   and ($3::timestamptz is null or greatest(died_at, replayed_at) > $3)
                   and ($4::text is null or state = $4)
                 order by died_at, dead_letter_id limit $5
                """,
                *_start(page),
                page.updated_after,
                state,
                page.limit,
            )
        return page.answer(
            rows, lambda row: (row["died_at"], row["dead_letter_id"]), _dead_letter_view
        )

    @router.get(
        "/dead-letters/{dead_letter_id:uuid}", response_model=DeadLetterView, summary="One of them"
    )
    async def get_dead_letter(
        dead_letter_id: UUID, door: Annotated[Door, may("dead-letters:read")]
    ) -> DeadLetterView:
        async with door.read() as (conn, _):
            row = await conn.fetchrow(
                "select * from dead_letter_summary where dead_letter_id = $1", dead_letter_id
            )
        if row is None:
            raise NotFound("not-found", "no such dead letter")
        return _dead_letter_view(row)

    @router.post(
        "/dead-letters/replays",
        status_code=202,
        response_model=RequestView,
        summary="Try some or all of them again",
    )
    async def replay_dead_letters(
        body: DeadLetterReplay, door: Annotated[Door, may("dead-letters:write")]
    ) -> Response:
        ids = body.dead_letter_ids
        arguments = {} if ids is None else {"dead_letter_ids": [str(each) for each in ids]}
        async with door.change(body.reason) as change:
            return await _ask(change, router.prefix, "replay-dead-letters", arguments, body.reason)


def _dead_letter_view(row: asyncpg.Record) -> DeadLetterView:
    return DeadLetterView.model_validate(dict(row))


def _request_routes(router: APIRouter) -> None:
    @router.post(
        "/replays", status_code=202, response_model=RequestView, summary="Publish events again"
    )
    async def replay_outbox(
        body: OutboxReplay, door: Annotated[Door, may("replays:write")]
    ) -> Response:
        for i, topic in enumerate(body.topics or ()):
            if topic not in EVENTS:
                raise invalid(f"topics[{i}]", "is not an event type")
        arguments = body.model_dump(mode="json", exclude={"reason"}, exclude_none=True)
        async with door.change(body.reason) as change:
            return await _ask(change, router.prefix, "replay-outbox", arguments, body.reason)

    @router.get(
        "/replays", response_model=Listed[RequestView], summary="What was asked of the worker"
    )
    async def list_requests(
        door: Annotated[Door, may("replays:read")], page: Paged
    ) -> Listed[RequestView]:
        async with door.read() as (conn, _):
            rows = await conn.fetch(
                """
                select * from operator_request
                 where ($1::timestamptz is null or (requested_at, request_id) > ($1, $2::uuid))
                   and ($3::timestamptz is null or greatest(requested_at, ended_at) > $3)
                 order by requested_at, request_id limit $4
                """,
                *_start(page),
                page.updated_after,
                page.limit,
            )
        return page.answer(
            rows, lambda row: (row["requested_at"], row["request_id"]), _request_view
        )

    @router.get("/replays/{request_id}", response_model=RequestView, summary="One request")
    async def get_request(
        request_id: UUID, door: Annotated[Door, may("replays:read")]
    ) -> RequestView:
        async with door.read() as (conn, _):
            row = await conn.fetchrow(
                "select * from operator_request where request_id = $1", request_id
            )
        if row is None:
            raise NotFound("not-found", "no such request")
        return _request_view(row)


def _request_view(row: asyncpg.Record) -> RequestView:
    return RequestView.model_validate(dict(row))


def _job_routes(router: APIRouter) -> None:
    @router.get("/jobs", response_model=Listed[JobView], summary="Scheduled work that ran")
    async def list_jobs(
        door: Annotated[Door, may("jobs:read")], page: Paged, job: str | None = None
    ) -> Listed[JobView]:
        async with door.read() as (conn, _):
            rows = await conn.fetch(
                """
                select * from job_run_summary
                 where ($1::timestamptz is null or (ended_at, tenant_id) > ($1, $2::uuid))
                   and ($3::timestamptz is null or ended_at > $3)
                   and ($4::text is null or job = $4)
                 order by ended_at, tenant_id limit $5
                """,
                *_start(page),
                page.updated_after,
                job,
                page.limit,
            )
        return page.answer(rows, lambda row: (row["ended_at"], row["tenant_id"]), _job_view)

    @router.post(
        "/jobs/{job}/runs", status_code=202, response_model=RequestView, summary="Run a job now"
    )
    async def run_job(job: str, body: JobRun, door: Annotated[Door, may("jobs:write")]) -> Response:
        arguments = {"job": job, "local_date": body.local_date.isoformat()}
        async with door.change(body.reason) as change:
            return await _ask(change, router.prefix, "run-job", arguments, body.reason)


def _job_view(row: asyncpg.Record) -> JobView:
    return JobView.model_validate(dict(row))


async def _ask(
    change: Change, prefix: str, kind: str, arguments: dict[str, Any], reason: str
) -> Response:
    """Write the request down for the worker, with its audit entry; 202 names where to look."""
    request_id = new_id()
    row = await change.conn.fetchrow(
        """
        insert into operator_request
            (request_id, tenant_id, kind, arguments, requested_by, reason, requested_at)
        values ($1, $2, $3, $4, $5, $6, $7) returning *
        """,
        request_id,
        change.context.tenant_id,
        kind,
        arguments,
        str(change.context.actor),
        reason,
        change.context.now,
    )
    assert row is not None
    entry = audit.AuditChange("operator-request", str(request_id), kind, None, arguments)
    await audit.record(change.conn, change.context, [entry])
    location = f"{prefix}/replays/{request_id}"
    return await change.answer(202, _request_view(row), location=location)


def _start(page: Page) -> tuple[datetime | None, UUID | None]:
    return page.after if page.after is not None else (None, None)
