"""What a webhook gateway promises, the real one and the fake."""

from typing import Any

import pytest

BODY = '{"data":{"name":"Müller"}}'.encode()
HEADERS = {"webhook-id": "1", "webhook-timestamp": "2", "webhook-signature": "v1,x"}


@pytest.mark.parametrize(
    ("behaviour", "result", "status_code", "is_gone"),
    [
        (200, "delivered", 200, False),
        (204, "delivered", 204, False),
        (301, "failed", 301, False),
        (307, "failed", 307, False),
        (400, "failed", 400, False),
        (404, "failed", 404, False),
        (410, "failed", 410, True),
        (500, "failed", 500, False),
        ("hang", "unknown", None, False),
        ("drop", "unknown", None, False),
    ],
)
async def test_an_answer_and_its_meaning(
    hook_world: Any, behaviour: Any, result: str, status_code: int | None, is_gone: bool
) -> None:
    hook_world.behaviour = behaviour
    outcome = await hook_world.gateway.post(hook_world.endpoint, HEADERS, BODY)
    assert (outcome.result, outcome.status_code, outcome.is_gone) == (result, status_code, is_gone)
    assert not outcome.is_final
    assert len(hook_world.received) == 1


async def test_the_body_arrives_to_the_byte_with_its_headers(hook_world: Any) -> None:
    await hook_world.gateway.post(hook_world.endpoint, HEADERS, BODY)
    [(headers, body)] = hook_world.received
    assert body == BODY
    assert {name: headers[name] for name in HEADERS} == HEADERS
