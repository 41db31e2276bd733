"""The outside world in two forms each: real servers on loopback, and fakes for the other tests.

Both are told how to behave in the same words, and pass the same contract (test_*_contract.py).
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any, Literal, Protocol

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from notify_svc.domain.delivery import Outcome
from notify_svc.domain.endpoint import Endpoint, parse_endpoint
from notify_svc.gateways.mail import MailGateway, SmtpMailGateway
from notify_svc.gateways.mail_relay import Relay
from notify_svc.gateways.webhook import HttpWebhookGateway, WebhookGateway

HOOK_TIMEOUT_SECONDS = 0.5
MAIL_TIMEOUT_SECONDS = 0.5

HookBehaviour = int | Literal["hang", "drop", "closed"]
MailBehaviour = Literal["ok", "down", "busy", "refuse-text", "hang-after-text"]


class HookWorld(Protocol):
    """A receiver of webhooks: how it shall answer, what it got, and how to reach it."""

    behaviour: HookBehaviour
    received: list[tuple[dict[str, str], bytes]]
    gateway: WebhookGateway
    endpoint: Endpoint


@dataclass
class FakeHooks:
    """No network. The gateway is the receiver."""

    behaviour: HookBehaviour = 204
    received: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    endpoint: Endpoint = field(default_factory=lambda: parse_endpoint("http://127.0.0.1:9/hook"))

    @property
    def gateway(self) -> "FakeHooks":
        return self

    async def post(self, endpoint: Endpoint, headers: Mapping[str, str], body: bytes) -> Outcome:
        await asyncio.sleep(0)
        if self.behaviour == "closed":
            return Outcome("failed", "cannot connect: ConnectError")
        self.received.append(({k.lower(): v for k, v in headers.items()}, body))
        match self.behaviour:
            case "hang":
                return Outcome("unknown", "no answer within 15 s")
            case "drop":
                return Outcome("unknown", "connection lost: RemoteProtocolError")
            case int() as status:
                result: Literal["delivered", "failed"] = (
                    "delivered" if 200 <= status < 300 else "failed"
                )
                return Outcome(result, f"answered {status}", status, "ok", is_gone=status == 410)


@dataclass
class RealHooks:
    """A server on loopback, called with httpx."""

    endpoint: Endpoint
    gateway: HttpWebhookGateway
    behaviour: HookBehaviour = 204
    received: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.behaviour == "closed":
            writer.close()
            return
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in head[1:]) if k}
        body = await reader.readexactly(int(headers["content-length"]))
        self.received.append((headers, body))
        if self.behaviour == "hang":
            await asyncio.sleep(HOOK_TIMEOUT_SECONDS * 4)
        elif self.behaviour != "drop":
            answer = f"HTTP/1.1 {self.behaviour} X\r\nContent-Length: 2\r\nLocation: /x\r\n\r\nok"
            if self.behaviour == 204:
                answer = "HTTP/1.1 204 X\r\n\r\n"
            writer.write(answer.encode())
            await writer.drain()
        writer.close()


@asynccontextmanager
async def real_hooks() -> AsyncIterator[RealHooks]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await world.serve(reader, writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    gateway = HttpWebhookGateway(
        frozenset({f"127.0.0.1:{port}"}), timeout_seconds=HOOK_TIMEOUT_SECONDS
    )
    world = RealHooks(parse_endpoint(f"http://127.0.0.1:{port}/hook?x=1"), gateway)
    try:
        yield world
    finally:
        server.close()
        await gateway.close()


@pytest.fixture(params=["real", "fake"])
async def hook_world(request: pytest.FixtureRequest) -> AsyncIterator[HookWorld]:
    """Each test of the contract meets both."""
    if request.param == "fake":
        yield FakeHooks()
        return
    async with real_hooks() as world:
        yield world


@pytest.fixture
def hooks() -> FakeHooks:
    return FakeHooks()


@dataclass(frozen=True)
class Taken:
    """A mail the relay took: for whom, and its text."""

    recipients: tuple[str, ...]
    message: bytes


class MailWorld(Protocol):
    """A relay: how it shall behave, what it took. Addresses at refused.example are refused for
    good (550), at later.example for now (450)."""

    behaviour: MailBehaviour
    taken: list[Taken]
    gateway: MailGateway


def _answer_to(address: str) -> int:
    domain = address.rpartition("@")[2]
    return {"refused.example": 550, "later.example": 450}.get(domain, 250)


@dataclass
class FakeRelay:
    """No network. The gateway is the relay."""

    behaviour: MailBehaviour = "ok"
    taken: list[Taken] = field(default_factory=list)

    @property
    def gateway(self) -> "FakeRelay":
        return self

    async def send(self, message: EmailMessage, recipients: Sequence[str]) -> Outcome:
        await asyncio.sleep(0)
        if self.behaviour == "down":
            return Outcome("failed", "cannot reach the relay: SMTPConnectError")
        answers = [_answer_to(address) for address in recipients]
        accepted = tuple(a for a in recipients if _answer_to(a) == 250)
        if not accepted:
            code = min(answers)
            return Outcome("failed", f"the relay answered {code}", code, is_final=code >= 500)
        if self.behaviour == "busy":
            return Outcome("failed", "the relay answered 451", 451)
        if self.behaviour == "refuse-text":
            return Outcome("failed", "the relay answered 554", 554, is_final=True)
        self.taken.append(Taken(accepted, message.as_bytes()))
        if self.behaviour == "hang-after-text":
            return Outcome("unknown", "no answer to the text: SMTPReadTimeoutError")
        detail = f"taken by the relay for {len(accepted)} of {len(recipients)} addresses"
        return Outcome("delivered", detail, 250)


@dataclass
class RealRelay:
    """aiosmtpd on loopback."""

    relay: Relay
    gateway: SmtpMailGateway
    behaviour: MailBehaviour = "ok"
    taken: list[Taken] = field(default_factory=list)
    connections: list[SMTP] = field(default_factory=list)

    async def handle_RCPT(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: Any
    ) -> str:
        code = _answer_to(address)
        if code == 250:
            envelope.rcpt_tos.append(address)
        return f"{code} so it is"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        if self.behaviour == "busy":
            return "451 later"
        if self.behaviour == "refuse-text":
            return "554 no"
        assert isinstance(envelope.original_content, bytes)
        self.taken.append(Taken(tuple(envelope.rcpt_tos), envelope.original_content))
        if self.behaviour == "hang-after-text":
            await asyncio.sleep(MAIL_TIMEOUT_SECONDS * 4)
        return "250 taken"


@asynccontextmanager
async def real_relay() -> AsyncIterator[RealRelay]:
    def protocol() -> asyncio.BaseProtocol:
        session = SMTP(world)
        if world.behaviour == "down":
            return asyncio.Protocol()
        world.connections.append(session)
        return session  # type: ignore[no-any-return]

    loop = asyncio.get_running_loop()
    server = await loop.create_server(protocol, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    relay = Relay("127.0.0.1", port, "billing@seller.example", security="none")
    world = RealRelay(relay, SmtpMailGateway(relay, timeout_seconds=MAIL_TIMEOUT_SECONDS))
    try:
        yield world
    finally:
        await world.gateway.close()
        server.close()


@pytest.fixture
async def smtp_server() -> AsyncIterator[RealRelay]:
    async with real_relay() as world:
        yield world


@pytest.fixture(params=["real", "fake"])
async def mail_world(request: pytest.FixtureRequest) -> AsyncIterator[MailWorld]:
    """Each test of the contract meets both."""
    if request.param == "fake":
        yield FakeRelay()
        return
    async with real_relay() as world:
        yield world


@pytest.fixture
def relay() -> FakeRelay:
    return FakeRelay()
