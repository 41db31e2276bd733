"""Hand a mail to the relay by SMTP."""

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from typing import Literal, Protocol

import aiosmtplib

from notify_svc.domain.delivery import MAX_DETAIL_LENGTH, Outcome

#: For each step of the conversation with the relay.
TIMEOUT_SECONDS = 20.0
#: For the whole of it; must end before the sender's lease does.
TOTAL_TIMEOUT_SECONDS = 60.0


class MailGateway(Protocol):
    """The outside as the sender sees it."""

    async def send(self, message: EmailMessage, recipients: Sequence[str]) -> Outcome:
        """Hand over one mail; never raises for what the relay does."""
        ...


@dataclass(frozen=True, slots=True)
class Relay:
    """Where mails are handed in. `sender` is the envelope's address, to which bounces go."""

    host: str
    port: int
    sender: str
    security: Literal["none", "starttls", "tls"] = "starttls"
    username: str | None = None
    password: str | None = field(default=None, repr=False)


class SmtpMailGateway:
    """One connection per mail. Until the text is handed over, a failure certainly sent nothing;
    from then on, no answer means that nobody knows."""

    def __init__(
        self,
        relay: Relay,
        *,
        tls: ssl.SSLContext | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        self._relay = relay
        self._tls = tls
        self._timeout_seconds = timeout_seconds

    async def send(self, message: EmailMessage, recipients: Sequence[str]) -> Outcome:
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
        handover = _Handover()
        try:
            async with asyncio.timeout(TOTAL_TIMEOUT_SECONDS):
                await client.connect()
                return await self._converse(client, message, recipients, handover)
        except aiosmtplib.SMTPResponseException as error:
            return _refused(error.code, error.message, handover.refused)
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            if handover.is_begun:
                return Outcome("unknown", f"no answer to the text: {type(error).__name__}")
            return Outcome("failed", f"cannot reach the relay: {type(error).__name__}")
        finally:
            client.close()

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
            code = min(handover.refused)
            return _refused(code, "no address was taken", handover.refused)
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


def _refused(code: int, text: str, refused: Sequence[int]) -> Outcome:
    """5xx about addresses or text is for good; 5xx about us (login, sender) is ours to repair."""
    about_mail = code in (550, 551, 552, 553, 554) or bool(refused)
    return Outcome(
        "failed",
        f"the relay answered {code}",
        code,
        _printable(text),
        is_final=code >= 500 and about_mail,
    )


def _printable(text: str) -> str:
    return "".join(c for c in text if c.isprintable())[:MAX_DETAIL_LENGTH]
