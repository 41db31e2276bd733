"""A TCP proxy that misbehaves when it is told to: slow, cut, silent, or deaf to an answer.

It runs on a thread of its own, so that whoever drives the story does not slow it down.
"""

import asyncio
import threading
from collections.abc import Callable, Iterable
from random import Random

from billing_local.ports import HOST

CHUNK = 65_536
#: A commit is given this long to take effect before its answer is lost, in seconds.
COMMIT_SECONDS = 0.05
#: How asyncpg says it: a simple query.
COMMIT = b"COMMIT;\x00"


class Link:
    """One connection: what the client says goes on, what the server says comes back."""

    def __init__(self, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self.writers = (client, server)
        #: Nothing passes any more, and no end is told: as when a machine is gone.
        self.is_dead = False

    def cut(self) -> None:
        """End it at once, as a reset does."""
        for writer in self.writers:
            writer.transport.abort()


class Proxy:
    """Listens on `port` and passes everything on to the port that `target` answers."""

    def __init__(self, port: int, target: Callable[[], int]) -> None:
        self.port = port
        #: Seconds each chunk waits.
        self.delay = 0.0
        #: While set, nothing passes, and no end is told: half-open.
        self.is_silent = False
        #: So many COMMITs still to be executed without anybody hearing of it.
        self.commits_to_lose = 0
        self.commits_lost = 0
        self._target = target
        self._links: set[Link] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def start(self) -> None:
        """Listen."""
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)

    def stop(self) -> None:
        """Cut everything and end."""
        self.cut(1.0, Random(0))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def cut(self, share: float, rng: Random) -> int:
        """Cut this share of the connections; how many it were."""
        chosen = self._some(share, rng)
        self.bury(chosen)
        return len(chosen)

    def let_die(self, share: float, rng: Random) -> list[Link]:
        """Let this share of the connections die without a word to either side."""
        chosen = self._some(share, rng)
        for link in chosen:
            link.is_dead = True
        return chosen

    def bury(self, links: Iterable[Link]) -> None:
        """Cut these, if they are still there."""
        for link in links:
            self._loop.call_soon_threadsafe(link.cut)

    def _some(self, share: float, rng: Random) -> list[Link]:
        return [link for link in list(self._links) if rng.random() < share]

    async def _listen(self) -> None:
        await asyncio.start_server(self._serve, HOST, self.port, limit=CHUNK)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection(HOST, self._target(), limit=CHUNK)
        except OSError:
            writer.transport.abort()
            return
        link = Link(writer, back)
        self._links.add(link)
        try:
            await asyncio.gather(self._up(reader, back, link), self._down(there, writer, link))
        except OSError:
            pass
        finally:
            self._links.discard(link)
            link.cut()

    async def _up(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, link: Link
    ) -> None:
        while chunk := await reader.read(CHUNK):
            await self._hold_up(link)
            is_lost = self.commits_to_lose > 0 and COMMIT in chunk
            writer.write(chunk)
            if is_lost:
                self.commits_to_lose -= 1
                self.commits_lost += 1
                # Nothing is read from the server meanwhile: its answer dies with the connection.
                link.writers[0].transport.abort()
                await asyncio.sleep(COMMIT_SECONDS)
                return
            await writer.drain()
        await self._hold_up(link)
        writer.close()

    async def _down(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, link: Link
    ) -> None:
        while chunk := await reader.read(CHUNK):
            await self._hold_up(link)
            writer.write(chunk)
            await writer.drain()
        await self._hold_up(link)
        writer.close()

    async def _hold_up(self, link: Link) -> None:
        if self.delay:
            await asyncio.sleep(self.delay)
        while self.is_silent or link.is_dead:
            await asyncio.sleep(0.05)
