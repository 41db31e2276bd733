"""Connections to Postgres: one pool per purpose, bounded waits, the tenant set per transaction."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeAlias
from uuid import UUID

import asyncpg
import orjson
from asyncpg import exceptions as pg
from asyncpg.pool import PoolConnectionProxy

Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
Connection: TypeAlias = (
    "asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]"  # one or the other
)

#: How long to wait for a free connection of the pool.
ACQUIRE_SECONDS = 10.0
#: Limits the server keeps for every statement of ours.
STATEMENT_MS = 60_000
LOCK_MS = 5_000
IDLE_IN_TRANSACTION_MS = 60_000
#: A session that holds locks is heard of every few seconds, at the longest after a failed publish
#: and the rest that follows (25 s). From one that stays silent, as when its process is frozen or
#: its machine is gone without a word, the server takes the locks back.
SILENT_SESSION_MS = 40_000
CONNECT_SECONDS = 10.0
#: Ours must be the longer one, so that the server cancels first and the connection stays usable.
COMMAND_SECONDS = STATEMENT_MS / 1000 + 5

#: Failures that a later try of the same transaction may not meet. A failed COMMIT is among them:
#: only retry what carries an idempotency key or an inbox row.
TRANSIENT: tuple[type[BaseException], ...] = (
    OSError,
    TimeoutError,
    asyncio.IncompleteReadError,
    pg.PostgresConnectionError,
    pg.CannotConnectNowError,
    pg.AdminShutdownError,
    pg.CrashShutdownError,
    pg.TooManyConnectionsError,
    pg.SerializationError,
    pg.DeadlockDetectedError,
    pg.LockNotAvailableError,
    pg.QueryCanceledError,
    pg.IdleInTransactionSessionTimeoutError,
    pg.IdleSessionTimeoutError,
    pg.IdleSessionTimeoutError,
    pg.DiskFullError,
    pg.OutOfMemoryError,
    pg.ReadOnlySQLTransactionError,
    # After a migration a cached plan is refused once per connection.
    pg.InvalidCachedStatementError,
    pg.OutdatedSchemaCacheError,
)


def is_transient(error: BaseException) -> bool:
    """Whether the same transaction may succeed later: the connection, a lock, a conflict."""
    if isinstance(error, TRANSIENT):
        return True
    # asyncpg says "connection is closed" and the like by its catch-all class for misuse.
    return type(error) in (pg.InterfaceError, pg.InternalClientError) and "clos" in str(error)


async def set_codecs(conn: Connection) -> None:
    """json and jsonb are Python values, through orjson."""
    for name in ("json", "jsonb"):
        await conn.set_type_codec(
            name,
            schema="pg_catalog",
            encoder=lambda value: orjson.dumps(value).decode(),
            decoder=orjson.loads,
            format="text",
        )


def session_settings(name: str) -> dict[str, str]:
    """Startup parameters of a session; `name` shows in pg_stat_activity."""
    return {
        "application_name": name,
        "timezone": "UTC",
        "statement_timeout": str(STATEMENT_MS),
        "lock_timeout": str(LOCK_MS),
        "idle_in_transaction_session_timeout": str(IDLE_IN_TRANSACTION_MS),
        # JIT costs more than it gains on statements as short as ours.
        "jit": "off",
    }


async def open_pool(dsn: str, *, name: str, size: int) -> Pool:
    """A pool of at most `size` connections. Connects to nothing yet, so a server that is away
    does not stop the start. The schema comes from the role's own search_path (see migrate.py)."""
    return await asyncpg.create_pool(
        dsn,
        min_size=0,
        max_size=size,
        init=set_codecs,
        timeout=CONNECT_SECONDS,
        command_timeout=COMMAND_SECONDS,
        server_settings=session_settings(name),
        reset=_nothing_to_reset,
    )


async def _nothing_to_reset(_: Connection) -> None:
    """Pooled connections hold no session state (settings are set per transaction), so the round
    trip of RESET ALL after each transaction is saved."""


async def open_session(dsn: str, *, name: str) -> "asyncpg.Connection[asyncpg.Record]":
    """One connection outside any pool, for what holds session locks. It must be direct: session
    locks do not survive a pooler in transaction mode. Silent for 40 s it is ended by the server."""
    conn = await asyncpg.connect(
        dsn,
        timeout=CONNECT_SECONDS,
        command_timeout=COMMAND_SECONDS,
        server_settings=session_settings(name) | {"idle_session_timeout": str(SILENT_SESSION_MS)},
    )
    await set_codecs(conn)
    return conn


async def close_pool(pool: Pool, timeout_seconds: float = 5.0) -> None:
    """Close politely, then insist."""
    try:
        await asyncio.wait_for(pool.close(), timeout_seconds)
    except TRANSIENT:
        pool.terminate()


@asynccontextmanager
async def transaction(pool: Pool, tenant_id: UUID | None) -> AsyncIterator[Connection]:
    """One transaction, for one tenant or for none (then tenant tables show nothing)."""
    async with pool.acquire(timeout=ACQUIRE_SECONDS) as conn, conn.transaction():
        if tenant_id is not None:
            await set_tenant(conn, tenant_id)
        yield conn


async def set_tenant(conn: Connection, tenant_id: UUID) -> None:
    """From here to the end of the transaction, rows of this tenant only."""
    await conn.execute("select set_config('app.tenant_id', $1, true)", str(tenant_id))
