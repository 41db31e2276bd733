"""Keys go where the JVM's clients, and the library we use, would send them."""

import pytest
from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given
from hypothesis import strategies as st

from billing_shared.ids import new_id
from billing_shared.partitions import key_hashes

PLACES = list(range(12))
library = DefaultPartitioner()


@given(
    st.integers(0, 12).flatmap(
        lambda words: st.lists(st.binary(min_size=4 * words, max_size=4 * words), max_size=30)
    )
)
def test_as_the_library_does_it(keys: list[bytes]) -> None:
    ours = [each % len(PLACES) for each in key_hashes(keys)]
    assert ours == [library(key, PLACES, PLACES) for key in keys]


def test_of_ids() -> None:
    keys = [str(new_id()).encode() for _ in range(500)]
    ours = [each % len(PLACES) for each in key_hashes(keys)]
    assert ours == [library(key, PLACES, PLACES) for key in keys]
    assert set(ours) == set(PLACES)


@pytest.mark.parametrize("keys", [[b"abc"], [b"abcd", b"abcdefgh"]])
def test_other_keys_are_refused(keys: list[bytes]) -> None:
    with pytest.raises(ValueError, match="length"):
        key_hashes(keys)
