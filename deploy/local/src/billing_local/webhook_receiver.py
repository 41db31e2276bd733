"""A subscriber's endpoint that keeps what it gets and checks the Standard Webhooks signature.

    python -m billing_local.webhook_receiver --port 1081 --dir .billing/webhooks

`POST /hooks/{name}` takes a delivery: 204 when its signature is right (or no secret was told yet),
401 when not, and the status of `PUT /state` while that is set, as an endpoint in trouble would.
`PUT /secrets/{name}` tells the secret(s), `GET /received/{name}` shows what came, oldest first.
"""

import argparse
import base64
import hashlib
import hmac
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response
from pydantic import BaseModel

from billing_local.ports import HOST

#: A timestamp further away than this is refused, as the specification asks, in seconds.
TOLERANCE_SECONDS = 300
_SECRET_PREFIX = "whsec_"  # noqa: S105 - the specification's prefix, no secret


class Secrets(BaseModel):
    """The secrets in force: two while one replaces the other."""

    secrets: list[str]


class State(BaseModel):
    """The status every delivery is answered with; None takes them."""

    status: int | None


def is_signed(secrets: Sequence[str], headers: dict[str, str], body: bytes, now: float) -> bool:
    """Whether one of the `v1` signatures was made with one of the secrets, and recently."""
    message_id, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not message_id or not stamp.isdigit() or abs(now - int(stamp)) > TOLERANCE_SECONDS:
        return False
    signed = f"{message_id}.{stamp}.".encode() + body
    given = [part[3:] for part in headers.get("webhook-signature", "").split() if part[:3] == "v1,"]
    for secret in secrets:
        key = base64.b64decode(secret.removeprefix(_SECRET_PREFIX))
        expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        if any(hmac.compare_digest(expected, signature) for signature in given):
            return True
    return False


class Received:
    """What came, in memory for questions and as one JSON line each in `<name>.jsonl` for people."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._items: dict[str, list[dict[str, Any]]] = {}

    def items(self, name: str) -> list[dict[str, Any]]:
        if name not in self._items:
            file = self._file(name)
            lines = file.read_text().splitlines() if file.exists() else []
            self._items[name] = [json.loads(line) for line in lines]
        return self._items[name]

    def add(self, name: str, item: dict[str, Any]) -> None:
        self.items(name).append(item)
        with self._file(name).open("a") as file:
            file.write(json.dumps(item) + "\n")

    def _file(self, name: str) -> Path:
        # A name comes from a URL: only its letters may reach the disk.
        safe = "".join(c for c in name if c.isalnum() or c in "-_")
        return self._folder / f"{safe or 'unnamed'}.jsonl"


def create_app(folder: Path) -> FastAPI:
    """The receiver over a folder."""
    app = FastAPI(title="Local webhook receiver")
    received = Received(folder)
    secrets_file = folder / "secrets.json"
    secrets: dict[str, list[str]] = {}
    if secrets_file.exists():
        secrets.update(json.loads(secrets_file.read_text()))
    state = State(status=None)

    @app.post("/hooks/{name}")
    async def hook(name: str, request: Request) -> Response:
        body = await request.body()
        if state.status is not None:
            return Response(status_code=state.status)
        headers = dict(request.headers)
        known = secrets.get(name, [])
        verified = is_signed(known, headers, body, time.time())
        item = {"headers": headers, "body": body.decode(errors="replace"), "verified": verified}
        received.add(name, item)
        return Response(status_code=204 if verified or not known else 401)

    @app.get("/received/{name}")
    def list_received(name: str) -> dict[str, Any]:
        items = received.items(name)
        verified = sum(item["verified"] for item in items)
        return {"count": len(items), "verified": verified, "items": items}

    @app.put("/secrets/{name}")
    def put_secrets(name: str, body: Secrets) -> None:
        secrets[name] = body.secrets
        secrets_file.write_text(json.dumps(secrets))

    @app.put("/state")
    def put_state(body: State) -> State:
        state.status = body.status
        return state

    @app.get("/health/ready")
    def ready() -> dict[str, bool]:
        return {"ready": True}

    return app


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--dir", type=Path, required=True)
    options = parser.parse_args()
    uvicorn.run(
        create_app(options.dir),
        host=HOST,
        port=options.port,
        log_level="warning",
        access_log=False,
    )
