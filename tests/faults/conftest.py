"""How long each of the faults that have a name goes on."""

import os
from collections.abc import Callable

import pytest


@pytest.fixture
def size() -> Callable[[int], int]:
    """A number for CI as it is when FAULTS says `long`: ten times."""
    factor = 10 if os.environ.get("FAULTS") == "long" else 1
    return lambda number: number * factor
