"""Waiting a little longer after each failure, and never longer than a stop allows."""

import asyncio
import random

LOW_SECONDS = 0.2
HIGH_SECONDS = 10.0


class Backoff:
    """Doubles from 0.2 to 10 seconds, with jitter so that processes do not march in step."""

    def __init__(self, low: float = LOW_SECONDS, high: float = HIGH_SECONDS) -> None:
        self._low = low
        self._high = high
        self._failures = 0

    def next(self) -> float:
        """Seconds to wait now."""
        wait = min(self._high, self._low * 2.0 ** min(self._failures, 16))
        self._failures += 1
        return wait * random.uniform(0.8, 1.2)  # noqa: S311 - no secret

    def forget(self) -> None:
        """It went well: start low again."""
        self._failures = 0


async def rest(stop: asyncio.Event, seconds: float) -> None:
    """Sleep, unless stopped."""
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
