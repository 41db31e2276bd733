"""A tiny service on the plumbing alone: things with a name, in a table of the test's own."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from typing import Annotated
from uuid import UUID

import asyncpg
import pytest
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field, field_validator

from billing_shared import audit
from billing_shared.errors import Conflict, Stale, invalid
from billing_shared.http import Door, Version, may, ndjson, respond
from billing_shared.ids import new_id
from billing_shared.operations import operations
from billing_shared.paging import Listed, Paged
from billing_shared.testing.api import Api, open_api
from billing_shared.testing.database import ServiceDatabase

SERVICE, PACKAGE = "shared-svc", "billing_shared"

_THINGS = """
set role shared_owner;
create table thing (
    tenant_id uuid not null, thing_id uuid not null, name text not null, version int not null,
    updated_at timestamptz not null, primary key (tenant_id, thing_id)
);
select protect('thing');
"""


class NewThing(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=40)
    sizes: list[int] = []

    @field_validator("name")
    @classmethod
    def _plain(cls, value: str) -> str:
        if value == "forbidden":
            raise ValueError("this name is not allowed")
        return value


class ThingView(BaseModel):
    thing_id: UUID
    name: str
    version: int
    updated_at: datetime


router = APIRouter()


@router.post("/v1/customers", status_code=201, response_model=ThingView)
async def add_thing(body: NewThing, door: Annotated[Door, may("customers:write")]) -> Response:
    async with door.change() as change:
        row = await change.conn.fetchrow(
            "insert into thing values ($1, $2, $3, 1, $4) returning *",
            change.context.tenant_id,
            new_id(),
            body.name,
            change.context.now,
        )
        view = ThingView.model_validate(dict(row))
        after = {"name": body.name}
        entry = audit.AuditChange("thing", str(view.thing_id), "thing-added", None, after)
        await audit.record(change.conn, change.context, [entry])
        if body.name == "clash":
            raise Conflict("already-exists", "there is one")
        if body.name == "broken":
            raise RuntimeError("a bug, with a secret in it: hunter2")
        return await change.answer(201, view, location=f"/v1/customers/{view.thing_id}", etag=1)


@router.post("/v1/customers:bulk")
async def add_things(request: Request, door: Annotated[Door, may("customers:write")]) -> Response:
    lines = [line async for line in ndjson(request)]
    async with door.change() as change:
        return await change.answer_lines([{"line": n, "bytes": len(b)} for n, b in lines])


@router.get("/v1/customers", response_model=Listed[ThingView])
async def list_things(
    door: Annotated[Door, may("customers:read")], page: Paged, name: str | None = None
) -> Listed[ThingView]:
    async with door.read() as (conn, _):
        rows = await conn.fetch(
            """
            select * from thing
             where ($1::timestamptz is null or (updated_at, thing_id) > ($1, $2::uuid))
               and ($3::timestamptz is null or updated_at > $3) and ($4::text is null or name = $4)
             order by updated_at, thing_id limit $5
            """,
            *(page.after or (None, None)),
            page.updated_after,
            name,
            page.limit,
        )
    return page.answer(
        rows,
        lambda row: (row["updated_at"], row["thing_id"]),
        lambda row: ThingView.model_validate(dict(row)),
    )


@router.put("/v1/customers/{thing_id}", response_model=ThingView)
async def rename_thing(
    thing_id: UUID,
    body: NewThing,
    door: Annotated[Door, may("customers:write")],
    version: Version,
) -> Response:
    async with door.change() as change:
        row = await change.conn.fetchrow(
            "update thing set name = $2, version = version + 1 "
            "where thing_id = $1 and version = $3 returning *",
            thing_id,
            body.name,
            version,
        )
        if row is None:
            raise Stale("stale", "changed since")
        return await change.answer(200, ThingView.model_validate(dict(row)), etag=row["version"])


@router.get("/v1/invoices/{name}")
async def fail(name: str, door: Annotated[Door, may("invoices:read")]) -> Response:
    if name == "timeout":
        raise TimeoutError
    if name == "bug":
        raise RuntimeError("a bug, with a secret in it: hunter2")
    if name == "invalid":
        raise invalid("lines[0].quantity", "must be positive", line=3)
    return respond(200, {"name": name}, etag=7)


@pytest.fixture
async def database(
    service_database: Callable[[str, str], Awaitable[ServiceDatabase]],
) -> ServiceDatabase:
    database = await service_database(SERVICE, PACKAGE)
    conn = await asyncpg.connect(database.admin_dsn)
    await conn.execute("set search_path = shared")
    await conn.execute(_THINGS)
    await conn.close()
    return database


@pytest.fixture
async def api(database: ServiceDatabase) -> AsyncIterator[Api]:
    routers = [router, operations(SERVICE, PACKAGE)]
    async with open_api(SERVICE, routers, database.app_pool) as running:
        yield running
