import asyncio
import json
import re

import asyncpg
import pytest
from fastapi import APIRouter, Depends

from billing_shared.bodies import MAX_JSON_BYTES
from billing_shared.http import Resources, create_app, may
from billing_shared.ids import new_id
from billing_shared.testing.api import Api

PROBLEM = "application/problem+json"
ATTACK = "<script>hunter2</script>"
SOMEONE = "01890000-0000-7000-8000-000000000001"


def check_problem(answer, status, code):
    assert (answer.status_code, answer.headers["content-type"]) == (status, PROBLEM), answer.text
    body = answer.json()
    assert body["code"] == code
    assert body["status"] == status
    assert body["trace_id"] == answer.headers["Trace-Id"]
    assert {"type", "title", "detail"} <= body.keys()
    assert "hunter2" not in answer.text
    return body


@pytest.mark.parametrize(
    ("method", "path", "send", "status", "code"),
    [
        ("GET", "/v1/nothing-here", {}, 404, "not-found"),
        ("GET", "/nothing-here", {}, 404, "not-found"),
        ("DELETE", "/v1/customers", {}, 405, "method-not-allowed"),
        ("POST", "/v1/customers", {"json": {"name": 1}}, 422, "invalid"),
        ("POST", "/v1/customers", {"json": {"name": "x" * 41}}, 422, "invalid"),
        ("POST", "/v1/customers", {"json": {"name": "a", "extra": ATTACK}}, 422, "invalid"),
        ("POST", "/v1/customers", {"json": [ATTACK]}, 422, "invalid"),
        ("POST", "/v1/customers", {"json": {"name": "nul\0"}}, 422, "invalid"),
        ("POST", "/v1/customers", {"content": b"not declared as JSON"}, 422, "invalid"),
        ("GET", "/v1/customers?limit=201", {}, 422, "invalid"),
        ("GET", "/v1/customers?limit=hunter2", {}, 422, "invalid"),
        ("GET", "/v1/customers?updated_after=yesterday", {}, 422, "invalid"),
        ("GET", "/v1/customers?cursor=hunter2", {}, 400, "cursor-invalid"),
        ("GET", "/v1/invoices/bug", {}, 500, "internal"),
        ("GET", "/v1/invoices/timeout", {}, 503, "unavailable"),
        ("GET", "/v1/invoices/invalid", {}, 422, "invalid"),
        ("PUT", f"/v1/customers/{SOMEONE}", {"json": {"name": "a"}}, 428, "precondition-required"),
        ("GET", "/v1/shared/dead-letters/no-uuid", {}, 404, "not-found"),
        ("GET", "/v1/shared/dead-letters/replays", {}, 405, "method-not-allowed"),
    ],
)  # fmt: skip
async def test_every_error_is_a_problem(api: Api, method, path, send, status, code):
    answer = await api.acting("clerk").request(method, path, **send)
    check_problem(answer, status, code)


async def test_a_wrong_method_is_told_the_right_ones(api: Api):
    answer = await api.acting("clerk").delete("/v1/customers")
    assert answer.headers["Allow"] == "GET, POST"


@pytest.mark.parametrize("body", [b"{", b'{"name": "a"', b"\xff\xfe", b"[" * 100_000])
async def test_a_body_that_is_not_json_is_malformed(api: Api, body):
    answer = await api.acting("clerk").post(
        "/v1/customers", content=body, headers={"content-type": "application/json"}
    )
    check_problem(answer, 400, "malformed")


async def test_a_field_error_names_field_and_reason(api: Api):
    answer = await api.acting("clerk").post("/v1/customers", json={"name": "a", "sizes": [1, "x"]})
    assert check_problem(answer, 422, "invalid")["errors"] == [
        {
            "field": "sizes[1]",
            "reason": "Input should be a valid integer, unable to parse string as an integer",
        }
    ]


async def test_a_rule_of_ours_speaks_for_itself(api: Api):
    answer = await api.acting("clerk").post("/v1/customers", json={"name": "forbidden"})
    [error] = check_problem(answer, 422, "invalid")["errors"]
    assert error == {"field": "name", "reason": "this name is not allowed"}
    answer = await api.acting("clerk").get("/v1/invoices/invalid")
    [error] = check_problem(answer, 422, "invalid")["errors"]
    assert error == {"field": "lines[0].quantity", "reason": "must be positive", "line": 3}


async def test_a_body_beyond_the_limit_is_too_large(api: Api):
    big = b'{"name": "' + b"x" * MAX_JSON_BYTES + b'"}'
    headers = {"content-type": "application/json"}
    answer = await api.acting("clerk").post("/v1/customers", content=big, headers=headers)
    check_problem(answer, 413, "too-large")

    async def chunks():
        for _ in range(64):
            yield b"x" * (MAX_JSON_BYTES // 32)

    answer = await api.acting("clerk").post("/v1/customers", content=chunks(), headers=headers)
    check_problem(answer, 413, "too-large")


async def test_ndjson_may_be_larger_and_is_answered_line_by_line(api: Api):
    lines = [b'{"n": 1}', b"", b"x" * 200_000] * 10
    answer = await api.acting("clerk").post("/v1/customers:bulk", content=b"\n".join(lines))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/x-ndjson"
    got = [json.loads(line) for line in answer.text.splitlines()]
    assert [line["line"] for line in got] == [n for n in range(1, 31) if n % 3 != 2]


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"", 422), (b"x" * 300_000, 413), (b"1\n" * 20_001, 413), (b"1\n" * 20_000, 200)],
)
async def test_ndjson_has_limits(api: Api, body, status):
    answer = await api.acting("clerk").post("/v1/customers:bulk", content=body)
    assert answer.status_code == status


