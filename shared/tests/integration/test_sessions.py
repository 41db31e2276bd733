"""Sessions that hold locks: one that is silent loses them, and is not missed."""

import asyncpg
import pytest

from billing_shared.postgres import is_transient, open_session
from billing_shared.testing.broker import until
from billing_shared.testing.database import RELAY_PASSWORD, as_role

LOCK = "select pg_try_advisory_lock(7)"


@pytest.fixture
async def dsn(service_database):
    database = await service_database("invoice-svc", "billing_shared")
    return as_role(database.admin_dsn, "invoice_relay", RELAY_PASSWORD)


async def test_the_locks_of_a_silent_session_go_to_another(dsn):
    silent, other = await open_session(dsn, name="silent"), await open_session(dsn, name="other")
    assert await silent.fetchval("show idle_session_timeout") == "40s"
    # As long a silence is not waited for here.
    await silent.execute("set idle_session_timeout = 100")
    assert await silent.fetchval(LOCK)

    async def is_free():
        return await other.fetchval(LOCK)

    await until(is_free)
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)) as caught:
        await silent.fetchval("select 1")
    assert is_transient(caught.value), "whoever was silent begins anew"
    await other.close()
