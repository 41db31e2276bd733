"""The services under measure: real processes, api and worker apart, each with its own CPU.

async with running(world, ["invoice-svc/api", "invoice-svc/worker"]) as system:
    request = system.headers("director")
    with world.metered(system.pids()) as spent: ...
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

import httpx

from bench.world import World
from billing_local import commands
from billing_local.child import Child
from billing_local.commands import Backing, Part
from billing_local.ports import HOST, claim_ports
from billing_shared.auth import make_local_keys
from billing_shared.broker import Broker
from billing_shared.ids import new_id
from billing_shared.local_issuer import token
from billing_shared.testing.database import ServiceDatabase

READY_SECONDS = 30.0
LOOK_SECONDS = 0.05


@dataclass
class System:
    """Services of one tenant on databases and topics of their own."""

    world: World
    broker: Broker
    databases: dict[str, ServiceDatabase] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    children: dict[str, Child] = field(default_factory=dict)
    tenant_id: UUID = field(default_factory=new_id)

    def url(self, service: str) -> str:
        """Where a service's API listens."""
        return f"http://{HOST}:{self.ports[service]}"

    def headers(self, role: str = "director") -> dict[str, str]:
        """The token of a person of the tenant."""
        minted = token(self.world.folder / "keys", self.tenant_id, role)
        return {"Authorization": f"Bearer {minted}"}

    def pids(self) -> dict[str, int]:
        """The measured processes by name, such as `invoice-svc/api`."""
        return {name: child.pid for name, child in self.children.items() if child.pid is not None}

    async def wait_ready(self) -> None:
        """RuntimeError with the end of the log of a process that does not come up."""
        async with httpx.AsyncClient() as client:
            for name, child in self.children.items():
                url = f"http://{HOST}:{self.ports[f'{name}/telemetry']}/readyz"
                for _ in range(int(READY_SECONDS / LOOK_SECONDS)):
                    if await _is_ready(client, url) or not child.is_alive():
                        break
                    await asyncio.sleep(LOOK_SECONDS)
                if not await _is_ready(client, url):
                    raise RuntimeError(f"{name} is not ready:\n{child.log_tail()}")


async def _is_ready(client: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(url)).is_success
    except httpx.TransportError:
        return False


@asynccontextmanager
async def running(world: World, processes: Sequence[str]) -> AsyncIterator[System]:
    """These processes (`<service>/<role>`), each service on a fresh database, for a while."""
    system = System(world, await world.broker())
    parts = [Part(name, name.partition("/")[0], name.partition("/")[2]) for name in processes]
    for service in {part.service for part in parts}:
        system.databases[service] = await world.database(service)
    # Names of all services: what one process is told does not hang on who else runs here.
    names = [*commands.port_names(parts)]
    folder = world.folder / f"system-{system.tenant_id.hex[-8:]}"
    folder.mkdir()
    system.ports = claim_ports(folder / "ports.json", names)
    jwks_file = make_local_keys(world.folder / "keys").jwks_file
    backing = Backing(
        world.postgres.dsn(),
        system.broker.bootstrap_servers,
        system.broker.topic_prefix,
        system.broker.is_embedded,
    )
    try:
        for part in parts:
            database = system.databases[part.service]
            env = commands.service_env(part, system.ports, backing, "local", jwks_file)
            env["BILLING_DATABASE_URL"] = database.app_dsn
            env["BILLING_WORKER_DATABASE_URL"] = database.worker_dsn
            log = folder / f"{part.name.replace('/', '-')}.log"
            child = system.children[part.name] = Child(commands.service_argv(part), env, log)
            child.start()
        await system.wait_ready()
        yield system
    finally:
        await asyncio.gather(*(asyncio.to_thread(c.stop) for c in system.children.values()))
