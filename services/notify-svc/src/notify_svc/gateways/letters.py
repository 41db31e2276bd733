"""Give a letter its form: a mail with a plain and an HTML text."""

from collections.abc import Sequence
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from functools import cache
from uuid import UUID

import jinja2

from notify_svc.domain.letter import Letter


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("notify_svc.gateways"),
        autoescape=jinja2.select_autoescape(["html"]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def message_id(delivery_id: UUID, sender: str) -> str:
    """The same for every attempt of a delivery, so that a mail sent twice can be recognised."""
    return f"<{delivery_id}@{sender.rpartition('@')[2]}>"


def render(
    letter: Letter, delivery_id: UUID, sender: str, recipients: Sequence[str], now: datetime
) -> EmailMessage:
    """The mail from `sender` in the seller's name. `recipients` are ASCII addresses.

    EmailMessage refuses line breaks in headers; a letter has none, nor hides any (see one_line).
    """
    message = EmailMessage()
    message["From"] = Address(display_name=letter.seller_name, addr_spec=sender)
    message["To"] = [Address(addr_spec=recipient) for recipient in recipients]
    message["Subject"] = letter.subject
    message["Date"] = format_datetime(now)
    message["Message-ID"] = message_id(delivery_id, sender)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(_text(letter, "txt"))
    message.add_alternative(_text(letter, "html"), subtype="html")
    message["Content-Language"] = letter.language
    return message


def _text(letter: Letter, form: str) -> str:
    template = _environment().get_template(f"invoice.{letter.language}.{form}")
    return template.render(letter=letter)
