"""A pair of services on a broker that a test may kill."""

from collections.abc import Iterator

import pytest

from billing_local.embedded_broker import EmbeddedBroker
from billing_local.ports import claim_ports
from billing_shared.ids import new_id
from billing_shared.testing.pair import Pair, make_pair


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
