"""The whole system as processes of this machine: for `make run`, `make demo` and the stories.

async with Stack(folder, profile="test") as stack:
    answer = httpx.get(stack.urls["invoice-svc"] + "/v1/invoices",
                       headers=stack.headers(tenant_id, "clerk"))
    await stack.kill("recon-svc")
    await stack.restart("recon-svc")
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Self
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

import httpx
from aiokafka.errors import KafkaError

from billing_local import backing, commands
from billing_local.child import Child
from billing_local.commands import SERVICES, SINKS, Backing, first_tenant
from billing_local.embedded_broker import EMBEDDED_PARTITIONS
from billing_local.home import Home
from billing_local.ports import HOST
from billing_local.supervisor import Process, Supervisor
from billing_local.watchdog import Watchdog
from billing_local.watchdog import is_needed as watchdog_is_needed
from billing_shared import local_issuer
from billing_shared.auth import make_local_keys
from billing_shared.migrate import migrate
from billing_shared.postgres import TRANSIENT
from billing_shared.replay import refill_pending
from billing_shared.topics import PARTITIONS, create_topics, topic_names

#: How long everything may take to say it is ready, in seconds.
READY_WITHIN_SECONDS = 60.0
ASK_EVERY_SECONDS = 0.05


class NotReadyError(Exception):
    """The system did not come up; the message holds the end of the log that says why."""


class Stack:
    """Postgres, broker, mail sink, webhook receiver and the four services in one folder.

    `profile` is `local` or `test` (a database that may forget at a power cut). `say` gets a line
    for each thing that happens. DATABASE_URL and KAFKA_BOOTSTRAP_SERVERS replace the embedded two.
    Each service runs in these `roles`, one process each. `detours` are ports at which the services
    are sent to `postgres` and `broker`: somebody listens there and passes on what they say.
    """

    def __init__(
        self,
        folder: Path,
        profile: str = "local",
        *,
        say: Callable[[str], None] | None = None,
        roles: Sequence[str] = commands.TOGETHER,
        detours: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        self.home = Home(folder)
        self.profile = profile
        self.parts = commands.parts(roles)
        self._detours = detours
        self._say = say or (lambda _line: None)
        self._supervisor = Supervisor(self._say)
        self._processes: dict[str, Process] = {}
        self._starts: dict[str, Callable[[], Awaitable[None]]] = {}
        # Starting blocks, and children die with the thread that started them: so it is ours.
        self._starter = ThreadPoolExecutor(1, "starter")
        self._watchdog: Watchdog | None = None
        self._ports: dict[str, int] = {}
        self._keys = self.home.folder / "keys"
        self._backing: Backing | None = None
        self._broker: backing.BrokerProcess | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        await self.stop()

    @property
    def urls(self) -> dict[str, str]:
        """Where each service, the mail sink and the webhook receiver listen."""
        return {name: f"http://{HOST}:{self._ports[name]}" for name in (*SERVICES, *SINKS)}

    @property
    def telemetry_urls(self) -> dict[str, str]:
        """The second port of each process: /readyz, /metrics, PUT /clock."""
        return {p.name: f"http://{HOST}:{self._ports[p.telemetry]}" for p in self.parts}

    def port(self, name: str) -> int:
        """Where `postgres`, `broker`, a service or a sink listens."""
        return self._ports[name]

    @property
    def backing(self) -> Backing:
        """The database (as administrator) and the brokers."""
        if self._backing is None:
            raise NotReadyError("not started")
        return self._backing

    @property
    def admin_dsn(self) -> str:
        return self.backing.admin_dsn

    @property
    def bootstrap_servers(self) -> str:
        return self.backing.bootstrap_servers

    def token(self, tenant_id: UUID, role: str, subject: str | None = None) -> str:
        """A bearer token of the local issuer."""
        return local_issuer.token(self._keys, tenant_id, role, subject)

    def headers(self, tenant_id: UUID, role: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token(tenant_id, role)}"}

    async def start(self) -> None:
        """Bring everything up and write ready.json; on failure nothing stays behind."""
        self.home.acquire()
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    async def _start(self) -> None:
        self._watchdog = Watchdog() if watchdog_is_needed() else None
        self._ports = self.home.ports(commands.port_names(self.parts))
        jwks_file = make_local_keys(self._keys).jwks_file
        for sink in SINKS:
            argv = commands.sink_argv(sink, self.home, self._ports)
            await self._add(sink, Child(argv, commands.base_env(), self.home.log(sink)))
        self._backing = await self._start_backing()
        await self._migrate()
        await self._fill_broker()
        told = self._told_backing()
        for part in self.parts:
            env = commands.service_env(part, self._ports, told, self.profile, jwks_file)
            argv = commands.service_argv(part)
            await self._add(part.name, Child(argv, env, self.home.log(part.name)))
        for name in (*SINKS, *self.telemetry_urls):
            await self._wait_ready(name)
        self._supervisor.begin()
        self.home.tell_ready(self._facts())

    async def stop(self) -> None:
        """Stop everything, services first; never raises for what is already gone."""
        await self._supervisor.end()
        self.home.ready_file.unlink(missing_ok=True)
        servers = [self._processes.pop(n) for n in ("broker", "postgres") if n in self._processes]
        # Together, then what they stand on.
        await asyncio.gather(*(asyncio.to_thread(p.stop) for p in self._processes.values()))
        await asyncio.gather(*(asyncio.to_thread(p.stop) for p in servers))
        self._processes.clear()
        self._starter.shutdown()
        if self._watchdog is not None:
            self._watchdog.dismiss()
        self.home.release()

    async def kill(self, name: str) -> None:
        """SIGKILL a service, a sink, `postgres` or `broker`; it stays down until `restart`."""
        self._supervisor.leave(name)
        await asyncio.to_thread(self._processes[name].kill)

    async def crash(self, name: str) -> None:
        """SIGKILL, as an accident: the supervisor starts it again."""
        await asyncio.to_thread(self._processes[name].kill)

    async def restart(self, name: str) -> None:
        """Start again what was killed, and wait until it is ready."""
        if not self._processes[name].is_alive():
            await self._starts[name]()
        self._supervisor.want(name, self._processes[name], self._starts[name])
        await self._wait_ready(name)

    async def lose_log(self) -> None:
        """Kill the broker and let it forget its log, as a lost disk does; it comes back empty."""
        await self.kill("broker")
        if self._broker is not None:
            await asyncio.to_thread(self._broker.forget)
        await self.restart("broker")

    def pids(self) -> dict[str, int]:
        """The process ids of what runs now."""
        alive = {n: p.pid for n, p in self._processes.items() if p.is_alive()}
        return {name: pid for name, pid in alive.items() if pid is not None}

    async def _start_backing(self) -> Backing:
        """The embedded two, or what the environment names instead."""
        admin_dsn = os.environ.get("DATABASE_URL")
        if not admin_dsn:
            postgres = backing.postgres(
                self.home.folder / "postgres",
                self._ports["postgres"],
                password=self.home.secret("postgres"),
                is_durable=self.profile != "test",
            )
            await self._add("postgres", postgres)
            admin_dsn = postgres.dsn()
        prefix = os.environ.get("BILLING_TOPIC_PREFIX", "")
        servers = os.environ.get("KAFKA_BOOTSTRAP_SERVERS")
        if servers:
            return Backing(admin_dsn, servers, prefix)
        broker = backing.broker(
            self.home.folder / "broker",
            (self._ports["broker"], self._ports["controller"]),
            self.home.log("broker"),
            advertised_port=self._detours.get("broker"),
        )
        self._broker = broker
        await self._add("broker", broker, and_then=self._fill_broker)
        return Backing(admin_dsn, broker.bootstrap, prefix, broker.is_embedded)

    def _told_backing(self) -> Backing:
        """The backing as the services are told of it."""
        if "postgres" not in self._detours:
            return self.backing
        url = urlsplit(self.admin_dsn)
        place = f"{url.netloc.rpartition('@')[0]}@{HOST}:{self._detours['postgres']}"
        return replace(self.backing, admin_dsn=urlunsplit(url._replace(netloc=place)))

    async def _add(
        self,
        name: str,
        process: Process,
        and_then: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Start a process and keep it up; `and_then` runs after each later start."""

        async def start() -> None:
            await self._start_process(process)
            if and_then is not None:
                await and_then()

        self._processes[name] = process
        self._starts[name] = start
        await self._start_process(process)
        self._supervisor.want(name, process, start)

    async def _start_process(self, process: Process) -> None:
        await asyncio.get_running_loop().run_in_executor(self._starter, process.start)
        if self._watchdog is not None and process.pid is not None:
            self._watchdog.guard(process.pid)

    async def _migrate(self) -> None:
        for service in SERVICES:
            name = service.removesuffix("-svc")
            await migrate(
                self.admin_dsn,
                service,
                commands.package(service),
                app_password=commands.role_password(self.admin_dsn, f"{name}_app"),
                relay_password=commands.role_password(self.admin_dsn, f"{name}_relay"),
            )

    async def _fill_broker(self) -> None:
        """Topics, and on the embedded broker what a subscribed group has not had yet.

        Tried again for a while: the supervisor only looks whether the broker's process is there.
        """
        deadline = time.monotonic() + READY_WITHIN_SECONDS
        while True:
            try:
                await self._fill()
                return
            except (KafkaError, *TRANSIENT):
                if time.monotonic() > deadline:
                    raise
            await asyncio.sleep(ASK_EVERY_SECONDS)

    async def _fill(self) -> None:
        names = topic_names(self.backing.topic_prefix)
        partitions = EMBEDDED_PARTITIONS if self.backing.is_embedded_broker else PARTITIONS
        await create_topics(self.bootstrap_servers, names, partitions=partitions)
        if self.backing.is_embedded_broker:
            count = await refill_pending(self.admin_dsn)
            if count:
                self._say(f"{count} events put back for the broker")

    async def _wait_ready(self, name: str) -> None:
        base = self.telemetry_urls.get(name) or self.urls.get(name)
        if base is None:
            return
        url = base + ("/health/ready" if name in SINKS else "/readyz")
        async with httpx.AsyncClient(timeout=2) as client:
            for _ in range(int(READY_WITHIN_SECONDS / ASK_EVERY_SECONDS)):
                try:
                    if (await client.get(url)).is_success:
                        return
                except httpx.TransportError:
                    pass
                if not self._processes[name].is_alive():
                    break
                await asyncio.sleep(ASK_EVERY_SECONDS)
        child = self._processes[name]
        tail = child.log_tail() if isinstance(child, Child) else ""
        raise NotReadyError(f"{name} is not ready; the end of {self.home.log(name)}:\n{tail}")

    def _facts(self) -> dict[str, Any]:
        tenant_id = first_tenant()
        return {
            "urls": self.urls,
            "telemetry_urls": self.telemetry_urls,
            "tenant_id": str(tenant_id),
            "token": self.token(tenant_id, "director"),
            "bootstrap_servers": self.bootstrap_servers,
            "admin_dsn": self.admin_dsn,
            "pids": {"launcher": os.getpid()} | self.pids(),
        }
