"""POST to a subscriber's endpoint, over public addresses only."""

import asyncio
import socket
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Protocol, cast

import httpx

from notify_svc.domain.cloudevent import CONTENT_TYPE
from notify_svc.domain.delivery import MAX_EXCERPT_LENGTH, Outcome
from notify_svc.domain.endpoint import Endpoint, callable_addresses

#: From the first look into the DNS to the last byte of the answer.
TIMEOUT_SECONDS = 15.0
CONNECT_TIMEOUT_SECONDS = 5.0
#: A name may have many addresses; so many are tried.
MAX_ADDRESSES = 3
USER_AGENT = "open-billing-webhooks/1.0"

Resolve = Callable[[str, int], Awaitable[list[str]]]


class WebhookGateway(Protocol):
    """The outside as the sender sees it."""

    async def post(self, endpoint: Endpoint, headers: Mapping[str, str], body: bytes) -> Outcome:
        """Send one signed body; never raises for what the other side does."""
        ...


async def resolve(host: str, port: int) -> list[str]:
    """Every address of a name, as the system resolver gives them; OSError if there is none."""
    found = await asyncio.get_running_loop().getaddrinfo(
        host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP
    )
    return [str(address[0]) for *_, address in found]


class HttpWebhookGateway:
    """Calls with httpx, connecting to the very address that was checked.

    The request goes to the address, with the name in Host and SNI (the certificate is checked
    against the name), so that a second look into the DNS cannot lead elsewhere. Connections are not
    kept: every attempt checks anew. No proxy of the environment, no redirect.
    """

    def __init__(
        self,
        allowed: frozenset[str],
        *,
        resolve: Resolve = resolve,
        tls: ssl.SSLContext | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        self._allowed = allowed
        self._resolve = resolve
        self._timeout_seconds = timeout_seconds
        self._client = httpx.AsyncClient(
            verify=tls or ssl.create_default_context(),
            trust_env=False,
            follow_redirects=False,
            timeout=httpx.Timeout(timeout_seconds, connect=CONNECT_TIMEOUT_SECONDS),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def post(self, endpoint: Endpoint, headers: Mapping[str, str], body: bytes) -> Outcome:
        """One call, at most `TIMEOUT_SECONDS`; what may have arrived is `unknown`."""
        try:
            async with asyncio.timeout(self._timeout_seconds):
                return await self._post(endpoint, headers, body)
        except TimeoutError:
            return Outcome("unknown", f"no answer within {self._timeout_seconds:g} s")

    async def _post(self, endpoint: Endpoint, headers: Mapping[str, str], body: bytes) -> Outcome:
        try:
            found = await self._resolve(endpoint.host, endpoint.port)
        except OSError:
            return Outcome("failed", "the host name does not resolve")
        addresses = callable_addresses(endpoint, found, self._allowed)
        if not addresses:
            return Outcome("failed", "refused: the host is not at public addresses")
        outcome = Outcome("failed", "no address answers")
        for address in addresses[:MAX_ADDRESSES]:
            try:
                return await self._call(self._request(endpoint, address, headers, body))
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                outcome = Outcome("failed", f"cannot connect: {type(error).__name__}")
            except httpx.HTTPError as error:
                # The request may have been read before the connection went.
                return Outcome("unknown", f"connection lost: {type(error).__name__}")
        return outcome

    def _request(
        self, endpoint: Endpoint, address: str, headers: Mapping[str, str], body: bytes
    ) -> httpx.Request:
        host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
        usual_port = {"https": 443, "http": 80}[endpoint.scheme]
        url = httpx.URL(
            scheme=endpoint.scheme,
            host=address,
            port=endpoint.port,
            raw_path=endpoint.target.encode(),
        )
        return self._client.build_request(
            "POST",
            url,
            content=body,
            headers={
                **headers,
                "Host": host if endpoint.port == usual_port else f"{host}:{endpoint.port}",
                "Content-Type": CONTENT_TYPE,
                "User-Agent": USER_AGENT,
                "Accept-Encoding": "identity",
            },
            extensions={"sni_hostname": endpoint.host},
        )

    async def _call(self, request: httpx.Request) -> Outcome:
        response = await self._client.send(request, stream=True)
        try:
            excerpt = await _excerpt(response)
        finally:
            await response.aclose()
        status = response.status_code
        if 200 <= status < 300:
            return Outcome("delivered", f"answered {status}", status, excerpt)
        if 300 <= status < 400:
            detail = f"answered {status}; redirects are not followed"
            return Outcome("failed", detail, status, excerpt)
        return Outcome("failed", f"answered {status}", status, excerpt, is_gone=status == 410)


async def _excerpt(response: httpx.Response) -> str | None:
    """The beginning of an answer; the rest is not read, however much it is."""
    read = b""
    try:
        # httpx returns a generator, though its annotation says less.
        raw = cast(AsyncGenerator[bytes, None], response.aiter_raw(MAX_EXCERPT_LENGTH))
        async with aclosing(raw) as chunks:
            async for chunk in chunks:
                read += chunk
                if len(read) >= MAX_EXCERPT_LENGTH:
                    break
    except httpx.HTTPError:
        # The status line decides; a body that breaks off changes nothing.
        pass
    text = "".join(c for c in read.decode(errors="replace") if c.isprintable() or c == "\n")
    return text[:MAX_EXCERPT_LENGTH] or None
