"""S7: what one caller can take is bounded: heads, bodies, depths, lines, files, time and places."""

import asyncio
import gzip
from types import SimpleNamespace
from typing import Any

import asyncpg
import orjson
import pytest
import pytest_asyncio

from billing_shared import bodies, bounded_http, postgres
from billing_shared.bodies import MAX_JSON_BYTES, MAX_LINE_BYTES, MAX_NDJSON_LINES
from billing_shared.paging import MAX_LIMIT
from billing_shared.process import Listener
from security.world import NAMES, World

JSON = {"Content-Type": "application/json"}
NDJSON = {"Content-Type": "application/x-ndjson"}
XML = {"Content-Type": "application/xml"}
DEEP = {
    "lists": b"[" * 100_000,
    "closed lists": b"[" * 100_000 + b"]" * 100_000,
    "objects": b'{"name":' * 100_000,
    "in a field": b'{"name": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
}


@pytest.mark.parametrize("name", NAMES)
async def test_every_body_is_bounded_in_size_and_depth(world: World, name: str) -> None:
    """Every route with a JSON body: 1 MiB and a byte is 413, nesting without end is 4xx."""
    house = world[name]
    async with house.client(world.ada) as ada:
        for route in house.routes():
            if route.media_type != "application/json":
                continue
            path = route.filled(house.ids)
            large = b'{"reason":"' + b"x" * MAX_JSON_BYTES + b'"}'
            answer = await ada.request(route.method, path, content=large, headers=JSON)
            assert (answer.status_code, answer.json()["code"]) == (413, "too-large"), str(route)
            for body in DEEP.values():
                answer = await ada.request(route.method, path, content=body, headers=JSON)
                assert answer.status_code in (400, 422, 428), (str(route), answer.text)


@pytest.mark.parametrize("name", NAMES)
async def test_every_list_is_bounded(world: World, name: str) -> None:
    """A page has at most MAX_LIMIT rows, whoever asks for more is refused."""
    house = world[name]
    async with house.client(world.ada) as ada:
        for route in house.routes():
            names = {p["name"] for p in route.operation["parameters"]}
            if "limit" not in names:
                continue
            for limit in (MAX_LIMIT + 1, 0, -1, 10**30, "all"):
                answer = await ada.get(route.filled(house.ids), params={"limit": limit})
                assert answer.status_code == 422, (str(route), limit)


@pytest.mark.parametrize("path", ["/v1/invoices:bulk", "/v1/imported-invoices"])
async def test_lines_are_bounded_in_length_number_and_depth(world: World, path: str) -> None:
    """One bad line is answered as one; too long or too many refuse the whole."""
    async with world["invoice"].client(world.ada) as ada:
        for body in (b"x" * (MAX_LINE_BYTES + 1), b"{}\n" * (MAX_NDJSON_LINES + 1)):
            answer = await ada.post(path, content=body, headers=NDJSON)
            assert (answer.status_code, answer.json()["code"]) == (413, "too-large")
        for body in DEEP.values():
            answer = await ada.post(path, content=body[:100_000], headers=NDJSON)
            assert answer.status_code == 200, answer.text
            [line] = map(orjson.loads, answer.content.splitlines())
            assert line["status"] in (400, 422), line


LAUGHS = b"""<?xml version="1.0"?><!DOCTYPE d [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;">]><Document>&c;</Document>"""
OUTSIDE = b"""<?xml version="1.0"?><!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/hostname">]>
<Document>&x;</Document>"""
ROOT = b'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"'
FILES = {
    "a billion laughs": (LAUGHS, 400, "xml-document-type"),
    "an outside entity": (OUTSIDE, 400, "xml-document-type"),
    "a gzip of nothing": (gzip.compress(b"\0" * (65 << 20), 9), 413, "too-large"),
    "a bomb in a gzip": (gzip.compress(gzip.compress(b"\0" * (65 << 20), 9)), 413, "too-large"),
    "gzip for ever": (gzip.compress(gzip.compress(gzip.compress(b"x"))), 400, "xml-not-readable"),
    "a broken gzip": (gzip.compress(b"x" * 1000)[:-9], 400, "file-not-readable"),
    "depth": (ROOT + b">" + b"<a>" * 1000, 413, "xml-too-deep"),
    "one endless tag": (ROOT + b' a="' + b"x" * (3 << 20) + b'"/>', 413, "too-large"),
}


@pytest.mark.parametrize("kind", FILES)
async def test_a_bank_file_that_is_a_bomb_is_refused(world: World, kind: str) -> None:
    """No document type, no entity, bounded when unpacked."""
    body, status, code = FILES[kind]
    async with world["payment"].client(world.ada) as ada:
        answer = await ada.post("/v1/bank-statements", content=body, headers=XML)
    assert answer.status_code == status, answer.text
    assert answer.json()["code"] == code


