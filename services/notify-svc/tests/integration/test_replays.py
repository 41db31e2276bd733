"""A subscriber asks for a stretch of time again."""

from datetime import timedelta
from typing import Any

import pytest


async def replayed(world: Any, made: Any, **body: Any) -> Any:
    path = f"/v1/subscriptions/{made['subscription_id']}/replays"
    return await world.client.post(path, json=body)


async def test_what_was_missed_while_disabled_can_be_had_again(world: Any) -> None:
    made = await world.subscribe(event_types=["invoice-voided"])
    path = f"/v1/subscriptions/{made['subscription_id']}"
    body = {"url": made["url"], "event_types": ["invoice-voided"]}
    start = world.api.clock.now()
    await world.client.put(path, json=body | {"status": "disabled"}, headers={"If-Match": '"1"'})
    first = world.incoming(world.void(world.invoice()))
    await world.apply(first, world.incoming(world.invoice()))
    world.api.clock.set(start + timedelta(hours=1))
    refused = await replayed(world, made, since=start.isoformat())
    assert refused.status_code == 409
    await world.client.put(path, json=body, headers={"If-Match": '"2"'})
    response = await replayed(world, made, since=start.isoformat())
    assert response.status_code == 202, response.text
    answer = response.json()
    assert (answer["events"], answer["queued"]) == (1, 1)
    assert answer["window_begins_at"] == start.isoformat().replace("+00:00", "Z")
    await world.send()
    assert [event["id"] for event in world.received()] == [str(first.envelope.id)]


async def test_delivered_events_come_again_with_their_ids(world: Any) -> None:
    made = await world.subscribe()
    start = world.api.clock.now()
    for hour in range(4):
        world.api.clock.set(start + timedelta(hours=hour))
        await world.hear(world.void(world.invoice()))
    await world.send()
    before = [event["id"] for event in world.received()]
    since, until = start + timedelta(hours=1), start + timedelta(hours=3)
    response = await replayed(world, made, since=since.isoformat(), until=until.isoformat())
    assert (response.json()["events"], response.json()["queued"]) == (2, 2)
    twice = await replayed(world, made, since=since.isoformat(), until=until.isoformat())
    assert (twice.json()["events"], twice.json()["queued"]) == (2, 0)
    await world.send()
    assert sorted(event["id"] for event in world.received()[4:]) == sorted(before[1:3])
    assert len(await world.deliveries()) == 4


@pytest.mark.parametrize(
    ("since", "until"),
    [
        ("2026-03-02T10:00:00Z", "2026-03-02T10:00:00Z"),
        ("2026-03-03T00:00:00Z", "2026-03-02T00:00:00Z"),
        ("2026-03-02", None),
        ("yesterday", None),
        (None, None),
    ],
)
async def test_a_stretch_that_makes_no_sense_is_refused(
    world: Any, since: str | None, until: str | None
) -> None:
    made = await world.subscribe()
    response = await replayed(world, made, since=since, until=until)
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == "since"
