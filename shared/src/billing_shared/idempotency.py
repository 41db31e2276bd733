"""Idempotency-Key: the effect and its answer are one transaction, so a retry finds both or neither.

Source: draft-ietf-httpapi-idempotency-key-header. The scope of a key is (tenant, client, route);
the hash covers method, path, query and body. Answers of failed requests are not kept: the
transaction that would hold them is rolled back, and the key is free again.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg
from fastapi import Request, Response

from billing_shared.errors import Conflict, Invalid, Malformed
from billing_shared.postgres import Connection
from billing_shared.writes import Write

HEADER = "Idempotency-Key"
REPLAYED_HEADER = "Idempotent-Replayed"
MAX_KEY_CHARACTERS = 255


_KEEP = """
answer as (
    update idempotency_key set status = $5, headers = $6, body = $7
     where tenant_id = $1 and client_id = $2 and route = $3 and key = $4
)
"""


@dataclass(frozen=True, slots=True)
class Key:
    """One key in its scope, and the hash of the request that carries it."""

    tenant_id: UUID
    client_id: str
    route: str
    key: str
    request_sha256: bytes


class Replayed(Exception):
    """The request was done before; carries its first answer."""

    def __init__(self, response: Response) -> None:
        super().__init__("replayed")
        self.response = response


def key_of(request: Request, tenant_id: UUID, client_id: str, route: str, body: bytes) -> Key:
    """The key of a POST. Malformed when it is missing or unusable."""
    key = request.headers.get(HEADER)
    if key is None:
        raise Malformed("idempotency-key-missing", f"header {HEADER} is required")
    if not (0 < len(key) <= MAX_KEY_CHARACTERS and key.isascii() and key.isprintable()):
        raise Malformed(
            "idempotency-key-invalid", f"header {HEADER} must be 1 to 255 printable characters"
        )
    target = f"{request.method} {request.url.path}?{request.url.query}\n".encode()
    return Key(tenant_id, client_id, route, key, hashlib.sha256(target + body).digest())


async def claim(conn: Connection, key: Key, now: datetime) -> None:
    """Set the tenant and take the key, in one round trip; the key is ours until the commit.

    Raises Replayed with the first answer, Invalid when the key was used for another request, and
    Conflict while the first request is still in flight (after a wait of 3 s).
    """
    try:
        row = await conn.fetchrow(
            "select same_request, status, headers, body from begin_change($1, $2, $3, $4, $5, $6)",
            key.tenant_id,
            key.client_id,
            key.route,
            key.key,
            key.request_sha256,
            now,
        )
    except asyncpg.LockNotAvailableError as error:
        raise Conflict(
            "idempotency-key-in-flight", "the first request with this key is still being done"
        ) from error
    if row is None:
        return
    if not row["same_request"]:
        raise Invalid("idempotency-key-reused", "the key was used before with another request")
    headers = dict(row["headers"]) | {REPLAYED_HEADER: "true"}
    raise Replayed(Response(row["body"], row["status"], headers))


def keeping(key: Key, response: Response) -> Write:
    """The write that stores the answer beside the effect."""
    headers = {name: value for name, value in response.headers.items() if name != "content-length"}
    values = (
        key.tenant_id,
        key.client_id,
        key.route,
        key.key,
        response.status_code,
        headers,
        bytes(response.body),
    )
    return Write(_KEEP, values)
