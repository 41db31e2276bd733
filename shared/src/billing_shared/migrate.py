"""Forward-only migrations: roles and schema of a service, the plumbing, then its own files."""

import asyncio
import hashlib
from dataclasses import dataclass
from importlib.resources import files

import asyncpg

from billing_shared.postgres import CONNECT_SECONDS, Connection

#: A migration that cannot get its lock in this time gives way to business, and is run again.
LOCK_TIMEOUT = "10s"
#: Roles belong to the whole server, so two databases migrated at once may meet.
ROLE_ATTEMPTS = 20

#: The package whose migrations every service has.
PLUMBING = "billing_shared"

_RECORD = """
create table if not exists schema_migration (
    room text not null,
    name text not null,
    sha256 text not null,
    applied_at timestamptz not null default now(),
    primary key (room, name)
)
"""


class ChangedMigration(Exception):
    """A file that was applied has been edited or removed since: write a new one instead."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file, and the package it lies in."""

    room: str
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


def schema_of(service: str) -> str:
    """`invoice-svc` -> `invoice`: the schema, and the stem of the role names."""
    return service.removesuffix("-svc").replace("-", "_")


def migrations_of(package: str) -> list[Migration]:
    """The package's migrations in number order."""
    folder = files(package) / "migrations"
    if not folder.is_dir():
        return []
    found = [entry for entry in folder.iterdir() if entry.name.endswith(".sql")]
    return [
        Migration(package, entry.name, entry.read_text("utf-8"))
        for entry in sorted(found, key=lambda entry: entry.name)
    ]


async def migrate(
    admin_dsn: str, service: str, package: str, *, app_password: str, relay_password: str
) -> list[str]:
    """Bring the service's schema up to date; returns the names of the files applied.

    Roles: `<schema>_owner` (no login), `<schema>_app`, `<schema>_relay`. Raises ChangedMigration.
    """
    schema = schema_of(service)
    conn = await asyncpg.connect(admin_dsn, timeout=CONNECT_SECONDS)
    try:
        # Session lock: replicas that start together migrate once.
        await conn.execute("select pg_advisory_lock(hashtext($1))", f"migrate {schema}")
        await _ensure_roles(conn, schema, app_password, relay_password)
        await _ensure_schema(conn, schema)
        return await _apply(conn, schema, _wanted(package))
    finally:
        await conn.close()


async def is_current(conn: Connection, package: str) -> bool:
    """Whether every file of this build has been applied (for readiness)."""
    known = {
        (row["room"], row["name"])
        for row in await conn.fetch("select room, name from schema_migration")
    }
    return all((m.room, m.name) in known for m in _wanted(package))


def _wanted(package: str) -> list[Migration]:
    own = migrations_of(package) if package != PLUMBING else []
    return migrations_of(PLUMBING) + own


async def _ensure_roles(
    conn: "asyncpg.Connection[asyncpg.Record]", schema: str, app_password: str, relay_password: str
) -> None:
    for attempt in range(ROLE_ATTEMPTS):
        try:
            async with conn.transaction():
                await _create_role(conn, f"{schema}_owner", "nologin", None, schema)
                await _create_role(conn, f"{schema}_app", "login", app_password, schema)
                await _create_role(conn, f"{schema}_relay", "login", relay_password, schema)
                await conn.execute(f"grant {schema}_app to {schema}_relay")
                await conn.execute(f"grant {schema}_owner to current_user")
            return
        except (
            asyncpg.DuplicateObjectError,
            asyncpg.UniqueViolationError,
            asyncpg.InternalServerError,  # "tuple concurrently updated"
        ):
            if attempt == ROLE_ATTEMPTS - 1:
                raise
            await asyncio.sleep(0.05 * (attempt + 1))


async def _create_role(
    conn: "asyncpg.Connection[asyncpg.Record]",
    role: str,
    login: str,
    password: str | None,
    schema: str,
) -> None:
    if not await conn.fetchval("select true from pg_roles where rolname = $1", role):
        await conn.execute(f"create role {role} {login} nocreatedb nocreaterole inherit")
    if password is not None:
        quoted = await conn.fetchval("select quote_literal($1::text)", password)
        await conn.execute(f"alter role {role} password {quoted}")
    await conn.execute(f"alter role {role} set search_path = {schema}")


async def _ensure_schema(conn: "asyncpg.Connection[asyncpg.Record]", schema: str) -> None:
    await conn.execute(f"create schema if not exists {schema} authorization {schema}_owner")
    await conn.execute(f"grant usage on schema {schema} to {schema}_app, {schema}_relay")
    await conn.execute(f"set search_path = {schema}")
    await conn.execute(f"set lock_timeout = '{LOCK_TIMEOUT}'")
    await conn.execute(f"set role {schema}_owner")
    await conn.execute(_RECORD)
    await conn.execute(f"grant select on schema_migration to {schema}_app")


async def _apply(
    conn: "asyncpg.Connection[asyncpg.Record]", schema: str, wanted: list[Migration]
) -> list[str]:
    rows = await conn.fetch("select room, name, sha256 from schema_migration")
    applied = {(row["room"], row["name"]): row["sha256"] for row in rows}
    fresh = []
    for migration in wanted:
        known = applied.get((migration.room, migration.name))
        if known is None:
            fresh.append(migration)
        elif known != migration.sha256:
            raise ChangedMigration(f"{migration.room}/{migration.name} in schema {schema}")
    for migration in fresh:
        async with conn.transaction():
            await conn.execute(migration.sql)
            await conn.execute(
                "insert into schema_migration (room, name, sha256) values ($1, $2, $3)",
                migration.room,
                migration.name,
                migration.sha256,
            )
    return [f"{migration.room}/{migration.name}" for migration in fresh]
