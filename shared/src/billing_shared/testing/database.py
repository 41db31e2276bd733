"""Databases for tests: one per test, cloned from a template that was migrated once.

async def test_it(service_database):
    database = await service_database("recon-svc", "recon_svc")
    async with transaction(database.app_pool, tenant_id) as conn: ...
"""

from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from billing_shared.ids import new_id
from billing_shared.migrate import migrate, schema_of
from billing_shared.postgres import Pool, close_pool, open_pool

APP_PASSWORD = "app-for-tests"  # noqa: S105 - of servers that live as long as a test run
RELAY_PASSWORD = "relay-for-tests"  # noqa: S105
POOL_SIZE = 8


@dataclass(frozen=True, slots=True)
class ServiceDatabase:
    """A migrated database of one service. `app_pool` is what its API process may do, `worker_pool`
    what its worker may."""

    admin_dsn: str
    app_dsn: str
    worker_dsn: str
    app_pool: Pool
    worker_pool: Pool


@dataclass
class Databases:
    """Makes databases on the server of `server_dsn` (an administrator's) and drops them again."""

    server_dsn: str
    _templates: dict[tuple[str, str], str] = field(default_factory=dict)
    _made: list[ServiceDatabase] = field(default_factory=list)

    async def make(self, service: str, package: str) -> ServiceDatabase:
        """A fresh database with the service's schema and nothing in it."""
        template = await self._template(service, package)
        name = f"test_{new_id().hex}"
        await self._on_server(f"create database {name} template {template}")
        admin = with_database(self.server_dsn, name)
        schema = schema_of(service)
        app = as_role(admin, f"{schema}_app", APP_PASSWORD)
        worker = as_role(admin, f"{schema}_relay", RELAY_PASSWORD)
        database = ServiceDatabase(
            admin_dsn=admin,
            app_dsn=app,
            worker_dsn=worker,
            app_pool=await open_pool(app, name=f"{service} app", size=POOL_SIZE),
            worker_pool=await open_pool(worker, name=f"{service} worker", size=POOL_SIZE),
        )
        self._made.append(database)
        return database

    async def drop_all(self) -> None:
        """Close the pools and drop the databases made since the last call."""
        while self._made:
            database = self._made.pop()
            await close_pool(database.app_pool)
            await close_pool(database.worker_pool)
            name = urlsplit(database.admin_dsn).path.lstrip("/")
            await self._on_server(f"drop database if exists {name} with (force)")

    async def _template(self, service: str, package: str) -> str:
        name = self._templates.get((service, package))
        if name is None:
            name = f"template_{new_id().hex}"
            await self._on_server(f"create database {name}")
            await migrate(
                with_database(self.server_dsn, name),
                service,
                package,
                app_password=APP_PASSWORD,
                relay_password=RELAY_PASSWORD,
            )
            self._templates[service, package] = name
        return name

    async def _on_server(self, statement: str) -> None:
        conn = await asyncpg.connect(self.server_dsn)
        try:
            await conn.execute(statement)
        finally:
            await conn.close()


def with_database(dsn: str, name: str) -> str:
    """The same server and role, another database."""
    return urlunsplit(urlsplit(dsn)._replace(path=f"/{name}"))


def as_role(dsn: str, role: str, password: str) -> str:
    """The same database as another role."""
    parts = urlsplit(dsn)
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{role}:{password}@{place}"))
