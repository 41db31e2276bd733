"""The real mail gateway alone: connections kept, lost and refused."""

import asyncio
from dataclasses import replace
from email.message import EmailMessage
from typing import Any

import pytest

from notify_svc.gateways.mail import SmtpMailGateway
from notify_svc.gateways.mail_relay import Connections, Relay


def a_mail() -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = "x"
    message.set_content("x")
    return message


async def send(server: Any, *recipients: str) -> str:
    outcome = await server.gateway.send(a_mail(), recipients or ("a@x.example",))
    result: str = outcome.result
    return result


async def test_mails_after_each_other_share_a_connection(smtp_server: Any) -> None:
    for _ in range(3):
        assert await send(smtp_server) == "delivered"
    assert len(smtp_server.connections) == 1
    assert len(smtp_server.taken) == 3


async def test_mails_at_the_same_time_do_not(smtp_server: Any) -> None:
    await asyncio.gather(*(send(smtp_server) for _ in range(3)))
    assert len(smtp_server.connections) == 3
    assert len(smtp_server.taken) == 3


async def test_a_refused_mail_leaves_nothing_behind_for_the_next(smtp_server: Any) -> None:
    assert await send(smtp_server, "a@refused.example") == "failed"
    assert await send(smtp_server, "b@x.example") == "delivered"
    [mail] = smtp_server.taken
    assert mail.recipients == ("b@x.example",)


async def test_a_connection_the_relay_closed_meanwhile_is_replaced(smtp_server: Any) -> None:
    await send(smtp_server)
    smtp_server.connections[0].transport.close()
    await asyncio.sleep(0.05)
    assert await send(smtp_server) == "delivered"
    assert len(smtp_server.connections) == 2


async def test_a_connection_that_hung_is_not_used_again(smtp_server: Any) -> None:
    smtp_server.behaviour = "hang-after-text"
    assert await send(smtp_server) == "unknown"
    smtp_server.behaviour = "ok"
    assert await send(smtp_server) == "delivered"
    assert len(smtp_server.connections) == 2


@pytest.mark.parametrize(
    ("limits", "opened"), [({"max_mails": 2}, 2), ({"max_idle_seconds": -1}, 4)]
)
async def test_a_connection_is_not_kept_for_ever(
    smtp_server: Any, limits: dict[str, Any], opened: int
) -> None:
    connections = Connections(smtp_server.relay, **limits)
    for _ in range(4):
        async with connections.borrow() as client:
            await client.mail("a@x.example")
    await connections.close()
    assert len(smtp_server.connections) == opened


@pytest.mark.parametrize("greeting", [b"554 no service here\r\n", b"421 busy\r\n", b"nonsense\r\n"])
async def test_a_relay_that_turns_us_away_is_tried_again(greeting: bytes) -> None:
    """Its 5xx is about us, not about the mail."""

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    relay = Relay("127.0.0.1", port, "billing@seller.example", security="none")
    gateway = SmtpMailGateway(relay, timeout_seconds=0.5)
    outcome = await gateway.send(a_mail(), ["a@x.example"])
    server.close()
    assert (outcome.result, outcome.is_final) == ("failed", False)


async def test_a_relay_without_tls_gets_nothing_when_tls_is_asked_for(smtp_server: Any) -> None:
    gateway = SmtpMailGateway(replace(smtp_server.relay, security="starttls"), timeout_seconds=0.5)
    outcome = await gateway.send(a_mail(), ["a@x.example"])
    assert (outcome.result, outcome.is_final) == ("failed", False)
    assert smtp_server.taken == []
