"""A client as every careful one is: it asks again, with the same key, until it is answered."""

import asyncio
import base64
import hashlib
import json
from random import Random

import httpx

from faults.history import History

#: The first pause and the longest, in seconds.
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0
CALL_SECONDS = 20.0
#: Not an answer about the request, but about the moment.
NOT_NOW = frozenset({429, 500, 502, 503, 504})
IN_FLIGHT = "idempotency-key-in-flight"


class PatientTransport(httpx.AsyncBaseTransport):
    """Sends a request until it is answered for good; every answer to a change is noted.

    `kind` of the notes: `tried` (no answer, or not now) and `answered`.
    """

    def __init__(self, history: History, rng: Random) -> None:
        self._inner = httpx.AsyncHTTPTransport(limits=httpx.Limits(max_connections=32))
        self._history = history
        self._rng = rng

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        request.extensions["timeout"] = dict.fromkeys(
            ("connect", "read", "write", "pool"), CALL_SECONDS
        )
        facts = {
            "method": request.method,
            "path": request.url.path,
            "key": request.headers.get("Idempotency-Key"),
            "tenant": _tenant(request),
        }
        pause = FIRST_PAUSE
        while True:
            try:
                response = await self._inner.handle_async_request(request)
                await response.aread()
            except httpx.TransportError as error:
                self._history.note("tried", **facts, error=type(error).__name__)
            else:
                if not _is_for_now(response):
                    replayed = response.headers.get("Idempotent-Replayed") == "true"
                    if request.method != "GET":
                        answer = {
                            "status": response.status_code,
                            "sha256": hashlib.sha256(response.content).hexdigest(),
                            "replayed": replayed,
                        }
                        self._history.note("answered", **facts, **answer)
                    return response
                self._history.note("tried", **facts, status=response.status_code)
            await asyncio.sleep(pause * (0.5 + self._rng.random()))
            pause = min(pause * 2, LONGEST_PAUSE)

    async def aclose(self) -> None:
        await self._inner.aclose()


def patient_client(history: History, seed: int) -> httpx.AsyncClient:
    """A client that never gives up."""
    return httpx.AsyncClient(transport=PatientTransport(history, Random(seed)))


def _tenant(request: httpx.Request) -> str:
    """Whom the token speaks for."""
    claims = request.headers["Authorization"].split(".")[1]
    return str(json.loads(base64.urlsafe_b64decode(claims + "=="))["tenant"])


def _is_for_now(response: httpx.Response) -> bool:
    if response.status_code in NOT_NOW:
        return True
    return response.status_code == 409 and IN_FLIGHT in response.text
