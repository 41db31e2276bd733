"""What goes wrong, when and how often: drawn from a seed, noted in the history, then undone."""

import asyncio
import contextlib
import os
import signal
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from random import Random

import asyncpg
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from billing_local.commands import SERVICES, base_env, package, role_dsn
from billing_local.ports import HOST
from billing_shared.broker import stop_client
from billing_shared.topics import topic_names
from faults.machine import Machine

#: How long a killed process may take to be there again, in seconds.
BACK_SECONDS = 60.0
#: One of these is bad bytes, one is good JSON that is no event; no two may be alike.
POISON = ("\x00 not json %d", '{"invoice_id": "not a uuid", "number": %d}')
#: A stop lasts so much longer than the session that the group has given the member up, in seconds.
BEYOND_SESSION = (1.0, 4.0)
SESSION, EMBEDDED_SESSION = 15.0, 6.0
#: So long each side has to find out that its connection is dead: longer than a command may take.
DEAD_SECONDS = 75.0


class Nemesis:
    """Does the faults of a plan (kind: how often) at drawn moments within `seconds`.

    `done` counts what was done per kind, `kills` what it killed per process.
    """

    def __init__(self, machine: Machine, rng: Random) -> None:
        self.done: Counter[str] = Counter()
        self.kills: Counter[str] = Counter()
        #: Poison per topic, and what of it went with a lost log.
        self.poisoned: Counter[str] = Counter()
        self.poison_gone: Counter[str] = Counter()
        self._machine = machine
        self._stack = machine.stack
        self._rng = rng
        self._session = EMBEDDED_SESSION if self._stack.backing.is_embedded_broker else SESSION
        self._busy: set[str] = set()
        self._servers = asyncio.Lock()
        self._faults: Mapping[str, Callable[[], Awaitable[int]]] = {
            "processes killed": self._kill,
            "processes stopped and continued": self._stop,
            "Postgres restarted at once": self._restart_postgres,
            "Postgres backends ended": self._end_backends,
            "broker frozen": self._freeze_broker,
            "broker killed": self._kill_broker,
            "broker lost its log": self._lose_log,
            "connections cut": self._cut,
            "connections delayed": self._delay,
            "connections half-open": self._silence,
            "connections dead without a word": self._let_die,
            "answers to COMMIT lost": self._lose_commits,
            "transactions left open": self._leave_open,
            "poison records": self._poison,
            "members in a rebalance storm": self._storm,
        }

    async def run(self, plan: Mapping[str, int], seconds: float) -> None:
        """Begin every fault of the plan within so many seconds; ends when the last is undone."""
        moments = sorted(
            (self._rng.uniform(0, seconds), kind)
            for kind, times in plan.items()
            for _ in range(times)
        )
        began = asyncio.get_running_loop().time()
        async with asyncio.TaskGroup() as under_way:
            for moment, kind in moments:
                await asyncio.sleep(max(0.0, began + moment - asyncio.get_running_loop().time()))
                under_way.create_task(self._do(kind))

    async def _do(self, kind: str) -> None:
        self._machine.history.note("fault", fault=kind)
        # First done, then counted: an addition that awaits would forget what others add meanwhile.
        times = await self._faults[kind]()
        self.done[kind] += times

    # Processes

    async def _kill(self) -> int:
        async with self._one_of(self._machine.names) as name:
            await self._crash(name)
        return 1

    async def _storm(self) -> int:
        """One worker of every service after the other: each is a leave and a join of its group."""
        for service in SERVICES:
            async with self._one_of([n for n in self._machine.workers if service in n]) as name:
                await self._crash(name)
        return len(SERVICES)

    async def _stop(self) -> int:
        async with self._one_of(self._machine.names) as name:
            pid = await self._pid(name)
            os.kill(pid, signal.SIGSTOP)
            await asyncio.sleep(self._session + self._rng.uniform(*BEYOND_SESSION))
            os.kill(pid, signal.SIGCONT)
        return 1

    async def _crash(self, name: str) -> None:
        before = await self._pid(name)
        self.kills[name] += 1
        os.kill(before, signal.SIGKILL)
        await self._until_back(name, before)

    async def _pid(self, name: str) -> int:
        """Its process id, once it is up."""
        async with asyncio.timeout(BACK_SECONDS):
            while (pid := self._stack.pids().get(name)) is None:
                await asyncio.sleep(0.05)
        return pid

    async def _until_back(self, name: str, before: int) -> None:
        async with asyncio.timeout(BACK_SECONDS):
            while self._stack.pids().get(name) in (None, before):
                await asyncio.sleep(0.05)

    @contextlib.asynccontextmanager
    async def _one_of(self, names: list[str]):
        """One that no other fault has in hand."""
        while not (free := [name for name in names if name not in self._busy]):
            await asyncio.sleep(0.1)
        name = self._rng.choice(free)
        self._busy.add(name)
        try:
            yield name
        finally:
            self._busy.discard(name)

    # Servers

    async def _restart_postgres(self) -> int:
        async with self._servers:
            before = await self._pid("postgres")
            self.kills["postgres"] += 1
            # Immediate mode: no checkpoint, no goodbye; the next start recovers.
            os.kill(before, signal.SIGQUIT)
            await self._until_back("postgres", before)
        return 1

    async def _end_backends(self) -> int:
        async with self._servers:
            conn = await self._connected()
            try:
                rows = await conn.fetch(
                    "select pg_terminate_backend(pid) from (select pid from pg_stat_activity "
                    "where backend_type = 'client backend' and pid <> pg_backend_pid() "
                    "order by random() limit 20) s"
                )
                return len(rows)
            finally:
                await conn.close()

    async def _connected(self) -> asyncpg.Connection:
        """A session of the administrator, past the proxy, once there is a server for it."""
        async with asyncio.timeout(BACK_SECONDS):
            while True:
                try:
                    return await asyncpg.connect(self._stack.admin_dsn, timeout=5)
                except (OSError, TimeoutError, asyncpg.PostgresError):
                    await asyncio.sleep(0.2)

    async def _leave_open(self) -> int:
        """A transaction with an xid that stays open: whoever reads by xid or seq would skip."""
        with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            conn = await asyncpg.connect(self._stack.admin_dsn, timeout=5)
            try:
                async with conn.transaction():
                    await conn.execute("select pg_current_xact_id()")
                    await asyncio.sleep(self._rng.uniform(5, 15))
            finally:
                await conn.close()
        return 1

    async def _freeze_broker(self) -> int:
        async with self._servers:
            pid = await self._pid("broker")
            os.kill(pid, signal.SIGSTOP)
            await asyncio.sleep(self._rng.uniform(3, 12))
            os.kill(pid, signal.SIGCONT)
        return 1

    async def _kill_broker(self) -> int:
        async with self._servers:
            before = await self._pid("broker")
            self.kills["broker"] += 1
            if self._stack.backing.is_embedded_broker:
                self.poison_gone = self.poisoned.copy()
            os.kill(before, signal.SIGKILL)
            await self._until_back("broker", before)
        return 1

    async def _lose_log(self) -> int:
        """The runbook: an empty broker, its topics, and everything told again by the command."""
        async with self._servers:
            await self._stack.lose_log()
            self.poison_gone = self.poisoned.copy()
            await self._tell_again()
        return 1

    async def _tell_again(self) -> None:
        """The shipped command, for over HTTP an operator speaks for one tenant only."""
        for service in SERVICES:
            dsn = role_dsn(self._stack.admin_dsn, f"{service.removesuffix('-svc')}_relay")
            settings = {"BILLING_PROFILE": "test", "BILLING_WORKER_DATABASE_URL": dsn}
            async with asyncio.timeout(BACK_SECONDS * 3):
                # A fault may end its session: then it is asked for again.
                while await _run(service, settings):
                    await asyncio.sleep(0.3)
                while await self._is_asked(service):
                    await asyncio.sleep(0.3)

    async def _is_asked(self, service: str) -> bool:
        """Whether its worker has still to carry out a request."""
        question = "select count(*) from {}.operator_request where state = 'waiting'"
        with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            conn = await asyncpg.connect(self._stack.admin_dsn, timeout=5)
            try:
                return bool(await conn.fetchval(question.format(service.removesuffix("-svc"))))
            finally:
                await conn.close()
        return True

    # The network between

    async def _cut(self) -> int:
        return self._rng.choice(list(self._machine.proxies.values())).cut(0.3, self._rng)

    async def _delay(self) -> int:
        proxy = self._rng.choice(list(self._machine.proxies.values()))
        proxy.delay = 0.2
        await asyncio.sleep(self._rng.uniform(1, 4))
        proxy.delay = 0.0
        return 1

    async def _silence(self) -> int:
        proxy = self._rng.choice(list(self._machine.proxies.values()))
        proxy.is_silent = True
        await asyncio.sleep(self._rng.uniform(1, 6))
        proxy.is_silent = False
        return 1

    async def _let_die(self) -> int:
        """A machine is gone, or its network: what it held must be given up without its help."""
        proxy = self._rng.choice(list(self._machine.proxies.values()))
        dead = proxy.let_die(0.1, self._rng)
        await asyncio.sleep(DEAD_SECONDS)
        proxy.bury(dead)
        return len(dead)

    async def _lose_commits(self) -> int:
        self._machine.proxies["postgres"].commits_to_lose += 1
        return 1

    # The log

    async def _poison(self) -> int:
        """Records nobody can read, straight onto a topic, as a stranger would write them."""
        topic = self._rng.choice(topic_names())
        poison = self._rng.choice(POISON) % self._rng.getrandbits(60)
        # Not while the broker is in other hands; and again until it is written, for the same bytes
        # twice are one record to whoever reads them.
        async with self._servers, asyncio.timeout(2 * BACK_SECONDS):
            while not await self._write(topic, poison.encode()):
                await asyncio.sleep(0.5)
            self.poisoned[topic] += 1
        return 1

    async def _write(self, topic: str, value: bytes) -> bool:
        producer = AIOKafkaProducer(
            bootstrap_servers=f"{HOST}:{self._stack.port('broker')}", acks="all"
        )
        try:
            await asyncio.wait_for(producer.start(), 10)
            await asyncio.wait_for(producer.send_and_wait(topic, value), 10)
        except (KafkaError, TimeoutError, OSError):
            return False
        finally:
            await stop_client(producer)
        return True


async def _run(service: str, settings: Mapping[str, str]) -> int:
    """Its command that asks for everything to be told again; the exit code."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", f"{package(service)}.main", "replay"),
        *("--since", "2020-01-01T00:00:00+00:00", "--reason", "the log was lost"),
        env=base_env() | settings,
        stdout=asyncio.subprocess.DEVNULL,
    )
    return await process.wait()
