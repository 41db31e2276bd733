"""The public doors of the running system, for one tenant: HTTP with a token, and nothing else."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any
from uuid import uuid4

import httpx

#: Which service answers which path (no two services share one), by the path's first noun.
_OWNERS = {
    "invoice-svc": (
        "seller", "customers", "invoices", "invoices:bulk", "imported-invoices", "credit-notes",
    ),
    "payment-svc": ("bank-accounts", "payments", "bank-statements"),
    "recon-svc": (
        "discrepancies", "receivables", "balances", "aging", "decisions", "journals", "proofs",
        "allocations",
    ),
    "notify-svc": ("subscriptions", "deliveries"),
}  # fmt: skip
_SERVICE_OF = {noun: service for service, nouns in _OWNERS.items() for noun in nouns}
#: A busy or restarting service is asked again this often, half a second apart.
MAX_TRIES = 20
RETRY_SECONDS = 0.5
TIMEOUT_SECONDS = 60.0
PAGE = 200

Json = dict[str, Any]


class RefusedError(Exception):
    """An answer nobody expected; `problem` is the problem document, if there is one."""

    def __init__(self, method: str, path: str, response: httpx.Response) -> None:
        super().__init__(f"{method} {path}: {response.status_code} {response.text[:2000]}")
        self.status = response.status_code
        self.problem: Json = _problem(response)

    @property
    def code(self) -> str | None:
        return self.problem.get("code")


class Doors:
    """One tenant's way into the system. `urls` is the base URL of each service by its name."""

    def __init__(
        self, client: httpx.AsyncClient, urls: Mapping[str, str], headers: Mapping[str, str]
    ) -> None:
        self._client = client
        self._urls = urls
        self._headers = dict(headers)

    async def get(self, path: str, **params: Any) -> Json:
        """A thing, or one page of a list."""
        answer = await self.ask("GET", path, params=_given(params))
        return _object(answer)

    async def every(self, path: str, **params: Any) -> list[Json]:
        """All pages of a list."""
        return [item async for item in self._pages(path, _given(params))]

    async def put(self, path: str, body: Json, version: int | None = None) -> Json:
        headers = {} if version is None else {"If-Match": f'"{version}"'}
        return _object(await self.ask("PUT", path, body=body, headers=headers))

    async def put_once(self, path: str, body: Json) -> None:
        """Make something that may stand already, as it is, from an earlier run."""
        try:
            await self.put(path, body)
        except RefusedError as error:
            if error.status not in {409, 412, 428}:
                raise

    async def post(self, path: str, body: Json, key: str | None = None) -> Json:
        """Do something once: the same `key` again is answered as the first time."""
        return _object(await self.ask("POST", path, body=body, key=key or str(uuid4())))

    async def post_lines(
        self, path: str, lines: Iterable[Json], key: str | None = None
    ) -> list[Json]:
        """NDJSON in, an answer per line out."""
        content = b"\n".join(json.dumps(line).encode() for line in lines)
        headers = {"Content-Type": "application/x-ndjson"}
        answer = await self.ask(
            "POST", path, content=content, headers=headers, key=key or str(uuid4())
        )
        return [json.loads(line) for line in answer.text.splitlines() if line.strip()]

    async def post_file(self, path: str, content: bytes, key: str | None = None) -> Json:
        """A bank file as it is."""
        headers = {"Content-Type": "application/xml"}
        answer = await self.ask(
            "POST", path, content=content, headers=headers, key=key or str(uuid4())
        )
        return _object(answer)

    async def ask(
        self,
        method: str,
        path: str,
        *,
        body: Json | None = None,
        content: bytes | None = None,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        key: str | None = None,
    ) -> httpx.Response:
        """One call, tried again while the service is away; RefusedError for 4xx and 5xx."""
        sent = {**self._headers, **(headers or {})}
        if key is not None:
            sent["Idempotency-Key"] = key
        for again in range(MAX_TRIES):
            try:
                response = await self._client.request(
                    method,
                    self.url(path),
                    json=body,
                    content=content,
                    params=params,
                    headers=sent,
                    timeout=TIMEOUT_SECONDS,
                )
            except httpx.TransportError:
                if again == MAX_TRIES - 1:
                    raise
            else:
                if response.status_code != 503 or again == MAX_TRIES - 1:
                    break
            await asyncio.sleep(RETRY_SECONDS)
        if response.is_error:
            raise RefusedError(method, path, response)
        return response

    def url(self, path: str) -> str:
        """The full URL of a `/v1/...` path, at the service that owns it."""
        noun = path.split("/")[2].partition("?")[0]
        service = _SERVICE_OF.get(noun) or (noun if noun in _OWNERS else f"{noun}-svc")
        return f"{self._urls[service]}{path}"

    async def _pages(self, path: str, params: dict[str, Any]) -> AsyncIterator[Json]:
        cursor: str | None = None
        while True:
            page = await self.get(path, **params, limit=PAGE, cursor=cursor)
            items: Sequence[Json] = page["items"]
            for item in items:
                yield item
            cursor = page.get("next_cursor")
            if cursor is None:
                return


def _given(params: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in params.items() if value is not None}


def _object(response: httpx.Response) -> Json:
    found: Json = response.json() if response.content else {}
    return found


def _problem(response: httpx.Response) -> Json:
    try:
        found = response.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
