"""The life of a process: start without waiting for anything, run, stop within bounds.

SIGTERM: listeners close, requests under way end, the batch in hand is finished, pools are closed;
and a thread exits hard when that takes too long.
"""

import asyncio
import gc
import os
import signal
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import structlog
import uvicorn
import uvloop
from fastapi import APIRouter
from pydantic import SecretStr
from starlette.types import ASGIApp

from billing_shared.audit_chain import anchorer, sealer
from billing_shared.bounded_http import BoundedHttp
from billing_shared.clock import Clock, SettableClock, SystemClock
from billing_shared.consumer import Consumer
from billing_shared.doors import Resources
from billing_shared.health import Health, telemetry_app
from billing_shared.housekeeping import HOUSEKEEPING
from billing_shared.http import create_app
from billing_shared.inbox import Handlers
from billing_shared.jobs import Job, JobRunner
from billing_shared.measures import measures
from billing_shared.metrics import EVENT_LOOP_LAG, POOL_IN_USE
from billing_shared.operations import operations
from billing_shared.operator_requests import OperatorRequests
from billing_shared.postgres import Pool, close_pool, open_pool
from billing_shared.relay import Relay
from billing_shared.settings import ServiceSettings
from billing_shared.wiring import broker_of, cursor_secret_of, dsn_of, verifier_of

Role = Literal["api", "worker", "all"]

#: How long requests under way may take once the listeners are closed.
DRAIN_SECONDS = 20
KEEP_ALIVE_SECONDS = 30
LISTEN_BACKLOG = 1024
LAG_EVERY_SECONDS = 1.0
EXIT_HARD = 70
#: Of the collector: a request makes thousands of objects and hardly a cycle. The default, 700,
#: would look for cycles several times a request.
COLLECT_AFTER = (50_000, 20, 20)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Worker:
    """What a background loop gets: it runs until `stop` is set, and does not raise."""

    pool: Pool
    clock: Clock
    settings: ServiceSettings
    stop: asyncio.Event


