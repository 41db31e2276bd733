"""Fixtures for every test: a Postgres and a broker, started when the first test asks for them.

BROKER says which (billing_local/backing.py); DATABASE_URL and KAFKA_BOOTSTRAP_SERVERS replace them.
"""

import os
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from billing_local import backing
from billing_local.ports import claim_ports
from billing_shared.contracts.invoice import InvoiceVoided
from billing_shared.ids import new_id
from billing_shared.inbox import Handlers
from billing_shared.telemetry import configure_logs
from billing_shared.testing.database import Databases, ServiceDatabase
from billing_shared.testing.pair import Pair, make_pair, record_effects
from billing_shared.topics import create_topics

# As services log: the library's own default paints tracebacks with all locals, which takes seconds.
configure_logs("test", "warning")


class StoriesTogether(LoadScopeScheduling):
    """Tests are shared out one by one, but the stories share one system, so they share one worker;
    so do the tests of one file about faults.

    pytest-xdist's own groups do not work with pytest 9: they write into an id it no longer reads.
    """

    def _split_scope(self, nodeid: str) -> str:
        if nodeid.startswith("tests/e2e/"):
            return "stories"
        if nodeid.startswith("tests/security/"):
            return "security"
        return nodeid.partition("::")[0] if nodeid.startswith("tests/faults/") else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    return StoriesTogether(config, log)


@pytest.fixture(scope="session")
def server_folder() -> Iterator[Path]:
    """A short-lived folder outside pytest's own, which an unprivileged Postgres could not enter."""
    folder = Path(tempfile.mkdtemp(prefix="billing-test-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres(server_folder: Path) -> Iterator[str]:
    """The administrator's connection string of a server of this test process."""
    given = os.environ.get("DATABASE_URL")
    if given:
        yield given
        return
    port = claim_ports(server_folder / "postgres.json", ["postgres"])["postgres"]
    server = backing.postgres(
        server_folder / "postgres", port, password=secrets.token_hex(8), is_durable=False
    )
    server.start()
    yield server.dsn()
    server.stop()


@pytest.fixture(scope="session")
def broker(server_folder: Path) -> Iterator[str]:
    """The bootstrap address of a Kafka-compatible broker of this test process."""
    given = os.environ.get("KAFKA_BOOTSTRAP_SERVERS")
    if given:
        yield given
        return
    ports = claim_ports(server_folder / "broker.json", ["broker", "controller"])
    server = backing.broker(
        server_folder / "broker",
        (ports["broker"], ports["controller"]),
        server_folder / "broker.log",
    )
    server.start()
    yield server.bootstrap
    server.stop()


@pytest.fixture(scope="session")
def databases(postgres: str) -> Databases:
    """Remembers the migrated templates of this test process."""
    return Databases(postgres)


@pytest.fixture
async def service_database(
    databases: Databases,
) -> AsyncIterator[Callable[[str, str], Awaitable[ServiceDatabase]]]:
    """`await service_database("recon-svc", "recon_svc")`: a fresh, migrated database."""
    yield databases.make
    await databases.drop_all()


@pytest.fixture
def handlers() -> Handlers:
    """What the consumer of a `pair` does: one row per event."""
    return {InvoiceVoided: record_effects}


@pytest.fixture
async def pair(
    service_database: Callable[[str, str], Awaitable[ServiceDatabase]], broker: str
) -> Pair:
    """Two services on the broker of the tests."""
    made = await make_pair(service_database, broker, is_embedded=backing.kind() == "embedded")
    await create_topics(broker, [made.broker.topic("invoice-voided")])
    return made


@pytest.fixture
def group() -> str:
    """Groups live on the broker of all tests, so each test has its own."""
    return f"recon-svc-{new_id().hex[-12:]}"
