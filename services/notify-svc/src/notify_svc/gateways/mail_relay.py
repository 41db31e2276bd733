"""Connections to the mail relay, kept a little for the next mail.

At the end of a month thousands of mails go out; a handshake each would cost more than the mails.
"""

import asyncio
import ssl
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal

import aiosmtplib

#: For each step of the conversation with the relay.
TIMEOUT_SECONDS = 20.0
#: A connection that nobody used for so long is not used again; relays wait for minutes.
MAX_IDLE_SECONDS = 10.0
#: Relays limit the mails of one connection; few allow less.
MAX_MAILS = 50
#: A farewell the relay does not answer is not waited for.
QUIT_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Relay:
    """Where mails are handed in. `sender` is the envelope's address, to which bounces go."""

    host: str
    port: int
    sender: str
    security: Literal["none", "starttls", "tls"] = "starttls"
    username: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(slots=True)
class _Kept:
    client: aiosmtplib.SMTP
    mails: int
    idle_since: float


class Connections:
    """Lends a connection ready for MAIL FROM; one at a time to each borrower."""

    def __init__(
        self,
        relay: Relay,
        *,
        tls: ssl.SSLContext | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
        max_mails: int = MAX_MAILS,
        max_idle_seconds: float = MAX_IDLE_SECONDS,
    ) -> None:
        self._relay = relay
        self._tls = tls
        self._timeout_seconds = timeout_seconds
        self._max_mails = max_mails
        self._max_idle_seconds = max_idle_seconds
        self._kept: deque[_Kept] = deque()

    @asynccontextmanager
    async def borrow(self) -> AsyncIterator[aiosmtplib.SMTP]:
        """Kept for the next one if the borrower leaves without an error, else closed."""
        kept = await self._alive() or _Kept(await self._connected(), 0, 0.0)
        try:
            yield kept.client
        except BaseException:
            kept.client.close()
            raise
        kept.mails += 1
        if kept.mails >= self._max_mails or not kept.client.is_connected:
            await _leave(kept.client)
            return
        kept.idle_since = time.monotonic()
        self._kept.append(kept)

    async def close(self) -> None:
        """Take leave of the relay."""
        while self._kept:
            await _leave(self._kept.pop().client)

    async def _alive(self) -> _Kept | None:
        """The connection used last, if it still answers; those idle for too long are closed."""
        too_old = time.monotonic() - self._max_idle_seconds
        while self._kept and self._kept[0].idle_since < too_old:
            await _leave(self._kept.popleft().client)
        while self._kept:
            kept = self._kept.pop()
            try:
                await kept.client.rset()
            except (aiosmtplib.SMTPException, OSError, TimeoutError):
                kept.client.close()
            except BaseException:
                kept.client.close()
                raise
            else:
                return kept
        return None

    async def _connected(self) -> aiosmtplib.SMTP:
        client = aiosmtplib.SMTP(
            hostname=self._relay.host,
            port=self._relay.port,
            use_tls=self._relay.security == "tls",
            start_tls=self._relay.security == "starttls",
            tls_context=self._tls,
            username=self._relay.username,
            password=self._relay.password,
            timeout=self._timeout_seconds,
        )
        try:
            await client.connect()
        except BaseException:
            client.close()
            raise
        return client


async def _leave(client: aiosmtplib.SMTP) -> None:
    with suppress(aiosmtplib.SMTPException, OSError, TimeoutError):
        async with asyncio.timeout(QUIT_SECONDS):
            await client.quit()
    client.close()
