"""The second port: is the process alive, may it have work, how is it doing; and the test's clock.

Alive never asks a dependency: a database that is away is no reason to be killed.
"""

import asyncio
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import orjson
import structlog
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from billing_shared.clock import Clock, SettableClock
from billing_shared.migrate import is_current
from billing_shared.postgres import Pool, is_transient

#: A loop that has not turned for so long is stuck, and the process is killed for it.
STUCK_SECONDS = 120.0
#: One look at the database serves the probes of this long.
LOOK_EVERY_SECONDS = 1.0
LOOK_TIMEOUT_SECONDS = 3.0

log = structlog.get_logger()


class Health:
    """What readiness and liveness know."""

    def __init__(self, package: str) -> None:
        self._package = package
        self._pools: list[Pool] = []
        self._turned_at: dict[str, Callable[[], float]] = {}
        self._looked_at = float("-inf")
        self._missing: str | None = "not looked yet"
        self._lock = asyncio.Lock()

    def need_database(self, pool: Pool) -> None:
        """Ready means this pool answers, with every migration of this build applied."""
        self._pools.append(pool)

    def watch(self, name: str, turned_at: Callable[[], float]) -> None:
        """Alive means this loop turned lately (time.monotonic)."""
        self._turned_at[name] = turned_at

    def stuck(self) -> list[str]:
        """Loops that do not turn any more."""
        oldest = time.monotonic() - STUCK_SECONDS
        return [name for name, turned_at in self._turned_at.items() if turned_at() < oldest]

    async def missing(self) -> str | None:
        """What keeps us from being ready, or None."""
        async with self._lock:
            if time.monotonic() - self._looked_at > LOOK_EVERY_SECONDS:
                self._missing = await self._look()
                self._looked_at = time.monotonic()
        return self._missing

    async def _look(self) -> str | None:
        for pool in self._pools:
            try:
                async with asyncio.timeout(LOOK_TIMEOUT_SECONDS), pool.acquire() as conn:
                    if not await is_current(conn, self._package):
                        return "migrations of this build are not applied"
            except Exception as error:
                if not is_transient(error):
                    log.warning("health.database", error=repr(error))
                return f"database: {type(error).__name__}"
        return None


def telemetry_app(health: Health, clock: Clock) -> Starlette:
    """The application of the second port. PUT /clock exists only where the clock can be set."""

    async def alive(_: Request) -> Response:
        stuck = health.stuck()
        return _json(503 if stuck else 200, {"alive": not stuck, "stuck": stuck})

    async def ready(_: Request) -> Response:
        missing = await health.missing()
        return _json(503 if missing else 200, {"ready": missing is None, "missing": missing})

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    routes = [
        Route("/healthz", alive),
        Route("/readyz", ready),
        Route("/metrics", metrics),
    ]
    if isinstance(clock, SettableClock):
        routes.append(Route("/clock", _setter(clock), methods=["PUT"]))
    return Starlette(routes=routes)


def _setter(clock: SettableClock) -> Callable[[Request], Any]:
    async def set_clock(request: Request) -> Response:
        try:
            at = orjson.loads(await request.body())["at"]
            instant = None if at is None else datetime.fromisoformat(at)
        except (ValueError, KeyError, TypeError):
            return _json(422, {"detail": 'send {"at": instant} or {"at": null}'})
        if instant is not None and instant.tzinfo is None:
            return _json(422, {"detail": "the instant needs an offset"})
        clock.set(instant)
        return _json(200, {"at": clock.now().isoformat()})

    return set_clock


def _json(status: int, body: dict[str, Any]) -> Response:
    return Response(orjson.dumps(body), status, media_type="application/json")
