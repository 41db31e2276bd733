"""A pair of services for the faults that have a name; how long each goes on is said here."""

import os
from collections.abc import Callable

import pytest

from billing_local import backing
from billing_shared.contracts.invoice import InvoiceVoided
from billing_shared.ids import new_id
from billing_shared.inbox import Handlers
from billing_shared.testing.pair import Pair, make_pair, record_effects
from billing_shared.topics import create_topics


@pytest.fixture
def size() -> Callable[[int], int]:
    """A number for CI as it is when FAULTS says `long`: ten times."""
    factor = 10 if os.environ.get("FAULTS") == "long" else 1
    return lambda number: number * factor


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
def group() -> str:
    """Groups live on the broker of all tests, so each test has its own."""
    return f"recon-svc-{new_id().hex[-12:]}"
