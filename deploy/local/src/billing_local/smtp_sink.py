"""A mail server that delivers nothing: every mail becomes a file, and HTTP tells what came.

    python -m billing_local.smtp_sink --smtp-port 1025 --http-port 1080 --dir .billing/mail

`GET /mails` lists them, oldest first; `GET /mails/{file}` is the raw mail; `PUT /state` with
`{"up": false}` makes the server answer 451 until it is put up again.
"""

import argparse
import asyncio
from dataclasses import dataclass
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import uvicorn
from aiosmtpd.smtp import SMTP, Envelope, Session
from fastapi import FastAPI, HTTPException, Response
from pydantic import BaseModel

from billing_local.ports import HOST

#: The largest mail taken, in bytes.
MAX_MAIL_BYTES = 30_000_000


class State(BaseModel):
    """Whether the server takes what is sent to it."""

    up: bool


@dataclass
class Mailbox:
    """The folder of mails; file names rise with arrival, over restarts too."""

    folder: Path
    is_up: bool = True

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._count = max((int(file.stem) for file in self.files()), default=0)

    def files(self) -> list[Path]:
        return sorted(self.folder.glob("*.eml"))

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd calls it so
        if not self.is_up:
            return "451 put down by the test, try later"
        self._count += 1
        recipients = ", ".join(envelope.rcpt_tos)
        head = f"X-Envelope-To: {recipients}\r\n".encode()
        target = self.folder / f"{self._count:06d}.eml"
        partial = target.with_suffix(".part")
        partial.write_bytes(head + (envelope.original_content or b""))
        partial.rename(target)
        return "250 kept"

    def summary(self, file: Path) -> dict[str, Any]:
        mail = message_from_bytes(file.read_bytes(), policy=policy.default)
        return {
            "file": file.name,
            "to": mail["X-Envelope-To"],
            "from": mail["From"],
            "subject": mail["Subject"],
            "message_id": mail["Message-ID"],
        }


def create_app(mailbox: Mailbox) -> FastAPI:
    """The HTTP side."""
    app = FastAPI(title="Local mail sink")

    @app.get("/mails")
    def mails(limit: int = 100) -> dict[str, Any]:
        files = mailbox.files()
        return {"count": len(files), "items": [mailbox.summary(f) for f in files[-limit:]]}

    @app.get("/mails/{name}")
    def mail(name: str) -> Response:
        file = next((f for f in mailbox.files() if f.name == name), None)
        if file is None:
            raise HTTPException(404, "no such mail")
        return Response(file.read_bytes(), media_type="message/rfc822")

    @app.put("/state")
    def put_state(state: State) -> State:
        mailbox.is_up = state.up
        return state

    @app.get("/health/ready")
    def ready() -> dict[str, bool]:
        return {"ready": True}

    return app


async def serve(smtp_port: int, http_port: int, folder: Path) -> None:
    """Both servers, until a signal comes."""
    mailbox = Mailbox(folder)
    loop = asyncio.get_running_loop()
    smtp = await loop.create_server(
        lambda: SMTP(mailbox, enable_SMTPUTF8=True, data_size_limit=MAX_MAIL_BYTES),
        HOST,
        smtp_port,
    )
    config = uvicorn.Config(
        create_app(mailbox), host=HOST, port=http_port, log_level="warning", access_log=False
    )
    async with smtp:
        await uvicorn.Server(config).serve()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smtp-port", type=int, required=True)
    parser.add_argument("--http-port", type=int, required=True)
    parser.add_argument("--dir", type=Path, required=True)
    options = parser.parse_args()
    asyncio.run(serve(options.smtp_port, options.http_port, options.dir))
