"""Hand a mail to the relay by SMTP."""

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from typing import Protocol

import aiosmtplib

from notify_svc.domain.delivery import MAX_DETAIL_LENGTH, Outcome
from notify_svc.gateways.mail_relay import TIMEOUT_SECONDS, Connections, Relay

#: For the whole of it.
TOTAL_TIMEOUT_SECONDS = 60.0


class MailGateway(Protocol):
    """The outside as the sender sees it."""

    async def send(self, message: EmailMessage, recipients: Sequence[str]) -> Outcome:
        """Hand over one mail; never raises for what the relay does."""
        ...


class SmtpMailGateway:
    """Until the text is handed over, a failure certainly sent nothing; from then on, no answer
    means that nobody knows."""

    def __init__(
        self,
        relay: Relay,
        *,
        tls: ssl.SSLContext | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        self._relay = relay
        self._connections = Connections(relay, tls=tls, timeout_seconds=timeout_seconds)

    async def close(self) -> None:
        await self._connections.close()

    async def send(self, message: EmailMessage, recipients: Sequence[str]) -> Outcome:
        handover = _Handover()
        try:
            async with asyncio.timeout(TOTAL_TIMEOUT_SECONDS), self._connections.borrow() as client:
                return await self._converse(client, message, recipients, handover)
        except aiosmtplib.SMTPResponseException as error:
            # What is said before the text is about us (login, sender), and ours to repair.
            return _refused(error.code, error.message, about_mail=handover.is_begun)
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            if handover.is_begun:
                return Outcome("unknown", f"no answer to the text: {type(error).__name__}")
            return Outcome("failed", f"cannot reach the relay: {type(error).__name__}")

    async def _converse(
        self,
        client: aiosmtplib.SMTP,
        message: EmailMessage,
        recipients: Sequence[str],
        handover: "_Handover",
    ) -> Outcome:
        await client.mail(self._relay.sender)
        for recipient in recipients:
            try:
                await client.rcpt(recipient)
            except aiosmtplib.SMTPRecipientRefused as error:
                handover.refused.append(error.code)
        if len(handover.refused) == len(recipients):
            # One that may be taken later keeps the mail alive for all.
            return _refused(min(handover.refused), "no address was taken", about_mail=True)
        handover.is_begun = True
        response = await client.data(message.as_bytes(policy=SMTP_POLICY))
        taken = len(recipients) - len(handover.refused)
        detail = f"taken by the relay for {taken} of {len(recipients)} addresses"
        return Outcome("delivered", detail, response.code, _printable(response.message))


@dataclass(slots=True)
class _Handover:
    """How far a conversation came."""

    is_begun: bool = False
    refused: list[int] = field(default_factory=list)


def _refused(code: int, text: str, *, about_mail: bool) -> Outcome:
    """A 5xx about the mail or its addresses is for good."""
    return Outcome(
        "failed",
        f"the relay answered {code}",
        code,
        _printable(text),
        is_final=about_mail and code >= 500,
    )


def _printable(text: str) -> str:
    return "".join(c for c in text if c.isprintable())[:MAX_DETAIL_LENGTH]