async def test_a_trace_is_continued_and_a_bad_one_replaced(api: Api):
    trace_id, span_id = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    good = f"00-{trace_id}-{span_id}-01"
    for given in (good, "00-zz-1-01", good.replace(trace_id, "0" * 32), good + "-more"):
        answer = await api.acting("clerk").get("/v1/customers", headers={"traceparent": given})
        assert (answer.headers["Trace-Id"] == trace_id) is (given == good)
        assert re.fullmatch("[0-9a-f]{32}", answer.headers["Trace-Id"])
    flow = str(new_id())
    answer = await api.acting("clerk").get("/v1/customers", headers={"X-Correlation-Id": flow})
    assert answer.headers["X-Correlation-Id"] == flow


async def test_who_and_why_reach_the_audit(api: Api):
    clerk = api.acting("clerk")
    reason = "vereinbart am Telefon, Größe 3"
    headers = {"X-Reason": reason.encode()}
    answer = await clerk.post("/v1/customers", json={"name": "Ada"}, headers=headers)
    assert answer.status_code == 201
    entries = (await api.acting("auditor").get("/v1/shared/audit")).json()["items"]
    assert [(e["actor_kind"], e["actor_id"], e["reason"], e["after"]) for e in entries] == [
        ("user", "clerk@local", reason, {"name": "Ada"})
    ]


async def test_a_stale_etag_is_refused_and_a_fresh_one_taken(api: Api):
    clerk = api.acting("clerk")
    made = await clerk.post("/v1/customers", json={"name": "Ada"})
    assert made.headers["ETag"] == '"1"'
    path, renamed = made.headers["Location"], {"name": "Eve"}
    good = await clerk.put(path, json=renamed, headers={"If-Match": made.headers["ETag"]})
    assert (good.status_code, good.headers["ETag"]) == (200, '"2"')
    stale = await clerk.put(path, json=renamed, headers={"If-Match": made.headers["ETag"]})
    check_problem(stale, 412, "stale")
    odd = await clerk.put(path, json=renamed, headers={"If-Match": "*"})
    check_problem(odd, 400, "if-match-invalid")


async def test_one_tenant_cannot_take_every_place(api: Api):
    api.app.state.resources.max_per_tenant = 2
    clerk, other = api.acting("clerk"), api.acting("clerk", tenant_id=new_id())
    answers = await asyncio.gather(
        *(clerk.get("/v1/customers") for _ in range(6)), other.get("/v1/customers")
    )
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) == 4
    for answer in refused:
        check_problem(answer, 429, "too-many")
        assert answer.headers["Retry-After"]
    assert answers[-1].status_code == 200
    assert (await clerk.get("/v1/customers")).status_code == 200
    assert not api.app.state.resources.in_hand


async def test_tenants_do_not_see_each_other(api: Api):
    await api.acting("clerk").post("/v1/customers", json={"name": "Ada"})
    other = await api.acting("clerk", tenant_id=new_id()).get("/v1/customers")
    assert other.json()["items"] == []


async def test_a_database_that_is_away_is_unavailable(api: Api):
    away = await asyncpg.create_pool("postgresql://x@127.0.0.1:1/x", min_size=0)
    api.app.state.resources.pool = away
    for answer in await asyncio.gather(
        api.acting("clerk").get("/v1/customers"),
        api.acting("clerk").post("/v1/customers", json={"name": "Ada"}),
    ):
        check_problem(answer, 503, "unavailable")
        assert answer.headers["Retry-After"]
    await away.close()


def test_an_app_with_an_open_route_does_not_start(api: Api):
    resources: Resources = api.app.state.resources
    for path, door in [("/v1/open", None), ("/v1/weak", may("customers:read"))]:
        router = APIRouter()

        async def route():
            return None

        router.add_api_route(path, route, methods=["POST"], dependencies=[door] if door else [])
        with pytest.raises(ValueError, match=path):
            create_app([router], resources)


def test_an_app_with_a_dependency_that_takes_a_thread_does_not_start(api: Api):
    router = APIRouter()

    def threaded() -> None:
        """Not async."""

    async def route():
        return None

    doors = [may("customers:read"), Depends(threaded)]
    router.add_api_route("/v1/slow", route, methods=["GET"], dependencies=doors)
    with pytest.raises(ValueError, match="not async"):
        create_app([router], api.app.state.resources)


def test_a_door_for_a_scope_that_does_not_exist_cannot_be_made():
    with pytest.raises(ValueError, match="no such scope"):
        may("everything:write")
