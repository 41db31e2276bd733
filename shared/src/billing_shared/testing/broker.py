"""For tests that need a broker: run loops, wait for facts, read topics."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Protocol

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import ConsumerRecord

from billing_shared.broker import Broker, stop_client

WAIT_SECONDS = 20.0


class Loop(Protocol):
    """What a worker is made of: relay, consumer, jobs."""

    async def run(self, stop: asyncio.Event) -> None: ...


@asynccontextmanager
async def running(*loops: Loop) -> AsyncIterator[None]:
    """Run the loops for the length of the block, then stop them; what they raise is raised."""
    stop = asyncio.Event()
    tasks = [asyncio.create_task(loop.run(stop)) for loop in loops]
    try:
        yield
    finally:
        stop.set()
        _, late = await asyncio.wait(tasks, timeout=WAIT_SECONDS)
        for task in late:
            task.cancel()
    assert not late, "a loop did not stop"
    for task in tasks:
        task.result()


async def until(fact: Callable[[], Awaitable[Any]], seconds: float = WAIT_SECONDS) -> Any:
    """Wait for a fact to become true, and return it. AssertionError when it does not."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := await fact():
            return found
        await asyncio.sleep(0.02)
    raise AssertionError(f"not within {seconds} s: {fact.__qualname__}")


async def read_topic(
    broker: Broker, event_type: str, count: int, seconds: float = WAIT_SECONDS
) -> list[ConsumerRecord[bytes, bytes]]:
    """The first `count` records of a topic, each partition in order; fewer after `seconds`."""
    # Without a group it gets all partitions.
    consumer = AIOKafkaConsumer(
        broker.topic(event_type),
        bootstrap_servers=broker.bootstrap_servers,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=20,
        enable_auto_commit=False,
    )
    await consumer.start()
    try:
        records: list[ConsumerRecord[bytes, bytes]] = []
        deadline = time.monotonic() + seconds
        while len(records) < count and time.monotonic() < deadline:
            for batch in (await consumer.getmany(timeout_ms=200)).values():
                records.extend(batch)
        return records
    finally:
        await stop_client(consumer)
