"""Which partition a key belongs to: Java's murmur2, as every Kafka client of the JVM does it.

The client library has the same byte by byte, which cost more than all else the relay does. Here a
whole batch is hashed at once: one long integer holds a word of every key, 64 bits apart, so that a
product of 32 by 32 bits never reaches its neighbour.
"""

from array import array
from collections.abc import Sequence
from typing import Final

_SEED: Final = 0x9747B28C
_MIX: Final = 0x5BD1E995
_WORD_BYTES: Final = 4
_POSITIVE: Final = 0x7FFFFFFF


def key_hashes(keys: Sequence[bytes]) -> list[int]:
    """The hash of each key, not negative; its partition is the rest after dividing by their number.

    All keys must have one length, a multiple of four (ids as text have 36); ValueError otherwise.
    """
    if not keys:
        return []
    length = len(keys[0])
    if length % _WORD_BYTES or any(len(key) != length for key in keys):
        raise ValueError("keys of different lengths, or of a broken word")
    count = len(keys)
    each_low = _lanes(array("Q", [1]) * count)
    word = each_low * 0xFFFFFFFF
    words = array("I", b"".join(keys))
    per_key = length // _WORD_BYTES
    mixed = each_low * (_SEED ^ length)
    for at in range(per_key):
        hashed = _lanes(array("Q", words[at::per_key])) * _MIX & word
        hashed ^= hashed >> 24 & each_low * 0xFF
        mixed = (mixed * _MIX & word) ^ (hashed * _MIX & word)
    mixed ^= mixed >> 13 & each_low * 0x7FFFF
    mixed = mixed * _MIX & word
    mixed ^= mixed >> 15 & each_low * 0x1FFFF
    hashes = array("Q", (mixed & each_low * _POSITIVE).to_bytes(count * 8, "little"))
    return list(hashes)


def _lanes(words: "array[int]") -> int:
    return int.from_bytes(words.tobytes(), "little")
