"""The settings of notify-svc, besides those every service has."""

import base64
import binascii
import hashlib
import re
from typing import Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from billing_shared.settings import ServiceSettings
from notify_svc.domain.letter import deliverable
from notify_svc.domain.signing import SecretBox
from notify_svc.gateways.mail_relay import Relay

LOCAL_SENDER = "billing@localhost.localdomain"

_HOST_AND_PORT = re.compile(r"[a-z0-9.:_-]+:\d{1,5}")


class NotifySettings(ServiceSettings):
    """Where mails are handed in, and which private addresses webhooks may reach."""

    smtp_host: str = Field("localhost", description="the mail relay")
    smtp_port: int = Field(587, ge=1, le=65535, description="its port")
    smtp_security: Literal["none", "starttls", "tls"] | None = Field(
        None,
        description="how the connection to the relay is protected; when absent `starttls`, and "
        "`none` in the local and test profiles",
    )
    smtp_username: str | None = Field(None, description="login at the relay, if it wants one")
    smtp_password: SecretStr | None = Field(None, description="password at the relay")
    mail_sender: str = Field(
        LOCAL_SENDER,
        description="address mails come from and bounces go to, with the seller's name beside it; "
        "must be given in production",
    )
    webhook_secret_keys: tuple[SecretStr, ...] = Field(
        (),
        description="JSON list of keys (32 bytes, base64) that encrypt webhook secrets at rest; "
        "the first encrypts, all decrypt. Needed by api and worker in production, equal in both",
    )
    webhook_allowed_private: frozenset[str] = Field(
        frozenset(),
        description="JSON list of host:port that webhooks may reach over http and at private "
        "addresses; every other endpoint must be https at public addresses",
    )

    @field_validator("webhook_allowed_private")
    @classmethod
    def _check_allowed(cls, allowed: frozenset[str]) -> frozenset[str]:
        spelled = frozenset(entry.strip().lower() for entry in allowed)
        if not all(_HOST_AND_PORT.fullmatch(entry) for entry in spelled):
            raise ValueError("each entry is host:port")
        return spelled

    @field_validator("mail_sender")
    @classmethod
    def _check_sender(cls, sender: str) -> str:
        if deliverable(sender) != sender:
            raise ValueError("not an e-mail address")
        return sender

    @model_validator(mode="after")
    def _check_production(self) -> Self:
        # Only the migrating process knows the administrator; it seals and sends nothing.
        if self.admin_database_url is not None:
            return self
        self.secret_box()
        if self.profile == "production" and self.mail_sender == LOCAL_SENDER:
            raise ValueError("BILLING_MAIL_SENDER is needed in production")
        return self

    def relay(self) -> Relay:
        """The mail relay."""
        is_local = self.profile != "production"
        password = self.smtp_password
        return Relay(
            host=self.smtp_host,
            port=self.smtp_port,
            sender=self.mail_sender,
            security=self.smtp_security or ("none" if is_local else "starttls"),
            username=self.smtp_username,
            password=password.get_secret_value() if password else None,
        )

    def secret_box(self) -> SecretBox:
        """What seals webhook secrets. ValueError when production has no key, or a bad one."""
        given = [key.get_secret_value() for key in self.webhook_secret_keys]
        if not given and self.profile == "production":
            raise ValueError("BILLING_WEBHOOK_SECRET_KEYS is needed in production")
        if not given:
            # Known to everybody, like the rest of a local system.
            return SecretBox((hashlib.sha256(b"webhook secrets of a local system").digest(),))
        try:
            return SecretBox(tuple(base64.b64decode(key, validate=True) for key in given))
        except binascii.Error as error:
            raise ValueError("a key of BILLING_WEBHOOK_SECRET_KEYS is not base64") from error
