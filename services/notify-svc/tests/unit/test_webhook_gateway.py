"""S9: The real gateway alone: names, addresses, certificates, hostile answers."""

import asyncio
import datetime
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from notify_svc.domain.endpoint import parse_endpoint
from notify_svc.gateways.webhook import HttpWebhookGateway

NAME = "hooks.example.test"


class Resolver:
    """A DNS that answers what it is told, one answer after the other."""

    def __init__(self, *answers: list[str]) -> None:
        self._answers = list(answers)
        self.asked = 0

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked += 1
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


@asynccontextmanager
async def server(
    answer: bytes, tls: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[int, list[str]]]:
    """A server that says one thing; gives its port and the Host headers it saw."""
    hosts: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        hosts.extend(line[6:] for line in head.split("\r\n") if line.lower().startswith("host: "))
        writer.write(answer)
        try:
            await writer.drain()
            writer.close()
        except ConnectionError:
            pass

    running = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    try:
        yield running.sockets[0].getsockname()[1], hosts
    finally:
        running.close()


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for NAME, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    certificate_file, key_file = folder / "certificate.pem", folder / "key.pem"
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate_file, key_file


async def test_the_checked_address_is_called_under_the_name_of_the_url(
    certificate: tuple[Path, Path],
) -> None:
    names: list[str | None] = []
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*certificate)
    tls.sni_callback = lambda _socket, name, _context: names.append(name)
    async with server(OK, tls) as (port, hosts):
        resolver = Resolver(["127.0.0.1"])
        gateway = HttpWebhookGateway(
            frozenset({f"{NAME}:{port}"}),
            resolve=resolver,
            tls=ssl.create_default_context(cafile=certificate[0]),
        )
        outcome = await gateway.post(parse_endpoint(f"https://{NAME}:{port}/"), {}, b"{}")
        await gateway.close()
    assert outcome.result == "delivered"
    assert names == [NAME]
    assert hosts == [f"{NAME}:{port}"]
    assert resolver.asked == 1


async def test_a_certificate_for_another_name_is_refused(certificate: tuple[Path, Path]) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*certificate)
    async with server(OK, tls) as (port, hosts):
        gateway = HttpWebhookGateway(
            frozenset({f"other.example.test:{port}"}),
            resolve=Resolver(["127.0.0.1"]),
            tls=ssl.create_default_context(cafile=certificate[0]),
        )
        url = f"https://other.example.test:{port}/"
        outcome = await gateway.post(parse_endpoint(url), {}, b"{}")
        await gateway.close()
    assert outcome.result == "failed"
    assert hosts == []


@pytest.mark.parametrize(
    "found",
    [["127.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["::ffff:127.0.0.1"], ["169.254.169.254"], []],
)
async def test_a_name_at_a_private_address_is_never_connected_to(found: list[str]) -> None:
    async with server(OK) as (port, hosts):
        gateway = HttpWebhookGateway(frozenset(), resolve=Resolver(found))
        url = f"https://{NAME}:{port}/"
        outcome = await gateway.post(parse_endpoint(url), {}, b"{}")
        await gateway.close()
    assert (outcome.result, outcome.detail) == (
        "failed",
        "refused: the host is not at public addresses",
    )
    assert hosts == []


async def test_a_name_is_looked_up_once_and_checked_at_every_attempt() -> None:
    """DNS rebinding: there is no second look-up between the check and the call."""
    resolver = Resolver(["10.0.0.1"], ["127.0.0.1"])
    gateway = HttpWebhookGateway(frozenset(), resolve=resolver)
    for attempt in (1, 2):
        outcome = await gateway.post(parse_endpoint(f"https://{NAME}/"), {}, b"{}")
        assert outcome.result == "failed"
        assert resolver.asked == attempt
    await gateway.close()


async def test_a_name_nobody_knows_and_a_port_nobody_listens_on() -> None:
    async def nobody(host: str, port: int) -> list[str]:
        raise OSError("no such name")

    gateway = HttpWebhookGateway(frozenset(), resolve=nobody)
    unknown = await gateway.post(parse_endpoint("https://nowhere.example/"), {}, b"{}")
    assert unknown.result == "failed"
    await gateway.close()
    gateway = HttpWebhookGateway(frozenset({"127.0.0.1:1"}))
    closed = await gateway.post(parse_endpoint("http://127.0.0.1:1/"), {}, b"{}")
    assert closed.result == "failed"
    await gateway.close()


async def test_an_endless_or_unprintable_answer_is_cut_and_cleaned() -> None:
    answer = b"HTTP/1.1 500 X\r\n\r\n" + b"\x00\x1b\xff<" * 1_000_000
    async with server(answer) as (port, _):
        gateway = HttpWebhookGateway(frozenset({f"127.0.0.1:{port}"}))
        url = f"http://127.0.0.1:{port}/"
        outcome = await gateway.post(parse_endpoint(url), {}, b"{}")
        await gateway.close()
    assert outcome.status_code == 500
    assert outcome.excerpt is not None
    assert len(outcome.excerpt) <= 1000
    assert "\x00" not in outcome.excerpt


async def test_no_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    async with server(OK) as (port, _):
        gateway = HttpWebhookGateway(frozenset({f"127.0.0.1:{port}"}))
        outcome = await gateway.post(parse_endpoint(f"http://127.0.0.1:{port}/"), {}, b"{}")
        await gateway.close()
    assert outcome.result == "delivered"
