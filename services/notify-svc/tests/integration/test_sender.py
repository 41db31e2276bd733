"""The loop that sends: it goes on, and it stops."""

import asyncio
import time
from typing import Any

import asyncpg


async def until(condition: Any, seconds: float = 5.0) -> None:
    """Wait for something that another task brings about."""
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.02)


async def test_it_sends_what_falls_due_and_stops_when_told(world: Any) -> None:
    await world.subscribe()
    stop = asyncio.Event()
    running = asyncio.create_task(world.sender().run(stop))

    async def is_delivered() -> bool:
        return bool(await world.deliveries(state="delivered"))

    await world.hear(world.void(world.invoice()))
    await until(is_delivered)
    stop.set()
    started_at = time.monotonic()
    await running
    assert time.monotonic() - started_at < 1


async def test_a_call_under_way_is_finished_and_noted_before_the_stop(world: Any) -> None:
    await world.subscribe()
    await world.hear(world.void(world.invoice()))
    begun, go_on = asyncio.Event(), asyncio.Event()
    post = world.hooks.post

    async def slow_post(*arguments: Any) -> Any:
        begun.set()
        await go_on.wait()
        return await post(*arguments)

    world.hooks.post = slow_post
    stop = asyncio.Event()
    running = asyncio.create_task(world.sender().run(stop))
    await begun.wait()
    stop.set()
    await asyncio.sleep(0.05)
    go_on.set()
    await running
    assert (await world.delivery())["state"] == "delivered"


async def test_a_lease_is_kept_while_its_call_goes_on(world: Any) -> None:
    """Else a long call would be taken for a dead worker's, and a mail called unknown."""
    await world.subscribe()
    await world.hear(world.void(world.invoice()))
    go_on = asyncio.Event()
    post = world.hooks.post

    async def slow_post(*arguments: Any) -> Any:
        await go_on.wait()
        return await post(*arguments)

    world.hooks.post = slow_post
    sender = world.sender()
    assert await sender.turn(10) == 1
    await world.execute("update delivery_due set leased_until = now() + interval '1 second'")
    await sender.turn(0)
    await asyncio.sleep(1.1)
    assert await world.sender().turn(10) == 0
    go_on.set()
    await asyncio.sleep(0.1)
    await sender.turn(0)
    assert (await world.delivery())["state"] == "delivered"


async def test_it_survives_a_database_that_throws_it_out(world: Any) -> None:
    await world.subscribe()
    stop = asyncio.Event()
    running = asyncio.create_task(world.sender().run(stop))
    await asyncio.sleep(0.1)
    admin = await asyncpg.connect(world.database.admin_dsn)
    for _ in range(3):
        await admin.execute(
            """
            select pg_terminate_backend(pid) from pg_stat_activity
            where usename = 'notify_relay' and datname = current_database()
            """
        )
        await asyncio.sleep(0.1)
    await admin.close()
    await world.hear(world.void(world.invoice()))

    async def is_delivered() -> bool:
        return bool(await world.deliveries(state="delivered"))

    await until(is_delivered, 10)
    stop.set()
    await running


async def test_a_fault_of_ours_in_one_call_stops_no_other(world: Any) -> None:
    await world.subscribe()
    await world.hear(world.void(world.invoice()), world.void(world.invoice()))
    post, count = world.hooks.post, 0

    async def broken_once(*arguments: Any) -> Any:
        nonlocal count
        count += 1
        if count == 1:
            raise RuntimeError("a bug")
        return await post(*arguments)

    world.hooks.post = broken_once
    await world.send()
    states = sorted(delivery["state"] for delivery in await world.deliveries())
    assert states == ["delivered", "pending"]
    [pending] = await world.deliveries(state="pending")
    assert pending["reason"] == "internal fault: RuntimeError"
