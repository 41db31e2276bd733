"""A tenant with something in it: what a service has heard, and what was said to it."""

import importlib
from typing import Any
from uuid import UUID

import httpx
from msgspec.structs import replace

from billing_shared.clock import SettableClock
from billing_shared.context import Actor, Context
from billing_shared.contracts import encode
from billing_shared.contracts.examples import example, example_envelope
from billing_shared.ids import new_id
from billing_shared.inbox import Incoming
from billing_shared.postgres import transaction
from billing_shared.testing.database import ServiceDatabase

#: First calls of a tenant, in order: method, path and which example of the document is sent.
FIRST_CALLS = {
    "invoice": [("PUT", "/v1/seller"), ("POST", "/v1/customers"), ("POST", "/v1/invoices:bulk")],
    "payment": [("PUT", "/v1/bank-accounts/DE89370400440532013000"), ("POST", "/v1/payments")],
    "recon": [],
    "notify": [("POST", "/v1/subscriptions")],
}


async def seed(
    service: str, database: ServiceDatabase, tenant_id: UUID, client: httpx.AsyncClient
) -> None:
    """Say what the document's examples say, then hear of one event of every type."""
    document = (await client.get(f"/openapi/{service}-svc.json")).json()
    for method, path in FIRST_CALLS[service]:
        answer = await client.request(method, path, **_example(document, method, path))
        answer.raise_for_status()
    await hear(service, database, tenant_id)


def _example(document: dict[str, Any], method: str, path: str) -> dict[str, Any]:
    item = document["paths"].get(path) or next(
        each
        for name, each in document["paths"].items()
        if "{" in name and path.startswith(name.partition("{")[0])
    )
    [(kind, content)] = item[method.lower()]["requestBody"]["content"].items()
    schema = content["schema"]
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return {"json": schema["examples"][0]} | {"headers": {"Content-Type": kind}}


async def hear(service: str, database: ServiceDatabase, tenant_id: UUID) -> None:
    """One event of every type the service listens to, each in a transaction of its own."""
    found = importlib.import_module(f"{service}_svc.main").SERVICE
    now = SettableClock().now()
    for event_type, handler in found.handlers.items():
        event = example(event_type)
        envelope = replace(example_envelope(event), id=new_id(), tenant_id=tenant_id, time=now)
        context = Context(tenant_id, Actor("service", found.name), now, new_id())
        async with transaction(database.worker_pool, tenant_id) as conn:
            await handler(conn, context, [Incoming(envelope, event, encode(event))])