Background = Callable[[Worker], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Service:
    """What a service is made of. `background` loops run in the worker beside relay and consumer."""

    name: str
    package: str
    routers: tuple[APIRouter, ...] = ()
    handlers: Handlers = field(default_factory=dict)
    jobs: tuple[Job, ...] = ()
    background: tuple[Background, ...] = ()

    def all_routers(self) -> tuple[APIRouter, ...]:
        """Its own, and those every service has."""
        return (*self.routers, operations(self.name, self.package))


def run_process(service: Service, settings: ServiceSettings, role: Role) -> int:
    """Run until a signal; the exit code."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(Process(service, settings, role).run())


class Process:
    """One process in one role."""

    def __init__(self, service: Service, settings: ServiceSettings, role: Role) -> None:
        self._service = service
        self._settings = settings
        self._role = role
        self._stop = asyncio.Event()
        self._clock: Clock = SystemClock() if settings.profile == "production" else SettableClock()
        self._pools: list[Pool] = []
        self._health = Health(service.package)
        self._failed = False

    async def run(self) -> int:
        """Start, wait for the signal (or for a loop that must not end), stop."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._begin_stop, signal.Signals(number).name)
        telemetry = Listener(
            telemetry_app(self._health, self._clock), self._settings, self._settings.telemetry_port
        )
        wake = asyncio.Event()
        tasks = [asyncio.create_task(self._watch_loop(), name="event-loop-lag")]
        if self._role in ("api", "all"):
            listener = Listener(await self._api(wake), self._settings, self._settings.port)
            log.info("process.listening", port=listener.port, telemetry_port=telemetry.port)
            tasks.append(asyncio.create_task(listener.serve(self._stop), name="api"))
        if self._role in ("worker", "all"):
            tasks += await self._worker_tasks(wake)
        for task in tasks:
            task.add_done_callback(self._ended)
        stop_telemetry = asyncio.Event()
        serving = asyncio.create_task(telemetry.serve(stop_telemetry))
        # What is there now stays: the collector need not look at it again and again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*COLLECT_AFTER)
        log.info("process.started", role=self._role, profile=self._settings.profile)
        await self._stop.wait()
        await asyncio.wait(tasks)
        for pool in self._pools:
            await close_pool(pool)
        stop_telemetry.set()
        await serving
        log.info("process.stopped", failed=self._failed)
        return 1 if self._failed else 0

    def _begin_stop(self, why: str) -> None:
        if self._stop.is_set():
            return
        log.info("process.stopping", why=why)
        self._stop.set()
        # Its own thread: what hangs may be the event loop.
        timer = threading.Timer(self._settings.stop_seconds, exit_hard)
        timer.daemon = True
        timer.start()

    def _ended(self, task: asyncio.Task[Any]) -> None:
        if self._stop.is_set() and (task.cancelled() or task.exception() is None):
            return
        # Nothing here may end before it is told to. What replaces us starts clean.
        self._failed = True
        error = None if task.cancelled() else task.exception()
        log.critical("process.loop-ended", loop=task.get_name(), exc_info=error)
        self._begin_stop(f"{task.get_name()} ended")

    async def _api(self, wake: asyncio.Event) -> ASGIApp:
        pool = await self._pool(self._settings.database_url, "api")
        self._health.need_database(pool)
        resources = Resources(
            service=self._service.name,
            verifier=verifier_of(self._settings),
            cursor_secret=cursor_secret_of(self._settings),
            clock=self._clock,
            pool=pool,
            on_commit=wake.set,
        )
        return create_app(self._service.all_routers(), resources)

    async def _worker_tasks(self, wake: asyncio.Event) -> list[asyncio.Task[None]]:
        settings, name = self._settings, self._service.name
        pool = await self._pool(settings.worker_database_url, "worker")
        self._health.need_database(pool)
        broker, dsn = broker_of(settings), dsn_of(settings.worker_database_url)
        jobs = (sealer(name), anchorer(name), measures(name), *HOUSEKEEPING, *self._service.jobs)
        relay = Relay(dsn, name, broker, wake=wake)
        consumer = Consumer(pool, name, self._service.handlers, broker, self._clock)
        runner = JobRunner(dsn, pool, name, jobs, self._clock)
        requests = OperatorRequests(consumer.inbox, jobs)
        self._health.watch("relay", lambda: relay.turned_at)
        self._health.watch("jobs", lambda: runner.turned_at)
        if self._service.handlers:
            self._health.watch("consumer", lambda: consumer.turned_at)
        loops: dict[str, Coroutine[Any, Any, None]] = {
            "relay": relay.run(self._stop),
            "consumer": consumer.run(self._stop),
            "jobs": runner.run(self._stop),
            "operator-requests": requests.run(self._stop),
        }
        worker = Worker(pool, self._clock, settings, self._stop)
        for background in self._service.background:
            loops[getattr(background, "__name__", "background")] = _awaiting(background(worker))
        return [asyncio.create_task(loop, name=title) for title, loop in loops.items()]

    async def _pool(self, dsn: SecretStr | None, purpose: str) -> Pool:
        name = f"{self._service.name} {purpose}"
        pool = await open_pool(dsn_of(dsn), name=name, size=self._settings.pool_size)
        self._pools.append(pool)
        gauge = POOL_IN_USE.labels(self._service.name, purpose)
        gauge.set_function(lambda: pool.get_size() - pool.get_idle_size())
        return pool

    async def _watch_loop(self) -> None:
        gauge = EVENT_LOOP_LAG.labels(self._service.name)
        while not self._stop.is_set():
            before = time.monotonic()
            await asyncio.sleep(LAG_EVERY_SECONDS)
            gauge.set(max(time.monotonic() - before - LAG_EVERY_SECONDS, 0.0))


async def _awaiting(work: Awaitable[None]) -> None:
    await work


def exit_hard() -> None:
    """The last resort: we are within the grace period, and nobody may hang beyond it."""
    log.critical("process.exits-hard")
    os._exit(EXIT_HARD)


class Listener:
    """A port and the application behind it, served until an event; it closes its port first."""

    def __init__(self, app: ASGIApp, settings: ServiceSettings, port: int) -> None:
        self._socket = socket.create_server(
            (settings.host, port), backlog=LISTEN_BACKLOG, reuse_port=False
        )
        self.port: int = self._socket.getsockname()[1]
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            # Nothing here asks who is behind a proxy: the token says who calls.
            proxy_headers=False,
            date_header=False,
            http=BoundedHttp,
            ws="none",
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=DRAIN_SECONDS,
        )
        self._server = _Server(config)

    async def serve(self, stop: asyncio.Event) -> None:
        """Serve until `stop`, then until the requests under way are done (20 s at most)."""
        serving = asyncio.create_task(self._server.serve([self._socket]))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        self._server.should_exit = True
        await serving


class _Server(uvicorn.Server):
    """Leaves the signals to the process."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
