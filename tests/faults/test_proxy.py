"""The proxy does what the story counts on: answers are lost after their effect, silence is kept."""

import asyncio
from random import Random
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from billing_local.ports import HOST, claim_ports
from faults.proxy import Proxy

#: Long enough for an answer that is let through.
SOON = 0.5


@pytest.fixture
def proxy(postgres, tmp_path):
    made = Proxy(claim_ports(tmp_path / "p.json", ["proxy"])["proxy"], lambda: _port(postgres))
    made.start()
    yield made
    made.stop()


@pytest.fixture
async def conn(postgres, proxy):
    conn = await asyncpg.connect(_through(postgres, proxy), timeout=20)
    await conn.execute("create temp table told (n int)")
    yield conn
    conn.terminate()


def _port(dsn):
    return urlsplit(dsn).port


def _through(dsn, proxy):
    url = urlsplit(dsn)
    place = f"{url.netloc.rpartition('@')[0]}@{HOST}:{proxy.port}"
    return urlunsplit(url._replace(netloc=place))


async def test_the_answer_to_a_commit_is_lost_and_its_effect_is_there(postgres, proxy, conn):
    table = f"proxied_{proxy.port}"
    direct = await asyncpg.connect(postgres)
    await direct.execute(f"create table {table} (n int)")
    try:
        proxy.commits_to_lose = 1
        with pytest.raises((OSError, asyncpg.PostgresError, asyncpg.InterfaceError)):
            async with conn.transaction():
                await conn.execute(f"insert into {table} values (1)")
        async with asyncio.timeout(20):
            while await direct.fetchval(f"select count(*) from {table}") != 1:
                await asyncio.sleep(0.05)
        assert (proxy.commits_lost, proxy.commits_to_lose) == (1, 0)
    finally:
        await direct.execute(f"drop table {table}")
        await direct.close()


async def test_what_is_silent_is_answered_when_the_silence_ends(proxy, conn):
    proxy.is_silent = True
    asked = asyncio.create_task(conn.fetchval("select 7"))
    done, _ = await asyncio.wait({asked}, timeout=SOON)
    assert not done
    proxy.is_silent = False
    assert await asyncio.wait_for(asked, 20) == 7


async def test_who_is_cut_hears_of_it(proxy, conn):
    assert proxy.cut(1.0, Random(1)) == 1
    with pytest.raises((OSError, asyncpg.PostgresError, asyncpg.InterfaceError)):
        await conn.fetchval("select 1", timeout=20)


async def test_a_dead_connection_tells_nobody_and_others_go_on(postgres, proxy, conn):
    dead = proxy.let_die(1.0, Random(1))
    assert len(dead) == 1
    with pytest.raises(TimeoutError):
        await conn.fetchval("select 1", timeout=SOON)
    other = await asyncpg.connect(_through(postgres, proxy), timeout=20)
    assert await other.fetchval("select 2") == 2
    await other.close()
    proxy.bury(dead)