async def test_every_session_of_a_service_has_timeouts(world: World) -> None:
    """Statement, lock and idle transaction: kept by the server, whatever we forget."""
    wanted = {
        "statement_timeout": "1min",
        "lock_timeout": "5s",
        "idle_in_transaction_session_timeout": "1min",
    }
    for house in world.houses.values():
        for pool in (house.database.app_pool, house.database.worker_pool):
            for setting, value in wanted.items():
                assert await pool.fetchval("select current_setting($1)", setting) == value


async def test_a_flood_of_one_tenant_leaves_places_for_others(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond its places a tenant gets 429 at once; a full pool answers 503; both say when again."""
    house = world["invoice"]
    resources = house.api.app.state.resources
    monkeypatch.setattr(resources, "max_per_tenant", 4)
    async with house.client(world.ada) as ada, house.client(world.ben) as ben:
        pool = resources.pool
        held = [await pool.acquire() for _ in range(pool.get_max_size())]
        monkeypatch.setattr(postgres, "ACQUIRE_SECONDS", 0.3)
        flood = [asyncio.create_task(ada.get("/v1/invoices")) for _ in range(20)]
        other = asyncio.create_task(ben.get("/v1/invoices"))
        answers = await asyncio.gather(*flood, other)
        for conn in held:
            await pool.release(conn)
        statuses = sorted(answer.status_code for answer in answers)
        assert statuses == [429] * 16 + [503] * 5
        assert answers[-1].status_code == 503
        assert all(answer.headers["Retry-After"] for answer in answers)
        assert (await ben.get("/v1/invoices")).status_code == 200
        assert (await ada.get("/v1/invoices")).status_code == 200
    assert not resources.in_hand


@pytest_asyncio.fixture(loop_scope="session")
async def port(world: World) -> Any:
    """invoice-svc behind a real port."""
    stop = asyncio.Event()
    listener = Listener(world["invoice"].api.app, SimpleNamespace(host="127.0.0.1"), 0)  # type: ignore[arg-type]
    serving = asyncio.create_task(listener.serve(stop))
    yield listener.port
    stop.set()
    await serving


async def said(port: int, *pieces: bytes, pause: float = 0.0) -> bytes:
    """What a connection answers until it is closed (or says nothing for a while)."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)
        return await asyncio.wait_for(reader.read(), 10)
    except ConnectionError:
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize("kind", ["one header", "many headers", "the path"])
async def test_an_endless_head_is_cut_off(port: int, kind: str) -> None:
    """Before any token is looked at, so anybody may try."""
    first, more = {
        "one header": (b"GET /v1/invoices HTTP/1.1\r\nHost: x\r\nX-A: ", b"a" * 8192),
        "many headers": (b"GET /v1/invoices HTTP/1.1\r\nHost: x\r\n", b"X-B: b\r\n" * 1024),
        "the path": (b"GET /v1/", b"a" * 8192),
    }[kind]
    answer = await said(port, first, *([more] * 64))
    assert answer == b"" or b" 431 " in answer.partition(b"\r\n")[0]


async def test_a_head_that_comes_slowly_is_not_waited_for(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded_http, "MAX_HEAD_SECONDS", 0.2)
    assert await said(port, b"GET / HTTP/1.1\r\n") == b""
    assert await said(port) == b""
    usual = b"GET /v1/invoices HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert b" 401 " in await said(port, usual)


async def test_a_body_that_comes_slowly_is_not_waited_for(
    world: World, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or it would hold one of the tenant's places for ever."""
    monkeypatch.setattr(bodies, "MAX_BODY_SECONDS", 0.3)
    token = world["invoice"].client(world.ada).headers["Authorization"].encode()
    head = (
        b"POST /v1/customers HTTP/1.1\r\nHost: x\r\nConnection: close\r\nIdempotency-Key: slow\r\n"
        b"Content-Type: application/json\r\nContent-Length: 100\r\nAuthorization: " + token
    )
    answer = await said(port, head + b"\r\n\r\n", *[b" "] * 3, pause=0.05)
    assert b" 400 " in answer.partition(b"\r\n")[0], answer
    assert not world["invoice"].api.app.state.resources.in_hand


async def test_a_statement_that_takes_too_long_is_cut_and_told_as_unavailable(world: World) -> None:
    """The server cancels it, and the caller is told to come again."""
    async with world["invoice"].database.app_pool.acquire() as conn, conn.transaction():
        await conn.execute("set local statement_timeout = 20")
        with pytest.raises(asyncpg.QueryCanceledError) as caught:
            await conn.execute("select pg_sleep(5)")
    assert postgres.is_transient(caught.value)
