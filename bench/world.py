"""What every bench stands on: a durable Postgres, a broker, and a meter for what they spend.

with open_world(is_quick=False) as world:  # and in a coroutine:
    database = await world.database("recon-svc")
    with world.metered() as spent:       # this process, Postgres and the broker
        ...
    spent.cpu, spent.wall, spent.parts["postgres"]
"""

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.cpu import Spent, cpu_seconds, metered
from billing_local import backing, commands
from billing_local.backing import BrokerProcess, PostgresProcess
from billing_local.embedded_broker import EMBEDDED_PARTITIONS
from billing_local.ports import claim_ports
from billing_shared.broker import Broker
from billing_shared.ids import new_id
from billing_shared.testing.database import Databases, ServiceDatabase
from billing_shared.topics import PARTITIONS, create_topics, topic_names

#: Rounds of every variant: the median of fewer says nothing, and more would take too long.
ROUNDS = 3
QUICK_ROUNDS = 1


@dataclass
class World:
    """One server of each kind for all benches of a run. `is_quick`: small numbers, one round, to
    see that the bench works."""

    folder: Path
    postgres: PostgresProcess
    broker_process: BrokerProcess
    databases: Databases
    is_quick: bool

    @property
    def rounds(self) -> int:
        return QUICK_ROUNDS if self.is_quick else ROUNDS

    def size(self, full: int, quick: int) -> int:
        """How many of something this run takes."""
        return quick if self.is_quick else full

    async def database(self, service: str) -> ServiceDatabase:
        """A fresh, migrated database of a service, on a server that syncs its log to the disk."""
        return await self.databases.make(service, commands.package(service))

    async def broker(self) -> Broker:
        """The broker with topics of its own, empty."""
        process = self.broker_process
        prefix = f"bench-{new_id().hex[-8:]}-"
        partitions = EMBEDDED_PARTITIONS if process.is_embedded else PARTITIONS
        await create_topics(process.bootstrap, topic_names(prefix), partitions=partitions)
        return Broker(process.bootstrap, prefix, process.is_embedded)

    @contextmanager
    def metered(self, others: Mapping[str, int] | None = None) -> Iterator[Spent]:
        """Counts CPU of Postgres, the broker and `others` (name to pid; else this process)."""
        pids = dict(others) if others is not None else {"bench": os.getpid()}
        servers = {"postgres": self.postgres.pid, "broker": self.broker_process.pid}

        def read() -> dict[str, float]:
            parts = {name: cpu_seconds(pid) for name, pid in servers.items() if pid is not None}
            for name, pid in pids.items():
                # Postgres, the broker and the services are children of this process.
                parts[name] = sum(os.times()[:2]) if pid == os.getpid() else cpu_seconds(pid)
            return parts

        with metered(read) as spent:
            yield spent


@contextmanager
def open_world(*, is_quick: bool) -> Iterator[World]:
    """Starts both servers (BROKER says which), and forgets everything at the end.

    Not inside an event loop: starting blocks, and children end with the thread that started them.
    """
    folder = Path(tempfile.mkdtemp(prefix="billing-bench-"))
    # The embedded Postgres may run as another user and must pass through.
    folder.chmod(0o711)
    ports = claim_ports(folder / "ports.json", ["postgres", "broker", "controller"])
    postgres = backing.postgres(
        folder / "postgres", ports["postgres"], password=secrets.token_hex(8), is_durable=True
    )
    broker = backing.broker(
        folder / "broker", (ports["broker"], ports["controller"]), folder / "broker.log"
    )
    try:
        postgres.start()
        broker.start()
        yield World(folder, postgres, broker, Databases(postgres.dsn()), is_quick)
    finally:
        broker.stop()
        postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)
