"""A client that spends little: requests made beforehand, sent over kept connections.

It runs in the process of the bench, whose CPU no service's figure holds.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and body."""

    status: int
    body: bytes


def a_request(path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    """A POST as it goes over the wire."""
    fields = {"Host": "bench", "Content-Length": str(len(body)), **headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode() + body


async def send(url: str, requests: Iterable[bytes], connections: int) -> list[Answer]:
    """Send each request once, over so many connections; the answers in the order of requests.

    Raises RuntimeError for an answer that is no success.
    """
    place = urlsplit(url)
    waiting = enumerate(requests)
    answers: dict[int, Answer] = {}

    async def serve() -> None:
        reader, writer = await asyncio.open_connection(place.hostname, place.port, limit=1 << 24)
        try:
            for number, request in waiting:
                writer.write(request)
                answers[number] = await _answer(reader)
        finally:
            writer.close()

    await asyncio.gather(*(serve() for _ in range(connections)))
    return [answers[number] for number in sorted(answers)]


async def _answer(reader: asyncio.StreamReader) -> Answer:
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head[9:12])
    _, _, rest = head.lower().partition(b"content-length:")
    body = await reader.readexactly(int(rest.partition(b"\r\n")[0]))
    if not 200 <= status < 300:
        raise RuntimeError(f"{status}: {body[:500]!r}")
    return Answer(status, body)
