"""S11: refusals and acts of power leave a line each: who, what, when, and the trace."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from billing_shared.ids import new_id
from billing_shared.inbox import Inbox
from billing_shared.operator_requests import OperatorRequests
from billing_shared.telemetry import configure_logs
from security.world import World

TRACE = "0af7651916cd43dd8448eb211c80319c"
HEADERS = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
REASON = {"reason": "as agreed"}
#: What an operator or director does, and the action the audit keeps of it.
ACTS = {
    "replay": ("recon", "/v1/recon/replays", {"since": "2026-01-31T12:00:00Z"} | REASON),
    "dead-letter replay": ("recon", "/v1/recon/dead-letters/replays", REASON),
    "job": ("notify", "/v1/notify/jobs/audit-seal/runs", {"local_date": "2026-01-31"} | REASON),
    "policy": (
        "payment", "/v1/payment/policy",
        {"effective_on": "2099-01-01", "values": {}} | REASON,
    ),
    "rotation": ("notify", "/v1/subscriptions/{subscription_id}/secret-rotations", None),
    "erasure": ("invoice", "/v1/customers/{customer_id}/anonymise", REASON),
}  # fmt: skip


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    to = io.StringIO()
    handlers = logging.getLogger().handlers[:]
    configure_logs("test", "info", to)
    yield to
    configure_logs("test", "warning")
    logging.getLogger().handlers[:] = handlers


def lines(written: io.StringIO, event: str) -> list[Any]:
    found = [json.loads(line) for line in written.getvalue().splitlines()]
    return [line for line in found if line["event"] == event]


async def test_a_refused_token_is_recorded_without_it(world: World, written: io.StringIO) -> None:
    async with world["invoice"].api.anonymous() as nobody:
        nobody.headers["Authorization"] = "Bearer not.a.token"
        await nobody.get("/v1/invoices/Ada-Lovelace", headers=HEADERS)
    [line] = lines(written, "security.unauthenticated")
    assert line["trace_id"] == TRACE
    assert line["timestamp"]
    assert "peer" in line
    assert "not.a.token" not in written.getvalue()
    assert "Ada-Lovelace" not in written.getvalue()


async def test_a_denied_act_is_recorded_with_who_and_what(
    world: World, written: io.StringIO
) -> None:
    async with world["recon"].client(world.ada, ["clerk"], subject="mallory") as clerk:
        answer = await clerk.post("/v1/recon/replays", json={}, headers=HEADERS)
    assert answer.status_code == 403
    [line] = lines(written, "security.forbidden")
    assert (line["actor"], line["tenant_id"]) == ("user:mallory", str(world.ada))
    assert (line["scope_needed"], line["route"]) == ("replays:write", "/v1/recon/replays")
    assert (line["trace_id"], bool(line["timestamp"])) == (TRACE, True)


@pytest.mark.parametrize("act", ACTS)
async def test_an_act_of_power_stands_in_the_log_and_in_the_audit(
    world: World, written: io.StringIO, act: str
) -> None:
    name, path, body = ACTS[act]
    house = world[name]
    ids = dict(house.ids)
    async with house.client(world.ada, subject="odette") as odette:
        if act == "erasure":
            made = await odette.post("/v1/customers", json={"name": "Gone Ltd", "country": "GB"})
            ids["customer_id"] = made.json()["customer_id"]
        headers = HEADERS | {"X-Correlation-Id": str(correlation := new_id())}
        sent = {} if body is None else {"json": body}
        answer = await odette.post(path.format(**ids), headers=headers, **sent)
        assert answer.is_success, answer.text
        audit = await odette.get(f"/v1/{name}/audit", params={"actor_id": "odette", "limit": 200})
    [line] = [x for x in lines(written, "security.administered") if x["actor"] == "user:odette"]
    assert (line["tenant_id"], line["trace_id"]) == (str(world.ada), TRACE)
    assert line["subjects"].items() <= ids.items()
    entries = [
        entry for entry in audit.json()["items"] if entry["correlation_id"] == str(correlation)
    ]
    assert entries, audit.text
    assert all(entry["at"] and entry["action"] for entry in entries)


async def test_what_the_worker_carries_out_is_recorded_with_who_asked(
    world: World, written: io.StringIO
) -> None:
    house = world["payment"]
    service = house.service
    async with house.client(world.ada, subject="odette") as odette:
        path = "/v1/payment/replays"
        body = {"since": "2099-01-01T12:00:00Z"} | REASON
        asked = (await odette.post(path, json=body)).json()["request_id"]
    inbox = Inbox(house.database.worker_pool, service.name, service.handlers, house.api.clock)
    requests = OperatorRequests(inbox, ())
    while await requests.carry_out_next():
        pass
    found = {x["request_id"]: x for x in lines(written, "security.request_carried_out")}
    assert found[asked]["requested_by"] == "user:odette"
    assert found[asked]["kind"] == "replay-outbox"


async def test_usual_work_does_not_fill_the_security_log(
    world: World, written: io.StringIO
) -> None:
    async with world["invoice"].client(world.ada) as ada:
        assert (await ada.get("/v1/invoices")).status_code == 200
    assert "security." not in written.getvalue()
