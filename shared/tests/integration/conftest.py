"""A pair of services on the broker of the tests, or on one that a test may kill."""

from collections.abc import Iterator

import pytest

from billing_local import backing
from billing_local.embedded_broker import EmbeddedBroker
from billing_local.ports import claim_ports
from billing_shared.contracts.invoice import InvoiceVoided
from billing_shared.ids import new_id
from billing_shared.inbox import Handlers
from billing_shared.testing.pair import Pair, make_pair, record_effects
from billing_shared.topics import create_topics


@pytest.fixture
def handlers() -> Handlers:
    return {InvoiceVoided: record_effects}


@pytest.fixture
async def pair(service_database, broker) -> Pair:
    is_embedded = backing.kind() == "embedded"
    made = await make_pair(service_database, broker, is_embedded=is_embedded)
    await create_topics(broker, [made.broker.topic("invoice-voided")])
    return made


@pytest.fixture
def own_broker(server_folder) -> Iterator[EmbeddedBroker]:
    """A broker of this test, to be killed; not started."""
    folder = server_folder / new_id().hex
    folder.mkdir()
    port = claim_ports(folder / "ports.json", ["broker"])["broker"]
    server = EmbeddedBroker(port, folder / "broker.log")
    yield server
    server.kill()


@pytest.fixture
async def fragile_pair(service_database, own_broker) -> Pair:
    """A pair on `own_broker`, whose topics the test makes."""
    return await make_pair(service_database, own_broker.bootstrap, is_embedded=True)


@pytest.fixture
def group() -> str:
    """Groups live on the shared broker, so each test has its own."""
    return f"recon-svc-{new_id().hex[-12:]}"
